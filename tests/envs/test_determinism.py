"""Same seed and actions: same states, same pictures, in any process."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drive import drive, make

SCRIPT = Path(__file__).with_name("drive.py")


@pytest.fixture(scope="module")
def env(town_scene, one_renderer_per_scene):
    return make(town_scene)


@pytest.fixture(scope="module")
def here(env):
    return drive(env, 11)


def test_same_in_another_process(here):
    out = subprocess.run([sys.executable, SCRIPT, "11"], capture_output=True, text=True, check=True).stdout
    there = json.loads(out)
    assert here["states"] == there["states"]
    assert here["seen"] == there["seen"]
    assert here["rewards"] == there["rewards"] and here["advice"] == there["advice"]


def test_same_again_in_the_same_environment(env, here):
    drive(env, 12)
    assert drive(env, 11) == here


def test_other_seeds_differ(env, here):
    other = drive(env, 12)
    assert not set(other["states"]) & set(here["states"])
    assert other["seen"][0] != here["seen"][0]


def test_resets_without_a_seed_go_on_with_the_last(env):
    def starts():
        return [env.reset(seed=4)[1]["state_hash"], *(env.reset()[1]["state_hash"] for _ in range(3))]

    first = starts()
    assert first == starts() and len(set(first)) == 4


def test_other_actions_lead_elsewhere(env):
    ends = []
    for action in ([0.5, 0.0], [0.5, 0.01]):
        env.reset(seed=3)
        ends.append(env.step(np.array(action))[4]["state_hash"])
    assert ends[0] != ends[1]


def test_experts_draw_no_random_numbers(env, town_scene):
    """Asking for advice changes nothing: the same drive with and without experts."""
    from simscale_gym.envs import SimScaleEnv

    hashes = []
    for experts in (("recovery",), ()):
        one = SimScaleEnv([town_scene], observation="state", experts=experts)
        first = one.reset(seed=5)[1]["state_hash"]
        hashes.append((first, one.step(np.array([0.2, 0.0]))[4]["state_hash"], one.reset()[1]["state_hash"]))
    assert hashes[0] == hashes[1]
