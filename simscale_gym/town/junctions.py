"""Where streets meet: how far each arm is cut back, the paved area, the paths through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import Turn
from simscale_gym.town import curves as curves
from simscale_gym.town.config import TownConfig
from simscale_gym.town.layout import Layout, Street
from simscale_gym.town.settled import area_of, rounded

Array = NDArray[np.float64]

CROSSWALK_GAP = 1.0
"""From the stop line to the crosswalk [m]."""
CROSSWALK_TO_CORNER = 0.6
"""From the crosswalk to where the kerb begins to round [m]."""
ISLAND_RADIUS, RING_RADIUS, OUTER_RADIUS = 7.0, 10.0, 13.0
"""Of a roundabout: central island, middle of the circulating lane, outer kerb [m]."""
SLIT = 1e-5
"""Width of the cut that makes a roundabout's area one ring [m]."""


@dataclass(frozen=True, eq=False)
class Arm:
    """One road at a junction, seen from the junction's centre.

    Attributes:
        street: Number of the street.
        outward: The street's forward direction leads away from here.
        angle, u: Direction away from the centre.
        cut: Distance from the centre at which the lanes end [m].
        width_in, width_out: From the road's middle to the kerb on the side of the lanes that come in / go out [m].
        major: Has right of way where the junction has stop or yield signs.
    """

    street: int
    outward: bool
    angle: float
    u: Array
    cut: float
    width_in: float
    width_out: float
    major: bool


@dataclass(frozen=True, eq=False)
class Junction:
    """A junction: centre ``[2]``, control, arms counter-clockwise, kerb radius, paved area."""

    center: Array
    control: str
    arms: tuple[Arm, ...]
    radius: float
    area: shapely.Polygon

    @property
    def round(self) -> bool:
        """Is it a roundabout?"""
        return self.control == "roundabout"


def build_junctions(rng: np.random.Generator, layout: Layout, config: TownConfig) -> list[Junction]:
    """The junctions of ``layout``."""
    junctions = []
    for index, control in enumerate(layout.controls):
        radius = float(rng.uniform(*config.corner_radius))
        arms = sorted(_bare_arms(layout, index, config), key=lambda arm: arm.angle)
        radius = 9.0 if control == "roundabout" else radius
        cuts = _cuts(arms, radius, control == "roundabout", config)
        arms = [Arm(**{**vars(arm), "cut": cut}) for arm, cut in zip(arms, cuts, strict=True)]
        area = _paved(layout.centers[index], arms, radius, control == "roundabout")
        junctions.append(Junction(layout.centers[index], control, tuple(arms), radius, area))
    return junctions


def _bare_arms(layout: Layout, index: int, config: TownConfig) -> list[Arm]:
    arms = []
    for number, street in enumerate(layout.streets):
        for outward in (True, False):
            if (street.start if outward else street.end) != index:
                continue
            line = street.line if outward else street.line[::-1]
            u = curves.unit(polyline.at_arc_length(line, 16.0)[:2] - line[0])
            inbound_side, outbound_side = (
                (street.left, street.right) if outward else (street.right, street.left)
            )
            half = street.half_width(config.lane_width)
            widths = [
                half + (config.bike_width if s == "bike" else 0.0) for s in (inbound_side, outbound_side)
            ]
            major = street.ring or street.lanes > 1
            arms.append(Arm(number, outward, float(np.arctan2(u[1], u[0])), u, 0.0, *widths, major))
    return arms


def _cuts(arms: list[Arm], radius: float, is_round: bool, config: TownConfig) -> list[float]:
    zone = CROSSWALK_GAP + config.crosswalk_width + CROSSWALK_TO_CORNER
    if is_round:
        return [OUTER_RADIUS + 6.5 + zone] * len(arms)
    reach = [7.0] * len(arms)
    for i, arm in enumerate(arms):
        j = (i + 1) % len(arms)
        other = arms[j]
        gap = float((other.angle - arm.angle) % (2 * np.pi))
        if gap > np.radians(155.0):
            continue
        edge, other_edge = arm.width_in * curves.left_of(arm.u), -other.width_out * curves.left_of(other.u)
        along, other_along = curves.crossing_of(edge, arm.u, other_edge, other.u)
        tangent = radius / np.tan(gap / 2)
        reach[i] = max(reach[i], along + tangent)
        reach[j] = max(reach[j], other_along + tangent)
    return [r + zone for r in reach]


