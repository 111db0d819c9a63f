"""What stands beside the roads of a town: pavements, buildings, trees, street furniture."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.scene import Area, Building, Ground, Shapes, Tree
from simscale_gym.town import curves as curves
from simscale_gym.town import furniture as furniture
from simscale_gym.town.buildings import SETBACK, Face, build_fronts, faces_of
from simscale_gym.town.junctions import ISLAND_RADIUS
from simscale_gym.town.town_map import Draft

Array = NDArray[np.float64]

FOOT_OF_FRONTS = SETBACK + 0.6
"""Width of pavement beyond the sidewalk of the map [m]: under the fronts."""
APRON = 1.4
"""Paved rim of a roundabout's island [m]."""


def carriageway(draft: Draft, parking_throughout: bool) -> shapely.Geometry:
    """Kerb to kerb; with ``parking_throughout`` the parking strips reach from junction to junction."""
    c, parts = draft.config, [junction.area for junction in draft.junctions]
    for road in draft.roads:
        half = road.street.half_width(c.lane_width)
        beyond = {"bike": c.bike_width, "parking": c.parking_width * parking_throughout}
        left, right = half + beyond.get(road.street.left, 0.0), half + beyond.get(road.street.right, 0.0)
        parts.append(shapely.Polygon(curves.ring_of(*curves.strip(road.line, left, -right))))
    if not parking_throughout:
        parts += [shapely.Polygon(area.polygon) for area in draft.carparks.values()]
    region = shapely.unary_union([shapely.make_valid(p) for p in parts])
    return region.buffer(0.05, join_style="mitre").buffer(-0.05, join_style="mitre")


def simple_rings(region: shapely.Geometry, smallest: float = 0.5) -> list[Array]:
    """``region`` as counter-clockwise rings ``[K, 2]`` without holes, cut where needed; slivers dropped [m^2]."""
    rings, todo = [], list(getattr(region, "geoms", [region]))
    while todo:
        part = todo.pop()
        if part.geom_type != "Polygon":
            todo += list(getattr(part, "geoms", []))
        elif part.area < smallest:
            continue
        elif not part.interiors:
            rings.append(np.array(shapely.geometry.polygon.orient(part).exterior.coords)[:-1])
        else:
            hole = max(part.interiors, key=lambda ring: shapely.Polygon(ring).area)
            x, y = shapely.Polygon(hole).representative_point().coords[0]
            low_x, low_y, high_x, high_y = part.bounds
            boxes = [
                (low_x, low_y, x, y),
                (x, low_y, high_x, y),
                (low_x, y, x, high_y),
                (x, y, high_x, high_y),
            ]
            todo += [part.intersection(shapely.box(*b)) for b in boxes]
    return rings


def dress(rng: np.random.Generator, draft: Draft) -> tuple[Shapes, dict[str, Area]]:
    """All side shapes, and the pavements as the map's walkways."""
    road = carriageway(draft, False)
    paved = carriageway(draft, True).buffer(draft.config.sidewalk_width, quad_segs=12)
    paved = max(getattr(paved, "geoms", [paved]), key=lambda part: part.area)
    islands = _islands(draft)
    pavements = simple_rings(
        paved.difference(shapely.unary_union([road, *(shapely.Polygon(r) for r in islands)]))
    )
    walkways = {}
    for ring in pavements:
        area = Area(draft.next_id(), ring)
        walkways[area.id] = area
    grounds = [Ground("sidewalk", ring) for ring in pavements] + [Ground("island", ring) for ring in islands]
    grounds += [Ground("grass", ring) for ring in _lawns(draft)]
    buildings: list[Building] = []
    trees = furniture.islands(rng, draft)
    for face in faces_of(draft, paved):
        fronts = build_fronts(rng, draft, face)
        buildings += fronts
        grounds += _face_grounds(face, paved)
        trees += _garden_trees(rng, face, fronts)
    rows, fixtures = furniture.street_rows(rng, draft)
    fixtures += furniture.signals(draft, road) + furniture.signs(rng, draft) + furniture.bollards(draft)
    clear = road.buffer(0.15)
    shapely.prepare(clear)
    fixtures = [f for f in fixtures if not clear.contains(shapely.Point(f.x, f.y))]
    trees = [t for t in trees + rows if not road.contains(shapely.Point(t.x, t.y))]
    return Shapes(tuple(buildings), tuple(trees), tuple(fixtures), tuple(grounds)), walkways


def _face_grounds(face: Face, paved: shapely.Polygon) -> list[Ground]:
    """Lawns in the suburb; in town, pavement up to the fronts, behind them yards, and lawns around the town."""
    if face.suburban:
        return [Ground("grass", ring) for ring in simple_rings(face.area)]
    strip = face.area.intersection(paved.buffer(FOOT_OF_FRONTS, join_style="mitre"))
    rest = "grass" if face.area.interiors else "plaza"
    return [Ground("sidewalk", ring) for ring in simple_rings(strip)] + [
        Ground(rest, ring) for ring in simple_rings(face.area.difference(strip))
    ]


def _lawns(draft: Draft) -> list[Array]:
    """Rings of the green on roundabouts."""
    rings = []
    for junction in draft.junctions:
        if junction.round:
            disc = shapely.Point(junction.center).buffer(ISLAND_RADIUS - APRON, quad_segs=16)
            rings.append(np.array(shapely.geometry.polygon.orient(disc).exterior.coords)[:-1])
    return rings


def _islands(draft: Draft) -> list[Array]:
    """Rings of roundabouts' middles and of medians."""
    rings = []
    for junction in draft.junctions:
        if junction.round:
            disc = shapely.Point(junction.center).buffer(ISLAND_RADIUS, quad_segs=16)
            rings.append(np.array(shapely.geometry.polygon.orient(disc).exterior.coords)[:-1])
    for road in draft.roads:
        half = road.street.median / 2
        if half > 0.0:
            rings.append(curves.ring_of(*curves.strip(road.line, half, -half)))
    return rings


def _garden_trees(rng: np.random.Generator, face: Face, fronts: list[Building]) -> list[Tree]:
    """Trees scattered over the ground that is not built on."""
    low_x, low_y, high_x, high_y = face.area.bounds
    count = int((0.008 if face.suburban else 0.003) * face.area.area)
    inner = face.area.buffer(-1.2).difference(
        shapely.unary_union([shapely.Polygon(b.footprint) for b in fronts]).buffer(2.2)
    )
    points = rng.uniform([low_x, low_y], [high_x, high_y], (3 * count, 2))
    inside = shapely.contains_xy(inner, points[:, 0], points[:, 1])
    out = []
    for x, y in points[inside][:count]:
        radius = float(rng.uniform(1.5, 2.8))
        out.append(Tree(float(x), float(y), 2.4 + 2.0 * radius, radius, int(rng.integers(2**31))))
    return out
