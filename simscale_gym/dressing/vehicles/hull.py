"""The shell of a vehicle as two charts: its side over (x, z), and the band that runs over the roof, over (s, v).

``s`` is the arc length of the centre-line profile from the rear bumper's foot over the roof to the front bumper's,
``v`` the lateral place in metres of the widest section (it narrows with the hull, so its lines converge in front).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

Array = NDArray[np.float64]
Chart = Callable[[Array], Array]
"""Places ``[N, 2]`` on a chart to points ``[N, 3]`` in the vehicle's frame [m]."""


@dataclass(frozen=True)
class HullShape:
    """Lines of a hull, in metres, x forward from the middle, z up from the road.

    Attributes:
        profile: Corners of the side's silhouette, rear foot to front foot: x, z, crown (how far the centre line
            stands out beyond the silhouette) and a name or "".
        half_width: Half of the width at the widest place.
        belt: Height of the window line at the rear and front end.
        tumblehome: Lean of the side above the belt, m per m.
        shoulder: Step inwards at the belt.
        section: Heights and insets of the side below the belt.
        front_taper, rear_taper: Length over which the plan narrows, and by how much.
        fillet: Radius that rounds the side into the roof.
        smooth: Rounds of corner cutting of the profile.
    """

    profile: tuple[tuple[float, float, float, str], ...]
    half_width: float
    belt: tuple[float, float]
    tumblehome: float = 0.30
    shoulder: float = 0.03
    section: tuple[tuple[float, float], ...] = (
        (0.2, 0.07),
        (0.36, 0.025),
        (0.55, 0.03),
        (0.70, 0.0),
        (0.9, 0.012),
    )
    front_taper: tuple[float, float] = (0.75, 0.17)
    rear_taper: tuple[float, float] = (0.55, 0.11)
    fillet: float = 0.08
    smooth: int = 3


