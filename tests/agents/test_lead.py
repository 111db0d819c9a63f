"""What the tracker is given so that it repeats a human's drive."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simscale_gym.agents.lead import lead_along
from simscale_gym.envs import SimScaleEnv
from simscale_gym.geometry import se2
from simscale_gym.scene import Vehicle
from simscale_gym.sim import plan_to_poses, track
from simscale_gym.sources.inferred.ego_motion import states_from_poses


def human(rng, frames=121):
    """A drive at changing speed along changing curves, now and then at rest."""
    t = 0.1 * np.arange(frames)
    knots = np.linspace(0.0, t[-1], 6)
    speed = np.maximum(np.interp(t, knots, rng.uniform(-1.0, 12.0, 6)), 0.0)
    speed = np.convolve(np.pad(speed, 10, mode="edge"), np.ones(21) / 21, "valid")
    bend = np.interp(t, knots, rng.uniform(-0.04, 0.04, 6))
    heading = np.cumsum(bend * speed * 0.1)
    steps = 0.1 * speed[:, None] * np.column_stack([np.cos(heading), np.sin(heading)])
    return np.column_stack([np.cumsum(steps, axis=0), heading])


def drift(poses, led):
    """Largest distance [m] from ``poses`` of an ego that is given them anew every half second."""
    vehicle, far = Vehicle(), 0.0
    ego = states_from_poses(poses, vehicle.wheel_base)[5]
    for frame in range(5, len(poses) - 41, 5):
        wished = se2.poses_to_local(ego[:3], poses[frame + 1 : frame + 41])
        trajectory = lead_along(ego, wished, vehicle)[0] if led else wished[4::5]
        states = track(ego, plan_to_poses(ego[:3], trajectory), vehicle=vehicle, steps=5)
        far = max(far, np.linalg.norm(states[:, :2] - poses[frame : frame + 6, :2], axis=1).max())
        ego = states[-1]
    return far


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_led_tracker_repeats_what_a_human_drove(seed):
    assert drift(human(np.random.default_rng(seed)), led=True) < 0.3


def test_without_a_lead_it_lags():
    assert max(drift(human(np.random.default_rng(seed)), led=False) for seed in range(5)) > 0.5


@pytest.mark.parametrize("action", ["trajectory", "control"])
def test_the_log_expert_keeps_to_its_log(action):
    env = SimScaleEnv(
        observation="state", experts=("log",), traffic="log", perturb=False, action=action, horizon=6.0
    )
    for seed in range(2):
        _, info = env.reset(seed=seed)
        over, valid = False, []
        while not over:
            valid.append(info["expert"]["log"]["valid"])
            _, _, terminated, truncated, info = env.step(info["expert_action"])
            over = terminated or truncated
            logged = env.scene.ego.poses[env.sim_state.frame, :2]
            assert np.linalg.norm(info["ego_state"][:2] - logged) < 0.3
        assert np.mean(valid) > 0.95
