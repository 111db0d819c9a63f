"""What a person drove becomes samples, from their tape."""

import json
from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.agents import make_traffic
from simscale_gym.datagen import (
    DataSet,
    DataSpec,
    RolloutSpec,
    regenerate,
    repair,
    rollout_labels,
    verify,
    write_data_set,
)
from simscale_gym.datagen.layout import POLICY
from simscale_gym.datagen.opened_spec import OpenSpec
from simscale_gym.datagen.rollout_starts import rollout_start, snapshot_at
from simscale_gym.datagen.tape import PERSON, Tape, TapedDrive
from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.geometry import se2
from simscale_gym.sources import load_scene

TURNS = np.arange(55) >= 12  # the person takes over after 1.2 s, and once more for two steps
TURNS[30:33] = False


@pytest.fixture(scope="module")
def drive(driving_town, vocabulary_file):
    """A drive, and its states from the start on: the policy is the planner, the person somewhat slower."""
    spec = DataSpec(vocabulary=vocabulary_file, experts=("planner",))
    opened = OpenSpec.of(spec)
    scene, traffic = load_scene(opened.refs[0]), make_traffic("idm")
    env = SimScaleEnv([scene], observation="state", action="control", traffic=traffic)
    begin = rollout_start(scene, 15, None, opened.recipe.vocabulary, traffic)
    _, info = env.reset(options={"state": snapshot_at(scene, begin, traffic)})
    actions = []
    for by_person in TURNS:
        actions.append(info["expert_action"] - np.array([0.1 * by_person, 0.0], np.float32))
        *_, info = env.step(actions[-1])
    return TapedDrive(scene.id, 15, None, np.array(actions), TURNS, env.sim_state.ego[:3].copy()), list(
        env.history
    )


@pytest.fixture(scope="module")
def tape(drive, tmp_path_factory):
    tape = Tape(tmp_path_factory.mktemp("tape") / "tape.json", "idm", (drive[0], drive[0]))
    tape.write()
    return tape


@pytest.fixture(scope="module")
def spec(tape, vocabulary_file):
    pytest.importorskip("pyarrow")
    told = RolloutSpec(PERSON, str(tape.file), action="control")
    return DataSpec(
        kind="rollout",
        experts=("planner",),
        vocabulary=vocabulary_file,
        cameras=(),
        rollout=told,
        moments_ahead=10,
    )


@pytest.fixture(scope="module")
def folder(spec, tmp_path_factory):
    """Its data set; do not change it."""
    folder = tmp_path_factory.mktemp("takeovers") / "drive-000"
    assert sum(report.samples for report in write_data_set(folder, spec, workers=1)) > 20
    return folder


def test_a_tape_is_read_as_it_was_written(tape, drive):
    again = Tape.read(tape.file)
    assert again.traffic == "idm" and len(again.drives) == 2
    for name in ("actions", "by_person", "end"):
        np.testing.assert_array_equal(getattr(again.drives[1], name), getattr(drive[0], name), strict=True)
    assert again.drives[0].takeovers() == [(12, 30), (33, 55)]
    assert again.frames(drive[0].scene) == [15] and again.frames("elsewhere") == []


def test_every_half_second_of_the_takeovers_has_both_labels(folder):
    data_set = DataSet(folder.parent)
    rows = data_set.rows.to_pylist()
    steps = {name: [row["step"] for row in rows if row["expert"] == name and row["round"] == 0] for name in
             (PERSON, "planner")}  # fmt: skip
    assert steps[PERSON] == steps["planner"] == [12, 17, 22, 27, 33, 38, 43, 48, 53]
    assert all(row["by_expert"] and row["kind"] == "rollout" for row in rows)
    assert {row["round"] for row in rows} == {0, 1} and len({row["key"] for row in rows}) == len(rows)


def test_the_label_is_where_the_person_drove(folder, drive):
    taped, states = drive
    poses = np.array([state.ego[:3] for state in states])
    for sample in DataSet(folder):
        if sample.row["expert"] != PERSON:
            continue
        step = sample.row["step"]
        own = int(sample.step["person_steps"])
        assert own == min(40, (30 if step < 30 else 55) - step)
        driven = se2.poses_to_local(poses[step], poses[step + 1 : step + own + 1])
        np.testing.assert_allclose(sample.arrays.target_10hz[:own], driven, atol=1e-4)
        np.testing.assert_array_equal(sample.step["action"], taped.actions[step], strict=True)
        np.testing.assert_array_equal(sample.step["expert_action"], sample.step["action"])
        np.testing.assert_allclose(sample.arrays.status[4:6], sample.step["ego"][:2], atol=1e-5)


