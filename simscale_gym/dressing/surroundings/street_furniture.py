"""Trees, lamps, signals and signs beside the road."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.dressing.surroundings.street_space import StreetSpace
from simscale_gym.geometry import polyline
from simscale_gym.scene import Building, Fixture, Lane, Scene, StopLineType, Tree

Array = NDArray[np.float64]

_TREE_SPACING, _TREE_OFFSET = (10.0, 14.0), 1.5  # [m] along and off the kerb
_LAMP_SPACING, _LAMP_OFFSET = 30.0, 0.7  # [m]
_LAMP_HEIGHT, _LAMP_REACH = (7.0, 8.5), 1.8  # [m]
_SIGNAL_HEIGHT, _SIGN_HEIGHT = 3.6, 2.6  # [m]
_JUNCTION_CLEARANCE, _CROSSWALK_CLEARANCE = 6.0, 3.0  # [m] kept free of trees, for sight
_POLES_APART = 1.2  # [m]
_MAX_SIDESTEP = 10.0  # [m] that a pole may move to the right to reach the roadside
_LABELS = {StopLineType.STOP_SIGN: "stop", StopLineType.YIELD: "yield"}


def plant_trees(space: StreetSpace, buildings: list[Building], rng: np.random.Generator) -> list[Tree]:
    """Trees along the kerbs, off lanes, walkers' and vehicles' paths, crossings and façades."""
    open_sight = [space.junctions.buffer(_JUNCTION_CLEARANCE), space.crosswalks.buffer(_CROSSWALK_CLEARANCE)]
    avoid = shapely.unary_union([space.blocked.buffer(0.4), *open_sight])
    walls = shapely.unary_union([shapely.Polygon(b.footprint) for b in buildings])
    trees: list[Tree] = []
    for pose in _stations(space, _TREE_OFFSET, lambda: rng.uniform(*_TREE_SPACING), avoid):
        room = shapely.Point(pose[:2]).distance(walls) if buildings else 9.0
        radius = min(rng.uniform(1.4, 2.4), room - 0.2)
        height = rng.uniform(5.0, 9.0)
        if radius >= 1.0 and all(np.hypot(t.x - pose[0], t.y - pose[1]) > 5.0 for t in trees):
            trees.append(
                Tree(float(pose[0]), float(pose[1]), float(height), float(radius), int(rng.integers(2**31)))
            )
    return trees


def place_lamps(
    space: StreetSpace, trees: list[Tree], others: list[Fixture], rng: np.random.Generator
) -> list[Fixture]:
    """Lamps along the kerbs, their arms over the road, clear of ``others``."""
    poles = shapely.unary_union([shapely.Point(pole.x, pole.y).buffer(_POLES_APART) for pole in others])
    crowns = shapely.unary_union([shapely.Point(t.x, t.y).buffer(1.0) for t in trees])
    avoid = shapely.unary_union([space.blocked.buffer(0.2), crowns, poles])
    lamps: list[Fixture] = []
    for x, y, heading in _stations(space, _LAMP_OFFSET, lambda: _LAMP_SPACING, avoid):
        if all(np.hypot(lamp.x - x, lamp.y - y) > _LAMP_SPACING / 2 for lamp in lamps):
            height = float(rng.uniform(*_LAMP_HEIGHT))
            lamps.append(Fixture("lamp", float(x), float(y), float(heading), height, _LAMP_REACH))
    return lamps


def place_signals(scene: Scene, space: StreetSpace) -> list[Fixture]:
    """A signal for every way into an intersection with lights, at the right of its stop line."""
    stop_lines = scene.map.stop_lines.values()
    ruled = {i for stop in stop_lines if stop.type == StopLineType.TRAFFIC_LIGHT for i in stop.lane_ids}
    ruled = {i for i in ruled if i in scene.map.lanes and scene.map.lanes[i].connector}
    ruled |= {i for i in scene.lights.lane_ids if i in scene.map.lanes}
    ruled |= {lane.id for lane in scene.map.lanes.values() if lane.stop_line_ids}
    signals = []
    for lanes in _approaches(scene, ruled):
        place = _right_of_start(lanes, space, signals)
        if place is not None:
            ids = tuple(sorted(lane.id for lane in lanes))
            signals.append(Fixture("signal", *place, _SIGNAL_HEIGHT, lane_ids=ids))
    return signals


def place_signs(scene: Scene, space: StreetSpace, signals: list[Fixture]) -> list[Fixture]:
    """Stop and yield signs at the right of their stop lines, beside the ``signals``."""
    signs: list[Fixture] = []
    for kind, label in _LABELS.items():
        stop_lines = [stop for stop in scene.map.stop_lines.values() if stop.type == kind]
        ruled = {i for stop in stop_lines for i in _entered(scene, stop.lane_ids)}
        for lanes in _approaches(scene, ruled):
            place = _right_of_start(lanes, space, [*signals, *signs])
            if place is not None:
                signs.append(Fixture("sign", *place, _SIGN_HEIGHT, label=label))
    return signs


def _stations(
    space: StreetSpace, offset: float, spacing: Callable[[], float], avoid: shapely.Geometry
) -> Iterator[Array]:
    """Poses ``[3]`` along the kerbs, the road to their left, ``spacing()`` [m] apart, off ``avoid``."""
    shapely.prepare(avoid)
    shapely.prepare(space.focus)
    for line in space.kerbs(offset):
        poses = polyline.resample(line, 0.5)
        s = polyline.arc_lengths(poses)
        free = shapely.contains_xy(space.focus, poses[:, :2]) & ~shapely.contains_xy(avoid, poses[:, :2])
        following = spacing() / 2
        for i in np.flatnonzero(free):
            if s[i] >= following:
                yield poses[i]
                following = s[i] + spacing()


def _entered(scene: Scene, lane_ids: Iterable[str]) -> list[str]:
    """Connectors among ``lane_ids`` and behind the lanes among them."""
    lanes = [scene.map.lanes[i] for i in lane_ids if i in scene.map.lanes]
    behind = [j for lane in lanes if not lane.connector for j in lane.successors if j in scene.map.lanes]
    return [lane.id for lane in lanes if lane.connector] + behind


def _approaches(scene: Scene, lane_ids: Iterable[str]) -> list[list[Lane]]:
    """Connectors grouped by the roadblock that they leave and the intersection that they enter."""
    groups: dict[tuple[str, str], list[Lane]] = {}
    for lane_id in sorted(lane_ids):
        lane = scene.map.lanes[lane_id]
        before = next((i for i in lane.predecessors if i in scene.map.lanes), None)
        block = scene.map.lanes[before].roadblock_id if before else lane_id
        groups.setdefault((block, lane.intersection_id or ""), []).append(lane)
    return list(groups.values())


def _right_of_start(
    lanes: list[Lane], space: StreetSpace, others: list[Fixture]
) -> tuple[float, float, float] | None:
    """Place and heading of a pole that faces the traffic into ``lanes``, off the road to its right, clear of others."""
    heading = lanes[0].centerline[0, 2]
    right = np.array([np.sin(heading), -np.cos(heading)])
    starts = np.array([lane.right_boundary[0] for lane in lanes])
    corner = starts[np.argmax(starts @ right)] - 0.5 * np.array([np.cos(heading), np.sin(heading)])
    if not space.focus.contains(shapely.Point(corner)):
        return None
    for step in np.arange(0.6, _MAX_SIDESTEP, 0.4):
        x, y = corner + step * right
        clear = all(np.hypot(other.x - x, other.y - y) >= _POLES_APART for other in others)
        if clear and space.blocked.distance(shapely.Point(x, y)) > 0.3:
            return float(x), float(y), float((heading + 2 * np.pi) % (2 * np.pi) - np.pi)
    return None
