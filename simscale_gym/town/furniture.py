"""Trees, lamps, signals, signs and other things that stand on a town's pavements."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.scene import Fixture, Tree
from simscale_gym.town import curves as curves
from simscale_gym.town.junctions import ISLAND_RADIUS, Arm, Junction
from simscale_gym.town.town_map import Draft, Road
from simscale_gym.town.walkers import pavement_offset

Array = NDArray[np.float64]

FROM_KERB = 0.5
"""Distance from the kerb at which poles and trunks stand on the pavement [m]."""


def signals(draft: Draft, road: shapely.Geometry) -> list[Fixture]:
    """Per signalled arm a post at the near right, and one beyond the junction that is seen from the stop line.

    Where the road goes on, that one stands at the far left and its arm reaches over the lanes; at the stem of a T
    it is a post on the far kerb, straight ahead.
    """
    shapely.prepare(road)
    fixtures = []
    for index, junction in enumerate(draft.junctions):
        if junction.control not in ("signal", "split_signal"):
            continue
        for a, arm in enumerate(junction.arms):
            ids = tuple(i for i, x in draft.approaches.items() if x.junction == index and x.arm_in == a)
            spot = _beside(junction, arm, arm.cut - 0.3, arm.width_in + 0.7)
            fixtures.append(Fixture("signal", *spot, arm.angle, 3.4, 0.0, ids))
            far = _opposite(junction, arm)
            if far is None:
                start = np.array(_beside(junction, arm, 0.0, arm.width_in / 2))
                x, y = _off_road(start, -arm.u, road)
                fixtures.append(Fixture("signal", x, y, arm.angle, 3.6, 0.0, ids))
            else:
                start = np.array(_beside(junction, far, far.cut - 5.6, far.width_in + 0.2))
                x, y = _off_road(start, curves.left_of(far.u), road)
                aside = float((np.array([x, y]) - start) @ curves.left_of(far.u))
                reach = min(far.width_in + 1.5 + aside, 8.0)
                fixtures.append(Fixture("signal", x, y, arm.angle, 5.8, reach, ids))
    return fixtures


def _off_road(start: Array, direction: Array, road: shapely.Geometry) -> tuple[float, float]:
    """The first place from ``start [2]`` on that stands FROM_KERB off the road."""
    point = start
    while road.distance(shapely.Point(point)) < FROM_KERB:
        point = point + 0.2 * direction
    return float(point[0]), float(point[1])


def _beside(junction: Junction, arm: Arm, along: float, across: float) -> tuple[float, float]:
    point = junction.center + along * arm.u + across * curves.left_of(arm.u)
    return float(point[0]), float(point[1])


def _opposite(junction: Junction, arm: Arm) -> Arm | None:
    best = min(junction.arms, key=lambda other: float(arm.u @ other.u))
    return best if float(arm.u @ best.u) < -0.85 else None


def signs(rng: np.random.Generator, draft: Draft) -> list[Fixture]:
    """Stop and yield signs, crosswalk signs without signals, speed limits and parking signs."""
    fixtures = []
    marked = {(c.junction, c.arm) for c in draft.crossings}
    for index, junction in enumerate(draft.junctions):
        for a, arm in enumerate(junction.arms):
            label = {"all_way_stop": "stop", "roundabout": "yield"}.get(junction.control, "")
            if junction.control in ("stop", "yield") and not arm.major:
                label = junction.control
            if label:
                fixtures.append(_sign(junction, arm, 0.2, label))
            if (index, a) in marked and junction.control not in ("signal", "split_signal"):
                fixtures.append(_sign(junction, arm, 4.0, "crossing"))
    for road in draft.roads:
        for side in (1, -1):
            speed = str(round(road.street.speed_limit * 3.6))
            fixtures.append(_along(draft, road, side, 6.0, "sign", 2.4, speed, with_traffic=True))
            strips = [p for p in road.parking if p[0] == side]
            if strips and rng.random() < 0.8:
                at = (
                    strips[0][1] + 4.0
                    if side < 0
                    else polyline.arc_lengths(road.line)[-1] - strips[0][2] + 4.0
                )
                fixtures.append(_along(draft, road, side, at, "sign", 2.3, "parking", with_traffic=True))
    return fixtures


def _sign(junction: Junction, arm: Arm, before: float, label: str) -> Fixture:
    spot = _beside(junction, arm, arm.cut + before, arm.width_in + 0.75)
    return Fixture("sign", *spot, arm.angle, 2.5, label=label)


def _edge(draft: Draft, road: Road, side: int) -> float:
    """Distance from the middle of the road to the kerb, parking strip included [m]."""
    kind = road.street.left if side > 0 else road.street.right
    return pavement_offset(draft, road.street, kind) - draft.config.sidewalk_width / 2


def _along(
    draft: Draft, road: Road, side: int, at: float, kind: str, height: float, label: str = "", *, with_traffic: bool,
    from_kerb: float = FROM_KERB, reach: float = 0.0,
) -> Fixture:  # fmt: skip
    """A fixture ``at`` metres after the junction, in the driving direction of its side of the road.

    It faces the traffic of its side (``with_traffic``), or the road.
    """
    line = road.line if side < 0 else road.line[::-1]
    pose = polyline.at_arc_length(line, at)
    offset = _edge(draft, road, side) + from_kerb
    right = -curves.left_of(np.array([np.cos(pose[2]), np.sin(pose[2])]))
    x, y = pose[:2] + offset * right
    heading = float(pose[2] + (np.pi if with_traffic else np.pi / 2))
    return Fixture(kind, float(x), float(y), heading, height, reach, label=label)


def street_rows(rng: np.random.Generator, draft: Draft) -> tuple[list[Tree], list[Fixture]]:
    """Trees and lamps in rows, bins, bollards and bus shelters along every street."""
    trees: list[Tree] = []
    fixtures: list[Fixture] = []
    for road in draft.roads:
        length = polyline.arc_lengths(road.line)[-1]
        leafy = rng.random() < 0.7
        crown = rng.uniform(1.6, 2.6)
        for side in (1, -1):
            lamps = np.arange(7.0 if side > 0 else 21.0, length - 5.0, 28.0)
            for at in lamps:
                lamp = _along(draft, road, side, float(at), "lamp", 7.5, with_traffic=False, reach=0.0)
                heading = (
                    lamp.heading - np.pi / 2
                )  # its arm, to the left of its heading, reaches over the road
                fixtures.append(Fixture("lamp", lamp.x, lamp.y, heading, 7.5, 1.6))
            busy = [*lamps, 6.0]
            shelter = road.street.lanes > 1 or (road.street.ring and rng.random() < 0.4)
            if shelter and length > 50.0 and rng.random() < 0.7:
                at = float(rng.uniform(0.45, 0.7) * length)
                fixtures.append(
                    _along(draft, road, side, at, "shelter", 2.5, with_traffic=False, from_kerb=2.4)
                )
                busy += [at - 3.0, at, at + 3.0]
            if leafy:
                trees += _tree_row(rng, draft, road, side, busy, crown)
            for at in np.arange(rng.uniform(12.0, 40.0), length - 8.0, 55.0):
                if min(abs(at - b) for b in busy) > 2.0:
                    fixtures.append(_along(draft, road, side, float(at), "bin", 1.0, with_traffic=False))
    return trees, fixtures


def _tree_row(
    rng: np.random.Generator, draft: Draft, road: Road, side: int, busy: list[float], crown: float
) -> list[Tree]:
    length, trees, at = polyline.arc_lengths(road.line)[-1], [], float(rng.uniform(10.0, 14.0))
    while at < length - 13.0:
        if min(abs(at - b) for b in busy) > 3.0:
            spot = _along(draft, road, side, at, "bin", 1.0, with_traffic=False)
            radius = float(crown * rng.uniform(0.8, 1.2))
            height = float(2.6 + 1.9 * radius + rng.uniform(0.0, 1.2))
            trees.append(Tree(spot.x, spot.y, height, radius, int(rng.integers(2**31))))
        at += float(rng.uniform(8.0, 12.5))
    return trees


def islands(rng: np.random.Generator, draft: Draft) -> list[Tree]:
    """Trees on roundabouts and broad medians."""
    trees = []
    for junction in draft.junctions:
        if junction.round:
            for k in range(3):
                angle, radius = 2.1 * k + rng.uniform(0, 1), 0.45 * ISLAND_RADIUS
                x, y = junction.center + radius * np.array([np.cos(angle), np.sin(angle)])
                trees.append(
                    Tree(float(x), float(y), float(rng.uniform(4.5, 6.5)), 1.7, int(rng.integers(2**31)))
                )
    for road in draft.roads:
        if road.street.median > 2.0:
            for pose in polyline.at_arc_length(
                road.line, np.arange(14.0, polyline.arc_lengths(road.line)[-1] - 14.0, 13.0)
            ):
                trees.append(Tree(float(pose[0]), float(pose[1]), 5.8, 1.5, int(rng.integers(2**31))))
    return trees


def bollards(draft: Draft) -> list[Fixture]:
    """Two at either end of every crosswalk."""
    fixtures = []
    for crossing in draft.crossings:
        ends = np.array(crossing.ends)
        axis = curves.unit(ends[1] - ends[0])
        for end, out in ((ends[0], -axis), (ends[1], axis)):
            for shift in (-2.1, 2.1):
                x, y = end + 0.5 * out + shift * curves.left_of(axis)
                fixtures.append(Fixture("bollard", float(x), float(y), float(np.arctan2(*out[::-1])), 0.95))
    return fixtures
