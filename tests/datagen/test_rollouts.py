"""A policy drives in closed loop, experts label what it comes to."""

import shutil
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import scripted_policies
from scripted_policies import Straight

from simscale_gym.agents import ConstantVelocityAgent
from simscale_gym.datagen import (
    DataSet,
    DataSpec,
    RolloutSpec,
    regenerate,
    repair,
    rollouts,
    verify,
    write_data_set,
)
from simscale_gym.datagen.layout import MANIFEST, POLICY, RECIPE
from simscale_gym.envs import episode_steps
from simscale_gym.errors import ArgumentError, DataError, PolicyError
from simscale_gym.sources import find_scene, list_scenes, load_scene

POLICIES = scripted_policies.__file__
STRAIGHT = f"{POLICIES}:Straight"


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def write(folder, spec, **settings):
    return list(write_data_set(folder, spec, workers=1, **settings))


@pytest.fixture(scope="module")
def spec(driving_town, vocabulary_file):
    pytest.importorskip("pyarrow")
    return DataSpec(
        kind="rollout", experts=("planner", "log"), rounds=2, stride=9.0, clips=3, vocabulary=vocabulary_file,
        cameras=(), rollout=RolloutSpec("constant_velocity", beta=0.5, horizon=3.0),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(spec, tmp_path_factory):
    """Its data set; do not change it."""
    folder = tmp_path_factory.mktemp("rollouts") / "mixed"
    assert sum(report.samples for report in write(folder, spec)) > 30
    return folder


@pytest.fixture
def changed(spec):
    """The spec with a rollout that differs, and other settings."""

    def make(settings=None, **changes):
        return replace(spec, rounds=1, rollout=replace(spec.rollout, **changes), **(settings or {}))

    return make


def by_rollout(data_set, expert="planner"):
    """The rows of each rollout that one expert labelled, in their order."""
    groups = {}
    for row in data_set.rows.to_pylist():
        if row["expert"] == expert:
            groups.setdefault((row["scene"], row["frame"], row["round"]), []).append(row)
    return groups


def test_every_half_second_is_labelled_by_every_expert(folder, spec):
    groups, logs = (by_rollout(DataSet(folder), expert) for expert in spec.experts)
    assert len(groups) == 6 and groups.keys() == logs.keys()
    for rows in groups.values():
        assert [row["step"] for row in rows] == list(range(0, 5 * len(rows), 5)) and 1 < len(rows) <= 6
        assert [row["present"] - rows[0]["present"] for row in rows] == [row["step"] for row in rows]
    assert any(rows[0]["present"] == rows[0]["frame"] + 40 for rows in groups.values())
    assert len(
        {key for rows in (*groups.values(), *logs.values()) for key in (r["key"] for r in rows)}
    ) == len(DataSet(folder))


def test_who_drives_is_drawn_at_every_step(folder):
    drawn = [row["by_expert"] for rows in by_rollout(DataSet(folder)).values() for row in rows]
    assert 0.2 < np.mean(drawn) < 0.8
    for sample in DataSet(folder):
        if sample.row["expert"] == "planner" and sample.row["by_expert"]:
            np.testing.assert_array_equal(sample.step["action"], sample.step["expert_action"])


def test_who_drives_is_drawn_for_an_episode(changed, tmp_path):
    spec = replace(changed(coin="episode"), rounds=4)
    write(tmp_path / "a", spec)
    drawn = [{row["by_expert"] for row in rows} for rows in by_rollout(DataSet(tmp_path / "a")).values()]
    assert all(len(who) == 1 for who in drawn) and len(set.union(*drawn)) == 2


@pytest.mark.parametrize(("beta", "who"), [(0.0, {False}), (1.0, {True})])
def test_one_alone_drives(changed, tmp_path, beta, who):
    write(tmp_path / "a", replace(changed(beta=beta), clips=1))
    data_set = DataSet(tmp_path / "a")
    assert {row["by_expert"] for row in data_set.rows.to_pylist()} == who
    straight = [bool(np.all(sample.step["action"][:, 1:] == 0.0)) for sample in data_set]
    assert all(straight) == (beta == 0.0)


def test_a_label_is_what_comes_of_the_experts_plan(folder):
    """It begins at the ego, goes where its action says, and has the scores of a drive."""
    for sample in DataSet(folder):
        if sample.row["expert"] == "planner" and sample.row["valid"]:
            off = np.hypot(*(sample.arrays.target[0] - sample.step["expert_action"][0])[:2])
            assert off < 0.5 and 0.0 <= sample.row["label_score"] <= 1.0
            assert sample.row["perturbation_score"] is None
            np.testing.assert_allclose(sample.arrays.status[4:6], sample.step["ego"][:2], atol=1e-5)
            np.testing.assert_array_equal(sample.arrays.status[:4], sample.step["command"])


def test_valid_says_whether_the_expert_vouches_for_its_plan(folder):
    """The log's driver is off its log after every perturbation."""
    logs = [row["valid"] for rows in by_rollout(DataSet(folder), "log").values() for row in rows]
    planners = [row["valid"] for rows in by_rollout(DataSet(folder)).values() for row in rows]
    assert not all(logs) and np.mean(planners) > 0.9


def test_the_papers_filter_of_labels(changed, tmp_path):
    reports = write(tmp_path / "a", changed(filtered=True))
    rows = DataSet(tmp_path / "a").rows.to_pylist()
    assert rows and all(row["valid"] and row["label_ep"] > 0.5 and row["label_dac"] == 1.0 for row in rows)
    flow = [report.head.telemetry.flow("label", expert="log") for report in reports]
    assert sum(f.rejected["no valid plan"] for f in flow) > 0
    assert sum(f.passed for f in flow) == sum(row["expert"] == "log" for row in rows)


def test_the_policy_sees_what_the_environment_would_show(
    changed, tmp_path, one_renderer_per_scene, monkeypatch
):
    """The same agent in an environment that is put into the same state."""
    begun, seen = [], []

    def watched(env, agent, *, options):
        begun.append(options["state"])
        for step in episode_steps(env, agent, options=options):
            seen.append(step)
            yield step

    monkeypatch.setattr(rollouts, "episode_steps", watched)
    sight = {"cameras": ("cam_f0",), "image_size": (9, 16)}
    told = {**sight, "clips": 1, "experts": ("planner",), "picture_format": "png"}
    watching = {"policy": STRAIGHT, "beta": 0.0, "observation": ("state", "camera"), "horizon": 1.0}
    write(tmp_path / "a", changed(told, **watching))
    stored = list(DataSet(tmp_path / "a"))
    scene = load_scene(find_scene(list_scenes("town"), begun[0].scene))
    env = gym.make("SimScale-v0", scenes=[scene], observation=("state", "camera"), action="trajectory", experts=(),
                   horizon=1.0, **sight)  # fmt: skip
    alone = list(episode_steps(env, Straight(), options={"state": begun[0]}))
    assert len(alone) == len(seen) == len(stored) == 2
    for ours, theirs, sample in zip(seen, alone, stored, strict=True):
        assert ours.observation.keys() == theirs.observation.keys() == {"ego", "command", "state", "cam_f0"}
        for name, value in theirs.observation.items():
            kept = sample.pictures[name] if name == "cam_f0" else sample.step[name]
            np.testing.assert_array_equal(value, ours.observation[name], strict=True)
            np.testing.assert_array_equal(value, kept, strict=True)
        np.testing.assert_array_equal(theirs.action, sample.step["action"])
        assert theirs.reward == ours.reward and theirs.info["state_hash"] == ours.info["state_hash"]


def test_a_sample_is_made_again_bit_for_bit(folder):
    data_set = DataSet(folder)
    for index in (0, len(data_set) // 2, -1):
        again, kept = regenerate(data_set, data_set.row(index)), data_set[index]
        assert again.step.keys() == kept.step.keys() == {"ego", "command", "state", "action", "expert_action"}
        assert all(np.array_equal(again.step[name], kept.step[name]) for name in kept.step)


def test_a_run_that_was_broken_off_ends_in_the_same_bytes(spec, folder, tmp_path):
    run = write_data_set(tmp_path / "a", spec, workers=1)
    next(run)
    run.close()
    write(tmp_path / "a", spec)
    assert content(tmp_path / "a") == content(folder)
    assert "rollouts ended: " in (folder / "README.md").read_text()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "share.txt"
    file.write_text("0.5")
    return file


@pytest.fixture(scope="module")
def own(spec, weights):
    told = replace(spec.rollout, policy=STRAIGHT, policy_file=str(weights), beta=0.0)
    return replace(spec, rounds=1, experts=("planner",), rollout=told)


@pytest.fixture
def driven(own, tmp_path):
    write(tmp_path / "own", own)
    return tmp_path / "own"


def test_the_file_of_a_policy_is_kept_and_decides(own, driven, weights, tmp_path):
    assert (driven / POLICY).read_text() == "0.5" and list(verify(driven)) == []
    first = DataSet(driven)[0].step
    np.testing.assert_allclose(first["action"][0, 0], 0.25 * first["ego"][0], rtol=1e-4)
    other = tmp_path / "other.txt"
    other.write_text("0.9")
    told = replace(own, rollout=replace(own.rollout, policy_file=str(other)))
    with pytest.raises(ArgumentError, match="policy_sha256 is"):
        write(driven, told)
    moved = tmp_path / "moved.txt"
    shutil.copy(weights, moved)
    write(driven, replace(own, rollout=replace(own.rollout, policy_file=str(moved))))


def test_code_is_run_only_where_it_is_named(driven):
    data_set = DataSet(driven)
    for policy in (None, "os:system"):
        with pytest.raises(ArgumentError, match="which is code of somebody's; name it"):
            regenerate(data_set, data_set.row(0), policy=policy)
    assert regenerate(data_set, data_set.row(0), policy=STRAIGHT).row["key"] == data_set.row(0)["key"]


def test_a_damaged_scene_is_driven_again(driven):
    was = content(driven)
    next((driven / "shards").glob("*.tar")).write_bytes(b"x")
    damages = list(verify(driven))
    with pytest.raises(ArgumentError, match="name it"):
        list(repair(driven, damages))
    list(repair(driven, damages, workers=1, policy=STRAIGHT))
    assert content(driven) == was


def test_a_damaged_policy_file_is_not_made_again(driven):
    (driven / POLICY).write_text("0.6")
    damages = list(verify(driven))
    assert [damage.file for damage in damages] == [POLICY]
    with pytest.raises(DataError, match="cannot be made again"):
        list(repair(driven, damages, policy=STRAIGHT))
    assert (driven / POLICY).read_text() == "0.6"


def test_an_agent_is_handed_over(own, tmp_path):
    told = replace(own, rollout=replace(own.rollout, policy="given", policy_file=None))
    with pytest.raises(ArgumentError, match="'given' without an agent"):
        write(tmp_path / "a", told)
    write(tmp_path / "a", told, agent=ConstantVelocityAgent())
    with pytest.raises(ArgumentError, match="policy_sha256"):
        write(tmp_path / "a", told, agent=Straight())
    data_set = DataSet(tmp_path / "a")
    assert regenerate(data_set, data_set.row(1), policy=ConstantVelocityAgent()).step


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Forgetful", r"policy .*Forgetful, scene town.*, \d+\.\d s: KeyError: 'speed'"),
        ("Overflown", "is not finite; check the planner's output for NaN"),
        ("Shapeless", r"shape \(5, 3\), expected \(8, 3\)"),
        ("Unready", "RuntimeError: no weights"),
    ],
)
def test_a_policy_that_fails_is_named_and_loses_nothing(changed, tmp_path, monkeypatch, name, said):
    """The first scene is there already; the second is driven by what fails."""
    spec = changed(policy=f"{POLICIES}:Straight", beta=0.0)
    monkeypatch.setattr(scripted_policies, "Straight", Straight)
    run = write_data_set(tmp_path / "a", spec, workers=1)
    next(run)
    run.close()
    was = content(tmp_path / "a")
    bad = replace(spec, rollout=replace(spec.rollout, policy=f"{POLICIES}:{name}"))
    with pytest.raises(ArgumentError, match="rollout is"):
        write(tmp_path / "a", bad)
    assert content(tmp_path / "a") == was
    with pytest.raises(PolicyError, match=said) as raised:
        write(tmp_path / "b", bad)
    assert raised.value.__cause__ is not None and set(content(tmp_path / "b")) == {RECIPE}
    write(tmp_path / "b", spec)  # a recipe that gave nothing gives way
    assert (tmp_path / "b" / MANIFEST).exists()


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("constant_speed", "'constant_speed' is unknown, expected constant_velocity"),
        ("no_such_module:make", "module 'no_such_module' cannot be imported"),
        ("no/such/file.py:make", r"file\.py is no file"),
        (f"{POLICIES}:missing", "has no callable 'missing'"),
        (f"{POLICIES}:number", "has no callable 'number' .found 7"),
    ],
)
def test_names_that_lead_nowhere(changed, tmp_path, policy, said):
    with pytest.raises(ArgumentError, match=said):
        write(tmp_path / "a", changed(policy=policy))
    assert content(tmp_path / "a") == {}


