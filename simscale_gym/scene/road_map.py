"""The road map of a scene: lanes, connectors, roadblocks, intersections, crosswalks, stop lines, areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.errors import SceneError
from simscale_gym.geometry import polyline
from simscale_gym.geometry.polygon_set import PolygonSet
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.one_line import one_line
from simscale_gym.scene.derived import compiled
from simscale_gym.scene.lane_graph import LaneGraph

Array = NDArray[np.float64]

GRID = 1e-3
"""Grid that unions are rounded to before they are widened [m]: GEOS may lose a hole that a finer slit leads to."""


class Turn(IntEnum):
    """What a lane connector does (nuPlan's LaneConnectorType)."""

    STRAIGHT = 0
    LEFT = 1
    RIGHT = 2
    UTURN = 3
    UNKNOWN = 4


class BoundaryType(IntEnum):
    """Painting of a lane boundary (nuPlan's boundary_type_fid, and yellow, which nuPlan has not)."""

    DASHED_WHITE = 0
    SOLID_WHITE = 2
    VIRTUAL = 3
    DASHED_YELLOW = 10
    SOLID_YELLOW = 12

    @property
    def dashed(self) -> bool:
        """Whether it may be crossed."""
        return self in (BoundaryType.DASHED_WHITE, BoundaryType.DASHED_YELLOW)

    @property
    def yellow(self) -> bool:
        """Whether it parts directions, as in America."""
        return self >= BoundaryType.DASHED_YELLOW

    @property
    def white(self) -> BoundaryType:
        """The same in white, for formats that know no yellow."""
        return BoundaryType(self - 10) if self.yellow else self


class IntersectionType(IntEnum):
    """nuPlan's intersection_type_fid."""

    DEFAULT = 0
    TRAFFIC_LIGHT = 1
    STOP_SIGN = 2
    LANE_BRANCH = 3
    LANE_MERGE = 4
    PASS_THROUGH = 5


class StopLineType(IntEnum):
    """nuPlan's stop_polygon_type_fid."""

    PED_CROSSING = 0
    STOP_SIGN = 1
    TRAFFIC_LIGHT = 2
    TURN_STOP = 3
    YIELD = 4
    UNKNOWN = 5


@dataclass(frozen=True, eq=False)
class Lane:
    """A lane, or (``connector``) the path of one lane through an intersection into the next.

    Attributes:
        id: Unique over lanes and connectors.
        connector: Whether it lies inside an intersection.
        roadblock_id: The roadblock (or roadblock connector) that it belongs to.
        centerline: ``[K, 3]`` x, y, heading in driving direction.
        polygon: ``[M, 2]`` area of the lane, open ring [m].
        left_boundary, right_boundary: ``[., 2]`` edges in driving direction [m].
        left_type, right_type: Painting of these edges.
        heights: ``[K]`` height of the road along the centreline [m]; None where the source holds none.
        speed_limit: Speed limit [m/s]; None where the map has none.
        predecessors, successors: Lane ids.
        left_neighbor, right_neighbor: Lanes of the same roadblock beside it.
        intersection_id: Intersection that a connector lies in.
        turn: Turn that a connector makes.
        stop_line_ids: Traffic-light stop lines of a connector.
        bike: Whether it is for bicycles, not for cars.
    """

    id: str
    connector: bool
    roadblock_id: str
    centerline: Array
    polygon: Array
    left_boundary: Array
    right_boundary: Array
    left_type: BoundaryType = BoundaryType.VIRTUAL
    right_type: BoundaryType = BoundaryType.VIRTUAL
    heights: Array | None = None
    speed_limit: float | None = None
    predecessors: tuple[str, ...] = ()
    successors: tuple[str, ...] = ()
    left_neighbor: str | None = None
    right_neighbor: str | None = None
    intersection_id: str | None = None
    turn: Turn = Turn.UNKNOWN
    stop_line_ids: tuple[str, ...] = ()
    bike: bool = False

    __repr__ = one_line

    @cached_property
    def length(self) -> float:
        """Length of the centreline [m]."""
        return float(polyline.arc_lengths(self.centerline)[-1])


@dataclass(frozen=True, eq=False)
class Roadblock:
    """Parallel lanes of one direction (nuPlan's lane group), or parallel connectors.

    Attributes:
        id: Unique over roadblocks and roadblock connectors.
        connector: Whether it lies inside an intersection.
        polygon: ``[M, 2]`` area of all its lanes, open ring [m].
        lane_ids: Left to right.
        predecessors, successors: Roadblock ids.
        intersection_id: Intersection that a roadblock connector lies in.
    """

    id: str
    connector: bool
    polygon: Array
    lane_ids: tuple[str, ...]
    predecessors: tuple[str, ...] = ()
    successors: tuple[str, ...] = ()
    intersection_id: str | None = None

    __repr__ = one_line


@dataclass(frozen=True, eq=False)
class Intersection:
    """The area where roads meet."""

    id: str
    polygon: Array
    type: IntersectionType = IntersectionType.DEFAULT

    __repr__ = one_line


@dataclass(frozen=True, eq=False)
class StopLine:
    """A place to stop at: a thin polygon across ``lane_ids``."""

    id: str
    polygon: Array
    type: StopLineType = StopLineType.UNKNOWN
    lane_ids: tuple[str, ...] = ()

    __repr__ = one_line


@dataclass(frozen=True, eq=False)
class Area:
    """A polygon with no more to say: crosswalk, walkway, car park, other drivable area."""

    id: str
    polygon: Array

    __repr__ = one_line


@dataclass(frozen=True, eq=False)
class RoadMap:
    """All map elements near a log, in the scene frame [m].

    Attributes:
        name: nuPlan's map name, or the source's name of the place.
        lanes: Lanes and connectors by id.
        roadblocks: Roadblocks and roadblock connectors by id.
        intersections, stop_lines: Intersections and stop lines by id.
        crosswalks, walkways, carparks, generic_drivable: Areas by id.
        elsewhere: Lanes by id of roads that pass over or under the ego's way: drawn, and nothing else, as nobody gets
            there from here.
    """

    name: str
    lanes: Mapping[str, Lane]
    roadblocks: Mapping[str, Roadblock] = field(default_factory=dict)
    intersections: Mapping[str, Intersection] = field(default_factory=dict)
    stop_lines: Mapping[str, StopLine] = field(default_factory=dict)
    crosswalks: Mapping[str, Area] = field(default_factory=dict)
    walkways: Mapping[str, Area] = field(default_factory=dict)
    carparks: Mapping[str, Area] = field(default_factory=dict)
    generic_drivable: Mapping[str, Area] = field(default_factory=dict)
    elsewhere: Mapping[str, Lane] = field(default_factory=dict)

    __repr__ = one_line

    @cached_property
    def lane_ids(self) -> tuple[str, ...]:
        """Ids in the order of the lane graph's rows."""
        return tuple(self.lanes)

    @cached_property
    def lane_index(self) -> dict[str, int]:
        """Row of each lane in :attr:`graph` and :attr:`lane_polygons`."""
        return {lane_id: row for row, lane_id in enumerate(self.lane_ids)}

    @cached_property
    @compiled(LaneGraph)
    def graph(self) -> LaneGraph:
        """The lanes as flat arrays."""
        return LaneGraph.build(self.lanes)

    @cached_property
    @compiled(PolygonSet)
    def lane_polygons(self) -> PolygonSet:
        """Polygons of all lanes, in the order of :attr:`lane_ids`."""
        return PolygonSet.build([lane.polygon for lane in self.lanes.values()])

    @property
    def drivable_rings(self) -> list[Array]:
        """Polygons of roadblocks, lanes, intersections, car parks and other drivable areas."""
        layers = (self.roadblocks, self.lanes, self.intersections, self.carparks, self.generic_drivable)
        return [item.polygon for layer in layers for item in layer.values()]

    @cached_property
    def drivable_region(self) -> shapely.MultiPolygon:
        """Union of the drivable polygons, with slivers under 0.2 m between neighbours closed."""
        return shapely.MultiPolygon([(outer, holes) for outer, *holes in _drivable_parts(self)])

    def lanes_at(self, point: Array) -> list[str]:
        """Ids of the lanes and connectors whose polygon contains ``point [2]``."""
        inside = self.lane_polygons.contains(np.asarray(point, float)[None, :2])[0]
        return [self.lane_ids[row] for row in np.flatnonzero(inside)]

    def nearest_lane(
        self, pose: Array, *, max_distance: float = 10.0, max_angle: float = np.pi / 2
    ) -> tuple[str, float, float]:
        """The car lane nearest to ``pose [3]`` that runs within ``max_angle`` [rad] of its heading.

        Among lanes at equal distance (inside their polygons, all count as 0) the best aligned one.

        Returns:
            Lane id, arc length along it [m], signed lateral offset from its centreline [m, left +].

        Raises:
            SceneError: No such lane within ``max_distance`` [m].
        """
        graph, pose = self.graph, np.asarray(pose, float)
        inside = set(self.lanes_at(pose))
        best: tuple[float, float, str, float, float] | None = None
        for row in graph.lanes_near(pose[:2], max_distance):
            lane = self.lanes[self.lane_ids[row]]
            s, d = polyline.project(lane.centerline, pose[None, :2])
            angle = abs(wrap_angle(polyline.at_arc_length(lane.centerline, s)[0, 2] - pose[2]))
            distance = 0.0 if lane.id in inside else abs(float(d[0]))
            if lane.bike or angle > max_angle or abs(d[0]) > max_distance:
                continue
            key = (distance, float(angle) + 0.1 * abs(float(d[0])), lane.id, float(s[0]), float(d[0]))
            best = min(best, key) if best else key
        if best is None:
            raise SceneError(
                f"map {self.name}: no car lane within {max_distance} m of x {pose[0]:.1f}, y {pose[1]:.1f} that "
                f"runs within {np.degrees(max_angle):.0f} degrees of heading {pose[2]:.2f} rad."
            )
        return best[2], best[3], best[4]


@compiled()
def _drivable_parts(road_map: RoadMap) -> list[list[Array]]:
    """Rings ``[K, 2]`` of each part of the drivable region: outline, then holes. To unite them takes a second."""
    rings = [shapely.make_valid(shapely.Polygon(ring)) for ring in road_map.drivable_rings]
    region = shapely.unary_union(rings, grid_size=GRID)
    region = region.buffer(0.1, join_style="mitre").buffer(-0.1, join_style="mitre")
    parts = [
        g for g in getattr(region, "geoms", [region]) if isinstance(g, shapely.Polygon) and not g.is_empty
    ]
    return [[np.asarray(ring.coords) for ring in (part.exterior, *part.interiors)] for part in parts]
