"""The map features of a ScenarioDescription, sorted by kind and checked; nothing is worked out yet."""

from __future__ import annotations

from functools import partial

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.files.fields import Fields
from simscale_gym.geometry import polyline
from simscale_gym.scene import BoundaryType
from simscale_gym.sources.inferred.extent import Extent
from simscale_gym.sources.inferred.features import (
    LaneFeature,
    MapFeatures,
    centerline_of,
    heights_along,
    open_ring,
)
from simscale_gym.sources.inferred.own_level import OwnLevel

Array = NDArray[np.float64]

_MIN_BESIDE = 0.6  # of a lane's length that a stated neighbour must accompany it
_STRAIGHT = 0.02  # [m] off a recorded edge of the road that vertices count for nothing
_MPH, _KMH = 0.44704, 1 / 3.6  # [m/s]


def read_features(
    features: Fields, origin: Array, extent: Extent, *, trust_speed_limits: bool, way: Array | None = None
) -> MapFeatures:
    """Sort ``map_features`` and move them by ``-origin [3]`` [m].

    What lies beyond ``extent`` is left out.

    Args:
        features: The features.
        origin: Origin of the scene.
        extent: Where the map may reach, in the frame of the scene.
        trust_speed_limits: Whether speed limits are such.
        way: ``[T, 3]`` where the ego drove, in the frame of the scene: what passes over or under that is set apart.
            None where the third numbers of points are no heights (nuScenes' lanes have headings there).

    Raises:
        DataError: A feature misses its line or polygon, holds NaN, reaches too far, or there is no lane.
    """
    found, level, flat_origin = MapFeatures(), float(origin[2]), origin[:2]
    sorted_out = [
        (key, feature.text("type").upper(), feature)
        for key, feature in features.children()
        if _is_near(feature, extent, flat_origin)
    ]
    for key, kind, feature in sorted_out:
        if kind.startswith("LANE_"):
            place = flat_origin, None if way is None else level
            lane = _read_lane(key, kind, feature, place, trust_speed_limits)
            found.lanes += [lane] if lane else []
            found.specks += lane is None
    if not found.lanes:
        raise features.error("LANE_*", f"{len(features.values)} features and no lane", "at least one lane")
    own = None if way is None else OwnLevel(way, found.lanes)
    if own is not None and own.elsewhere:
        found.elsewhere = [lane for lane in found.lanes if lane.id in own.elsewhere]
        found.lanes = [lane for lane in found.lanes if lane.id not in own.elsewhere]
    for key, kind, feature in sorted_out:
        if kind.startswith("LANE_") or (own is not None and _is_elsewhere(feature, own, origin)):
            continue
        if kind == "STOP_SIGN":
            lanes = feature.names("lane")
            found.stop_signs[key] = (_position(feature) - flat_origin, lanes)
        elif kind in ("CROSSWALK", "CROSS_WALK", "DRIVEWAY") or "SIDEWALK" in kind:
            _add_area(found, key, kind, feature, flat_origin)
        elif "LINE" in kind or kind.startswith("ROAD_EDGE"):
            _add_line(found, kind, feature, flat_origin)
    return found


def _is_near(feature: Fields, extent: Extent, origin: Array) -> bool:
    for name in ("polyline", "polygon"):
        if feature.has(name):
            points = feature.array(name, (None, 2), finite=True, wider=True)[:, :2] - origin
            if not extent.holds(points, partial(feature.error, name)):
                return False
    return True


def _is_elsewhere(feature: Fields, own: OwnLevel, origin: Array) -> bool:
    """Whether a line or area belongs to a road that passes over or under the ego's way."""
    if not own.elsewhere:
        return False
    for name in ("polyline", "polygon"):
        if feature.has(name):
            points = feature.array(name, (None, 2), finite=True, wider=True)
            return len(points) > 1 and points.shape[1] > 2 and own.is_elsewhere(points[:, :3] - origin)
    return False


