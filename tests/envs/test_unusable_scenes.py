"""Scenes that cannot be used, met in the middle of a training: an error, or another is drawn and they are counted."""

import logging
import pickle

import pytest
from crossing_scenario import crossing

from simscale_gym.envs import SimScaleEnv, SimScaleVectorEnv
from simscale_gym.errors import ArgumentError, DataError, SceneError


@pytest.fixture
def logs(town_cache, tmp_path):
    """Three logs of six seconds, of which the second was cut while it was copied."""
    whole = pickle.dumps(crossing())
    folder = tmp_path / "logs"
    folder.mkdir()
    for name in ("sd_a.pkl", "sd_b.pkl", "sd_c.pkl"):
        (folder / name).write_bytes(whole if name != "sd_b.pkl" else whole[:-100])
    return folder


def make(logs, **changes):
    return SimScaleEnv(str(logs), observation="state", experts=(), perturb=False, horizon=1.0, **changes)


def test_it_stops_the_run(logs):
    env = make(logs)
    with pytest.raises(DataError, match=r"sd_b\.pkl"):
        for seed in range(12):
            env.reset(seed=seed)


def test_or_it_is_skipped_and_counted(logs, caplog):
    env = make(logs, unusable="skip")
    assert env.scene_ids == ("sd_a", "sd_b", "sd_c")
    with caplog.at_level(logging.WARNING, "simscale_gym"):
        seen = {(info["scene"], info["skipped_scenes"]) for _, info in (env.reset(seed=k) for k in range(12))}
    assert {scene for scene, _ in seen} == {"sd_a", "sd_c"} and max(count for _, count in seen) == 1
    assert env.scene_ids == ("sd_a", "sd_c")
    told = [record.message for record in caplog.records if "skipped" in record.message]
    assert len(told) == 1 and told[0].startswith(f"scene sd_b is skipped (1 so far): {logs}")


def test_a_seed_leads_to_the_same_scene_before_and_after_it_is_known(logs):
    """Also where all environments of a vector learn of it together, and each single one by itself."""
    seeds = range(6)
    env = make(logs, unusable="skip")
    first = [env.reset(seed=seed)[1]["scene"] for seed in seeds]
    assert env.reset(seed=0)[1]["skipped_scenes"] == 1
    assert [env.reset(seed=seed)[1]["scene"] for seed in seeds] == first
    assert [make(logs, unusable="skip").reset(seed=seed)[1]["scene"] for seed in seeds] == first
    settings = {"observation": "state", "experts": (), "perturb": False, "horizon": 1.0}
    vector = SimScaleVectorEnv(len(seeds), scenes=str(logs), unusable="skip", threads=1, **settings)
    assert vector.reset(seed=0)[1]["scene"].tolist() == first


def test_one_that_is_too_short_for_a_perturbation_too(logs):
    """Its six seconds are enough for a start on the log, and too few for one off it."""
    (logs / "sd_b.pkl").unlink()
    env = make(logs, unusable="skip")
    env.reset(seed=0)
    with pytest.raises(SceneError, match=r"none of 2 can be used, the first because: scene sd_\w: lasts"):
        env.reset(seed=0, options={"perturb": True})


def test_one_that_is_named_is_an_error(logs):
    env = make(logs, unusable="skip")
    with pytest.raises(DataError, match=r"sd_b\.pkl"):
        env.reset(seed=0, options={"scene": "sd_b"})
    assert "sd_b" in env.scene_ids


def test_other_choices_are_refused(town_scene):
    with pytest.raises(ArgumentError, match="unusable: 'pass', expected 'stop' or 'skip'"):
        SimScaleEnv([town_scene], unusable="pass")
