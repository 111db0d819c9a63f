"""The map features of a ScenarioDescription, sorted by kind and checked; nothing is worked out yet."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simscale_gym.files.fields import Fields
from simscale_gym.geometry import polyline

Array = NDArray[np.float64]

_SPACING = 1.0  # [m] between the vertices of a centreline
_MIN_LENGTH = 0.5  # [m] shorter lanes are specks
_MIN_BESIDE = 0.6  # of a lane's length that a stated neighbour must accompany it
_MPH, _KMH = 0.44704, 1 / 3.6  # [m/s]


@dataclass(frozen=True, eq=False)
class LaneFeature:
    """A lane as the file has it.

    Attributes:
        id, type: Key of the feature, and its type, LANE_*.
        centerline: ``[K, 3]`` x, y, heading, 1 m apart.
        polygon: ``[M, 2]`` open ring, or None.
        widths: ``[K, 2]`` left and right half width [m], 0 where unknown, or None.
        speed_limit: Speed limit [m/s], or None.
        exits, entries: Ids of the lanes after and before it; None where the file has no lane graph.
        left_ids, right_ids: Lanes stated to run beside it for most of its length.
    """

    id: str
    type: str
    centerline: Array
    polygon: Array | None
    widths: Array | None
    speed_limit: float | None
    exits: tuple[str, ...] | None
    entries: tuple[str, ...] | None
    left_ids: tuple[str, ...] = ()
    right_ids: tuple[str, ...] = ()


@dataclass(eq=False)
class MapFeatures:
    """All features by kind.

    Attributes:
        lanes: Lanes of at least half a metre; ``specks`` counts the shorter ones.
        lines: Painted lines and road edges ``[., 2]`` by whether they are ``broken``.
        rings: Closed lines that bound the paved area.
        crosswalks, walkways, driveways: Polygons ``[., 2]`` by id.
        stop_signs: Position ``[2]`` and lane ids by id.
    """

    lanes: list[LaneFeature] = field(default_factory=list)
    specks: int = 0
    lines: list[tuple[Array, bool]] = field(default_factory=list)
    rings: list[Array] = field(default_factory=list)
    crosswalks: dict[str, Array] = field(default_factory=dict)
    walkways: dict[str, Array] = field(default_factory=dict)
    driveways: dict[str, Array] = field(default_factory=dict)
    stop_signs: dict[str, tuple[Array, tuple[str, ...]]] = field(default_factory=dict)


def read_features(features: Fields, origin: Array, *, trust_speed_limits: bool) -> MapFeatures:
    """Sort ``map_features`` and move them by ``-origin [2]`` [m].

    Raises:
        DataError: A feature misses its line or polygon, holds NaN, or there is no lane.
    """
    found = MapFeatures()
    for key, feature in features.children():
        kind = feature.text("type").upper()
        if kind.startswith("LANE_"):
            lane = _read_lane(key, kind, feature, origin, trust_speed_limits)
            found.lanes += [lane] if lane else []
            found.specks += lane is None
        elif kind == "STOP_SIGN":
            lanes = tuple(str(i) for i in feature.values.get("lane") or ())
            found.stop_signs[key] = (_position(feature) - origin, lanes)
        elif kind in ("CROSSWALK", "DRIVEWAY") or "SIDEWALK" in kind:
            _add_area(found, key, kind, feature, origin)
        elif "LINE" in kind or kind.startswith("ROAD_EDGE"):
            _add_line(found, kind, feature, origin)
    if not found.lanes:
        raise features.error("LANE_*", f"{len(features.values)} features and no lane", "at least one lane")
    return found


def _read_lane(key: str, kind: str, feature: Fields, origin: Array, trust_limits: bool) -> LaneFeature | None:
    raw = feature.array("polyline", (None, 2), finite=True, wider=True)[:, :2]
    line = polyline.without_repeats(raw - origin) if len(raw) else raw
    if len(line) < 2 or polyline.arc_lengths(line)[-1] < _MIN_LENGTH:
        return None
    centerline = polyline.with_headings(polyline.resample(line, _SPACING))
    widths = None
    if feature.has("width") and np.ndim(feature.get("width")) == 2:
        stored, s = feature.array("width", (len(raw), 2), finite=True, wider=True), polyline.arc_lengths(raw)
        at = polyline.arc_lengths(centerline)
        widths = np.column_stack([np.interp(at, s, stored[:, side]) for side in (0, 1)])
    graph = feature.has("entry_lanes") or feature.has("exit_lanes")
    return LaneFeature(
        id=key,
        type=kind,
        centerline=centerline,
        polygon=_read_polygon(feature, origin) if feature.has("polygon") else None,
        widths=widths,
        speed_limit=_speed_limit(feature) if trust_limits else None,
        exits=_ids(feature, "exit_lanes") if graph else None,
        entries=_ids(feature, "entry_lanes") if graph else None,
        left_ids=_neighbors(feature, "left_neighbor", len(raw)),
        right_ids=_neighbors(feature, "right_neighbor", len(raw)),
    )


def _read_polygon(feature: Fields, origin: Array) -> Array | None:
    ring = feature.array("polygon", (None, 2), finite=True, wider=True)[:, :2] - origin
    ring = polyline.without_repeats(ring) if len(ring) else ring
    ring = ring[:-1] if len(ring) > 1 and np.allclose(ring[0], ring[-1]) else ring
    return ring if len(ring) >= 3 else None


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


def _ids(feature: Fields, key: str) -> tuple[str, ...]:
    value = feature.values.get(key)
    return tuple(str(i) for i in value) if value is not None else ()


def _neighbors(feature: Fields, key: str, vertices: int) -> tuple[str, ...]:
    """Ids under ``key``: plain, or Waymo's dictionaries with the range of vertices that they accompany."""
    ids = []
    for item in feature.values.get(key) or ():
        if not isinstance(item, dict):
            ids.append(str(item))
            continue
        entry = Fields(feature.path, f"{feature.place}.{key}", item)
        try:
            share = (
                int(item.get("self_end_index", vertices)) - int(item.get("self_start_index", 0))
            ) / vertices
        except (TypeError, ValueError):
            raise entry.error("self_start_index", "no whole number", "an index into polyline") from None
        if share >= _MIN_BESIDE:
            ids.append(str(entry.get("feature_id")))
    return tuple(ids)


def _add_area(found: MapFeatures, key: str, kind: str, feature: Fields, origin: Array) -> None:
    if not feature.has("polygon") and feature.has("polyline"):
        _add_line(found, kind, feature, origin)  # some writers draw a sidewalk as its edge
        return
    feature.get("polygon")
    ring = _read_polygon(feature, origin)
    layers = {"CROSSWALK": found.crosswalks, "DRIVEWAY": found.driveways}
    if ring is not None:
        layers.get(kind, found.walkways)[key] = ring


def _add_line(found: MapFeatures, kind: str, feature: Fields, origin: Array) -> None:
    line = feature.array("polyline", (None, 2), finite=True, wider=True)[:, :2] - origin
    line = polyline.without_repeats(line) if len(line) else line
    if len(line) < 2:
        return
    broken = "BROKEN" in kind and "YELLOW" not in kind
    found.lines.append((line, broken))
    if len(line) > 4 and np.allclose(line[0], line[-1]):
        found.rings.append(line[:-1])
