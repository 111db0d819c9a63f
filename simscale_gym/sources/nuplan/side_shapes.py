"""The side file of a map: buildings, trees, furniture and ground beside the road, as JSON.

It stands beside ``map.gpkg`` and uses the same coordinates, metres of the map's projected system.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError, shown
from simscale_gym.scene import Building, Fixture, Ground, Shapes, Tree
from simscale_gym.scene.shapes import BUILDING_STYLES, FIXTURE_KINDS, GROUND_KINDS

Array = NDArray[np.float64]

SIDE_FILE = "shapes.json"
FORMAT = "simscale_gym.shapes"
VERSION = 1

MAX_BYTES = 2**28
"""A side file larger than this [byte] is refused before it is read."""

_MAX_HEIGHT = 1000.0  # [m]
_MOST = 1e9  # [m] no place is farther, and no heading larger
_MAX_SEED = 2**63
_DIGITS = 4  # of a metre: a tenth of a millimetre
_KINDS = ("buildings", "trees", "fixtures", "grounds")


def write_shapes(path: Path, shapes: Shapes, origin: Array, lanes: Mapping[str, int]) -> None:
    """Write ``shapes`` to ``path``, moved from the frame of ``origin [2+]`` to global coordinates.

    ``lanes`` gives the numbers that the lanes have in the map beside it.
    """
    x, y = float(origin[0]), float(origin[1])

    def ring(points: Array) -> list[list[float]]:
        return [
            [round(x + float(p), _DIGITS), round(y + float(q), _DIGITS)] for p, q in np.asarray(points)[:, :2]
        ]

    def place(item: Tree | Fixture) -> dict[str, float]:
        return {"x": round(x + float(item.x), _DIGITS), "y": round(y + float(item.y), _DIGITS)}

    content = {
        "format": FORMAT,
        "version": VERSION,
        "buildings": [
            {"footprint": ring(b.footprint), "height": float(b.height), "style": b.style, "seed": int(b.seed)}
            for b in shapes.buildings
        ],
        "trees": [
            {**place(t), "height": float(t.height), "radius": float(t.radius), "seed": int(t.seed)}
            for t in shapes.trees
        ],
        "fixtures": [
            {
                "kind": f.kind, **place(f), "heading": float(f.heading), "height": float(f.height),
                "reach": float(f.reach), "label": f.label,
                "lane_ids": [str(lanes[i]) for i in f.lane_ids if i in lanes],
            }
            for f in shapes.fixtures
        ],
        "grounds": [{"kind": g.kind, "polygon": ring(g.polygon)} for g in shapes.grounds],
    }  # fmt: skip
    path.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False), encoding="utf-8")


def read_shapes(path: Path) -> Shapes:
    """All shapes of ``path``, in global coordinates; the last few files stay in memory.

    Raises:
        DataError: No JSON, another format, or a value that is missing, misshapen or out of range.
    """
    return _read_shapes(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=4)
def _read_shapes(path: Path, _changed: int) -> Shapes:
    if not path.is_file():
        raise DataError(path, found="no such file", expected="a side file of shapes (JSON)")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(path, found=f"{path.stat().st_size} bytes", expected=f"at most {MAX_BYTES} bytes")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(
            path, found=f"no whole JSON ({error})", expected="a side file of shapes",
            hint="It may be truncated: write it again, or delete it to have a look inferred from the map.",
        ) from None  # fmt: skip
    top = _Item(path, "", content)
    for key, wanted in (("format", FORMAT), ("version", VERSION)):
        if top.value(key) != wanted:
            raise top.fault(key, shown(content[key]), repr(wanted))
    parts = [top.items(kind) for kind in _KINDS]
    makers: Sequence[Callable[[_Item], Any]] = (_building, _tree, _fixture, _ground)
    return Shapes(*(tuple(make(item) for item in items) for make, items in zip(makers, parts, strict=True)))


def near_shapes(shapes: Shapes, path: Array, origin: Array, margin: float) -> Shapes:
    """Shapes within ``margin`` [m] of the bounds of ``path [K, 2]`` (global), in the frame of ``origin [2+]``."""
    low, high = path.min(0) - margin, path.max(0) + margin
    (left, bottom), (right, top) = low.tolist(), high.tolist()

    def inside(points: Array) -> bool:
        return bool((points.max(0) >= low).all() and (points.min(0) <= high).all())

    def there(item: Tree | Fixture) -> bool:
        return left <= item.x <= right and bottom <= item.y <= top

    return Shapes(
        tuple(b for b in shapes.buildings if inside(b.footprint)),
        tuple(t for t in shapes.trees if there(t)),
        tuple(f for f in shapes.fixtures if there(f)),
        tuple(g for g in shapes.grounds if inside(g.polygon)),
    ).translated(-np.asarray(origin, float)[:2])


@dataclass(frozen=True, eq=False)
class SideShapes:
    """The shapes beside a drive, read from their file when they are first asked for; it may be sent to a process.

    Attributes:
        path: The side file.
        bounds: ``[2, 2]`` least and greatest x, y of the drive, global [m].
        origin: ``[2+]`` origin of the scene's frame, global [m].
        margin: Distance beyond the bounds up to which shapes are read [m].
    """

    path: Path
    bounds: Array
    origin: Array
    margin: float

    def __call__(self) -> Shapes:
        """The shapes, in the frame of the scene.

        Raises:
            DataError: The file cannot be used.
        """
        return self._shapes

    @cached_property
    def _shapes(self) -> Shapes:
        return near_shapes(read_shapes(self.path), self.bounds, self.origin, self.margin)


class _Item:
    """One JSON object on its way to a dataclass; every value is checked when it is taken."""

    def __init__(self, path: Path, name: str, content: Any) -> None:
        self.path, self.name, self.content = path, name, content
        if not isinstance(content, dict):
            raise DataError(path, field=name, found=type(content).__name__, expected="a JSON object")

    def fault(self, key: str, found: str, expected: str) -> DataError:
        """The error that names ``key`` of this object."""
        field = f"{self.name}.{key}" if self.name else key
        return DataError(self.path, field=field, found=found, expected=expected, hint="Write the file again.")

    def value(self, key: str) -> Any:
        """Any value."""
        if key not in self.content:
            raise self.fault(key, "no such key", "one")
        return self.content[key]

    def items(self, key: str) -> list[_Item]:
        """A list of objects."""
        value = self.value(key)
        if not isinstance(value, list):
            raise self.fault(key, type(value).__name__, "a list")
        return [_Item(self.path, f"{key}[{row}]", item) for row, item in enumerate(value)]

    def number(self, key: str, low: float = -np.inf, high: float = np.inf) -> float:
        """A finite number within limits."""
        value = self.value(key)
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not plain or not max(low, -_MOST) <= value <= min(high, _MOST):  # NaN is not either
            raise self.fault(key, shown(value), f"a number in [{low:g}, {high:g}]")
        return float(value)

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of ``allowed``."""
        value = self.value(key)
        if value not in allowed:
            raise self.fault(key, shown(value), " | ".join(allowed))
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of text."""
        value = self.value(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fault(key, shown(value), "a list of text")
        return tuple(value)

    def seed(self) -> int:
        """A whole number that is not negative."""
        value = self.value("seed")
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MAX_SEED:
            raise self.fault("seed", shown(value), "a whole number in [0, 2^63)")
        return value

    def ring(self, key: str) -> Array:
        """A polygon ``[K, 2]``, K >= 3."""
        value = self.value(key)
        try:
            points = np.asarray(value, float)
        except (TypeError, ValueError, OverflowError):
            points = np.zeros(0)
        if points.ndim != 2 or len(points) < 3 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise self.fault(key, shown(value), "at least three points [x, y]")
        return points


def _building(item: _Item) -> Building:
    style = item.choice("style", BUILDING_STYLES)
    return Building(item.ring("footprint"), item.number("height", 0.0, _MAX_HEIGHT), style, item.seed())


def _tree(item: _Item) -> Tree:
    height, radius = item.number("height", 0.0, _MAX_HEIGHT), item.number("radius", 0.0, 100.0)
    return Tree(item.number("x"), item.number("y"), height, radius, item.seed())


def _fixture(item: _Item) -> Fixture:
    label = item.value("label")
    if not isinstance(label, str):
        raise item.fault("label", shown(label), "text")
    return Fixture(
        kind=item.choice("kind", FIXTURE_KINDS),
        x=item.number("x"),
        y=item.number("y"),
        heading=item.number("heading"),
        height=item.number("height", 0.0, _MAX_HEIGHT),
        reach=item.number("reach", 0.0, 100.0),
        lane_ids=item.texts("lane_ids"),
        label=label,
    )


def _ground(item: _Item) -> Ground:
    return Ground(item.choice("kind", GROUND_KINDS), item.ring("polygon"))
