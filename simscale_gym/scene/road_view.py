"""Where the ego is on its road: computed once a state, for what it sees, what it is paid and how far it came."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry.polygon_set import PolygonArrays, mark_holders
from simscale_gym.geometry.polyline import nearest_on, segment_at
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene.derived import derived
from simscale_gym.scene.scene import Scene

Array = NDArray[np.float64]

LEFT, STRAIGHT, RIGHT, UNKNOWN = range(4)
"""Driving commands."""

_COMMAND_TIME, _COMMAND_DISTANCE, _COMMAND_OFFSET = 3.0, 15.0, 2.0
_OFF_ROUTE = 20.0  # [m]
_ALONG = np.pi / 4


class RoadView(NamedTuple):
    """The road at one state.

    Attributes:
        arc: Arc length of the rear axle along the scene's route path [m].
        offset: Offset of the rear axle from that path [m, left +].
        limit: Highest speed limit of the lanes here [m/s], 0 where none is known.
        limit_along: Highest speed limit of those lanes that run along the ego's heading [m/s], 0 where none is known.
        command: Direction of the route in the next 3 s (15 m at least): left, straight, right or unknown.
    """

    arc: float
    offset: float
    limit: float
    limit_along: float
    command: int


def road_view(scene: Scene, ego: Array) -> RoadView:
    """The road at ``ego [11]``.

    Left or right when the route is 2 m or more to the side ahead (the threshold of UniAD and NAVSIM's log
    annotations); unknown when the ego is more than 20 m off the route.
    """
    return RoadView(*view_at(road_arrays(scene), ego))


class RoadArrays(NamedTuple):
    """What a scene has for :func:`view_at`.

    Attributes:
        path: ``[K, 3]`` the route path.
        lengths: ``[K]`` arc length at each of its points [m].
        lanes: Polygons of the ``L`` lanes.
        points: ``[V, 3]`` centrelines of the lanes, one after another.
        starts: ``[L + 1]`` first point of each.
        speed_limits: ``[L]`` [m/s], 0 where none is known.
    """

    path: Array
    lengths: Array
    lanes: PolygonArrays
    points: Array
    starts: NDArray[np.int64]
    speed_limits: Array


@derived
def road_arrays(scene: Scene) -> RoadArrays:
    """Derive :class:`RoadArrays`."""
    graph, lanes = scene.map.graph, scene.map.lane_polygons
    return RoadArrays(
        scene.route_path, scene.route_lengths, lanes.arrays, graph.points, graph.starts, graph.speed_limits
    )


@njit(cache=True)
def view_at(road: RoadArrays, ego: Array):
    """The values of a :class:`RoadView` at ``ego [11]``, in its order."""
    path, lengths, points, starts, speed_limits = (
        road.path, road.lengths, road.points, road.starts, road.speed_limits
    )  # fmt: skip
    inside = np.zeros(len(road.lanes.bounds), np.bool_)
    mark_holders(road.lanes, ego[0], ego[1], inside)
    arc, offset = nearest_on(path, lengths, ego[0], ego[1])
    limit = along = 0.0
    for lane in range(len(inside)):
        if not inside[lane]:
            continue
        limit = max(limit, speed_limits[lane])
        least, nearest = np.inf, starts[lane]
        for v in range(starts[lane], starts[lane + 1]):
            dx, dy = points[v, 0] - ego[0], points[v, 1] - ego[1]
            if dx * dx + dy * dy < least:
                least, nearest = dx * dx + dy * dy, v
        turn = points[nearest, 2] - ego[2]
        if abs(np.arctan2(np.sin(turn), np.cos(turn))) < _ALONG:
            along = max(along, speed_limits[lane])
    return arc, offset, limit, along, _command(path, lengths, arc, offset, ego[3])


@borrowing
def _command(path, lengths, arc, offset, speed) -> int:
    if abs(offset) > _OFF_ROUTE:
        return UNKNOWN
    k, share = segment_at(lengths, arc)
    dx, dy = path[k + 1, 0] - path[k, 0], path[k + 1, 1] - path[k, 1]
    x, y, length = path[k, 0] + share * dx, path[k, 1] + share * dy, np.sqrt(dx * dx + dy * dy)
    k, share = segment_at(lengths, arc + max(_COMMAND_DISTANCE, _COMMAND_TIME * speed))
    x = path[k, 0] + share * (path[k + 1, 0] - path[k, 0]) - x
    y = path[k, 1] + share * (path[k + 1, 1] - path[k, 1]) - y
    lateral = (dx * y - dy * x) / length
    return LEFT if lateral > _COMMAND_OFFSET else RIGHT if lateral < -_COMMAND_OFFSET else STRAIGHT
