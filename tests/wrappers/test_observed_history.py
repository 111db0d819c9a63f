import numpy as np
import pytest
from straight_street import StraightStreet

from simscale_gym.errors import ArgumentError
from simscale_gym.wrappers import ObservedHistory


def driven(env, steps):
    observation, _ = env.reset()
    for _ in range(steps):
        observation, *_ = env.step(np.zeros(2))
    assert env.observation_space.contains(observation)
    return observation


@pytest.mark.parametrize(
    ("steps", "seen", "known"),
    [(0, [0, 0, 0], [0, 0, 1]), (7, [0, 2, 7], [0, 1, 1]), (12, [2, 7, 12], [1, 1, 1])],
)
def test_control_steps_are_seen_at_2_hz(steps, seen, known):
    observation = driven(ObservedHistory(StraightStreet(length=99), frames=3), steps)
    assert observation["state"][:, 0].tolist() == seen and observation["known"].tolist() == known
    assert observation["cam_f0"].shape == (3, 54, 96, 3)


def test_steps_of_half_a_second_are_all_seen():
    observation = driven(
        ObservedHistory(StraightStreet(length=99, action="trajectory", steps=5), frames=3), 4
    )
    assert observation["state"][:, 0].tolist() == [2, 3, 4]


def test_an_episode_begins_anew():
    env = ObservedHistory(StraightStreet(length=99), frames=2)
    driven(env, 9)
    assert driven(env, 0)["known"].tolist() == [0, 1]


def test_times_between_steps_are_refused():
    with pytest.raises(ArgumentError, match=r"multiple of the step of 0\.5 s"):
        ObservedHistory(StraightStreet(steps=5), spacing=0.2)
    with pytest.raises(ArgumentError, match="0 frames"):
        ObservedHistory(StraightStreet(), frames=0)