def test_behind_it_the_planner_drives_on(folder):
    """Neither a stop nor a jump where the person let go."""
    for sample in DataSet(folder):
        if sample.row["expert"] == PERSON:
            way = np.hypot(*np.diff(sample.arrays.target_10hz[:, :2], axis=0).T)
            assert np.abs(np.diff(way)).max() < 0.06 and 0.0 <= sample.row["label_score"] <= 1.0


def test_where_nobody_knows_a_way_on_the_label_falls(spec, tmp_path, monkeypatch):
    monkeypatch.setattr(rollout_labels, "onward", lambda *_: [])
    (report,) = write_data_set(tmp_path / "a", spec, workers=1)
    flow = report.head.telemetry.flow("label", expert=PERSON)
    assert flow.rejected == {rollout_labels.NO_WAY_ON: 18} and flow.passed == 0
    assert {row["expert"] for row in DataSet(tmp_path / "a").rows.to_pylist()} == {"planner"}


def test_a_sample_is_made_again_without_naming_anybody(folder):
    data_set = DataSet(folder)
    assert list(verify(folder)) == [] and (folder / POLICY).exists()
    for index in (0, -1):
        again, kept = regenerate(data_set, data_set.row(index)), data_set[index]
        np.testing.assert_array_equal(again.arrays.target_10hz, kept.arrays.target_10hz)
        assert again.step.keys() == kept.step.keys()
    assert "A person drove" in (folder / "README.md").read_text()


def test_a_damaged_scene_is_driven_again(spec, tmp_path):
    list(write_data_set(tmp_path / "a", spec, workers=1))
    shard = next((tmp_path / "a" / "shards").glob("*.tar"))
    was = shard.read_bytes()
    shard.write_bytes(b"x")
    list(repair(tmp_path / "a", list(verify(tmp_path / "a")), workers=1))
    assert shard.read_bytes() == was


def test_other_cameras_and_periods_of_the_same_tape(spec, folder, tmp_path):
    more = replace(
        spec, rollout=replace(spec.rollout, policy_file=str(folder / POLICY), period=0.1, filtered=True)
    )
    list(write_data_set(tmp_path / "a", more, workers=1))
    rows = DataSet(tmp_path / "a").rows.to_pylist()
    assert len({row["step"] for row in rows}) > 20
    assert all(row["label_dac"] == 1.0 and row["label_hc"] == 1.0 for row in rows)


def test_a_drive_that_leads_elsewhere_is_refused(spec, tape, drive, tmp_path):
    moved = replace(drive[0], end=drive[0].end + 0.2)
    Tape(tmp_path / "tape.json", "idm", (moved,)).write()
    told = replace(spec, rollout=replace(spec.rollout, policy_file=str(tmp_path / "tape.json")))
    with pytest.raises(DataError, match=r"the drive in town.* from frame 15: found that it leads to"):
        list(write_data_set(tmp_path / "a", told, workers=1, unusable="stop"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("no json", "expected the tape of a person's drives"),
        ("[]", "expected the tape of a person's drives"),
        (json.dumps({"format": 9, "traffic": "idm", "drives": []}), "format 9"),
        (json.dumps({"format": 1, "traffic": "idm", "drives": [{"scene": "a"}]}), "KeyError"),
        (
            json.dumps(
                {"format": 1, "traffic": "idm", "drives": [
                    {"scene": "a", "frame": 1, "start": 0, "actions": [[0, 0]], "by_person": [], "end": [0, 0, 0]}
                ]}
            ),
            "1 actions, 0 drivers",
        ),
    ],
)  # fmt: skip
def test_what_is_no_tape(tmp_path, content, said):
    (tmp_path / "tape.json").write_text(content)
    with pytest.raises(DataError, match=said):
        Tape.read(tmp_path / "tape.json")
    with pytest.raises(DataError, match="FileNotFoundError"):
        Tape.read(tmp_path / "nowhere.json")


def test_what_does_not_go_together(spec, tape, drive, tmp_path):
    with pytest.raises(ArgumentError, match="traffic: 'log', but the tape was driven among 'idm'"):
        list(write_data_set(tmp_path / "a", replace(spec, traffic="log"), workers=1))
    Tape(tmp_path / "tape.json", "idm", (replace(drive[0], by_person=TURNS & False),)).write()
    told = replace(spec, rollout=replace(spec.rollout, policy_file=str(tmp_path / "tape.json")))
    with pytest.raises(ArgumentError, match="holds no takeover"):
        list(write_data_set(tmp_path / "b", told, workers=1))
    for wrong in ({"policy_file": None}, {"action": "trajectory"}, {"beta": 0.5}):
        with pytest.raises(ArgumentError, match="policy: 'person' with action"):
            replace(spec.rollout, **wrong)