def test_what_is_no_agent(changed, tmp_path):
    with pytest.raises(ArgumentError, match="made a int, expected an agent with reset and act"):
        write(tmp_path / "a", changed(policy=f"{POLICIES}:nothing"))


def test_files_that_are_not_there(changed, tmp_path):
    with pytest.raises(ArgumentError, match=r"w\.pt is no file"):
        write(tmp_path / "a", changed(policy=STRAIGHT, policy_file=str(tmp_path / "w.pt")))
    with pytest.raises(ArgumentError, match="takes none"):
        write(tmp_path / "a", changed(policy_file=POLICIES))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"beta": 1.5}, "beta: 1.5"),
        ({"beta": float("nan")}, "beta: nan"),
        ({"coin": "day"}, "coin: 'day', expected step or episode"),
        ({"action": "anchor"}, "action: 'anchor'"),
        ({"observation": ("smell",)}, "observation: "),
        ({"observation": ()}, "observation: "),
        ({"horizon": 0.0}, "horizon: 0.0"),
        ({"period": 0.3}, "period: 0.3 s, expected a multiple of the 0.5 s"),
        ({"period": 0.0, "action": "control"}, "period: 0.0 s"),
    ],
)
def test_rollouts_that_cannot_be_are_named(wrong, said):
    with pytest.raises(ArgumentError, match=said):
        RolloutSpec("constant_velocity", **wrong)


def test_kinds_and_policies_go_together():
    with pytest.raises(ArgumentError, match="policy: none for kind 'rollout'"):
        DataSpec(kind="rollout")
    with pytest.raises(ArgumentError, match="policy: log for kind 'log'"):
        DataSpec(kind="log", rollout=RolloutSpec("log"))
    with pytest.raises(ArgumentError, match="cameras: "):
        DataSpec(kind="rollout", cameras=(), rollout=RolloutSpec("log", observation=("camera",)))
    assert Path(POLICIES).exists()
