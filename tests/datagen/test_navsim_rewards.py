"""Rewards by token, as SimScale's training code opens them: eight subscores, all rounds up to the last in one file."""

import pickle
from types import SimpleNamespace

import numpy as np

from simscale_gym.agents import HumanFutures
from simscale_gym.datagen.layout import VOCABULARY
from simscale_gym.datagen.navsim.rewards import write_rewards
from simscale_gym.datagen.navsim.work import Samples

KEYS = {
    "no_at_fault_collisions", "drivable_area_compliance", "driving_direction_compliance", "traffic_light_compliance",
    "ego_progress", "time_to_collision_within_bound", "lane_keeping", "history_comfort",
}  # fmt: skip
"""What ``trajectory_pdm_weight`` of its GTRS planner names."""


def scored_samples(folder, keys, count=5):
    """Samples whose scores tell them apart."""
    HumanFutures(np.zeros((count, 40, 3)), np.zeros((count, 2))).save(folder / VOCABULARY)

    def read(row):
        scores = np.full((count, 8), keys.index(row["key"]), np.float16) + np.arange(8, dtype=np.float16) / 16
        return SimpleNamespace(arrays=SimpleNamespace(vocabulary_scores=scores))

    data_set = SimpleNamespace(folder=folder, read=read)
    return Samples(data_set, (), {"scene": [{"key": key} for key in keys]})


def test_each_round_holds_those_before_it(tmp_path):
    keys = ["a", "b", "c", "d"]
    samples = scored_samples(tmp_path, keys)
    sets = {
        "navtrain_reaction_pdm_v1.0-0": {"a": "A-000"}, "navtrain_reaction_pdm_v1.0-1": {"b": "B-001"},
        "navtrain_reaction_recovery_v1.0-0": {"c": "C-000"},
    }  # fmt: skip
    write_rewards(tmp_path / "x", samples, sets)
    folder = tmp_path / "x" / "rewards"
    found = {path.stem: pickle.loads(path.read_bytes()) for path in (folder / "sim").glob("*.pkl")}
    assert {name: set(table) for name, table in found.items()} == {
        "simcale_16384_pdm_v1.0-0": {"A-000"}, "simcale_16384_pdm_v1.0-1": {"A-000", "B-001"},
        "simcale_16384_recovery_v1.0-0": {"C-000"},
    }  # fmt: skip
    table = found["simcale_16384_pdm_v1.0-1"]["B-001"]
    assert set(table) == KEYS and all(v.shape == (5,) and v.dtype == np.float16 for v in table.values())
    assert table["no_at_fault_collisions"][0] == 1.0 and table["history_comfort"][0] == 1.0 + 7 / 16
    vocabulary = np.load(folder / "traj_final" / "5.npy")
    assert vocabulary.shape == (5, 40, 3) and vocabulary.dtype == np.float32


def test_rewards_of_the_log_lie_where_the_real_ones_are_looked_for(tmp_path):
    write_rewards(
        tmp_path / "x", scored_samples(tmp_path, ["a"]), {"navtrain_log": {"a": "0123456789abcdef"}}
    )
    table = pickle.loads((tmp_path / "x" / "rewards" / "ori" / "navtrain_16384.pkl").read_bytes())
    assert set(table) == {"0123456789abcdef"}


def test_without_scores_nothing_is_written(tmp_path):
    samples = scored_samples(tmp_path, ["a"])
    (tmp_path / VOCABULARY).unlink()
    write_rewards(tmp_path / "x", samples, {"navtrain_log": {"a": "0123456789abcdef"}})
    assert not (tmp_path / "x").exists()