def _read_lane(
    key: str, kind: str, feature: Fields, place: tuple[Array, float | None], trust_limits: bool
) -> LaneFeature | None:
    (origin, level), line = place, feature.array("polyline", (None, 2), finite=True, wider=True)
    raw = line[:, :2]
    centerline = centerline_of(raw - origin)
    if centerline is None:
        return None
    heights = None if level is None else heights_along(centerline, line)
    widths = None
    if feature.has("width") and np.ndim(feature.get("width")) == 2:
        stored, s = feature.array("width", (len(raw), 2), finite=True, wider=True), polyline.arc_lengths(raw)
        at = polyline.arc_lengths(centerline)
        widths = np.column_stack([np.interp(at, s, stored[:, side]) for side in (0, 1)])
    graph = feature.has("entry_lanes") or feature.has("exit_lanes")
    return LaneFeature(
        id=key,
        centerline=centerline,
        connector=True if kind == "LANE_SURFACE_UNSTRUCTURE" else None,
        heights=heights if heights is None or level is None else heights - level,
        bike=kind == "LANE_BIKE_LANE",
        polygon=_read_polygon(feature, origin) if feature.has("polygon") else None,
        widths=widths,
        speed_limit=_speed_limit(feature) if trust_limits else None,
        exits=feature.names("exit_lanes") if graph else None,
        entries=feature.names("entry_lanes") if graph else None,
        left_ids=_neighbors(feature, "left_neighbor", len(raw)),
        right_ids=_neighbors(feature, "right_neighbor", len(raw)),
    )


def _read_polygon(feature: Fields, origin: Array) -> Array | None:
    return open_ring(feature.array("polygon", (None, 2), finite=True, wider=True)[:, :2] - origin)


def _position(feature: Fields) -> Array:
    position = feature.array("position", (None,), finite=True)
    if len(position) < 2:
        raise feature.error("position", f"{len(position)} numbers", "x, y and maybe z")
    return position[:2]


def _speed_limit(feature: Fields) -> float | None:
    for key, unit in (("speed_limit_mph", _MPH), ("speed_limit_kmh", _KMH)):
        if feature.has(key):
            limit = float(feature.array(key, (), finite=True)) * unit
            return limit if limit > 0 else None
    return None


def _neighbors(feature: Fields, key: str, vertices: int) -> tuple[str, ...]:
    """Ids under ``key``: plain, or Waymo's dictionaries with the range of vertices that they accompany."""
    ids = []
    for item in feature.items(key):
        if not isinstance(item, dict):
            ids.append(feature.called(key, item))
            continue
        entry = Fields.of(feature.path, feature.at(key), item)
        share = (_index(entry, "self_end_index", vertices) - _index(entry, "self_start_index", 0)) / vertices
        if share >= _MIN_BESIDE:
            ids.append(entry.name("feature_id"))
    return tuple(ids)


def _index(entry: Fields, key: str, otherwise: int) -> int:
    """A place in the polyline, which may be written as text."""
    try:
        return int(float(entry.name(key, str(otherwise))))
    except (ValueError, OverflowError):
        raise entry.error(key, "no whole number", "an index into polyline") from None


def _add_area(found: MapFeatures, key: str, kind: str, feature: Fields, origin: Array) -> None:
    if not feature.has("polygon") and feature.has("polyline"):
        _add_line(found, kind, feature, origin)  # some writers draw a sidewalk as its edge
        return
    feature.get("polygon")
    ring = _read_polygon(feature, origin)
    layers = {"CROSSWALK": found.crosswalks, "CROSS_WALK": found.crosswalks, "DRIVEWAY": found.paved}
    if ring is not None:
        layers.get(kind, found.walkways)[key] = ring


def _add_line(found: MapFeatures, kind: str, feature: Fields, origin: Array) -> None:
    line = feature.array("polyline", (None, 2), finite=True, wider=True)[:, :2] - origin
    line = polyline.without_repeats(line) if len(line) else line
    if len(line) < 2:
        return
    found.lines.append((line, _paint(kind)))
    if kind.startswith("ROAD_EDGE") and "SIDEWALK" not in kind:
        found.edges.append(shapely.get_coordinates(shapely.LineString(line).simplify(_STRAIGHT)))


def _paint(kind: str) -> BoundaryType:
    """Paint of ROAD_LINE_[BROKEN|SOLID|PASSING]_[SINGLE|DOUBLE]_[WHITE|YELLOW]; edges of the road are solid."""
    dashed = "BROKEN" in kind
    if "YELLOW" in kind:
        return BoundaryType.DASHED_YELLOW if dashed else BoundaryType.SOLID_YELLOW
    return BoundaryType.DASHED_WHITE if dashed else BoundaryType.SOLID_WHITE
