"""Many episodes in one process, and environments in processes of their own."""

import runpy
import sys
import tracemalloc
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from simscale_gym.envs import SimScaleVectorEnv

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"  # drives 10,000 episodes of the town
EPISODES, WARM_UP = 200, 40


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts handles as Linux lists them")
def test_memory_handles_and_threads_stay(make_env):
    """Episodes of a few steps; what Python allocates is counted exactly, so growth cannot hide in noise."""
    soak = runpy.run_path(str(SOAK))
    drive, use = soak["drive"], soak["use"]
    env, rng = make_env(), np.random.default_rng(0)
    tracemalloc.start()
    held = []
    for episode in range(EPISODES + 1):
        if episode >= WARM_UP and episode % 80 == 40:
            held.append((use(), tracemalloc.get_traced_memory()[0]))
        drive(env, episode % 10, rng, 3)
    tracemalloc.stop()
    (first, _), (_, then), (last, now) = held
    assert last.handles == first.handles and last.threads == first.threads
    assert now - then < 2_000 * 80, "more than 2 kB an episode"


def test_memory_stays_where_many_are_driven_together(town_log):
    soak, rng = runpy.run_path(str(SOAK)), np.random.default_rng(0)
    settings = {"observation": "state", "experts": (), "horizon": 0.3, "perturb": False}
    envs = SimScaleVectorEnv(4, AutoresetMode.SAME_STEP, threads=1, scenes=town_log[:1], **settings)
    envs.reset(seed=0)
    soak["drive_on"](envs, rng, 400)  # all starts are known
    tracemalloc.start()
    soak["drive_on"](envs, rng, 200)
    then = tracemalloc.get_traced_memory()[0]
    soak["drive_on"](envs, rng, 400)
    now = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert now - then < 1_000 * 400, "more than 1 kB an episode"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_environments_in_processes_are_as_in_this_one(town_cache, method):
    if method == "fork" and sys.platform != "linux":
        pytest.skip("forks safely on Linux alone")
    settings = {"observation": "state", "experts": (), "perturb": False}
    same = gym.make_vec("SimScale-v0", num_envs=1, vectorization_mode="sync", **settings)
    apart = gym.make_vec(
        "SimScale-v0", num_envs=1, vectorization_mode="async", vector_kwargs={"context": method}, **settings
    )
    here, there = same.reset(seed=1), apart.reset(seed=1)
    action = np.full((1, 2), 0.3, np.float32)
    for _ in range(3):
        assert here[-1]["state_hash"][0] == there[-1]["state_hash"][0]
        np.testing.assert_array_equal(here[0]["state"], there[0]["state"])
        here, there = same.step(action), apart.step(action)
    same.close()
    apart.close()
