"""What the tracker must be given so that it drives along a plan: NAVSIM's regulator lags behind what it is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.geometry import se2
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import StateIndex, Vehicle
from simscale_gym.sim import plan_to_poses, track

Array = NDArray[np.float64]

_ROUNDS = 2
_STEPS = np.array([0.05, 0.05, 0.01])  # [m, m, rad] by which poses are moved to see what that changes
_STAY = 0.03  # weight of leaving the plan, beside squared errors in [m] and [rad]


def lead_along(ego: Array, poses: Array, vehicle: Vehicle) -> tuple[Array, Array]:
    """The trajectory that the tracker drives along ``poses`` with.

    Two rounds of Gauss-Newton over the poses of the trajectory, with differences of what the tracker makes of it.

    Args:
        ego: State ``[11]``.
        poses: ``[40, 3]`` wished poses in the ego frame at 0.1 .. 4.0 s.
        vehicle: The vehicle.

    Returns:
        ``[8, 3]`` poses at 0.5 .. 4.0 s in the ego frame; and the states ``[41, 11]`` that the tracker drives by them.
    """
    wished = poses[PLAN_STRIDE - 1 :: PLAN_STRIDE]
    lead, size, start = wished.copy(), wished.size, ego[: StateIndex.HEADING + 1]
    moves = np.tile(_STEPS, len(wished))
    shifts = np.diag(moves).reshape(size, *wished.shape)

    def driven(leads: Array) -> Array:
        return track(ego, plan_to_poses(np.broadcast_to(start, (len(leads), 3)), leads), vehicle=vehicle)

    best, least = lead, np.inf
    for _ in range(_ROUNDS + 1):
        states = driven(lead + np.concatenate([np.zeros((1, *wished.shape)), shifts]))
        errors = se2.poses_to_local(start, states[:, PLAN_STRIDE::PLAN_STRIDE, :3]) - wished
        errors[..., 2] = wrap_angle(errors[..., 2])
        errors = errors.reshape(len(states), size)
        cost = float(errors[0] @ errors[0])
        if cost >= least:  # too far off for the differences to tell
            break
        best, least = lead, cost
        jacobian = ((errors[1:] - errors[0]) / moves[:, None]).T
        pull = jacobian.T @ errors[0] + _STAY * (lead - wished).ravel()
        lead = lead - np.linalg.solve(jacobian.T @ jacobian + _STAY * np.eye(size), pull).reshape(
            wished.shape
        )
    return best, driven(best[None])[0]
