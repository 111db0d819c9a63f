"""Sessions in the town's first log, and a window on no screen."""

import numpy as np
import pytest

from simscale_gym.driving_seat import Session
from simscale_gym.envs import SimScaleEnv
from simscale_gym.futures_bank import vocabulary_for
from simscale_gym.sources import list_scenes


class Straight:
    """A policy that keeps its speed and heading."""

    def __init__(self):
        self.begun = 0

    def reset(self, context):
        self.begun += 1
        self.period = context.period

    def act(self, observation):
        plan = np.zeros((8, 3))
        plan[:, 0] = 0.5 * observation["ego"][0] * np.arange(1, 9)
        return plan


@pytest.fixture
def straight():
    return Straight()


@pytest.fixture
def make_session(town_cache):
    """``make_session(**kwargs)``: a session in a scene in which the ego drives, without pictures unless asked."""
    made = []

    def make(scene=2, sight=None, **settings):
        refs = list_scenes("town")[:5]
        seen = {"observation": "state", **(sight or {})}
        env = SimScaleEnv("town", action="control", horizon=60.0, **seen)
        settings = {"scene": None if scene is None else refs[scene].id, "perturb": False, **settings}
        made.append(Session(env, refs, vocabulary_for(refs), **settings))
        return made[-1]

    yield make
    for session in made:
        session.close()
