"""The kernels that unroll proposals: who is ahead, and the Intelligent Driver Model behind it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.pdm.forecast import Motion
from simscale_gym.agents.pdm.gaps import Outlines, box_gap, polygon_gap, polygon_meets_box
from simscale_gym.agents.pdm.path import PDMPath, cap_at, pose_at, project
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import DT

Array = NDArray[np.float64]

NOT_AHEAD = -1.0
"""Progress of what is no candidate for a leader."""
_ROUNDING = 1e-6  # [m] by which what is passed over is surely farther away


class RedZones(NamedTuple):
    """Lanes closed by a red light.

    Attributes:
        shapes: Polygons of the ``L`` lanes [m].
        centers: ``[L, 2]`` centroids [m].
        ignored: ``[L]`` whether the ego stands wholly inside.
    """

    shapes: Outlines
    centers: Array
    ignored: NDArray[np.bool_]


class Driver(NamedTuple):
    """What the kernels take of the settings (see ``PDMConfig``) and of the vehicle [m]."""

    min_gap: float
    headway: float
    acceleration: float
    deceleration: float
    exponent: float
    stride: int
    lead_at_once: bool
    separate_leads: bool
    hold_at_rest: bool
    ahead: float
    half_length: float
    half_width: float


@njit(cache=True)
def candidates(
    path: PDMPath, corridor: Outlines, motion: Motion, red: RedZones, lights: NDArray, first: int, count: int,
    interval: float,
) -> Array:  # fmt: skip
    """Progress ``[count, R + L]`` [m] of what touches the corridor at the samples from ``first`` on.

    Args:
        path: The path.
        corridor: Corridor along the path ahead, one polygon.
        motion: ``R`` objects.
        red: ``L`` closed lanes.
        lights: ``[L]`` whether the closed lane touches the corridor.
        first: Sample to begin with.
        count: Number of samples.
        interval: Time between samples [s].
    """
    objects, total = len(motion.centers), len(motion.centers) + len(red.centers)
    out = np.full((count, total), NOT_AHEAD)
    vertices, corners = corridor.vertices, np.empty((4, 2))
    x0, y0, x1, y1 = vertices[:, 0].min(), vertices[:, 1].min(), vertices[:, 0].max(), vertices[:, 1].max()
    for n in range(objects):
        if motion.ignored[n]:
            continue
        reach = motion.reach[n] + _ROUNDING
        for k in range(count):
            t = (first + k) * interval
            x, y = (
                motion.centers[n, 0] + t * motion.drift[n, 0],
                motion.centers[n, 1] + t * motion.drift[n, 1],
            )
            if x < x0 - reach or x > x1 + reach or y < y0 - reach or y > y1 + reach:
                continue
            _moved(motion, n, t, corners)
            if polygon_meets_box(corridor, 0, corners):
                out[k, n] = project(path, x, y)
    for n in range(len(red.centers)):
        if lights[n] and not red.ignored[n]:
            out[:, objects + n] = project(path, red.centers[n, 0], red.centers[n, 1])
    return out


@njit(cache=True)
def unroll(
    path: PDMPath, motion: Motion, red: RedZones, ahead: Array, targets: Array, driver: Driver, first: int,
    last: int, poses: Array, progress: Array, speeds: Array, leads: Array, order: NDArray,
) -> bool:  # fmt: skip
    """Write steps ``first`` to ``last`` of ``S`` proposals on one path.

    Args:
        path: The path.
        motion: ``R`` objects.
        red: ``L`` closed lanes.
        ahead: ``[., R + L]`` progress [m] from :func:`candidates`, from the sample of step ``first`` on.
        targets: ``[S]`` speeds aimed at [m/s].
        driver: Settings of the Intelligent Driver Model.
        first: First step.
        last: Last step.
        poses: ``[S, T, 3]`` x, y [m], heading [rad]; this and the next three hold step ``first - 1`` already.
        progress: ``[S, T]`` way along the path [m].
        speeds: ``[S, T]`` [m/s].
        leads: ``[S, T, 3]`` place [m], speed [m/s], length [m] of the leader.
        order: ``[., R + L]`` candidates in the order in which they are looked at, for each sample of ``ahead``; of
            equally near ones the first leads.

    Returns:
        Whether the order decided anywhere.
    """
    lead, base, tied = np.zeros(3), first // driver.stride, False
    corners, other = np.empty((4, 2)), np.empty((4, 2))
    for t in range(first, last + 1):
        sample = t // driver.stride
        if t % driver.stride == 0 or (driver.lead_at_once and t == 1):
            lead[:] = 0.0
            time = sample * driver.stride * DT
            for s in range(len(targets)):
                if driver.separate_leads:
                    lead[:] = 0.0
                now, turn = ahead[sample - base], order[sample - base]
                tied |= _find_lead(
                    path, motion, red, now, turn, driver, poses[s, t - 1], progress[s, t - 1], time, lead,
                    corners, other,
                )  # fmt: skip
                leads[s, t] = lead
        else:
            leads[:, t] = leads[:, t - 1]
        for s in range(len(targets)):
            v = speeds[s, t - 1]
            target = min(targets[s], cap_at(path, progress[s, t - 1]))
            acceleration = _acceleration(v, progress[s, t - 1], leads[s, t], target, driver)
            progress[s, t] = progress[s, t - 1] + DT * v
            speeds[s, t] = v + DT * acceleration
            if driver.hold_at_rest:
                speeds[s, t] = max(speeds[s, t], min(v, 0.0))
            pose_at(path, progress[s, t], poses[s, t])
    return tied


@borrowing
def _find_lead(
    path: PDMPath, motion: Motion, red: RedZones, ahead: Array, order: NDArray, driver: Driver, pose: Array,
    progress: float, time: float, lead: Array, corners: Array, other: Array,
) -> bool:  # fmt: skip
    """Write place [m along the path], speed and length of the leader into ``lead [3]``; was it one of several?

    As in NAVSIM, what does not apply is left as it was: a red light has no speed, only a free road has a length.
    ``corners``, ``other`` ``[4, 2]`` are room to work in.
    """
    least, nearest, tied = np.inf, -1, False
    x, y = pose[0] + driver.ahead * np.cos(pose[2]), pose[1] + driver.ahead * np.sin(pose[2])
    own_reach = np.hypot(driver.half_length, driver.half_width)
    for n in order:
        if not ahead[n] > progress or ahead[n] == NOT_AHEAD:
            continue
        if nearest < 0:
            _ego_corners(pose, driver, corners)
        if n < len(motion.centers):
            dx = motion.centers[n, 0] + time * motion.drift[n, 0] - x
            dy = motion.centers[n, 1] + time * motion.drift[n, 1] - y
            if np.sqrt(dx * dx + dy * dy) > least + own_reach + motion.reach[n] + _ROUNDING:
                continue
            _moved(motion, n, time, other)
            gap = box_gap(corners, other)
        else:
            gap = polygon_gap(red.shapes, n - len(motion.centers), corners)
        tied = gap == least or (tied and gap > least)
        if gap < least:
            least, nearest = gap, n
    if nearest < 0:
        lead[0], lead[2] = path.lengths[-1], driver.half_length
        return False
    lead[0] = progress + least
    if nearest < len(motion.centers):
        lead[1] = motion.speeds[nearest] * np.cos(motion.headings[nearest] - pose[2])
    return tied


@borrowing
def _acceleration(v: float, progress: float, lead: Array, target: float, driver: Driver) -> float:
    """The Intelligent Driver Model, clipped to comfortable braking and acceleration."""
    root = 2.0 * np.sqrt(driver.acceleration * driver.deceleration)
    wished = driver.min_gap + v * driver.headway + v * (v - lead[1]) / root
    gap = max(lead[0] - progress - lead[2], driver.min_gap)
    value = driver.acceleration * (1.0 - (v / target) ** driver.exponent - (wished / gap) ** 2)
    return min(max(value, -driver.deceleration), driver.acceleration)


@borrowing
def _moved(motion: Motion, n: int, time: float, out: Array):
    for i in range(4):
        out[i, 0] = motion.corners[n, i, 0] + time * motion.drift[n, 0]
        out[i, 1] = motion.corners[n, i, 1] + time * motion.drift[n, 1]


@borrowing
def _ego_corners(pose: Array, driver: Driver, out: Array):
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    x, y = pose[0] + driver.ahead * cos, pose[1] + driver.ahead * sin
    for i in range(4):
        along = driver.half_length if i == 0 or i == 3 else -driver.half_length
        across = driver.half_width if i < 2 else -driver.half_width
        out[i, 0] = x + along * cos - across * sin
        out[i, 1] = y + along * sin + across * cos
