"""The curriculum: which starts it draws, and when they grow harder."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from simscale_gym.errors import ArgumentError
from simscale_gym.wrappers import Curriculum, Stage, scene_difficulties
from simscale_gym.wrappers.curriculum import STAGES

SCENES = ("a", "b", "c", "d")
DIFFICULTIES = {"a": 3.0, "b": 1.0, "c": 2.0, "d": 4.0}


class OneStep(gym.Env):
    """Episodes of one step, which end as the action says; remembers what it was reset with."""

    action_space, observation_space, scene_ids = spaces.Discrete(2), spaces.Discrete(1), SCENES

    def __init__(self):
        self.asked = []

    def reset(self, *, seed=None, options=None):
        self.asked.append((seed, options))
        return 0, {}

    def step(self, action):
        return 0, 0.0, True, False, {"at_fault": action == 0, "left_road": False}


def drive(env, episodes, well, **reset):
    for _ in range(episodes):
        env.reset(**reset)
        info = env.step(int(well))[-1]
    return info["stage"]


def made(**settings):
    stages = (Stage(perturb=False, scenes=0.5), Stage(perturb=True))
    return Curriculum(OneStep(), DIFFICULTIES, stages=stages, episodes=10, **settings)


def test_the_easiest_scenes_come_first():
    env = made()
    drive(env, 40, well=False)
    drawn = [options for _, options in env.unwrapped.asked]
    assert {options["scene"] for options in drawn} == {"b", "c"}
    assert not any(options["perturb"] for options in drawn) and env.stage == 0


def test_the_next_stage_begins_when_enough_end_well():
    env = made(enough=0.7)
    assert drive(env, 9, well=True) == 0, "ten episodes must have been driven"
    assert drive(env, 1, well=False) == 1
    drive(env, 60, well=True)
    later = [options for _, options in env.unwrapped.asked[11:]]
    assert {options["scene"] for options in later} == set(SCENES) and all(o["perturb"] for o in later)
    assert env.stage == 1, "the last stage stays"


def test_what_a_reset_names_goes_first():
    env = made()
    env.reset(seed=3, options={"scene": "d", "perturb": True})
    env.reset(options={"state": "kept"})
    assert env.unwrapped.asked == [(3, {"scene": "d", "perturb": True}), (None, {"state": "kept"})]


def test_the_same_seed_draws_the_same_scenes():
    env = made()
    for _ in range(2):
        drive(env, 1, well=False, seed=5)
        drive(env, 7, well=False)
    drawn = [options["scene"] for _, options in env.unwrapped.asked]
    assert drawn[:8] == drawn[8:]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"difficulties": {"a": 1.0}}, "difficulties: none of b"),
        ({"difficulties": DIFFICULTIES, "stages": ()}, "stages: none"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        Curriculum(OneStep(), **arguments)
    with pytest.raises(ArgumentError, match=r"Stage.scenes: 0.0"):
        Stage(scenes=0.0)


def test_in_the_town(town_log, make_env):
    """Standing at a light is easier than driving through junctions; an episode of the first stage starts on the log."""
    difficulties = scene_difficulties(town_log)
    assert list(difficulties) == [scene.id for scene in town_log]
    assert all(np.isfinite(value) and value > 0.0 for value in difficulties.values())
    env = Curriculum(make_env(), difficulties, stages=STAGES)
    _, info = env.reset(seed=0)
    assert not info["reset"]["perturbed"] and info["stage"] == 0
