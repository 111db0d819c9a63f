import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import StateIndex
from simscale_gym.sim.kinematics import bicycle_step
from simscale_gym.sim.tracker import fit_reference, lqr_command, plan_to_poses, track

FIXTURES = Path(__file__).parents[1] / "data" / "motion.json.gz"
SITUATIONS = [
    "lead_brake",
    "crossing",
    "static",
    "offroad",
    "curve",
    "red_light",
    "rear_end",
    "dense",
    "creep",
]


@pytest.fixture(scope="module")
def navsim():
    with gzip.open(FIXTURES) as file:
        return {case["name"]: {k: np.array(v) for k, v in case.items()} for case in json.load(file)["lqr"]}


def difference(a, b):
    delta = np.abs(a - b)
    delta[..., 2] = np.abs(wrap_angle(delta[..., 2]))
    return delta


def plain_fit(poses, dt, jerk_rows):
    """The two least-squares problems as NAVSIM states them, with dense matrices and pseudo-inverses."""
    m = len(poses) - 1
    lower = np.tri(m, m - 1, -1) * dt  # sum of accelerations up to each displacement
    direction = np.stack([np.cos(poses[:-1, 2]), np.sin(poses[:-1, 2])], 1)
    rows = (direction[:, :, None] * np.column_stack([np.ones(m), lower])[:, None, :] * dt).reshape(2 * m, m)
    target = np.diff(poses[:, :2], axis=0).reshape(-1)
    penalty = np.column_stack([np.zeros(len(jerk_rows)), jerk_rows])
    solution = np.linalg.pinv(rows.T @ rows + 1e-4 * penalty.T @ penalty) @ rows.T @ target
    speeds = solution[0] + lower @ solution[1:]
    rows = np.column_stack([np.ones(m), lower]) * (speeds * dt)[:, None]
    weights = np.diag([1e-10] + [1e-2] * (m - 1))
    solution = np.linalg.pinv(rows.T @ rows + weights) @ rows.T @ wrap_angle(np.diff(poses[:, 2]))
    return speeds, solution[0] + lower @ solution[1:]


def curved_poses(m, rng, speed=8.0):
    curvature = np.cumsum(rng.normal(0, 0.004, m)) + 0.02
    speeds = np.maximum(speed + np.cumsum(rng.normal(0, 0.2, m)), 0.0)
    heading = np.r_[0.0, np.cumsum(curvature * speeds * 0.1)]
    steps = speeds[:, None] * 0.1 * np.column_stack([np.cos(heading[:-1]), np.sin(heading[:-1])])
    return np.column_stack([np.r_[[[0.0, 0.0]], np.cumsum(steps, 0)], heading])


@pytest.mark.parametrize("name", SITUATIONS)
def test_states_equal_navsims(navsim, name):
    case = navsim[name]
    states = track(case["ego_initial"], case["reference_poses"])
    assert difference(states, case["states"]).max() < 1e-6


def test_the_correct_jerk_penalty_is_another_tracker(navsim):
    case = navsim["rear_end"]
    states = track(case["ego_initial"], case["reference_poses"], jerk_penalty="correct")
    assert 0.01 < difference(states, case["states"])[..., : StateIndex.VX + 1].max() < 0.2


@pytest.mark.parametrize("m", [5, 11, 40, 80])
def test_banded_fit_equals_dense_least_squares(m):
    poses = curved_poses(m, np.random.default_rng(m))
    overwritten = -np.eye(m - 2, m - 1)
    overwritten[-1, -1] = 1.0
    for option, rows in (("navsim", overwritten), ("correct", np.diff(np.eye(m - 1), axis=0))):
        speeds, curvatures = fit_reference(poses[None], jerk_penalty=option)
        expected = plain_fit(poses, 0.1, rows)
        np.testing.assert_allclose(speeds[0], expected[0], atol=1e-9)
        np.testing.assert_allclose(curvatures[0], expected[1], atol=1e-9)


