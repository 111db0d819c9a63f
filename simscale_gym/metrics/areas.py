"""Where on the map the ego is at each step, and the three subscores that follow from it alone.

NAVSIM: pdm_scorer.py, ``_calculate_ego_area``, ``_calculate_drivable_area_compliance`` and
``_calculate_driving_direction_compliance``.
"""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry import box
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.metrics.area_index import AreaIndex, flags_at, is_covered, tile_at
from simscale_gym.metrics.rings import Rings, holds

if TYPE_CHECKING:
    from simscale_gym.metrics.layers import Road

Array = NDArray[np.float64]

LANE, DRIVABLE, INTERSECTION, ON_ROUTE = 1, 2, 4, 8
"""What a polygon of the map is, as bits."""

DIRECTION_HORIZON = 10
"""Steps over which driving against the route adds up, besides the present one (1 s)."""
DIRECTION_LIMITS = 2.0, 6.0
"""Metres against the route within the horizon from which the subscore is 0.5, and 0."""

_LANES_AT_ONCE = 64  # lanes over one box that are told apart


class EgoArea(IntFlag):
    """Bits of an ego box on the map.

    MULTIPLE_LANES: several lanes hold a corner and none holds all four.
    NON_DRIVABLE: a corner is in no roadblock, intersection, car park or other drivable area.
    ONCOMING: the centre is in no lane of the route.
    IN_INTERSECTION: the centre is in an intersection (not among NAVSIM's bits).
    """

    MULTIPLE_LANES = 1
    NON_DRIVABLE = 2
    ONCOMING = 4
    IN_INTERSECTION = 8


MULTIPLE_LANES, NON_DRIVABLE, ONCOMING, IN_INTERSECTION = (int(bit) for bit in EgoArea)
"""The bits of :class:`EgoArea` as kernels take them."""
MULTIPLE_OR_OFF = MULTIPLE_LANES | NON_DRIVABLE
"""Bits of an ego that is not inside of one lane."""


def ego_areas(corners: Array, centers: Array, polygons: Rings, index: AreaIndex, flags: NDArray) -> NDArray:
    """:class:`EgoArea` bits ``[P, T]`` of boxes ``corners [P, T, 4, 2]``, ``centers [P, T, 2]``.

    Args:
        corners: Corners of the ego's boxes, in the order of :func:`simscale_gym.geometry.box.corners`.
        centers: Centres of these boxes.
        polygons: Polygons of the map.
        index: Look-up tables of these polygons.
        flags: ``[M]`` LANE, DRIVABLE, INTERSECTION, ON_ROUTE bits of these polygons.
    """
    return areas_of_boxes(corners, centers, *index, flags, *polygons[:4])


@njit(cache=True)
def areas_of_boxes(
    corners: Array, centers: Array, grid: Array, starts: NDArray, entries: NDArray, flags: NDArray,
    vertices: Array, runs: NDArray, run_boxes: Array, ring_runs: NDArray,
) -> NDArray:  # fmt: skip
    """:class:`EgoArea` bits as of :func:`ego_areas`, from the arrays of index and map one by one."""
    areas = np.zeros(centers.shape[:2], np.uint8)
    lanes, counts = np.empty(_LANES_AT_ONCE, np.int64), np.empty(_LANES_AT_ONCE, np.int64)
    for p in range(centers.shape[0]):
        for k in range(centers.shape[1]):
            bits, found = 0, 0
            for i in range(4):
                x, y = corners[p, k, i, 0], corners[p, k, i, 1]
                tile, drivable = tile_at(grid, x, y), False
                if tile >= 0:
                    for e in range(starts[tile], starts[tile + 1]):
                        polygon = entries[e] >> 1
                        kind = int(flags[polygon])
                        if (kind & LANE) == 0 and (drivable or (kind & DRIVABLE) == 0):
                            continue
                        if (entries[e] & 1) == 0 and not holds(
                            vertices, runs, run_boxes, ring_runs, polygon, x, y
                        ):
                            continue
                        drivable |= (kind & DRIVABLE) != 0
                        if (kind & LANE) != 0:
                            found = _count_corner(lanes, counts, found, polygon)
                if not drivable:
                    bits |= NON_DRIVABLE
            if found > 1 and counts[:found].max() < 4:
                bits |= MULTIPLE_LANES
            x, y = centers[p, k, 0], centers[p, k, 1]
            center = flags_at(grid, starts, entries, flags, vertices, runs, run_boxes, ring_runs, x, y)
            if (center & ON_ROUTE) == 0:
                bits |= ONCOMING
            if (center & INTERSECTION) != 0:
                bits |= IN_INTERSECTION
            areas[p, k] = bits
    return areas


