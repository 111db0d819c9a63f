"""One more step of a drive, judged by the rules of the batched scorer.

Those of :mod:`~simscale_gym.metrics.contacts`, :mod:`~simscale_gym.metrics.areas` and
:mod:`~simscale_gym.metrics.centerline`, for one ego and the newest of its steps; what came before stands in a few
counts.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry.box import place_corners
from simscale_gym.geometry.predicates import boxes_meet
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.metrics.area_index import flags_at
from simscale_gym.metrics.areas import (
    DIRECTION_HORIZON,
    IN_INTERSECTION,
    INTERSECTION,
    MULTIPLE_OR_OFF,
    NON_DRIVABLE,
    ONCOMING,
    areas_of_boxes,
)
from simscale_gym.metrics.centerline import (
    LANE_LIMIT,
    LANE_STEPS,
    gap_to_run,
    is_near_run,
    project_point,
)
from simscale_gym.metrics.contacts import (
    AHEAD,
    BEHIND,
    STANDING,
    TTC_OFFSETS,
    TTC_STANDING,
    TTC_STRIDE,
    bearing_to,
    is_at_fault,
)
from simscale_gym.metrics.rings import ring_meets_box

Array = NDArray[np.float64]

NC, DAC, TLC, TTC, LK, AGAINST, OFF_LINE, START, ARC = range(9)
"""Places in a tally: five subscores, the longest way against the route within a second [m], steps off the line on
end, arc length of the first and of the newest step on the centreline [m]."""
FRESH_TALLY = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
"""Tally of a drive before its first step."""
TOUCHED, FORESEEN, SEEN = range(3)
"""Columns of the marks ``[N, 3]``: whose contact has been judged, whose foreseen ones do not count, who was there."""
TOUCHING, AT_FAULT = range(2)
"""Columns of the contacts ``[N, 2]`` of a step: whom the ego touches, whom it touches anew and by its own fault."""
MEMORY = DIRECTION_HORIZON + 2
"""States that a step looks at, the newest included."""

_NEAR = LANE_LIMIT * LANE_LIMIT * (1.0 + 1e-9) + 1e-12


@njit(cache=True)
def judge_step(
    tally: Array, marks: NDArray, speeds: Array, contacts: NDArray, areas: NDArray, states: Array, first: bool,
    earlier, velocities: Array, red, ground,
):  # fmt: skip
    """Take the last of ``states [T, 11]`` into account, in place.

    Args:
        tally: ``[9]`` what is counted so far, in the columns named in this module.
        marks: ``[N, 3]`` what is remembered of each of the others, in the columns named in this module.
        speeds: ``[N]`` speeds of the others when first present [m/s].
        contacts: ``[N, 2]`` contacts of this step, all False; to be filled in.
        areas: ``[T]``, the last one to be filled in.
        states: ``[T, 11]`` newest states of the drive, :data:`MEMORY` of them at most.
        first: Whether the last of them is the first of the drive.
        earlier: Poses ``[N, 3]`` and presence ``[N]`` of the others now and 3, 6, 9 steps ago.
        velocities: ``[N, 2]`` velocities of the others now [m/s].
        red: ``[L]`` whether the light is closed.
        ground: Of :attr:`simscale_gym.metrics.running_score.DriveGround.arrays`.
    """
    dimensions, others, lights, polygons, index, flags, line = ground
    half_length, half_width, ahead, _ = dimensions
    last = len(states) - 1
    corners, centers = np.empty((1, 1, 4, 2)), np.empty((1, 1, 2))
    _place_ego(states[last], half_length, half_width, ahead, corners[0, 0], centers[0, 0])
    vertices, runs, run_boxes, ring_runs, boxes = polygons
    grid, starts, entries = index
    area = areas_of_boxes(
        corners, centers, grid, starts, entries, flags, vertices, runs, run_boxes, ring_runs
    )[0, 0]
    areas[last] = area
    if (area & NON_DRIVABLE) != 0:
        tally[DAC] = 0.0
    tally[AGAINST] = max(tally[AGAINST], _way_against(states, areas, ahead))
    _follow_line(tally, line, centers[0, 0], area, first)
    if _meets_red(corners[0, 0], red, lights, vertices, runs, run_boxes, ring_runs, boxes):
        tally[TLC] = 0.0
    _note_speeds(marks, speeds, velocities, earlier[0][1])
    _touch(
        tally, marks, speeds, contacts, states[last], area, corners[0, 0], centers[0, 0], earlier[0], dimensions, others
    )  # fmt: skip
    begin = last - TTC_STRIDE * (TTC_OFFSETS - 1)
    if begin >= 0 and tally[TTC] > 0.0:
        x, y = states[begin, 0], states[begin, 1]
        here = flags_at(grid, starts, entries, flags, vertices, runs, run_boxes, ring_runs, x, y)
        exposed = (areas[begin] & MULTIPLE_OR_OFF) != 0 or (here & INTERSECTION) != 0
        _foresee(tally, marks, states[begin], exposed, earlier, dimensions, others)


@borrowing
def _place_ego(
    state: Array, half_length: float, half_width: float, ahead: float, corners: Array, center: Array
):
    center[0] = state[0] + ahead * np.cos(state[2])
    center[1] = state[1] + ahead * np.sin(state[2])
    place_corners(center[0], center[1], state[2], half_length, half_width, corners)


@borrowing
def _way_against(states: Array, areas: NDArray, ahead: float) -> float:
    """Way against the route within the last second [m]."""
    total, last = 0.0, len(states) - 1
    for j in range(max(1, last - DIRECTION_HORIZON), last + 1):
        if (areas[j] & ONCOMING) == 0 or (areas[j] & IN_INTERSECTION) != 0:
            continue
        dx = (
            states[j, 0]
            + ahead * np.cos(states[j, 2])
            - (states[j - 1, 0] + ahead * np.cos(states[j - 1, 2]))
        )
        dy = (
            states[j, 1]
            + ahead * np.sin(states[j, 2])
            - (states[j - 1, 1] + ahead * np.sin(states[j - 1, 2]))
        )
        total += np.sqrt(dx * dx + dy * dy)
    return total


@borrowing
def _follow_line(tally: Array, line, center: Array, area: int, first: bool):
    points, lengths, run_boxes = line
    x, y = center[0], center[1]
    tally[ARC] = project_point(points, lengths, run_boxes, x, y)
    if first:
        tally[START] = tally[ARC]
    if (area & IN_INTERSECTION) != 0:
        return
    near = False
    for run in range(len(run_boxes)):
        if gap_to_run(run_boxes, run, x, y) <= _NEAR and is_near_run(points, run, x, y):
            near = True
            break
    tally[OFF_LINE] = 0.0 if near else tally[OFF_LINE] + 1.0
    if tally[OFF_LINE] >= LANE_STEPS:
        tally[LK] = 0.0


@njit(cache=True)
def _meets_red(corners: Array, red, lights, vertices, runs, run_boxes, ring_runs, boxes) -> bool:
    bounds = np.empty(4)
    for c in range(2):
        bounds[c], bounds[c + 2] = corners[:, c].min(), corners[:, c].max()
    for k in range(len(lights)):
        row = lights[k]
        if row < 0 or not red[k]:
            continue
        if bounds[2] < boxes[row, 0] or bounds[0] > boxes[row, 2]:
            continue
        if bounds[3] < boxes[row, 1] or bounds[1] > boxes[row, 3]:
            continue
        if ring_meets_box(vertices, runs, run_boxes, ring_runs, row, corners, bounds):
            return True
    return False


@borrowing
def _note_speeds(marks: NDArray, speeds: Array, velocities: Array, valid: NDArray):
    for n in range(len(valid)):
        if valid[n] and not marks[n, SEEN]:
            marks[n, SEEN] = True
            speeds[n] = np.hypot(velocities[n, 0], velocities[n, 1])


@njit(cache=True)
def _touch(
    tally: Array, marks: NDArray, speeds: Array, contacts: NDArray, state: Array, area: int, corners: Array,
    center: Array, now, dimensions, others,
):  # fmt: skip
    """NC: as :func:`simscale_gym.metrics.contacts.collisions` at one step; a contact is judged when it begins."""
    poses, valid = now
    sizes, reaches, movers = others
    box, ego_reach = np.empty((4, 2)), dimensions[3]
    for n in range(len(valid)):
        dx, dy, reach = poses[n, 0] - center[0], poses[n, 1] - center[1], reaches[n] + ego_reach
        if not valid[n] or dx * dx + dy * dy > reach * reach:
            continue
        place_corners(poses[n, 0], poses[n, 1], poses[n, 2], sizes[n, 0] / 2.0, sizes[n, 1] / 2.0, box)
        if not boxes_meet(corners, box):
            continue
        contacts[n, TOUCHING] = True
        if marks[n, TOUCHED]:
            continue
        marks[n, TOUCHED] = True
        if is_at_fault(state, area, corners, box, movers[n] and speeds[n] > STANDING):
            contacts[n, AT_FAULT] = True
            tally[NC] = min(tally[NC], 0.0 if movers[n] else 0.5)


@njit(cache=True)
def _foresee(tally: Array, marks: NDArray, state: Array, exposed: bool, earlier, dimensions, others):
    """TTC: as :func:`simscale_gym.metrics.contacts.time_to_collision` at the step nine before the newest."""
    speed = np.hypot(state[3], state[4])
    if speed < TTC_STANDING:
        return
    half_length, half_width, ahead, ego_reach = dimensions
    sizes, reaches, _ = others
    corners, center, box = np.empty((4, 2)), np.empty(2), np.empty((4, 2))
    _place_ego(state, half_length, half_width, ahead, corners, center)
    moved, cos, sin = np.empty((4, 2)), np.cos(state[2]), np.sin(state[2])
    for i in range(TTC_OFFSETS):
        poses, valid = earlier[TTC_OFFSETS - 1 - i]
        seconds = i * TTC_STRIDE * 0.1
        sx, sy = cos * speed * seconds, sin * speed * seconds
        moved[:, 0], moved[:, 1] = corners[:, 0] + sx, corners[:, 1] + sy
        for n in range(len(valid)):
            x, y = poses[n, 0], poses[n, 1]
            dx, dy, reach = x - (center[0] + sx), y - (center[1] + sy), reaches[n] + ego_reach
            if not valid[n] or dx * dx + dy * dy > reach * reach or marks[n, FORESEEN]:
                continue
            place_corners(x, y, poses[n, 2], sizes[n, 0] / 2.0, sizes[n, 1] / 2.0, box)
            if not boxes_meet(moved, box):
                continue
            bearing = bearing_to(cos, sin, state[0], state[1], box)
            if bearing < AHEAD or (exposed and not bearing > BEHIND):
                tally[TTC] = 0.0
            else:
                marks[n, FORESEEN] = True
