"""What the observation ``state`` holds, part by part: the one place that names its numbers, their units and bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError

Array = NDArray[np.float64]

WAY_AHEAD = (0.0, 2.0, 4.0, 6.0, 9.0, 12.0, 16.0, 20.0, 25.0, 30.0, 36.0, 42.0, 50.0, 60.0, 70.0, 80.0)
"""Distances along the way [m] from the place beside the rear axle, at which it is shown."""

BEARINGS = 16
"""Directions around the ego in which the road's edge is looked for, from straight ahead to the left."""

NEAREST_TRACKS = 16
"""Tracks that are shown, nearest first."""

REACH = 80.0
"""Distance along the way [m] within which lights and the road user in front are seen."""

EDGE_REACH = 25.0
"""Distance from the outline [m] within which the road's edge is seen."""


class StateColumn(NamedTuple):
    """One number of a part.

    Attributes:
        name: Name within its part.
        unit: Unit of the value, "" for none.
        scale: What the value is divided by for the observation.
        low, high: Bounds of the observed number; what is beyond is clipped.
    """

    name: str
    unit: str = ""
    scale: float = 1.0
    low: float = -1.0
    high: float = 1.0


@dataclass(frozen=True)
class StatePart:
    """A part of the vector: ``rows`` times its columns, row by row.

    Attributes:
        name: Name of the part.
        meaning: What it holds.
        columns: Numbers of a row.
        rows: Number of rows.
    """

    name: str
    meaning: str
    columns: tuple[StateColumn, ...]
    rows: int = 1

    @property
    def size(self) -> int:
        """Numbers in the vector."""
        return self.rows * len(self.columns)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(columns,)``, or ``(rows, columns)`` where there are several rows."""
        return (self.rows, len(self.columns)) if self.rows > 1 else (len(self.columns),)


class LayoutArrays(NamedTuple):
    """A layout as the kernel takes it.

    Attributes:
        starts: ``[parts]`` first number of each part.
        scales, lows, highs: ``[size]`` of each number.
        ahead: ``[K]`` distances along the way [m].
        bearings: ``[R, 2]`` cosine and sine of the directions to the road's edge.
        reaches: ``[2]`` reach along the way, reach to the road's edge [m].
    """

    starts: NDArray[np.int64]
    scales: Array
    lows: Array
    highs: Array
    ahead: Array
    bearings: Array
    reaches: Array


@dataclass(frozen=True)
class StateLayout:
    """The parts of the ``state`` vector, in order, such as ``STATE_LAYOUT.split(observation["state"])["lead"]``.

    Attributes:
        parts: The parts.
    """

    parts: tuple[StatePart, ...]

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each part lies in the vector, by name."""
        ends = np.cumsum([part.size for part in self.parts]).tolist()
        return {part.name: slice(end - part.size, end) for part, end in zip(self.parts, ends, strict=True)}

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(part.size for part in self.parts)

    @property
    def space(self) -> spaces.Box:
        """The space of the vector."""
        arrays = self.arrays
        return spaces.Box(arrays.lows.astype(np.float32), arrays.highs.astype(np.float32), dtype=np.float32)

    def split(self, state: NDArray) -> dict[str, NDArray]:
        """Views of the parts of ``state [..., size]``, as observed: ``[..., columns]`` or ``[..., rows, columns]``.

        Raises:
            ArgumentError: It has another length.
        """
        values = np.asarray(state)
        if values.shape[-1:] != (self.size,):
            raise ArgumentError(f"state: shape {values.shape}, expected [..., {self.size}].")
        lead = values.shape[:-1]
        return {
            part.name: values[..., self.slices[part.name]].reshape(*lead, *part.shape) for part in self.parts
        }

    def in_units(self, state: NDArray) -> dict[str, dict[str, NDArray]]:
        """What ``state [..., size]`` says in the columns' units: by part and column, ``[...]`` or ``[..., rows]``.

        Raises:
            ArgumentError: It has another length.
        """
        parts = self.split(state)
        return {
            part.name: {c.name: parts[part.name][..., k] * c.scale for k, c in enumerate(part.columns)}
            for part in self.parts
        }

    @cached_property
    def arrays(self) -> LayoutArrays:
        """The layout as arrays."""
        columns = [column for part in self.parts for _ in range(part.rows) for column in part.columns]
        angles = np.arange(BEARINGS) * (2.0 * np.pi / BEARINGS)
        return LayoutArrays(
            starts=np.array([self.slices[part.name].start for part in self.parts]),
            scales=np.array([column.scale for column in columns]),
            lows=np.array([column.low for column in columns]),
            highs=np.array([column.high for column in columns]),
            ahead=np.array(WAY_AHEAD),
            bearings=np.column_stack([np.cos(angles), np.sin(angles)]),
            reaches=np.array([REACH, EDGE_REACH]),
        )


