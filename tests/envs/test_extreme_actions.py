"""Whatever goes into a step, no NaN comes out, and what is seen lies in its space: of one environment and of many."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simscale_gym.envs import SimScaleEnv, SimScaleVectorEnv
from simscale_gym.envs.actions import PLAN_ACCELERATION, TOP_SPEED
from simscale_gym.errors import ArgumentError
from simscale_gym.scene import StateIndex

KINDS = ("control", "trajectory", "anchor")
SETTINGS = {"observation": "state", "experts": (), "perturb": False, "anchors": 16, "horizon": 99.0}
EXTREMES = st.sampled_from(
    [0.0, 1.0, -1.0, 1e-300, 30.0, -30.0, 1e6, -1e6, 1e38, -1e38, 1e300, -1e300, 1.7e308, -1.7e308]
)
REFUSED = st.sampled_from([np.nan, np.inf, -np.inf])
HARD = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=KINDS)
def env(request, town_scene):
    return SimScaleEnv([town_scene], action=request.param, **SETTINGS)


@pytest.fixture(scope="module", params=KINDS)
def envs(request, town_scene):
    return SimScaleVectorEnv(2, scenes=[town_scene], action=request.param, **SETTINGS)


def actions_of(space, data):
    """Some that count as actions of the ``space``, as far out as numbers go."""
    if not space.shape:
        return data.draw(st.integers(0, int(space.n) - 1))
    size = int(np.prod(space.shape))
    return np.array(data.draw(st.lists(EXTREMES, min_size=size, max_size=size))).reshape(space.shape)


def numbers_in(value):
    """All numbers in nested dictionaries and arrays."""
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers_in(item)
    elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
        for item in value.ravel():
            yield from numbers_in(item)
    elif isinstance(value, np.ndarray | np.number | float | int) and np.asarray(value).dtype.kind in "fiub":
        yield from np.asarray(value, float).ravel()


def check(space, observation, reward, info):
    assert space.contains(observation)
    assert np.isfinite(np.asarray(reward, float)).all()
    assert np.isfinite(list(numbers_in({key: info[key] for key in ("ego_state", "rewards", "epdms")}))).all()


@HARD
@given(data=st.data())
def test_one_environment(env, data):
    env.reset(seed=0, options={"time": 3.0})
    speed, over, steps = env.history.egos[-1, StateIndex.VX], False, 0
    while not over and steps < 4:
        observation, reward, *over, info = env.step(actions_of(env.action_space, data))
        check(env.observation_space, observation, reward, info)
        now, over, steps = info["ego_state"][StateIndex.VX], any(over), steps + 1
        assert (
            0.0 <= now <= TOP_SPEED + PLAN_ACCELERATION and abs(now - speed) <= 0.5 * PLAN_ACCELERATION + 1e-6
        )
        speed = now


@HARD
@given(data=st.data())
def test_many_environments(envs, data):
    envs.reset(seed=0, options={"time": 3.0})
    for _ in range(3):
        rows = np.array([actions_of(envs.single_action_space, data) for _ in range(2)])
        observation, reward, *_, info = envs.step(rows)
        check(envs.observation_space, observation, reward, info)


@HARD
@given(value=REFUSED, data=st.data())
def test_what_is_no_number_is_refused_and_moves_nobody(env, value, data):
    env.reset(seed=0, options={"time": 3.0})
    before = env.history.egos[-1].copy()
    action = np.zeros(env.action_space.shape)
    if action.shape:
        action[tuple(data.draw(st.integers(0, n - 1)) for n in action.shape)] = value
    with pytest.raises(ArgumentError, match=r"finite|number of an anchor"):
        env.step(action if action.shape else value)
    assert np.array_equal(env.history.egos[-1], before)
    env.step(env.action_space.sample())
