"""The way of a scene: the one line along its route that command, reward, observations, planner and score follow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.one_line import one_line
from simscale_gym.scene.lane_matching import Place, find_route, nearest_place, places_on_route, sampled_rows
from simscale_gym.scene.lane_sequence import (
    blocks_of,
    is_change,
    lane_line,
    lanes_through,
    linked,
    straight_on,
)
from simscale_gym.scene.road_map import RoadMap

Array = NDArray[np.float64]

BESIDE, BESIDE_IN_TURNS = 3.0, 4.0
"""Offset from its lane's centreline [m] up to which the log drives along the route; farther off it waits, parks or
overtakes, and the way keeps to the lane. People take turns wider than maps draw connectors."""
FADE = 20.0
"""Way [m] over which the log's offset goes over into the centreline where the log ends or leaves the route."""

_LEAST = 10.0  # [m] of a path where the map ends
_SPACING = 0.5  # [m] between points; also swallows the jitter of a standing log


class Way(NamedTuple):
    """The line that the ego should follow.

    Attributes:
        points: ``[K, 3]`` points of the line: x, y [m], heading [rad].
        lengths: ``[K]`` arc length at each point [m].
        lanes: Lanes that it runs along, in order.
        blocks: The route from the log's start on without gaps, led on along the way's own continuation.
    """

    points: Array
    lengths: Array
    lanes: tuple[str, ...]
    blocks: tuple[str, ...]

    __repr__ = one_line


def make_way(road_map: RoadMap, poses: Array, route: Sequence[str], *, ahead: float = 300.0) -> Way:
    """The way along ``route`` of a log that drove ``poses [T, 3]`` (rear axle).

    It is the log's own line as long as that lies on the route's lanes, in whichever of them; elsewhere it is the
    centreline of the lanes that the route leads along, with as few lane changes as it allows. It begins at the place
    on the route nearest to the log's start, and from where the log ends or leaves it for good it goes on for ``ahead``
    [m] along the route and behind that along the straightest lanes, or until the map ends. Without a route the lanes
    that the log drove are one; without lanes it runs along the log and straight ahead.
    """
    blocks = linked(road_map, tuple(route)) or find_route(road_map, poses)
    if not blocks:
        return Way(*_measured([poses[:, :2], _straight_ahead(poses[-1], ahead)], poses[-1]), (), ())
    places = _places(road_map, poses, blocks)
    pieces, lanes, rows = [], [places[0].lane], sampled_rows(poses)
    for before, after in pairwise(places):
        between = lanes_through(road_map, before.lane, blocks[before.step : after.step + 1], after.lane)
        lanes += between[1:]
        if before.row >= 0 and not ((rows > before.row) & (rows < after.row)).any():
            pieces.append(poses[before.row : after.row + 1, :2])
        else:
            pieces.append(_beside(lane_line(road_map, between, before.s, after.s), before.d, after.d))
    last = places[-1]
    onward = lanes_through(road_map, last.lane, blocks[last.step :])
    beyond = straight_on(road_map, onward[-1], ahead)
    blocks = (*blocks[places[0].step :], *blocks_of(road_map, [onward[-1], *beyond])[1:])
    onward, end = _cut(road_map, [*onward, *beyond], last.s + ahead)
    line = lane_line(road_map, onward, last.s, end)
    pieces.append(_beside(line, last.d, 0.0))
    return Way(*_measured(pieces, line[-1]), (*lanes, *onward[1:]), blocks)


def _places(road_map: RoadMap, poses: Array, blocks: Sequence[str]) -> list[Place]:
    """Places of the log's drive along the route, each farther along it than the one before, the log's start first.

    Where that is not on the route, the nearest place stands for it, as row -1.
    """
    kept: list[Place] = []
    for place in places_on_route(road_map, poses, blocks):
        most = BESIDE_IN_TURNS if road_map.lanes[place.lane].connector else BESIDE
        if abs(place.d) <= most and (not kept or _is_farther(road_map, place, kept[-1])):
            kept.append(place)
    while kept and abs(kept[-1].d) > BESIDE:
        kept.pop()
    if kept and kept[0].row == 0:
        return kept
    reached = blocks[: kept[0].step + 1] if kept else blocks
    start = nearest_place(road_map, poses[0], reached)._replace(row=-1, d=0.0)
    return [start, *(place for place in kept if _is_farther(road_map, place, start))]


def _is_farther(road_map: RoadMap, place: Place, before: Place) -> bool:
    if place.step != before.step or place.lane == before.lane:
        return (place.step, place.s) > (before.step, before.s)
    point = polyline.at_arc_length(road_map.lanes[before.lane].centerline, np.array([before.s]))
    return place.s > float(polyline.project(road_map.lanes[place.lane].centerline, point[:, :2])[0][0])


def _cut(road_map: RoadMap, lanes: Sequence[str], length: float) -> tuple[list[str], float]:
    """The first of ``lanes`` that are ``length`` [m] long together, and where on the last that is."""
    for k, lane_id in enumerate(lanes):
        lane = road_map.lanes[lane_id]
        if k + 1 < len(lanes) and is_change(road_map, lane_id, lanes[k + 1]):
            continue
        if length <= lane.length or k + 1 == len(lanes):
            return list(lanes[: k + 1]), min(length, lane.length)
        length -= lane.length
    raise AssertionError("no lanes")


def _beside(line: Array, before: float, after: float) -> Array:
    """Points of ``line [K, 2+]``, shifted to the left by ``before`` [m] at its start and by ``after`` at its end.

    Between them it goes over into the line itself where that is long enough.
    """
    poses = polyline.resample(line, _SPACING)
    s = np.linspace(0.0, polyline.arc_lengths(line)[-1], len(poses))
    if s[-1] < _SPACING:
        return poses[:0, :2]
    fade = min(FADE, s[-1] / 2.0)
    shift = before * np.maximum(0.0, 1.0 - s / fade) + after * np.maximum(0.0, 1.0 - (s[-1] - s) / fade)
    return polyline.offset_left(poses, shift)


def _straight_ahead(pose: Array, distance: float) -> Array:
    along = np.arange(0.0, distance + _SPACING, _SPACING)
    return pose[:2] + np.outer(along, [np.cos(pose[2]), np.sin(pose[2])])


def _measured(pieces: Sequence[Array], end: Array) -> tuple[Array, Array]:
    """Points ``[K, 3]`` of the line through all ``pieces [., 2]`` in order, and their arc lengths ``[K]``.

    Where that is hardly a line, it goes straight on from the pose ``end``.
    """
    points = _thinned(np.concatenate(pieces))
    if len(points) * _SPACING < _LEAST:
        points = _thinned(np.concatenate([points, _straight_ahead(end, _LEAST)]))
    path = polyline.with_headings(polyline.resample(points, _SPACING)[:, :2])
    return path, polyline.arc_lengths(path)


def _thinned(points: Array) -> Array:
    """Points at least ``_SPACING`` apart, the first one kept."""
    kept = list(points[:1])
    for point in points[1:]:
        if np.hypot(*(point - kept[-1])) >= _SPACING:
            kept.append(point)
    return np.array(kept).reshape(-1, 2)