@borrowing
def _count_corner(lanes: NDArray, counts: NDArray, found: int, lane: int) -> int:
    for j in range(found):
        if lanes[j] == lane:
            counts[j] += 1
            return found
    if found < len(lanes):
        lanes[found], counts[found] = lane, 1
        return found + 1
    return found


@borrowing
def corner_off_road(
    corners: Array, cover: NDArray, grid: Array, starts: NDArray, entries: NDArray, flags: NDArray,
    vertices: Array, runs: NDArray, run_boxes: Array, ring_runs: NDArray,
) -> bool:  # fmt: skip
    """NON_DRIVABLE of the box with ``corners [4, 2]``; the other arrays are a map's :class:`Road`."""
    for i in range(4):
        x, y = corners[i, 0], corners[i, 1]
        if not is_covered(cover, grid, starts, entries, flags, vertices, runs, run_boxes, ring_runs, x, y):
            return True
    return False


def off_road(boxes: Array, road: Road) -> NDArray[np.bool_]:
    """Whether boxes ``[..., 5]`` have a corner off the drivable area, as DAC counts it: ``[...]``.

    Args:
        boxes: Boxes as :meth:`simscale_gym.scene.Vehicle.boxes` makes them: centre, heading, length, width.
        road: Drivable area, from :attr:`simscale_gym.metrics.MapLayers.road`.
    """
    corners = box.corners(boxes)
    return _off_road(corners.reshape(-1, 4, 2), *road).reshape(corners.shape[:-2])


@njit(cache=True)
def _off_road(
    corners: Array, cover: NDArray, grid: Array, starts: NDArray, entries: NDArray, flags: NDArray,
    vertices: Array, runs: NDArray, run_boxes: Array, ring_runs: NDArray,
) -> NDArray:  # fmt: skip
    out = np.empty(len(corners), np.bool_)
    for n in range(len(corners)):
        out[n] = corner_off_road(
            corners[n], cover, grid, starts, entries, flags, vertices, runs, run_boxes, ring_runs
        )
    return out


def drivable_area(areas: NDArray[np.uint8]) -> Array:
    """DAC ``[P]``: 0 where a corner leaves the drivable area at any step, the first included."""
    return 1.0 - ((areas & NON_DRIVABLE) != 0).any(1)


def driving_direction(areas: NDArray[np.uint8], centers: Array) -> Array:
    """DDC ``[P]``: 1, 0.5 or 0 by the longest way against the route within one second.

    Steps that end inside an intersection do not count.
    """
    steps = np.zeros(areas.shape)
    steps[:, 1:] = np.linalg.norm(np.diff(centers, axis=1), axis=-1)
    steps[((areas & ONCOMING) == 0) | ((areas & IN_INTERSECTION) != 0)] = 0.0
    longest = _longest_window(steps, DIRECTION_HORIZON + 1)
    return np.where(longest < DIRECTION_LIMITS[0], 1.0, np.where(longest < DIRECTION_LIMITS[1], 0.5, 0.0))


@njit(cache=True)
def _longest_window(steps: Array, window: int) -> Array:
    """Largest sum ``[P]`` of ``window`` neighbouring ``steps [P, T]`` (fewer at the start)."""
    out = np.zeros(len(steps))
    for p in range(len(steps)):
        if not steps[p].any():
            continue
        for k in range(steps.shape[1]):
            total = 0.0
            for j in range(max(0, k - window + 1), k + 1):
                total += steps[p, j]
            out[p] = max(out[p], total)
    return out
