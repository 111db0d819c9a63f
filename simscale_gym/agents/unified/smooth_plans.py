"""Smooth plans beside a path: quintic polynomials along it and across it.

Werling et al. (2010), "Optimal trajectory generation for dynamic street scenarios in a Frenet frame": of all
motions between two states, a quintic has the least jerk. They start with the ego's speed and acceleration as they
are, so that neither jumps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.pdm.path import PDMPath
from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import DT, StateIndex

Array = NDArray[np.float64]

_STANDING = 0.02  # [m] in 0.1 s: slower, and a heading cannot be read off the way


def smooth_plans(
    path: PDMPath, ego: Array, ends: Array, returns: Array, *, steps: int, within: float = np.inf
) -> Array:
    """Plans ``[P, steps + 1, 3]`` that begin at the ego.

    Args:
        path: The path.
        ego: ``[11]`` state of the ego.
        ends: ``[P, 3]`` way along the path from here [m], speed there [m/s], and when [s]; the speed is kept after.
        returns: ``[P, 2]`` time after which the ego is back beside the path [s], and how far beside [m, left +].
        steps: Number of steps, 0.1 s each.
        within: Length of the first part of the path, beside which the ego is [m].
    """
    count = max(2, int(np.searchsorted(path.lengths, within)) + 1)
    s, d = (float(value[0]) for value in polyline.project(path.points[:count], ego[None, :2]))
    heading = float(np.interp(s, path.lengths, path.points[:, 2]))
    angle = float(wrap_angle(ego[StateIndex.HEADING] - heading))
    speed, acceleration = float(ego[StateIndex.VX]), float(ego[StateIndex.AX])
    sideways = speed * np.sin(angle)
    bend = speed * (float(ego[StateIndex.YAW_RATE]) - _turn_rate(path, s, speed))
    times, count = np.arange(steps + 1) * DT, len(ends)
    along = quintic(
        np.tile([0.0, speed * np.cos(angle), acceleration], (count, 1)),
        np.column_stack([ends[:, :2], np.zeros(count)]),
        ends[:, 2],
        times,
    )
    along += ends[:, 1:2] * np.maximum(times - ends[:, 2:], 0.0)
    along = s + np.maximum.accumulate(np.maximum(along, 0.0), axis=1)
    across = quintic(
        np.tile([d, sideways, bend], (count, 1)),
        np.column_stack([returns[:, 1], np.zeros((count, 2))]),
        returns[:, 0],
        times,
    )
    return _beside(path, along, across, ego)


def quintic(start: Array, end: Array, duration: Array, times: Array) -> Array:
    """Values ``[P, T]`` of the polynomials with least jerk; held after their end.

    Args:
        start: ``[P, 3]`` value, first and second derivative at 0.
        end: ``[P, 3]`` the same at the end.
        duration: ``[P]`` [s].
        times: ``[T]`` [s].
    """
    h = duration
    value, rate, change = start[:, 0], start[:, 1] * h, start[:, 2] * h**2 / 2
    gap = end[:, 0] - (value + rate + change)
    slope = end[:, 1] * h - (rate + 2 * change)
    curve = end[:, 2] * h**2 / 2 - change
    third = 10 * gap - 4 * slope + curve
    fourth = -15 * gap + 7 * slope - 2 * curve
    fifth = 6 * gap - 3 * slope + curve
    u = np.clip(times[None] / h[:, None], 0.0, 1.0)
    out = np.zeros_like(u)
    for coefficient in (fifth, fourth, third, change, rate, value):
        out = out * u + coefficient[:, None]
    return out


def _turn_rate(path: PDMPath, s: float, speed: float) -> float:
    """Yaw rate [rad/s] of following the path at ``s``."""
    before, after = np.interp([s - 1.0, s + 1.0], path.lengths, path.points[:, 2])
    return speed * (after - before) / 2.0


def _beside(path: PDMPath, along: Array, across: Array, ego: Array) -> Array:
    """Poses at ``along [P, T]``, ``across [P, T]``."""
    x, y, heading = (np.interp(along, path.lengths, column) for column in path.points.T)
    places = np.stack([x - across * np.sin(heading), y + across * np.cos(heading)], -1)
    places[:, 0] = ego[:2]
    return with_headings(places, float(ego[StateIndex.HEADING]))


def with_headings(places: Array, first: float) -> Array:
    """Poses ``[P, T, 3]`` whose headings follow the ways ``places [P, T, 2]``; who stands keeps its heading.

    ``first`` is the heading at the first step.
    """
    steps = np.diff(places, axis=1)
    way = np.concatenate([steps, steps[:, -1:]], 1) + np.concatenate([steps[:, :1], steps], 1)
    angle = np.arctan2(way[..., 1], way[..., 0])
    angle[:, 0] = first
    moving = np.hypot(way[..., 0], way[..., 1]) > 2 * _STANDING
    last = np.maximum.accumulate(np.where(moving, np.arange(places.shape[1]), 0), axis=1)
    return np.concatenate([places, np.take_along_axis(angle, last, axis=1)[..., None]], -1)
