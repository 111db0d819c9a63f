"""The path that an ego should follow: where the log drove, then on along its route."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import SceneError
from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene.road_map import Lane, RoadMap

Array = NDArray[np.float64]

_SPACING = 0.5  # [m] between points; also swallows the jitter of a standing log
_BLEND = (
    4.0  # [m] left out between the log's end and its lane, so that a lateral offset does not kink the path
)


def route_path(road_map: RoadMap, poses: Array, route: Sequence[str], *, extension: float = 150.0) -> Array:
    """Path ``[K, 3]`` (x, y, heading) along the logged rear axle's ``poses [T, 3]``, continued along lanes.

    The continuation starts on the lane at the log's last pose, prefers lanes of the roadblocks in ``route``
    and among equals the straightest, and ends after ``extension`` [m] or where the map ends. Without a lane
    there, it runs straight ahead.
    """
    logged = _thinned(poses[:, :2])
    last = poses[-1]
    ahead = _along_lanes(road_map, last, frozenset(route), extension)
    if ahead is None:
        direction = np.array([np.cos(last[2]), np.sin(last[2])])
        ahead = last[:2] + np.outer(np.arange(_BLEND, extension, _SPACING), direction)
    points = polyline.without_repeats(np.concatenate([logged, ahead]), 0.05)
    return polyline.with_headings(polyline.resample(points, _SPACING)[:, :2])


def _thinned(points: Array) -> Array:
    """Points at least ``_SPACING`` apart, the first one kept."""
    kept = [points[0]]
    for point in points[1:]:
        if np.hypot(*(point - kept[-1])) >= _SPACING:
            kept.append(point)
    return np.array(kept)


def _along_lanes(road_map: RoadMap, pose: Array, route: Set[str], length: float) -> Array | None:
    try:
        lane_id, s, _ = road_map.nearest_lane(pose)
    except SceneError:
        return None
    pieces, total, start = [], 0.0, s + _BLEND
    lane: Lane | None = road_map.lanes[lane_id]
    while lane is not None and total < length:
        if start < lane.length:
            count = max(2, int((lane.length - start) / _SPACING) + 1)
            pieces.append(
                polyline.at_arc_length(lane.centerline, np.linspace(start, lane.length, count))[:, :2]
            )
        total += max(0.0, lane.length - start)
        start = max(0.0, start - lane.length)
        lane = _next_lane(road_map, lane, route)
    return np.concatenate(pieces) if pieces else None


def _next_lane(road_map: RoadMap, lane: Lane, route: Set[str]) -> Lane | None:
    options = [road_map.lanes[i] for i in lane.successors if i in road_map.lanes]
    if not options:
        return None

    def turn(option: Lane) -> float:
        return abs(float(wrap_angle(option.centerline[-1, 2] - option.centerline[0, 2])))

    return min(options, key=lambda option: (option.roadblock_id not in route, turn(option)))