@pytest.mark.parametrize("m", [1, 2, 3, 40])
def test_steady_motion_is_fitted_by_its_speed_and_curvature(m):
    angle = 0.05 * 6.0 * 0.1 * np.arange(m + 1)
    chord = 6.0 * 0.1 * np.ones(m)
    steps = chord[:, None] * np.column_stack([np.cos(angle[:-1]), np.sin(angle[:-1])])
    poses = np.column_stack([np.r_[[[0.0, 0.0]], np.cumsum(steps, 0)], angle])
    speeds, curvatures = fit_reference(poses[None], jerk_penalty="correct")
    np.testing.assert_allclose(speeds, 6.0, rtol=1e-9)
    np.testing.assert_allclose(curvatures, 0.05, rtol=1e-6)


def test_a_standing_reference_holds_the_ego():
    states = track(np.zeros(11), np.zeros((1, 41, 3)))
    np.testing.assert_array_equal(states, 0.0)


def test_an_offset_ego_returns_to_the_line():
    poses = np.column_stack([np.arange(81) * 0.8, np.zeros(81), np.zeros(81)])
    initial = np.zeros(11)
    initial[1], initial[3] = 1.0, 8.0
    states = track(initial, poses)
    assert abs(states[-1, 1]) < 0.1
    assert np.abs(states[:, 1]).max() < 1.05


def test_track_is_command_and_bicycle_in_turn(navsim):
    case = navsim["curve"]
    poses = case["reference_poses"][:3]
    speeds, curvatures = fit_reference(poses)
    now = np.repeat(case["ego_initial"][None], 3, 0)
    whole = track(case["ego_initial"], poses)
    for k in range(40):
        now = bicycle_step(now, lqr_command(now, poses, speeds, curvatures, k))
        np.testing.assert_allclose(now, whole[:, k + 1], atol=1e-12)


def test_one_planning_period_is_the_head_of_the_rollout(navsim):
    case = navsim["curve"]
    whole = track(case["ego_initial"], case["reference_poses"][0])
    head = track(case["ego_initial"], case["reference_poses"][0], steps=5)
    assert whole.shape == (41, 11)
    np.testing.assert_array_equal(head, whole[:6])


def test_plan_to_poses_is_linear_and_turns_the_short_way():
    plan = np.array([[2.0, 0.0, 3.0], [4.0, 1.0, -3.0]])
    poses = plan_to_poses(np.array([10.0, 20.0, np.pi / 2]), plan)
    assert poses.shape == (11, 3)
    np.testing.assert_allclose(poses[0], [10.0, 20.0, np.pi / 2])
    np.testing.assert_allclose(poses[5, :2], [10.0, 22.0], atol=1e-12)
    np.testing.assert_allclose(poses[2, :2], [10.0, 20.8], atol=1e-12)
    halfway = wrap_angle(3.0 + wrap_angle(-3.0 - 3.0) * 0.6)
    np.testing.assert_allclose(poses[8, 2], wrap_angle(halfway + np.pi / 2), atol=1e-12)


def test_plan_to_poses_takes_batches():
    rng = np.random.default_rng(1)
    starts, plans = rng.normal(size=(4, 3)), rng.normal(size=(4, 8, 3))
    batched = plan_to_poses(starts, plans)
    for start, plan, poses in zip(starts, plans, batched, strict=True):
        np.testing.assert_allclose(plan_to_poses(start, plan), poses, atol=1e-12)


def test_wrong_input_is_named():
    with pytest.raises(ArgumentError, match="jerk_penalty"):
        track(np.zeros(11), np.zeros((1, 41, 3)), jerk_penalty="none")
    with pytest.raises(ArgumentError, match="shape"):
        track(np.zeros(11), np.zeros((1, 41, 2)))
    with pytest.raises(ArgumentError, match="finite"):
        track(np.zeros(11), np.full((1, 41, 3), np.nan))
    with pytest.raises(ArgumentError, match="steps is 41"):
        track(np.zeros(11), np.zeros((1, 41, 3)), steps=41)
    with pytest.raises(ArgumentError, match="interval"):
        plan_to_poses(np.zeros(3), np.zeros((8, 3)), interval=0.25)


def test_an_ego_that_is_none_is_named():
    poses = np.zeros((3, 41, 3))
    with pytest.raises(ArgumentError, match="ego: shape"):
        track(np.zeros(10), poses)
    with pytest.raises(ArgumentError, match="ego: shape"):
        track(np.zeros((2, 11)), poses)
    with pytest.raises(ArgumentError, match="is not finite"):
        track(np.full(11, np.nan), poses)