def _paved(center: Array, arms: list[Arm], radius: float, is_round: bool) -> shapely.Polygon:
    """Kerb to kerb: the arms' rectangles with their inner corners rounded, less a roundabout's island."""
    parts = []
    for arm in arms:
        n = curves.left_of(arm.u)
        ring = [-2.0 * arm.u - arm.width_out * n, arm.cut * arm.u - arm.width_out * n]
        ring += [arm.cut * arm.u + arm.width_in * n, -2.0 * arm.u + arm.width_in * n]
        parts.append(area_of(center + np.array(ring)))
    if not is_round:
        area = shapely.unary_union(parts)
        return area.buffer(radius, quad_segs=24).buffer(-radius, quad_segs=24, join_style="mitre")
    middle = shapely.Point(rounded(center))
    disc = middle.buffer(OUTER_RADIUS, quad_segs=24)
    area = shapely.unary_union([disc, *parts]).buffer(radius, quad_segs=16)
    area = area.buffer(-radius, quad_segs=16, join_style="mitre")
    return area.difference(middle.buffer(ISLAND_RADIUS, quad_segs=16))


def in_one_ring(area: shapely.Polygon, junction: Junction) -> shapely.Polygon:
    """``area`` as a map can hold it, whose polygons are one ring: a slit joins a roundabout's island to the outside.

    It is too narrow for any point that is asked about to lie in it.
    """
    if not junction.round:
        return shapely.Polygon(area.exterior)
    angles = [arm.angle for arm in junction.arms]
    gaps = [(b - a) % (2 * np.pi) for a, b in zip(angles, [*angles[1:], angles[0]], strict=True)]
    widest = int(np.argmax(gaps))
    angle = angles[widest] + gaps[widest] / 2
    out = junction.center + 60.0 * np.array([np.cos(angle), np.sin(angle)])
    slit = shapely.LineString(rounded(np.array([junction.center, out]))).buffer(SLIT / 2, cap_style="flat")
    return area.difference(slit)


def turn_of(start: Array, end: Array) -> Turn:
    """What a path from pose ``start [3]`` to pose ``end [3]`` does."""
    angle = float(wrap_angle(end[2] - start[2]))
    if abs(angle) < np.radians(35.0):
        return Turn.STRAIGHT
    return Turn.LEFT if angle > 0 else Turn.RIGHT


def lane_pairs(lanes_in: int, lanes_out: int, turn: Turn) -> list[tuple[int, int]]:
    """Which lane (0 = leftmost) leads into which one for a ``turn``."""
    if turn == Turn.LEFT:
        return [(0, 0)]
    if turn == Turn.RIGHT:
        return [(lanes_in - 1, lanes_out - 1)]
    return [(k, k) for k in range(min(lanes_in, lanes_out))]


def path_through(junction: Junction, from_arm: Arm, to_arm: Arm, start: Array, end: Array) -> Array:
    """Middle ``[K, 2]`` of the path from lane end ``start [3]`` to lane beginning ``end [3]``."""
    if not junction.round:
        return curves.link(start, end)
    sweep = float((to_arm.angle - from_arm.angle) % (2 * np.pi))
    lead = min(np.radians(38.0), 0.4 * sweep)
    angles = np.linspace(from_arm.angle + lead, from_arm.angle + sweep - lead, 40)
    ring = junction.center + RING_RADIUS * np.stack([np.cos(angles), np.sin(angles)], -1)
    enter = curves.bezier(start, np.array([*ring[0], angles[0] + np.pi / 2]), 0.42)
    leave = curves.bezier(np.array([*ring[-1], angles[-1] + np.pi / 2]), end, 0.42)
    line = polyline.without_repeats(np.concatenate([enter, ring[1:-1], leave]))
    return curves.eased(line, 1.5)


def across(junction: Junction, arm: Arm, near: float, far: float) -> Array:
    """Ring ``[4, 2]`` over the whole road on ``arm``, ``near`` to ``far`` [m] inward of the lanes' end."""
    n = curves.left_of(arm.u)
    a, b = junction.center + (arm.cut - far) * arm.u, junction.center + (arm.cut - near) * arm.u
    return np.array(
        [a - arm.width_out * n, b - arm.width_out * n, b + arm.width_in * n, a + arm.width_in * n]
    )


def trimmed(street: Street, junctions: list[Junction], number: int, step: float = 1.0) -> Array:
    """Middle line ``[K, 2]`` of a street between the ends of its lanes."""
    cut_start = next(a.cut for a in junctions[street.start].arms if a.street == number and a.outward)
    cut_end = next(a.cut for a in junctions[street.end].arms if a.street == number and not a.outward)
    length = polyline.arc_lengths(street.line)[-1]
    count = max(4, int(np.ceil((length - cut_start - cut_end) / step)) + 1)
    return polyline.at_arc_length(street.line, np.linspace(cut_start, length - cut_end, count))[:, :2]
