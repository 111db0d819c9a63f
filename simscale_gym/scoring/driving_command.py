"""The driving command as OpenScene annotates it, for logs that NAVSIM's planners are told it from.

What an environment tells its agents is another one (:mod:`simscale_gym.scene.road_view`), which follows the lane that
the log drove in. The rule is that of OpenScene's builder of metadata (``driving_command.py``, as published with RAP).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import polyline, se2
from simscale_gym.scene import RoadMap, derived
from simscale_gym.scene.lane_sequence import lanes_of_block
from simscale_gym.scene.road_view import LEFT, RIGHT, STRAIGHT, UNKNOWN
from simscale_gym.scoring.lane_search import shortest_way
from simscale_gym.scoring.outlines import outlines
from simscale_gym.scoring.route_correction import reached_route

Array = NDArray[np.float64]

DISTANCE, OFFSET = 20.0, 2.0
"""Left or right is where the centreline, this far ahead [m], lies this far to the side [m]."""

_WINDOW = 30  # roadblocks of the route that the centreline leads through
_BEGIN = 1e-5  # [m] along the centreline: before that nothing is looked up


def driving_command(road_map: RoadMap, route: Sequence[str], pose: Array) -> int:
    """Left, straight, right or unknown (:mod:`simscale_gym.scene.road_view`) for an ego at ``pose [3]``.

    Where the pose lies on the centreline of the route decides, not how far beside it or how askew the ego stands.
    Unknown is a route that is empty, off the map, or not to be met within 15 roadblocks.
    """
    blocks = reached_route(road_map, route, pose)
    if blocks is None:
        return UNKNOWN
    lanes = tuple(dict.fromkeys(lane for block in blocks for lane in lanes_of_block(road_map, block)))
    line, lengths = _centerline(road_map, tuple(blocks), lanes, _lane_of(road_map, lanes, pose))
    here = polyline.project(line, pose[None, :2], lengths)[0][0]
    begin, end = _poses_on(line, lengths, np.array([here, here + DISTANCE]))
    across = se2.poses_to_local(begin, end[None])[0, 1]
    return LEFT if across >= OFFSET else RIGHT if across <= -OFFSET else STRAIGHT


def _lane_of(road_map: RoadMap, lanes: Sequence[str], pose: Array) -> str:
    """The first of ``lanes`` that holds the rear axle, else the one nearest to it."""
    shapes = outlines(road_map)["lanes"][[road_map.lane_index[lane] for lane in lanes]]
    point = shapely.Point(pose[:2])
    inside = np.flatnonzero(shapely.contains(shapes, point))
    return lanes[inside[0] if len(inside) else int(np.argmin(shapely.distance(shapes, point)))]


@derived
def _centerline(
    road_map: RoadMap, blocks: tuple[str, ...], lanes: tuple[str, ...], start: str
) -> tuple[Array, Array]:
    """Poses ``[K, 3]`` of the centreline from the beginning of ``start`` on, and their arc lengths.

    A vertex heads for the next one, as in nuPlan.
    """
    block = road_map.lanes[start].roadblock_id
    first = blocks.index(block) if block in blocks else 0
    way = shortest_way(road_map, start, blocks[first : first + _WINDOW][-1], set(lanes))
    lines = [road_map.lanes[lane].centerline[:, :2] for lane in way]
    headings = np.unwrap(np.concatenate([polyline.headings(line) for line in lines]))
    line = np.column_stack([np.concatenate(lines), headings])
    return line, polyline.arc_lengths(line)


def _poses_on(line: Array, lengths: Array, s: Array) -> Array:
    """Poses ``[M, 3]`` at arc lengths ``s [M]``, headings interpolated between the vertices' own."""
    s = np.clip(s, _BEGIN, lengths[-1])
    return np.stack([np.interp(s, lengths, column) for column in line.T], axis=-1)
