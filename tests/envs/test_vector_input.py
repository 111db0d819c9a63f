"""What a vector environment says to bad input, and that it harms nobody."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from simscale_gym.envs import SimScaleEnv, SimScaleVectorEnv
from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.sim import state_hash


@pytest.fixture
def envs(town_scene):
    made = SimScaleVectorEnv(
        3, scenes=[town_scene], observation="state", experts=(), perturb=False, anchors=16
    )
    made.reset(seed=0)
    return made


def where(envs):
    return [state_hash(seat.sim_state) for seat in envs.envs]


@pytest.mark.parametrize(
    ("action", "actions", "said"),
    [
        ("control", np.zeros((2, 2)), r"shape \(2, 2\), expected \(3, 2\), a row for each environment"),
        ("control", np.zeros(2), r"shape \(2,\), expected \(3, 2\)"),
        ("control", "straight on", "expected .* numbers"),
        ("control", [[0, 0], [0, np.nan], [0, 0]], "environment 1: action: .*nan.* is not finite"),
        ("trajectory", np.full((3, 8, 3), np.inf), "environment 0: .* is not finite"),
        ("trajectory", np.zeros((3, 2)), r"shape \(3, 2\), expected \(3, 8, 3\)"),
        ("anchor", [1, 16, 2], "environment 1: action: .*16.*, expected the number of an anchor, 0 to 15"),
        ("anchor", [1.0, 2.0, 3.0], "environment 0: .* expected the number of an anchor"),
        ("anchor", [1, 2], r"shape \(2,\), expected \(3,\), one for each environment"),
    ],
)
def test_unfit_actions_move_nobody(town_scene, action, actions, said):
    settings = {"observation": "state", "experts": (), "perturb": False, "anchors": 16}
    envs = SimScaleVectorEnv(3, scenes=[town_scene], action=action, **settings)
    envs.reset(seed=0)
    before = where(envs)
    with pytest.raises(ArgumentError, match=said):
        envs.step(actions)
    assert where(envs) == before
    envs.step(envs.action_space.sample())


def test_kinds_of_actions_cannot_be_mixed(town_scene):
    with pytest.raises(ArgumentError, match=r"action: \['control', 'trajectory'\], expected one of"):
        SimScaleVectorEnv(2, scenes=[town_scene], action=["control", "trajectory"])


def test_a_snapshot_of_elsewhere_is_refused_by_name(envs, town_log):
    other = SimScaleEnv([town_log[4]], observation="state", experts=(), perturb=False)
    other.reset(seed=0)
    before = where(envs)
    with pytest.raises(SceneError, match=town_log[4].id):
        envs.set_state(2, other.get_state())
    disguised = replace(other.get_state(), scene=envs.envs[0].scene.id)
    with pytest.raises(ArgumentError, match=r"environment 2: state: of a scene .* tracks"):
        envs.set_state(2, disguised)
    with pytest.raises(ArgumentError, match="environment 1: state: int, expected what"):
        envs.set_state(1, 3)
    assert where(envs) == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seed": [1, 2]}, "seed: 2 of them, expected 3"),
        ({"options": {"reset_mask": np.zeros(3, bool)}}, "with one True at least"),
        ({"options": {"reset_mask": np.ones(2, bool)}}, r"expected bool \[3\]"),
        ({"options": {"reset_mask": [True, True, False]}}, r"expected bool \[3\]"),
        ({"options": {"speed": 3}}, "environment 0: reset options: 'speed' is unknown"),
        ({"options": {"time": 1e6}}, "environment 0: reset options: time"),
    ],
)
def test_unfit_resets(envs, given, said):
    before = where(envs)
    with pytest.raises(ArgumentError, match=said):
        envs.reset(**given)
    assert where(envs) == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"num_envs": 0}, "num_envs: 0, expected a number"),
        ({"num_envs": 2.5}, "num_envs: 2.5"),
        ({"autoreset_mode": "never"}, "autoreset_mode: 'never', expected .*'NextStep'"),
        ({"threads": 0}, "threads is 0"),
        ({"render_mode": "human"}, "vector environments take None or 'rgb_array'"),
        ({"traffic": "idn"}, 'Did you mean "idm"'),
    ],
)
def test_unfit_settings(town_scene, given, said):
    with pytest.raises(ArgumentError, match=said):
        SimScaleVectorEnv(**({"scenes": [town_scene]} | given))


def test_nothing_goes_before_the_first_reset(town_scene):
    envs = SimScaleVectorEnv(2, scenes=[town_scene], observation="state", experts=(), perturb=False)
    for ask in (
        lambda: envs.step(np.zeros((2, 2))),
        lambda: envs.get_state(0),
        envs.render,
        lambda: envs.reset(options={"reset_mask": np.array([True, False])}),
    ):
        with pytest.raises(gym.error.ResetNeeded):
            ask()


def test_one_environment_is_not_stepped_by_itself(envs):
    with pytest.raises(ArgumentError, match="environment 1 is stepped with the others"):
        envs.envs[1].step(np.zeros(2))
    with pytest.raises(ArgumentError, match="environment 1 is reset by the vector environment"):
        envs.envs[1].reset()
