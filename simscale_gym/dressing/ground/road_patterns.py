"""Stop lines, zebra crossings and arrows, as rectangles of cells cut out of the road surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.dressing.ground.cell_cutting import cut_finer
from simscale_gym.dressing.ground.cells import (
    FAR,
    MIDDLE,
    NEAR,
    RAISE,
    SKIRT_WIDTHS,
    TAKEN,
    Cells,
    Layer,
    Line,
    even_pieces,
)
from simscale_gym.dressing.ground.raster import GroundRaster
from simscale_gym.dressing.ground.terrain import Surface, Terrain
from simscale_gym.dressing.surfels.grading import graded_edges
from simscale_gym.scene import RoadMap, StopLine, StopLineType, Turn
from simscale_gym.scene.derived import derived

Array = NDArray[np.float64]

STRIPE = 0.5
STOP_WIDTH = 0.4
"""Zebra stripe (RMS-1), stop line by eye [m]."""

TOOTH_LENGTH, TOOTH_PITCH = 0.6, 0.75
"""Length and spacing of the triangles where to yield [m]."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """A painted rectangle on the road.

    Attributes:
        pose: ``[3]`` pose of its centre; x runs along the first axis.
        edges: Cell borders along x and y in its own frame, for near and middle distances [m].
        painted: Function ``painted(x, y)`` that says where its cells carry paint, ``[N]``.
        area: Outline, outside which nothing is laid.
    """

    pose: Array
    edges: tuple[tuple[Array, Array], tuple[Array, Array]]
    painted: object
    area: shapely.Polygon


@derived
def stop_and_crossing_patterns(road_map: RoadMap) -> list[Pattern]:
    """Stop lines of lights and stop signs, teeth where to yield, and zebra crossings."""
    drawn = (StopLineType.TRAFFIC_LIGHT, StopLineType.STOP_SIGN, StopLineType.UNKNOWN)
    lines = road_map.stop_lines.values()
    stops = [_stop_pattern(s.polygon) for s in lines if s.type in drawn]
    yields = [_teeth(s, road_map) for s in lines if s.type == StopLineType.YIELD]
    zebras = [_zebra(c.polygon) for c in road_map.crosswalks.values()]
    return [p for p in [*stops, *yields, *zebras] if p is not None]


@derived
def arrow_patterns(road_map: RoadMap) -> list[Pattern]:
    """Arrows before junctions on roads with more than one lane a direction."""
    out = []
    for lane in road_map.lanes.values():
        turns = {road_map.lanes[i].turn for i in lane.successors if i in road_map.lanes}
        turns &= {Turn.STRAIGHT, Turn.LEFT, Turn.RIGHT}
        if (
            lane.connector
            or not turns
            or lane.length < 25.0
            or not (lane.left_neighbor or lane.right_neighbor)
        ):
            continue
        line = Line.of(lane.centerline)
        for before_end in (9.0, 24.0):
            if line.length > before_end + 12.0:
                start, end = line.at(np.array([line.length - before_end, line.length - before_end + 0.5]))
                out.append(_arrow(start, np.arctan2(*(end - start)[::-1]), turns))
    return out


def lay_patterns(
    patterns: Sequence[Pattern], terrain: Terrain, taken: GroundRaster, focal: float = 0.0
) -> Layer:
    """Lay patterns on free road, with skirts around them, far ones on top; cut for cameras of ``focal`` [px] if any."""
    solids, raised, skirts = [], [], ([], [], [], [])
    for pattern in patterns:
        level = int(np.digitize(terrain.distance(pattern.pose[None, :2])[0], [NEAR + 4.0, MIDDLE, FAR]))
        if level == 3:
            continue
        cells = _pattern_cells(pattern, pattern.edges[min(level, 1)], terrain)
        if level == 2:
            on = cells.surface == Surface.PAINT
            raised.append(Cells.of(cells.boxes[on], Surface.PAINT, RAISE))
            continue
        free = taken.share(cells.boxes, TAKEN) < 0.5
        solid = Cells.of(cells.boxes[free], cells.surface[free])
        taken.mark(solid.boxes, TAKEN)
        solids.append(_cut_pattern(pattern, solid, terrain, focal) if focal else solid)
        for column, boxes in enumerate(_pattern_skirts(pattern, level)):
            skirts[column].append(boxes)
    joined = tuple(np.concatenate(column) for column in skirts if column)
    return Layer(Cells.concatenate(solids), joined, Cells.concatenate(raised))


def _pattern_cells(pattern: Pattern, edges: tuple[Array, Array], terrain: Terrain) -> Cells:
    mid_x, mid_y = ((e[:-1] + e[1:]) / 2 for e in edges)
    x, y = (a.ravel() for a in np.meshgrid(mid_x, mid_y, indexing="ij"))
    length, width = (a.ravel() for a in np.meshgrid(np.diff(edges[0]), np.diff(edges[1]), indexing="ij"))
    boxes = _placed(pattern.pose, x, y, length, width)
    keep = (terrain.surfaces.at(boxes[:, :2]) == Surface.ROAD) & shapely.contains_xy(pattern.area, x, y)
    surface = np.where(pattern.painted(x, y), Surface.PAINT, Surface.ROAD)
    return Cells.of(boxes[keep], surface[keep])


def _cut_pattern(pattern: Pattern, cells: Cells, terrain: Terrain, focal: float) -> Cells:
    """Cells cut finer, each of which carries paint or not by itself: slanted borders get shorter steps."""
    cut = cut_finer(cells, terrain.distance(cells.boxes[:, :2]), focal, graded=True)
    cos, sin = np.cos(pattern.pose[2]), np.sin(pattern.pose[2])
    x, y = ((cut.boxes[:, :2] - pattern.pose[:2]) @ np.array([[cos, -sin], [sin, cos]])).T
    return Cells.of(cut.boxes, np.where(pattern.painted(x, y), Surface.PAINT, Surface.ROAD))


def _pattern_skirts(pattern: Pattern, level: int) -> list[Array]:
    (x0, x1), (y0, y1) = ((e[0], e[-1]) for e in pattern.edges[0])
    columns = []
    for width in SKIRT_WIDTHS[level]:
        parts = []
        for fixed, low, high, along_x in ((y0 - width / 2, x0, x1, True), (y1 + width / 2, x0, x1, True),
                                          (x0 - width / 2, y0 - width, y1 + width, False),
                                          (x1 + width / 2, y0 - width, y1 + width, False)):  # fmt: skip
            starts, ends = even_pieces(np.array([low]), np.array([high]), (0.3, 0.7)[level])
            middle, length = (starts + ends) / 2, ends - starts
            still, across = np.full(len(middle), fixed), np.full(len(middle), width)
            x, y = (middle, still) if along_x else (still, middle)
            parts.append(_placed(pattern.pose, x, y, *((length, across) if along_x else (across, length))))
        columns.append(np.concatenate(parts))
        x0, x1, y0, y1 = x0 - width, x1 + width, y0 - width, y1 + width
    return columns


def _placed(pose: Array, x: Array, y: Array, length: Array, width: Array) -> Array:
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    place = np.stack([pose[0] + cos * x - sin * y, pose[1] + sin * x + cos * y], 1)
    return np.column_stack([place, np.full(len(x), pose[2]), length, width])


def _frame(polygon: Array) -> tuple[Array, float, float, shapely.Polygon] | None:
    """Pose ``[3]`` (x along the long side), length, width of the rectangle round a polygon; it in that frame."""
    shape = shapely.Polygon(polygon).buffer(0)
    corners = np.asarray(shape.minimum_rotated_rectangle.exterior.coords) if shape.area > 0.05 else None
    if corners is None:
        return None
    sides = np.diff(corners[:3], axis=0)
    lengths = np.linalg.norm(sides, axis=1)
    along = sides[np.argmax(lengths)]
    pose = np.array([*corners[:4].mean(0), np.arctan2(along[1], along[0])])
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    local = (np.asarray(polygon, float)[:, :2] - pose[:2]) @ np.array([[cos, -sin], [sin, cos]])
    return pose, float(lengths.max()), float(lengths.min()), shapely.Polygon(local).buffer(0.05)


def _stop_pattern(polygon: Array) -> Pattern | None:
    frame = _frame(polygon)
    if frame is None:
        return None
    pose, length, width, area = frame
    half, thick = length / 2, min(width, STOP_WIDTH) / 2
    near = (graded_edges(-half, half, 0.35, True, True, 0.06, 2.0),
            graded_edges(-thick, thick, 0.13, True, True, 0.05, 2.0))  # fmt: skip
    middle = (graded_edges(-half, half, 0.8, False, False, 0.1, 2.0), np.linspace(-thick, thick, 3))
    return Pattern(pose, (near, middle), lambda x, y: np.ones(len(x), bool), area)


def _teeth(stop: StopLine, road_map: RoadMap) -> Pattern | None:
    """A row of triangles, their tips towards who has to yield."""
    frame = _frame(stop.polygon)
    lanes = [road_map.lanes[i] for i in stop.lane_ids if i in road_map.lanes]
    if frame is None or not lanes:
        return None
    pose, length, _, area = frame
    count = max(1, round(length / TOOTH_PITCH))
    pitch, half = length / count, length / 2
    heading = lanes[0].centerline[0 if lanes[0].connector else -1, 2]
    against = np.sign(
        np.sin(pose[2]) * np.sin(heading - np.pi / 2) + np.cos(pose[2]) * np.cos(heading - np.pi / 2)
    )
    deep = TOOTH_LENGTH / 2
    near = (np.linspace(-half, half, 12 * count + 1), np.linspace(-deep, deep, 9))
    middle = (np.linspace(-half, half, 4 * count + 1), np.linspace(-deep, deep, 4))

    def painted(x: Array, y: Array) -> NDArray[np.bool_]:
        beside = np.abs((x + half) % pitch - pitch / 2)
        return beside < 0.36 * pitch * (0.5 + against * y / TOOTH_LENGTH)

    return Pattern(pose, (near, middle), painted, area.buffer(0.2))


def _zebra(polygon: Array) -> Pattern | None:
    frame = _frame(polygon)
    if frame is None:
        return None
    pose, length, width, area = frame
    stripes = 2 * max(1, int((length / STRIPE + 1) // 2)) - 1  # odd: paint at both ends
    borders = np.linspace(-stripes / 2, stripes / 2, stripes + 1) * STRIPE
    fine = [graded_edges(a, b, 0.2, True, True, 0.05, 2.0) for a, b in pairwise(borders)]
    across = graded_edges(-width / 2, width / 2, 0.4, True, True, 0.06, 2.0)
    near = (np.unique(np.concatenate(fine)), across)
    middle = (
        np.linspace(borders[0], borders[-1], 2 * stripes + 1),
        graded_edges(-width / 2, width / 2, 0.9, False, False, 0.1, 2.0),
    )

    def painted(x: Array, y: Array) -> NDArray[np.bool_]:
        return np.floor((x - borders[0]) / STRIPE).astype(int) % 2 == 0

    return Pattern(pose, (near, middle), painted, area)


def _arrow(place: Array, heading: float, turns: set[Turn]) -> Pattern:
    """An arrow that starts at ``place``: 4 m long, a head for each of ``turns``."""
    parts = [shapely.box(-2.0, -0.07, 0.6, 0.07)]
    if Turn.STRAIGHT in turns:
        parts += [
            shapely.box(0.6, -0.07, 1.2, 0.07),
            shapely.Polygon([(0.9, -0.28), (0.9, 0.28), (2.0, 0.0)]),
        ]
    for turn, side in ((Turn.LEFT, 1.0), (Turn.RIGHT, -1.0)):
        if turn in turns:
            at, out = (-0.9, 0.22) if Turn.STRAIGHT in turns else (0.6, 0.0)  # heads stand apart
            bend = [
                (at - 0.35, 0.0),
                (at - 0.35, side * 0.07),
                (at + 0.75, side * (out + 0.45)),
                (at + 1.1, side * (out + 0.4)),
            ]
            head = [
                (at + 0.45, side * (out + 0.62)),
                (at + 1.35, side * (out + 0.12)),
                (at + 1.75, side * (out + 0.85)),
            ]
            parts += [shapely.Polygon([*bend, (at + 0.2, 0.0)]), shapely.Polygon(head)]
    shape = shapely.unary_union([p.buffer(0) for p in parts])
    low, high = np.array(shape.bounds[1]), np.array(shape.bounds[3])
    fine = (np.arange(-2.0, 2.01, 0.14), np.linspace(low, high, int((high - low) / 0.05) + 1))
    coarse = (np.arange(-2.0, 2.01, 0.25), np.linspace(low, high, int((high - low) / 0.12) + 1))
    pose = np.array([*place, heading])
    return Pattern(
        pose, (fine, coarse), lambda x, y: shapely.contains_xy(shape, x, y), shapely.box(-3, -3, 3, 3)
    )
