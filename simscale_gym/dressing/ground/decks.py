"""Bridges over the ego's way: a slab at the height of its road, with lines and a parapet, out of surfels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from simscale_gym.dressing.ground.cells import Line
from simscale_gym.dressing.ground.markings import DASH, GAP, LINE_WIDTH
from simscale_gym.dressing.ground.terrain import REACH, Terrain
from simscale_gym.dressing.light.occluders import Occluders
from simscale_gym.dressing.surfels.surfels import SurfelBuilder, Surfels
from simscale_gym.geometry import polyline
from simscale_gym.geometry.simple_rings import polygons_of
from simscale_gym.scene import Lane, Scene
from simscale_gym.scene.levels import LEVEL

Array = NDArray[np.float64]

_SHOULDER = 1.0  # [m] from the outer lane to the parapet
_GAP = 2.0  # [m] between the lanes of one deck
_THICKNESS, _PARAPET = 1.2, 0.9  # [m] below and above the road
_CELL, _PIECE, _ROWS = 0.6, 0.8, 6  # [m] of the slab and along its sides, which are so many cells high
_COARSE, _FAR = 3, 60.0  # cells are this many times as large farther from the path than [m]
_SHADE_PIECE = 8.0  # [m] of a lane that casts one rectangle of shadow
_ASPHALT, _CONCRETE, _PAINT = (0.36, 0.36, 0.37), (0.62, 0.61, 0.58), (0.78, 0.78, 0.76)
_STROKE, _RAISED, _BEYOND = (
    1.0,
    0.02,
    0.5,
)  # [m] of a line; above the road; beside a line, where another lane may be
_ACROSS = 0.7  # sine of the angle to the lane from which a side is the end of the slab


def decks(scene: Scene, terrain: Terrain, rng: np.random.Generator) -> tuple[Surfels, Occluders]:
    """The slabs of all roads that pass over the path, and what casts their shadow.

    Roads below the path are hidden by the ground.
    """
    lanes = [lane for lane in scene.map.elsewhere.values() if _is_above(lane, terrain)]
    if not lanes:
        return Surfels.empty(), Occluders()
    known = np.concatenate([np.column_stack([x.centerline, x.heights]) for x in lanes])
    road = _Road(known, cKDTree(known[:, :2]))
    grown = [shapely.make_valid(shapely.Polygon(lane.polygon)).buffer(_GAP) for lane in lanes]
    region = shapely.unary_union(grown).buffer(_SHOULDER - _GAP, join_style="mitre").simplify(0.1)
    builder = SurfelBuilder(rng, k=0.62)
    for part in polygons_of(region):
        _lay_slab(builder, part, road, terrain)
        for ring in (part.exterior, *part.interiors):
            _lay_sides(builder, np.asarray(ring.coords), road, terrain)
    _lay_lines(builder, lanes, road, terrain)
    return builder.build(), _shadows(lanes)


class _Road:
    """Heights and headings of the lanes of all decks."""

    def __init__(self, known: Array, tree: cKDTree) -> None:
        self._known, self._tree = known, tree

    def height(self, points: Array) -> Array:
        """Height of the road ``[N]`` at ``points [N, 2]`` [m]."""
        distance, row = self._tree.query(points, k=list(range(1, min(3, len(self._known)) + 1)))
        weight = 1.0 / (distance + 0.5)
        return (weight * self._known[row, 3]).sum(1) / weight.sum(1)

    def heading(self, points: Array) -> Array:
        """Heading ``[N]`` [rad] of the lane nearest to ``points [N, 2]``."""
        return self._known[self._tree.query(points)[1], 2]


def _is_above(lane: Lane, terrain: Terrain) -> bool:
    if lane.heights is None:
        return False
    line = lane.centerline[:, :2]
    near = terrain.distance(line) < REACH
    return bool(near.any() and np.median(lane.heights[near] - terrain.height(line[near])) > LEVEL)


def _lay_slab(builder: SurfelBuilder, part: shapely.Polygon, road: _Road, terrain: Terrain) -> None:
    """Road above and concrete below."""
    shapely.prepare(part)
    for cell, near in ((_CELL, True), (_COARSE * _CELL, False)):
        low_x, low_y, high_x, high_y = part.bounds
        axes = (np.arange(low_x + cell / 2, high_x, cell), np.arange(low_y + cell / 2, high_y, cell))
        points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
        points = points[shapely.contains_xy(part, points)]
        distance = terrain.distance(points) if len(points) else np.zeros(0)
        points = points[((distance < _FAR) == near) & (distance < REACH)]
        if not len(points):
            continue
        z, sigma = road.height(points), [0.62 * cell, 0.62 * cell]
        for height, color, up, openness in ((z, _ASPHALT, 1.0, 1.0), (z - _THICKNESS, _CONCRETE, -1.0, 0.55)):
            centers = np.column_stack([points, height])
            albedo = np.array(color) * (1.0 + 0.02 * builder.rng.standard_normal((len(points), 1)))
            builder.add(
                centers, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), sigma, albedo, normal=(0.0, 0.0, up), occlusion=openness
            )  # fmt: skip


def _lay_sides(builder: SurfelBuilder, ring: Array, road: _Road, terrain: Terrain) -> None:
    """Sides of the slab and parapets on them, but not across the road where the deck ends."""
    line = polyline.resample(ring, _PIECE)[:, :2]
    start, end = line[:-1], line[1:]
    middle, along = (start + end) / 2, end - start
    turn = np.arctan2(along[:, 1], along[:, 0]) - road.heading(middle)
    keep = (np.abs(np.sin(turn)) < _ACROSS) & (terrain.distance(middle) < REACH)
    start, end = start[keep], end[keep]
    if not len(start):
        return
    at_start, at_end = road.height(start), road.height(end)
    levels = np.linspace(-_THICKNESS, _PARAPET, _ROWS + 1)
    for low, high in pairwise(levels):
        corners = [
            (start, at_start + low),
            (end, at_end + low),
            (end, at_end + high),
            (start, at_start + high),
        ]
        builder.quads(np.stack([np.column_stack(corner) for corner in corners], 1), _CONCRETE, k=0.6)


def _lay_lines(builder: SurfelBuilder, lanes: list[Lane], road: _Road, terrain: Terrain) -> None:
    """Lane lines on the road: dashed where another lane lies beyond, else solid."""
    covered = shapely.unary_union([shapely.make_valid(shapely.Polygon(lane.polygon)) for lane in lanes])
    shapely.prepare(covered)
    for lane in lanes:
        for edge, side in ((lane.left_boundary, 1.0), (lane.right_boundary, -1.0)):
            line = Line.of(edge)
            at = np.arange(0.0, line.length - _STROKE, _STROKE)
            if not len(at):
                continue
            middle, left = line.frames(at + _STROKE / 2)
            shared = shapely.contains_xy(covered, middle + side * _BEYOND * left)
            dash = (at % (DASH + GAP) < DASH) & (
                side > 0.0
            )  # of the two lanes that share a line, one paints it
            at = at[np.where(shared, dash, True) & (terrain.distance(middle) < _FAR)]
            if len(at):
                _paint(builder, line, at, road)


def _paint(builder: SurfelBuilder, line: Line, at: Array, road: _Road) -> None:
    """Strokes of paint that begin ``at [K]`` [m] along a line."""
    corners = ((0.0, -1.0), (_STROKE, -1.0), (_STROKE, 1.0), (0.0, 1.0))
    places = [line.at(at + along, side * LINE_WIDTH / 2) for along, side in corners]
    raised = [np.column_stack([place, road.height(place) + _RAISED]) for place in places]
    builder.quads(np.stack(raised, 1), _PAINT, k=0.6)


def _shadows(lanes: list[Lane]) -> Occluders:
    """Level rectangles along the lanes."""
    plates = []
    for lane in lanes:
        lengths = polyline.arc_lengths(lane.centerline)
        count = max(1, int(np.ceil(lengths[-1] / _SHADE_PIECE)))
        middles = (np.arange(count) + 0.5) * lengths[-1] / count
        poses = polyline.at_arc_length(lane.centerline, middles)
        half_width = np.linalg.norm(lane.left_boundary[0] - lane.right_boundary[0]) / 2.0 + _SHOULDER
        size = np.broadcast_to([lengths[-1] / count / 2.0, half_width], (count, 2))
        z = np.interp(middles, lengths, lane.heights) - _THICKNESS
        plates.append(np.column_stack([poses[:, :2], z, np.cos(poses[:, 2]), np.sin(poses[:, 2]), size]))
    return Occluders(plates=np.concatenate(plates).astype(np.float32))
