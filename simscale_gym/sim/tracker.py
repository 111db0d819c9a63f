"""The tracker that drives a plan: NAVSIM's linear quadratic regulator, batched over proposals.

Constants and order of operations are those of NAVSIM's ``batch_lqr.py`` and ``batch_lqr_utils.py``. Its two
least-squares fits are solved as what they are: in the speeds the first has one constant five-banded matrix,
in the curvatures the second is tridiagonal, so both take a few operations a step and no pseudo-inverse.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry.se2 import poses_to_world
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import DT, STATE_SIZE, Vehicle
from simscale_gym.sim.kinematics import HEADING, STEERING, VX, X, Y, move_bicycle

Array = NDArray[np.float64]
JerkPenalty = Literal["navsim", "correct"]

HORIZON = 10
"""Steps that the regulator looks ahead."""
SPEED_WEIGHT, ACCELERATION_WEIGHT = 10.0, 1.0
LATERAL_WEIGHT, HEADING_WEIGHT, STEERING_RATE_WEIGHT = 1.0, 10.0, 1.0
JERK_PENALTY, CURVATURE_RATE_PENALTY, CURVATURE_PENALTY = 1e-4, 1e-2, 1e-10
STOPPING_GAIN, STOPPING_SPEED = 0.5, 0.2
"""Below this speed [m/s], of ego and reference both, a proportional controller holds the ego."""


def plan_to_poses(start: Array, plan: Array, interval: float = 0.5, dt: float = DT) -> Array:
    """Reference poses of a plan: linear between its poses, headings along the shorter turn.

    Args:
        start: Ego pose ``[3]`` or ``[..., 3]`` (rear axle) in the scene frame.
        plan: ``[..., K, 3]`` x, y, heading in the frame of ``start``, at ``interval``, 2 ``interval``, ...
        interval: Time between poses of the plan [s], a multiple of ``dt``.
        dt: Time between reference poses [s].

    Returns:
        Poses ``[..., M + 1, 3]`` in the scene frame, the first being ``start``; M = K * interval / dt.
    """
    plan, start = np.asarray(plan, float), np.asarray(start, float)
    per_pose = round(interval / dt)
    if plan.ndim < 2 or plan.shape[-1] != 3 or abs(per_pose * dt - interval) > 1e-9 or per_pose < 1:
        raise ArgumentError(
            f"plan_to_poses: plan {plan.shape}, interval {interval}, dt {dt}; expected [..., K, 3] and an "
            "interval that is a multiple of dt."
        )
    local = np.concatenate([np.zeros((*plan.shape[:-2], 1, 3)), plan], -2)
    local[..., 2] = np.unwrap(local[..., 2], axis=-1)
    share = (np.arange(per_pose) / per_pose)[:, None]
    dense = local[..., :-1, None, :] * (1.0 - share) + local[..., 1:, None, :] * share
    dense = dense.reshape(*plan.shape[:-2], -1, 3)
    return poses_to_world(start, np.concatenate([dense, local[..., -1:, :]], -2))


def fit_reference(
    poses: Array, dt: float = DT, *, jerk_penalty: JerkPenalty = "navsim"
) -> tuple[Array, Array]:
    """Speed and curvature profiles of reference poses, by regularised least squares.

    Args:
        poses: ``[P, M + 1, 3]`` reference poses, ``dt`` apart.
        dt: Time between reference poses [s].
        jerk_penalty: "navsim" penalises, as NAVSIM's code does in effect, the accelerations instead of their
            differences (its difference matrix is overwritten, except for the last row); "correct" penalises
            the jerk, as nuPlan does.

    Returns:
        Speeds [m/s] ``[P, M]`` and curvatures [1/m] ``[P, M]``.
    """
    poses = _checked_poses(poses)
    factor = speed_factor(poses.shape[1] - 1, dt, jerk_penalty)
    speeds, curvatures = np.empty((2, len(poses), poses.shape[1] - 1))
    _fit_all(poses, factor, dt, speeds, curvatures)
    return speeds, curvatures


def lqr_command(
    states: Array, poses: Array, speeds: Array, curvatures: Array, k: int, *, vehicle: Vehicle | None = None
) -> Array:
    """Commands ``[P, 2]`` (acceleration [m/s^2], steering rate [rad/s]) at step ``k``.

    Args:
        states: ``[P, 11]`` ego states at step ``k``.
        poses: ``[P, M + 1, 3]`` reference.
        speeds: ``[P, M]`` reference speeds [m/s], from :func:`fit_reference`.
        curvatures: ``[P, M]`` reference curvatures [1/m], from :func:`fit_reference`.
        k: Step along the reference, 0 .. M - 1.
        vehicle: The vehicle, of which the wheel base is used; None for the default ego.
    """
    poses = _checked_poses(poses)
    if not 0 <= k < poses.shape[1] - 1:
        raise ArgumentError(f"lqr_command: k is {k}, expected 0 to {poses.shape[1] - 2}.")
    states = np.ascontiguousarray(states, float)
    wheel_base = (vehicle or Vehicle()).wheel_base
    return _command_all(states, poses, np.asarray(speeds), np.asarray(curvatures), k, DT, wheel_base)


def track(
    initial: Array,
    poses: Array,
    *,
    vehicle: Vehicle | None = None,
    steps: int | None = None,
    jerk_penalty: JerkPenalty = "navsim",
) -> Array:
    """Drive proposals: regulator and kinematic bicycle from ``initial`` along ``poses``.

    Args:
        initial: Ego state ``[11]`` or ``[P, 11]`` at the first reference pose.
        poses: ``[P, M + 1, 3]`` (or one ``[M + 1, 3]``) reference poses 0.1 s apart.
        vehicle: The vehicle, of which the wheel base is used; None for the default ego.
        steps: Number of steps to drive; None for all M.
        jerk_penalty: See :func:`fit_reference`.

    Returns:
        States ``[P, steps + 1, 11]`` (without P for one proposal), the first being ``initial``.
    """
    single = np.ndim(poses) == 2
    poses = _checked_poses(np.asarray(poses, float)[None] if single else poses)
    count = poses.shape[1] - 1 if steps is None else steps
    if not 1 <= count <= poses.shape[1] - 1:
        raise ArgumentError(f"track: steps is {steps}, expected 1 to {poses.shape[1] - 1}.")
    states = np.empty((len(poses), count + 1, STATE_SIZE))
    states[:, 0] = _checked_ego(initial, len(poses))
    factor = speed_factor(poses.shape[1] - 1, DT, jerk_penalty)
    _track_all(states, poses, factor, DT, (vehicle or Vehicle()).wheel_base)
    return states[0] if single else states


def _checked_ego(ego: Array, count: int) -> Array:
    ego = np.asarray(ego, float)
    if ego.shape not in ((STATE_SIZE,), (1, STATE_SIZE), (count, STATE_SIZE)):
        raise ArgumentError(
            f"ego: shape {ego.shape}, expected [{STATE_SIZE}] or one of them for each of {count} proposals."
        )
    if not np.isfinite(ego).all():
        raise ArgumentError(f"ego: {ego} is not finite.")
    return ego


def _checked_poses(poses: Array) -> Array:
    poses = np.ascontiguousarray(poses, float)
    if poses.ndim != 3 or poses.shape[1] < 2 or poses.shape[2] != 3:
        raise ArgumentError(f"reference poses: shape {poses.shape}, expected [P, M + 1, 3] with M >= 1.")
    if not np.isfinite(poses).all():
        raise ArgumentError("reference poses: not all finite; check the planner's output.")
    return poses


@lru_cache(maxsize=32)
def speed_factor(m: int, dt: float, jerk_penalty: str) -> Array:
    """Banded Cholesky factor ``[M, 3]`` (diagonal, first, second sub-diagonal) of the speed fit's matrix.

    With unit direction vectors the fit's data term is dt^2 |v|^2 in the speeds, whatever the headings.
    """
    if jerk_penalty not in ("navsim", "correct"):
        raise ArgumentError(f'jerk_penalty is {jerk_penalty!r}, expected "navsim" or "correct".')
    to_acceleration = np.diff(np.eye(m), axis=0) / dt
    rows = np.diff(to_acceleration, axis=0)
    if jerk_penalty == "navsim" and m > 2:
        rows[:-1] = -to_acceleration[: m - 3]
    lower = np.linalg.cholesky(dt**2 * np.eye(m) + JERK_PENALTY * rows.T @ rows)
    factor = np.zeros((m, 3))
    for band in range(min(3, m)):
        factor[band:, band] = np.diagonal(lower, -band)
    factor.flags.writeable = False
    return factor


@borrowing
def _wrap(angle: float) -> float:
    return angle - 2.0 * np.pi * np.floor((angle + np.pi) / (2.0 * np.pi))


@njit(cache=True)
def fit_profile(poses: Array, factor: Array, dt: float, speeds: Array, curvatures: Array):
    """Write speeds and curvatures ``[M]`` of ``poses [M + 1, 3]``; ``factor`` is of :func:`speed_factor`."""
    m = len(speeds)
    for i in range(m):  # forward substitution of the displacements along each heading
        dx, dy = poses[i + 1, 0] - poses[i, 0], poses[i + 1, 1] - poses[i, 1]
        value = dt * (np.cos(poses[i, 2]) * dx + np.sin(poses[i, 2]) * dy)
        if i > 0:
            value -= factor[i, 1] * speeds[i - 1]
        if i > 1:
            value -= factor[i, 2] * speeds[i - 2]
        speeds[i] = value / factor[i, 0]
    for i in range(m - 1, -1, -1):
        value = speeds[i]
        if i < m - 1:
            value -= factor[i + 1, 1] * speeds[i + 1]
        if i < m - 2:
            value -= factor[i + 2, 2] * speeds[i + 2]
        speeds[i] = value / factor[i, 0]
    # Curvature: a chain of springs, so elimination keeps only what each node has beyond its springs, which
    # involves no subtraction and stays exact for a standing ego (matrix all but singular).
    spring = CURVATURE_RATE_PENALTY / dt**2
    pivots = np.empty(m)
    excess, right = CURVATURE_PENALTY, 0.0
    for i in range(m):
        travel = speeds[i] * dt
        excess += travel * travel
        right += travel * _wrap(poses[i + 1, 2] - poses[i, 2])
        pivots[i] = excess + (spring if i < m - 1 else 0.0)
        curvatures[i] = right
        right *= spring / pivots[i]
        excess *= spring / pivots[i]
    for i in range(m - 1, -1, -1):
        following = spring * curvatures[i + 1] if i < m - 1 else 0.0
        curvatures[i] = (curvatures[i] + following) / pivots[i]


@borrowing
def command_at(
    state: Array, pose: Array, speeds: Array, curvatures: Array, k: int, dt: float, wheel_base: float
) -> tuple[float, float]:
    """Acceleration and steering rate at step ``k`` with reference ``pose [3]``."""
    target = min(k + HORIZON, len(speeds) - 1)
    speed, reference = state[VX], speeds[target]
    if reference <= STOPPING_SPEED and speed <= STOPPING_SPEED:
        return -STOPPING_GAIN * (speed - reference), 0.0
    reach = HORIZON * dt
    gain = reach * SPEED_WEIGHT / (reach * reach * SPEED_WEIGHT + ACCELERATION_WEIGHT)
    acceleration = -gain * (speed - reference)
    dx, dy = state[X] - pose[0], state[Y] - pose[1]
    lateral = -dx * np.sin(pose[2]) + dy * np.cos(pose[2])
    heading = _wrap(state[HEADING] - pose[2])
    steering = state[STEERING]
    by_lateral, by_heading, by_steering = 0.0, 0.0, 0.0  # response to a constant unit steering rate
    # the errors are rolled out over the horizon with the steering held, and beside them what a constant steering rate
    # would change: the best rate is then one division, a least-squares problem with one unknown
    for j in range(HORIZON):
        travel = (speed + j * dt * acceleration) * dt
        lateral += travel * heading
        heading += travel * (steering / wheel_base - curvatures[min(k + j, target)])
        by_lateral += travel * by_heading
        by_heading += travel * by_steering / wheel_base
        by_steering += dt
    error = LATERAL_WEIGHT * by_lateral * lateral + HEADING_WEIGHT * by_heading * _wrap(heading)
    response = LATERAL_WEIGHT * by_lateral**2 + HEADING_WEIGHT * by_heading**2
    return acceleration, -error / (response + STEERING_RATE_WEIGHT)


@njit(cache=True)
def _fit_all(poses: Array, factor: Array, dt: float, speeds: Array, curvatures: Array):
    for p in range(len(poses)):
        fit_profile(poses[p], factor, dt, speeds[p], curvatures[p])


@njit(cache=True)
def _command_all(states, poses, speeds, curvatures, k: int, dt: float, wheel_base: float) -> Array:
    out = np.empty((len(states), 2))
    for p in range(len(states)):
        out[p] = command_at(states[p], poses[p, k], speeds[p], curvatures[p], k, dt, wheel_base)
    return out


@njit(cache=True)
def _track_all(states: Array, poses: Array, factor: Array, dt: float, wheel_base: float):
    m = poses.shape[1] - 1
    speeds, curvatures = np.empty(m), np.empty(m)
    for p in range(len(poses)):
        fit_profile(poses[p], factor, dt, speeds, curvatures)
        for k in range(states.shape[1] - 1):
            command = command_at(states[p, k], poses[p, k], speeds, curvatures, k, dt, wheel_base)
            move_bicycle(states[p, k], states[p, k + 1], command[0], command[1], dt, wheel_base)
