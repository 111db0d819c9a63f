"""The ego's box along its states, computed term by term as NAVSIM does."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.scene import Vehicle

Array = NDArray[np.float64]


def center_offset(vehicle: Vehicle) -> float:
    """From the rear axle forward to the box centre [m], rounded as nuPlan's vehicle parameters are."""
    return vehicle.length / 2 - vehicle.rear_length


def box_corners(centers: Array, headings: Array, lengths: Array, widths: Array) -> Array:
    """Corners ``[..., 4, 2]`` (front left, rear left, rear right, front right) of boxes at ``centers [..., 2]``."""
    along = np.asarray(lengths)[..., None] / 2 * np.array([1.0, -1.0, -1.0, 1.0])
    across = np.asarray(widths)[..., None] / 2 * np.array([1.0, 1.0, -1.0, -1.0])
    side = (headings + np.pi / 2)[..., None]
    x = across * np.cos(side) + along * np.cos(headings)[..., None]
    y = across * np.sin(side) + along * np.sin(headings)[..., None]
    return np.stack([centers[..., :1] + x, centers[..., 1:2] + y], -1)


def ego_boxes(states: Array, vehicle: Vehicle) -> tuple[Array, Array]:
    """Box corners ``[P, T, 4, 2]`` and centres ``[P, T, 2]`` of ego ``states [P, T, 11]``."""
    corners = np.empty((*states.shape[:2], 4, 2))
    centers = np.empty((*states.shape[:2], 2))
    _fill(states, vehicle.length / 2, vehicle.width / 2, center_offset(vehicle), corners, centers)
    return corners, centers


@njit(cache=True)
def _fill(states: Array, half_length: float, half_width: float, ahead: float, corners: Array, centers: Array):
    for p in range(states.shape[0]):
        for k in range(states.shape[1]):
            heading = states[p, k, 2]
            cos, sin = np.cos(heading), np.sin(heading)
            cos_side, sin_side = np.cos(heading + np.pi / 2), np.sin(heading + np.pi / 2)
            x, y = states[p, k, 0] + ahead * cos, states[p, k, 1] + ahead * sin
            centers[p, k, 0], centers[p, k, 1] = x, y
            for i in range(4):
                along = half_length if i == 0 or i == 3 else -half_length
                across = half_width if i < 2 else -half_width
                corners[p, k, i, 0] = x + (across * cos_side + along * cos)
                corners[p, k, i, 1] = y + (across * sin_side + along * sin)
