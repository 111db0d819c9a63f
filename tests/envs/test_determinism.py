"""Same seed and actions: same states, same pictures, in any process."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drive import drive, make
from resets import resets, some_scenes

from simscale_gym.scene.derived import NAME, shelf_of

SCRIPT = Path(__file__).with_name("drive.py")
RESETS = Path(__file__).with_name("resets.py")


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


def forget_starts(scenes):
    for scene in scenes:
        scene.__dict__.pop(NAME, None)
        for path in shelf_of(scene).folder.glob("starts-*"):
            path.unlink()


@pytest.mark.parametrize("traffic", ["idm", "mixed", "navsim", "log"])
def test_starts_are_the_same_cold_and_warm_here_and_there(town_cache, traffic):
    def there(order):
        command = [sys.executable, RESETS, traffic, order]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    scenes = some_scenes()
    forget_starts(scenes)
    cold = resets(scenes, traffic, "forward")
    assert resets(scenes, traffic, "backward") == cold
    assert there("backward") == cold  # from what this process has left on disk
    forget_starts(scenes)
    assert there("backward") == cold
    assert resets(scenes, traffic, "forward") == cold  # from what that one has


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
