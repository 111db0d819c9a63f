"""Speed of the planner. Run: ``python benchmarks/planner.py``.

Peer, measured with NAVSIM's own code on a 2-core Xeon, one thread, 15 proposals, 30 agents, two roadblocks of two
lanes: 227-245 ms a planning step (output horizon 5 s; 240-255 ms with 8 s), paths built included. Ours is given with
its paths kept, as they are while the start lane holds, and built anew. Times are of the thread, so that other work on
the machine counts little.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from rich.console import Console
from rich.table import Table

from simscale_gym.agents.pdm import (
    PDMConfig,
    PDMRoute,
    find_route,
    forecast_objects,
    make_generator,
    plan,
)
from simscale_gym.geometry import polyline
from simscale_gym.metrics import MapLayers, score
from simscale_gym.scene import Lane, Roadblock, RoadMap, TrackType, Vehicle
from simscale_gym.sim import track

PEER = 227.0, 245.0  # [ms]
ROUTE = ("block 0", "block 1")


def timed_ms(work: Callable[[], object], repeats: int = 200) -> tuple[float, float]:
    """Median and least time [ms] that ``work`` takes of its thread, after a few runs to warm up."""
    for _ in range(3):
        work()
    durations = []
    for _ in range(repeats):
        began = time.thread_time()
        work()
        durations.append(time.thread_time() - began)
    return 1e3 * float(np.median(durations)), 1e3 * min(durations)


def two_lane_road() -> RoadMap:
    """Two roadblocks of two lanes, 160 m each, a centreline vertex every 2.7 m as in the peer's map."""
    lanes, blocks = {}, {}
    for block in range(2):
        x = np.linspace(-60, 100, 60) + 160 * block
        for row in range(2):
            y = np.full(60, 3.5 * row)
            line = polyline.with_headings(np.column_stack([x, y]))
            left, right = polyline.offset_left(line, 1.75), polyline.offset_left(line, -1.75)
            name, following = f"{block}.{row}", (f"{block + 1}.{row}",) if block == 0 else ()
            lanes[name] = Lane(
                name, False, f"block {block}", line, np.concatenate([right, left[::-1]]), left, right,
                speed_limit=12.0, successors=following,
            )  # fmt: skip
        ring = np.array([[x[0], -1.75], [x[-1], -1.75], [x[-1], 5.25], [x[0], 5.25]])
        links = {"successors": ("block 1",)} if block == 0 else {"predecessors": ("block 0",)}
        blocks[f"block {block}"] = Roadblock(
            f"block {block}", False, ring, (f"{block}.0", f"{block}.1"), **links
        )
    return RoadMap("road", lanes, blocks)


def others(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``count`` agents on and beside the road around the ego: boxes, velocities, types."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-50, 110, count), rng.choice([0.2, 3.5, -4.0, 8.0], count) + rng.normal(0, 0.3, count)
    x = np.where((np.abs(x) < 12) & (np.abs(y) < 3), x + 25, x)
    cars = rng.random(count) < 0.7
    size = np.where(cars[:, None], [4.6, 1.9], [0.7, 0.7])
    speed = np.where(cars, rng.uniform(2, 10, count), rng.uniform(0, 1.5, count))
    types = np.where(cars, TrackType.VEHICLE, TrackType.PEDESTRIAN).astype(np.uint8)
    boxes = np.column_stack([x, y, np.zeros(count), size])
    return boxes, np.column_stack([speed, np.zeros(count)]), types


def parts(
    layers: MapLayers, route: PDMRoute, ego: np.ndarray, agents: tuple, config: PDMConfig
) -> dict[str, Callable[[], object]]:
    """What a planning step consists of."""
    vehicle = Vehicle()
    forecast = forecast_objects(ego, *agents, config)
    generator = make_generator(ego, route, forecast, (), config, vehicle)
    proposals = generator.proposals(ego)
    done = plan(layers, route, ego, *agents, config=config)
    return {
        "forecast": lambda: forecast_objects(ego, *agents, config),
        "corridors": lambda: make_generator(ego, route, forecast, (), config, vehicle),
        "proposals": lambda: generator.proposals(ego),
        "tracker": lambda: track(ego, proposals.poses[:, : config.steps + 1]),
        "score": lambda: score(done.situation, done.driven, history=False),
        "unrolling the chosen one": lambda: generator.extend(proposals, done.chosen),
    }


def afresh(road: RoadMap, ego: np.ndarray, config: PDMConfig) -> PDMRoute | None:
    """The paths with nothing kept from before."""
    return find_route(replace(road), ROUTE, ego, config)


def _anew(road: RoadMap, layers: MapLayers, ego: np.ndarray, agents: tuple, config: PDMConfig) -> object:
    return plan(layers, afresh(road, ego, config), ego, *agents, config=config)


def main() -> None:
    """Measure and print."""
    road, ego = two_lane_road(), np.zeros(11)
    ego[1], ego[3] = 0.1, 8.0
    layers = MapLayers.from_road_map(road)
    load = os.getloadavg()[0]
    machine = platform.processor() or platform.machine()
    title = f"{machine}, {os.cpu_count()} cores, load {load:.1f}, one thread, 15 proposals"
    table = Table(title=title)
    for column in ("what", "agents", "median ms", "least ms", "NAVSIM, by median"):
        table.add_column(column, no_wrap=True)

    def add(name: str, count: int, work: Callable[[], object], *, peer: bool = False) -> None:
        median, least = timed_ms(work)
        ratio = f"{PEER[0]:.0f}-{PEER[1]:.0f} ms, {PEER[0] / median:.0f} x" if peer else ""
        table.add_row(name, str(count), f"{median:.2f}", f"{least:.2f}", ratio)

    for name, config in (("NAVSIM's settings", PDMConfig.navsim()), ("the expert's", PDMConfig.expert())):
        route = find_route(road, ROUTE, ego, config)
        for count in (0, 30, 100):
            agents = others(count)
            add(
                f"planning step, {name}",
                count,
                lambda r=route, a=agents, c=config: plan(layers, r, ego, *a, config=c),
                peer=count == 30,
            )
        agents = others(30)
        add(
            "  with paths built anew",
            30,
            lambda a=agents, c=config: _anew(road, layers, ego, a, c),
            peer=True,
        )
        for part, work in parts(layers, route, ego, agents, config).items():
            add(f"  {part}", 30, work)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
