"""What stands beside the roads of a town: pavements, buildings, trees, street furniture."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.scene import Area, Ground, Shapes
from simscale_gym.sources import town_curves as curves
from simscale_gym.sources.town_map import Draft

Array = NDArray[np.float64]


def carriageway(draft: Draft, parking_throughout: bool) -> shapely.Geometry:
    """Kerb to kerb; with ``parking_throughout`` the parking strips reach from junction to junction."""
    c, parts = draft.config, [junction.area for junction in draft.junctions]
    for junction in draft.junctions:
        if junction.round:
            parts.append(shapely.Point(junction.center).buffer(8.0))
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
    line = carriageway(draft, True).buffer(draft.config.sidewalk_width, quad_segs=12)
    pavements = simple_rings(line.difference(road))
    walkways = {}
    for ring in pavements:
        area = Area(draft.next_id(), ring)
        walkways[area.id] = area
    return Shapes(grounds=tuple(Ground("sidewalk", ring) for ring in pavements)), walkways
