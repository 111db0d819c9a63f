"""What stands beside the road and has no place in a map or a log: plain shapes, from which a look is made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.one_line import one_line

Array = NDArray[np.float64]

FIXTURE_KINDS = ("lamp", "signal", "sign", "bollard", "bin", "bench", "shelter")
GROUND_KINDS = ("sidewalk", "grass", "plaza", "island")
BUILDING_STYLES = ("brick", "plaster", "stone", "concrete", "glass", "house")


@dataclass(frozen=True, eq=False)
class Building:
    """A building: footprint ``[K, 2]`` (counter-clockwise), height [m], one of BUILDING_STYLES, own seed."""

    footprint: Array
    height: float
    style: str
    seed: int

    __repr__ = one_line


@dataclass(frozen=True)
class Tree:
    """A tree at x, y [m]: height to its top [m], crown radius [m], own seed."""

    x: float
    y: float
    height: float
    radius: float
    seed: int


@dataclass(frozen=True)
class Fixture:
    """Street furniture at x, y [m], facing ``heading`` [rad].

    Attributes:
        kind: One of FIXTURE_KINDS.
        x, y: Foot of the pole [m].
        heading: Direction that its face looks in (a signal faces the traffic that it stops).
        height: Height of its top [m].
        reach: Length of its arm, to the left of its heading [m] (lamp, signal); 0 for none.
        lane_ids: Lane connectors whose light a signal shows.
        label: Text or meaning of a sign: "30", "50", "stop", "yield", "parking", "crossing".
    """

    kind: str
    x: float
    y: float
    heading: float
    height: float
    reach: float = 0.0
    lane_ids: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True, eq=False)
class Ground:
    """A paved or green area beside the road: one of GROUND_KINDS, polygon ``[K, 2]``."""

    kind: str
    polygon: Array

    __repr__ = one_line


@dataclass(frozen=True, eq=False)
class Shapes:
    """All side shapes near a log, in the scene frame."""

    buildings: tuple[Building, ...] = ()
    trees: tuple[Tree, ...] = ()
    fixtures: tuple[Fixture, ...] = ()
    grounds: tuple[Ground, ...] = ()

    __repr__ = one_line

    def translated(self, offset: Array) -> Shapes:
        """The same shapes moved by ``offset [2]`` [m]."""
        dx, dy = float(offset[0]), float(offset[1])
        shift = np.array([dx, dy])
        return Shapes(
            tuple(Building(b.footprint + shift, b.height, b.style, b.seed) for b in self.buildings),
            tuple(Tree(t.x + dx, t.y + dy, t.height, t.radius, t.seed) for t in self.trees),
            tuple(replace(f, x=f.x + dx, y=f.y + dy) for f in self.fixtures),
            tuple(Ground(g.kind, g.polygon + shift) for g in self.grounds),
        )
