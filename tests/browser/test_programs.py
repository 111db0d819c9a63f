"""What is to be shown is told apart by what is there."""

import json

import numpy as np
import pytest

from simscale_gym.browser.programs import open_program
from simscale_gym.datagen import DataSet, DataSpec, write_data_set
from simscale_gym.errors import DataError, SceneError
from simscale_gym.evaluation import ConstantVelocityDriver, drive_states, evaluate, kept_drives
from simscale_gym.evaluation.entrants import BLIND
from simscale_gym.evaluation.judging import begun, drive_env


@pytest.fixture(scope="module")
def judged(small_suite, town_scene):
    return evaluate({"still": ConstantVelocityDriver()}, small_suite, scenes=[town_scene], parts=["drives"])


@pytest.fixture(scope="module")
def folder(judged, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluation")
    judged.write(out)
    return out


@pytest.fixture(scope="module")
def data_set(town_cache, one_renderer_per_scene, tmp_path_factory):
    pytest.importorskip("pyarrow")
    out = tmp_path_factory.mktemp("data") / "log"
    spec = DataSpec(kind="log", clips=2, stride=6.0, image_size=(9, 16), cameras=("cam_f0",))
    assert sum(report.samples for report in write_data_set(out, spec, workers=1)) == 2
    return out


def test_a_scene_of_the_town_is_found_by_its_id():
    program = open_program("town-val-100003/log-01/scene-002")
    assert program.titles[program.first] == "town-val-100003/log-01/scene-002"
    with pytest.raises(SceneError, match="Nearest: town-val-"):
        open_program("town-val-100003/log-01/scene-009")


def test_scenes_in_memory(town_scene, town_log):
    program = open_program(town_log, scene=town_scene.id)
    assert program.kind == "scene" and program.first == 2
    subject = program.open(2)
    assert len(subject) == town_scene.num_frames and subject.title == town_scene.id


def test_what_is_nothing_is_an_error_that_says_what_would_be(tmp_path):
    with pytest.raises(DataError, match='expected one of: the name "town"'):
        open_program(str(tmp_path / "nowhere"))
    (tmp_path / "index.html").touch()
    with pytest.raises(DataError, match="evaluate --out"):
        open_program(tmp_path)
    (tmp_path / "summary.json").write_text(json.dumps({}))
    with pytest.raises(DataError, match="evaluate once more"):
        open_program(tmp_path)


def test_drives_come_back_as_they_were_driven(judged, folder, town_scene, small_suite):
    suite, rows = kept_drives(folder)
    assert suite.digest == small_suite.digest
    assert [(row.planner, row.ending, row.success, row.egos) for row in rows] == [
        (row.planner, row.ending, row.success, row.egos) for row in judged.drives
    ]
    assert [row.score for row in rows] == pytest.approx([row.score for row in judged.drives], rel=1e-5)
    assert rows[0].scores == pytest.approx(dict(judged.drives[0].scores), rel=1e-5)
    row = rows[0]
    env = drive_env(town_scene, BLIND, suite)
    env.reset(options={"state": begun(town_scene, env, suite.scenes[0].drives[row.drive], suite)})
    states = drive_states(town_scene, suite, row)
    assert len(states) == len(row.egos)
    for driven, begin in zip(states, env.history, strict=False):
        np.testing.assert_array_equal(driven.traffic.poses, begin.traffic.poses)


def test_the_others_of_a_drive_are_those_that_it_met(small_suite, town_scene):
    from simscale_gym.envs import run_episode
    from simscale_gym.evaluation.entrants import agent_of

    env = drive_env(town_scene, BLIND, small_suite)
    run_episode(env, agent_of(ConstantVelocityDriver(), env), options={
        "state": begun(town_scene, env, small_suite.scenes[0].drives[0], small_suite)
    })  # fmt: skip
    (row,) = evaluate(
        {"still": ConstantVelocityDriver()},
        small_suite,
        scenes=[town_scene],
        parts=["drives"],
        calibrate=False,
    ).drives
    for mine, met in zip(drive_states(town_scene, small_suite, row), env.history, strict=True):
        np.testing.assert_allclose(mine.ego, met.ego)
        np.testing.assert_allclose(mine.traffic.poses, met.traffic.poses, atol=1e-9)
        np.testing.assert_array_equal(mine.traffic.valid, met.traffic.valid)


def test_an_evaluation_shows_its_worst_drive_first(judged, folder, town_scene):
    with pytest.raises(SceneError, match=r"no scene|name it"):
        open_program(folder)
    program = open_program(judged, scenes=[town_scene])
    scores = [float(title.rsplit("EPDMS ", 1)[1].split(",")[0]) for title in program.titles]
    assert scores == sorted(scores) and len(scores) == len(judged.drives) and program.first == 0
    subject = program.open(0)
    assert not subject.replayed and subject.traffic == "idm" and "EPDMS" in subject.notes


def test_a_damaged_drive_is_named(folder, tmp_path):
    for name in ("suite.json", "drives.csv", "drives.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "drives.npz").write_bytes(b"PK broken")
    with pytest.raises(DataError, match=r"drives.npz: found .*expected drives of an evaluation"):
        kept_drives(tmp_path)


def test_samples_show_what_was_around_them(data_set):
    program = open_program(data_set)
    assert program.kind == "sample" and len(program.titles) == 2
    subject, sample = program.open(1), DataSet(data_set)[1]
    state = subject.states[subject.first]
    assert state.frame == sample.row["present"] and subject.period == 0.5
    np.testing.assert_allclose(state.ego, sample.arrays.ego_state)
    there = [subject.scene.tracks.ids[row] for row in np.flatnonzero(state.traffic.valid)]
    assert sorted(there) == sorted(sample.arrays.box_ids.tolist())
    valid, logged = state.traffic.valid, subject.scene.tracks.poses[:, state.frame]
    np.testing.assert_allclose(state.traffic.poses[valid], logged[valid], atol=1e-3)
    np.testing.assert_array_equal(subject.pictures["cam_f0"], sample.pictures["cam_f0"])
    with pytest.raises(DataError, match="none of elsewhere"):
        open_program(data_set, scene="elsewhere")
