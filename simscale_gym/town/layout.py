"""The street network of a town: crossings, streets between them, what each junction is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.town import curves as curves
from simscale_gym.town.config import TownConfig

Array = NDArray[np.float64]
Cell = tuple[int, int]

CONTROLS = ("signal", "split_signal", "stop", "all_way_stop", "yield", "roundabout")


@dataclass(frozen=True, eq=False)
class Street:
    """A road between two junctions; its forward direction runs from ``start`` to ``end``.

    Attributes:
        start, end: Junction numbers.
        line: ``[K, 2]`` middle of the road from junction centre to junction centre.
        lanes: Car lanes per direction.
        median: Width of the island between the directions [m].
        speed_limit: [m/s].
        right, left: What lies beyond the outermost lane: "", "parking" or "bike".
        ring: Belongs to the road around the town.
        suburban: Lined by houses.
    """

    start: int
    end: int
    line: Array
    lanes: int
    median: float
    speed_limit: float
    right: str
    left: str
    ring: bool
    suburban: bool

    def half_width(self, lane_width: float) -> float:
        """Distance from the middle to the outer edge of the car lanes [m]."""
        return self.median / 2 + self.lanes * lane_width


@dataclass(frozen=True, eq=False)
class Layout:
    """Junction centres ``[J, 2]`` [m], how each is controlled (one of CONTROLS), and the streets."""

    centers: Array
    controls: tuple[str, ...]
    streets: tuple[Street, ...]


def lay_out(rng: np.random.Generator, config: TownConfig) -> Layout:
    """Draw a street network: a ring road, an avenue across, streets between, some of them missing."""
    nodes = _grid(rng, config)
    avenue_row = int(rng.integers(1, config.rows - 1))
    edges = _thinned(rng, config, avenue_row)
    ring_bikes = bool(rng.random() < 0.65)
    bikes = {
        "ring": ring_bikes,
        "avenue": ring_bikes and bool(rng.random() < 0.6),
    }  # so that no strip just ends
    median = float(rng.choice([0.0, 1.6, 2.4]))
    suburb = int(rng.integers(4))
    junctions = [cell for cell in nodes if len(_neighbors(cell, edges)) >= 3]
    number = {cell: i for i, cell in enumerate(junctions)}
    streets = []
    for chain in _chains(edges, set(junctions)):
        avenue = all(cell[1] == avenue_row for cell in chain)
        ring = all(_on_rim(cell, config) for cell in chain)
        line = _line(rng, np.array([nodes[c] for c in chain]), 4.0 if avenue else 11.0)
        middle = polyline.at_arc_length(line, polyline.arc_lengths(line)[-1] / 2)[:2]
        suburban = bool(middle[suburb % 2] * (1 if suburb < 2 else -1) > 60.0) and not avenue
        right, left = _edges_of(rng, bikes["ring"] if ring else bikes["avenue"] and avenue, avenue)
        fast = avenue or (ring and rng.random() < 0.6)
        streets.append(
            Street(
                start=number[chain[0]],
                end=number[chain[-1]],
                line=line,
                lanes=2 if avenue else 1,
                median=median if avenue else 0.0,
                speed_limit=(50.0 if fast else 30.0) / 3.6,
                right=right,
                left=left,
                ring=ring,
                suburban=suburban,
            )
        )
    controls = _controls(rng, config, junctions, edges, avenue_row)
    return Layout(np.array([nodes[c] for c in junctions]), controls, tuple(streets))


def _grid(rng: np.random.Generator, config: TownConfig) -> dict[Cell, Array]:
    def positions(count: int) -> Array:
        steps = rng.uniform(*config.spacing, count - 1)
        at = np.concatenate([[0.0], np.cumsum(steps)])
        return at - at[-1] / 2

    xs, ys = positions(config.columns), positions(config.rows)
    nodes = {}
    for j in range(config.rows):
        for i in range(config.columns):
            nodes[(i, j)] = np.array([xs[i], ys[j]]) + rng.uniform(-config.jitter, config.jitter, 2)
    angle = rng.uniform(-np.pi, np.pi)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return {cell: rotation @ p for cell, p in nodes.items()}


def _on_rim(cell: Cell, config: TownConfig) -> bool:
    return cell[0] in (0, config.columns - 1) or cell[1] in (0, config.rows - 1)


def _neighbors(cell: Cell, edges: set[tuple[Cell, Cell]]) -> list[Cell]:
    return sorted(b if a == cell else a for a, b in edges if cell in (a, b))


def _thinned(rng: np.random.Generator, config: TownConfig, avenue_row: int) -> set[tuple[Cell, Cell]]:
    """All grid edges but a few inner ones; every inner crossing keeps three arms or more."""
    edges = set()
    for j in range(config.rows):
        for i in range(config.columns):
            if i + 1 < config.columns:
                edges.add(((i, j), (i + 1, j)))
            if j + 1 < config.rows:
                edges.add(((i, j), (i, j + 1)))
    inner = sorted(
        (a, b)
        for a, b in edges
        if not (a[1] == b[1] == avenue_row) and not (_on_rim(a, config) and _on_rim(b, config))
    )
    for index in rng.permutation(len(inner))[: int(rng.integers(1, 5))]:
        kept = edges - {inner[index]}
        ends = [c for c in inner[index] if not _on_rim(c, config)]
        if all(len(_neighbors(c, kept)) >= 3 for c in ends):
            edges = kept
    return edges


def _chains(edges: set[tuple[Cell, Cell]], junctions: set[Cell]) -> list[list[Cell]]:
    """Runs of cells from junction to junction, through the crossings that are only bends."""
    chains, used = [], set()
    for cell in sorted(junctions):
        for step in _neighbors(cell, edges):
            if frozenset((cell, step)) in used:
                continue
            chain = [cell, step]
            used.add(frozenset((cell, step)))
            while chain[-1] not in junctions:
                onward = next(c for c in _neighbors(chain[-1], edges) if c != chain[-2])
                used.add(frozenset((chain[-1], onward)))
                chain.append(onward)
            chains.append(chain)
    return chains


def _line(rng: np.random.Generator, cells: Array, bend: float) -> Array:
    """Middle line through ``cells [K, 2]``, bowed by up to ``bend`` [m] halfway between each two."""
    points, radii = [cells[0]], []
    for k in range(len(cells) - 1):
        side = curves.left_of(curves.unit(cells[k + 1] - cells[k]))
        bow = rng.uniform(-bend, bend) if rng.random() < 0.7 else 0.0
        points += [(cells[k] + cells[k + 1]) / 2 + bow * side, cells[k + 1]]
        radii += [rng.uniform(60.0, 110.0), rng.uniform(20.0, 30.0)]
    line = curves.rounded(np.array(points), np.array(radii[:-1]))
    return curves.eased(line, 3.0, 1.0)


def _edges_of(rng: np.random.Generator, bikes: bool, avenue: bool) -> tuple[str, str]:
    if bikes:
        return "bike", "bike"
    share = 0.35 if avenue else 0.62
    right, left = ("parking" if rng.random() < share else "" for _ in range(2))
    return right, left


def _controls(
    rng: np.random.Generator,
    config: TownConfig,
    junctions: list[Cell],
    edges: set[tuple[Cell, Cell]],
    avenue_row: int,
) -> tuple[str, ...]:
    quiet = [c for c in junctions if not _on_rim(c, config) and c[1] != avenue_row]
    round_cell = quiet[int(rng.integers(len(quiet)))] if quiet else None
    controls = []
    for cell in junctions:
        rim, avenue = _on_rim(cell, config), cell[1] == avenue_row
        if cell == round_cell:
            controls.append("roundabout")
        elif avenue or (not rim and rng.random() < 0.6):
            split = len(_neighbors(cell, edges)) == 4 and rng.random() < 0.15
            controls.append("split_signal" if split else "signal")
        elif rim:
            controls.append(str(rng.choice(["signal", "stop", "yield"], p=[0.3, 0.35, 0.35])))
        else:
            controls.append("all_way_stop")
    return tuple(controls)