def _flag(name: str) -> StateColumn:
    return StateColumn(name, low=0.0)


def _columns(unit: str, scale: float, bound: float, names: Sequence[str], low: float | None = None) -> tuple:
    least = -bound if low is None else low
    return tuple(StateColumn(name, unit, scale, least, bound) for name in names)


STATE_LAYOUT = StateLayout(
    (
        StatePart(
            "way",
            "Where the ego is on the way: offset of the rear axle from it (left +), heading against it, highest speed "
            "limit of the lanes here and of those that run along the ego's heading (0: none known), way left to the "
            "goal, and whether there is one.",
            (
                *_columns("m", 2.0, 5.0, ["offset"]),
                *_columns("", 1.0, 1.0, ["heading_cos", "heading_sin"]),
                *_columns("m/s", 10.0, 4.0, ["limit", "limit_along"], 0.0),
                *_columns("m", 40.0, 2.0, ["to_goal"], -1.0),
                _flag("has_goal"),
            ),
        ),
        StatePart(
            "path",
            "The way at growing distances (WAY_AHEAD): place and curvature (left +, over the piece that leads there).",
            (*_columns("m", 20.0, 5.0, ["x", "y"]), *_columns("1/m", 0.1, 3.0, ["curvature"])),
            len(WAY_AHEAD),
        ),
        StatePart(
            "ego",
            "Motion of the ego: all that its next state depends on besides the action.",
            (
                *_columns("m/s", 10.0, 6.0, ["speed"], -1.0),
                *_columns("m/s^2", 4.0, 3.0, ["acceleration"]),
                *_columns("rad/s", 0.5, 4.0, ["yaw_rate"]),
                *_columns("rad", 0.5, 2.5, ["steering"]),
                *_columns("rad/s", 1.0, 2.0, ["steering_rate"]),
            ),
        ),
        StatePart(
            "lights",
            "The nearest light on the way that is red, and that is yellow: whether there is one within 80 m, and the "
            "way from the front bumper to where its lane begins (80 m where there is none).",
            (
                _flag("red"),
                *_columns("m", 40.0, 2.0, ["to_red"], -0.5),
                _flag("yellow"),
                *_columns("m", 40.0, 2.0, ["to_yellow"], -0.5),
            ),
        ),
        StatePart(
            "lead",
            "The nearest road user whom the ego would meet if it went on along the way: whether there is one within "
            "80 m, the gap between the bumpers along the way (80 m where there is none), its speed along the way.",
            (
                _flag("present"),
                *_columns("m", 40.0, 2.0, ["gap"], -0.5),
                *_columns("m/s", 10.0, 4.0, ["speed"]),
            ),
        ),
        StatePart(
            "edges",
            "Room between the ego's outline and the edge of the drivable area in 16 directions, from straight ahead to "
            "the left; 0 where the ego is off the road.",
            _columns("m", 5.0, 5.0, ["room"], 0.0),
            BEARINGS,
        ),
        StatePart(
            "tracks",
            "The nearest road users, nearest first, zeros where there are no more: place and heading in the ego "
            "frame, velocity relative to the ego's, size, kind, and place along and beside the way (left +).",
            (
                _flag("present"),
                *_columns("m", 20.0, 5.0, ["x", "y"]),
                *_columns("", 1.0, 1.0, ["heading_cos", "heading_sin"]),
                *_columns("m/s", 10.0, 5.0, ["vx", "vy"]),
                *_columns("m", 5.0, 4.0, ["length", "width"], 0.0),
                *map(_flag, ("vehicle", "bicycle", "pedestrian")),
                *_columns("m", 20.0, 5.0, ["along"]),
                *_columns("m", 4.0, 5.0, ["beside"]),
            ),
            NEAREST_TRACKS,
        ),
    )
)  # fmt: skip
"""The layout of the observation ``state``."""