@dataclass(frozen=True)
class Hull:
    """Charts of a :class:`HullShape`, with the arches that flare around its wheels.

    Attributes:
        shape: The lines.
        wheels: x, z, radius of the arch at each axle [m].
    """

    shape: HullShape
    wheels: tuple[tuple[float, float, float], ...] = ()

    @cached_property
    def silhouette(self) -> Array:
        """Side outline ``[K, 3]`` x, z, crown, rear foot to front foot, corners cut."""
        points = np.array([p[:3] for p in self.shape.profile], float)
        for _ in range(self.shape.smooth):
            quarter = 0.75 * points[:-1] + 0.25 * points[1:]
            three = 0.25 * points[:-1] + 0.75 * points[1:]
            points = np.concatenate([points[:1], np.stack([quarter, three], 1).reshape(-1, 3), points[-1:]])
        return points

    @cached_property
    def outline(self) -> shapely.Polygon:
        """The side's area on its chart."""
        return shapely.Polygon(self.silhouette[:, :2])

    @cached_property
    def arc(self) -> Array:
        """Arc length ``[K]`` of the silhouette's points."""
        steps = np.linalg.norm(np.diff(self.silhouette[:, :2], axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @cached_property
    def creases(self) -> Array:
        """Arc lengths at which the profile turns by more than half a radian."""
        step = np.diff(self.silhouette[:, :2], axis=0)
        turn = np.abs(np.diff(np.unwrap(np.arctan2(step[:, 1], step[:, 0]))))
        return self.arc[1:-1][turn > 0.5]

    @cached_property
    def length(self) -> float:
        """Arc length from foot to foot [m]."""
        return float(self.arc[-1])

    @cached_property
    def size(self) -> Array:
        """Length, width, height ``[3]`` [m]."""
        middle = self.band(np.column_stack([np.linspace(0.0, self.length, 200), np.zeros(200)]))
        x, z = (a.ravel() for a in np.meshgrid(self.silhouette[:, 0], self.silhouette[:, 1]))
        width = 2 * float(self.half_width(x, z).max())
        return np.array([2 * np.abs(middle[:, 0]).max(), width, middle[:, 2].max()])

    def place(self, name: str) -> float:
        """Arc length nearest to the named corner of the profile [m]."""
        corner = next(np.array(p[:2]) for p in self.shape.profile if p[3] == name)
        return float(self.arc[np.argmin(((self.silhouette[:, :2] - corner) ** 2).sum(1))])

    def front_arc(self, z: Array | float) -> Array:
        """Arc length at height ``z`` on the front."""
        return self._arc_at(z, self._share_of_length > 0.72)

    def rear_arc(self, z: Array | float) -> Array:
        """Arc length at height ``z`` on the rear."""
        return self._arc_at(z, self._share_of_length < 0.28)

    @cached_property
    def _share_of_length(self) -> Array:
        x = self.silhouette[:, 0]
        return (x - x.min()) / np.ptp(x)

    def _arc_at(self, z: Array | float, mask: Array) -> Array:
        heights, arc = self.silhouette[mask, 1], self.arc[mask]
        order = np.argsort(heights, kind="stable")
        return np.interp(z, heights[order], arc[order])

    def belt_height(self, x: Array) -> Array:
        """Height of the window line [m]."""
        low, high = self.silhouette[:, 0].min(), self.silhouette[:, 0].max()
        return np.interp(x, [low, high], self.shape.belt)

    def half_width(self, x: Array, z: Array) -> Array:
        """Half width [m] of the unrounded side at ``x``, ``z``."""
        shape, low, high = self.shape, self.silhouette[:, 0].min(), self.silhouette[:, 0].max()
        front = np.clip((x - high + shape.front_taper[0]) / shape.front_taper[0], 0.0, 1.2)
        rear = np.clip((low + shape.rear_taper[0] - x) / shape.rear_taper[0], 0.0, 1.2)
        belt = self.belt_height(x)
        heights, insets = np.array(shape.section).T
        lean = np.maximum(z - belt, 0.0)
        inset = (
            np.interp(z, heights, insets)
            + shape.tumblehome * lean
            + shape.shoulder * np.clip(lean / 0.03, 0, 1)
        )
        narrow = shape.front_taper[1] * front**2.6 + shape.rear_taper[1] * rear**2.6
        return shape.half_width - inset - narrow + self._flare(x, z)

    def _flare(self, x: Array, z: Array) -> Array:
        flare = np.zeros(np.broadcast(x, z).shape)
        for wheel_x, wheel_z, radius in self.wheels:
            beyond = np.hypot(x - wheel_x, z - wheel_z) - radius
            flare = np.maximum(flare, 0.022 * np.exp(-(np.maximum(beyond, 0.0) ** 2) / 0.006))
        return flare

    def side(self, places: Array) -> Array:
        """The left side: chart (x, z)."""
        x, z = places[:, 0], places[:, 1]
        gap = shapely.distance(shapely.points(places), shapely.LineString(self.silhouette[:, :2]))
        near = np.clip(1.0 - gap / self.shape.fillet, 0.0, 1.0)
        return np.stack([x, self.half_width(x, z) - 0.85 * self.shape.fillet * near**2, z], 1)

    def band(self, places: Array) -> Array:
        """The band over the roof: chart (s, v)."""
        s, share = places[:, 0], places[:, 1] / self.shape.half_width
        x, z, crown = (np.interp(s, self.arc, column) for column in self.silhouette.T)
        ahead, behind = np.minimum(s + 0.03, self.length), np.maximum(s - 0.03, 0.0)
        step_x, step_z = (
            np.interp(ahead, self.arc, column) - np.interp(behind, self.arc, column)
            for column in self.silhouette.T[:2]
        )
        norm = np.maximum(np.hypot(step_x, step_z), 1e-9)
        rise = crown * (1.0 - share * share)
        y = share * (self.half_width(x, z) - 0.85 * self.shape.fillet)
        return np.stack([x - step_z / norm * rise, y, z + step_x / norm * rise], 1)


def grid_lines(chart: Chart, low: Array, high: Array, axis: int, cell: float) -> Array:
    """Grid lines on a chart along ``axis`` from ``low`` to ``high [2]``, about ``cell`` [m] apart in space.

    Measured along the chart's middle line, and so also where a hull turns away from its chart.
    """
    places = np.tile((np.asarray(low) + np.asarray(high)) / 2, (200, 1))
    places[:, axis] = np.linspace(low[axis], high[axis], 200)
    steps = np.linalg.norm(np.diff(chart(places), axis=0), axis=1)
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    count = max(2, int(np.ceil(arc[-1] / cell)) + 1)
    return np.interp(np.linspace(0.0, arc[-1], count), arc, places[:, axis])
