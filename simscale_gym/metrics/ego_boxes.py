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
    shape = np.shape(headings)
    flat = [
        np.ascontiguousarray(np.broadcast_to(a, shape), float).ravel() for a in (headings, lengths, widths)
    ]
    out = np.empty((len(flat[0]), 4, 2))
    _corners(np.ascontiguousarray(centers, float).reshape(-1, 2), *flat, out)
    return out.reshape(*shape, 4, 2)


@njit(cache=True)
def _corners(centers: Array, headings: Array, lengths: Array, widths: Array, out: Array):
    for n in range(len(out)):
        place_corners(centers[n, 0], centers[n, 1], headings[n], lengths[n] / 2.0, widths[n] / 2.0, out[n])


@njit(cache=True)
def place_corners(x: float, y: float, heading: float, half_length: float, half_width: float, out: Array):
    """Write the corners ``[4, 2]`` of the box around (x, y)."""
    cos, sin = np.cos(heading), np.sin(heading)
    cos_side, sin_side = np.cos(heading + np.pi / 2), np.sin(heading + np.pi / 2)
    for i in range(4):
        along = half_length if i == 0 or i == 3 else -half_length
        across = half_width if i < 2 else -half_width
        out[i, 0] = x + (across * cos_side + along * cos)
        out[i, 1] = y + (across * sin_side + along * sin)


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
            x = states[p, k, 0] + ahead * np.cos(heading)
            y = states[p, k, 1] + ahead * np.sin(heading)
            centers[p, k, 0], centers[p, k, 1] = x, y
            place_corners(x, y, heading, half_length, half_width, corners[p, k])
