"""Speed of scoring. Run: ``python benchmarks/epdms.py [--vocabulary FILE]`` (an ``[P, 40, 3]`` array of poses).

Peers, measured with NAVSIM's own code on a 2-core Xeon, one thread, with 30 agents, 160 map polygons and history:
4.8-5.4 ms a proposal at 256, 4.3-7.3 ms at 1,024; its tracker takes 0.81-0.87 ms a proposal at 1,024.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from simscale_gym.geometry import box, polyline
from simscale_gym.metrics import (
    Agents,
    MapLayers,
    Situation,
    areas,
    centerline,
    comfort,
    contacts,
    extended_comfort,
    forecast,
    score,
)
from simscale_gym.scene import TrackType, Vehicle
from simscale_gym.sim import plan_to_poses, track

PEER_SCORE = {256: (4.8, 5.4), 1024: (4.3, 7.3)}  # ms a proposal, NAVSIM
PEER_TRACK = (0.81, 0.87)
PEER_VOCABULARY = 8192 * (4.3 + 0.81) / 1e3  # s, from the two
RADIUS, LANES, BLOCKS = 90.0, 4, 32


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """Median time [ms] that ``work`` takes of its thread, after one run to warm up.

    Of the thread, so that other work on the machine counts little.
    """
    work()
    durations = []
    for _ in range(repeats):
        began = time.thread_time()
        work()
        durations.append(time.thread_time() - began)
    return 1e3 * float(np.median(durations))


def ring_of_streets() -> tuple[MapLayers, np.ndarray, list[str]]:
    """160 polygons: a ring road of 32 roadblocks with four lanes each, of which every eighth is an intersection."""
    rings, layers, tokens = [], [], []
    for block in range(BLOCKS):
        angle = np.linspace(block, block + 1, 19) * 2 * np.pi / BLOCKS
        unit = np.column_stack([np.cos(angle), np.sin(angle)])
        edges = [RADIUS + 3.5 * (k - 0.5) for k in range(LANES + 1)]
        crossing = block % 8 == 3
        rings.append(np.concatenate([edges[-1] * unit, edges[0] * unit[::-1]]))
        layers.append("INTERSECTION" if crossing else "ROADBLOCK")
        tokens.append(f"block {block}")
        for lane in range(LANES):
            rings.append(np.concatenate([edges[lane + 1] * unit, edges[lane] * unit[::-1]]))
            layers.append("LANE_CONNECTOR" if crossing else "LANE")
            tokens.append(f"{block}.{lane}")
    angle = np.linspace(-0.2, 1.8, 400)
    line = RADIUS * np.column_stack([np.cos(angle), np.sin(angle)])
    route = [f"{block}.{lane}" for block in range(BLOCKS) for lane in (0, 1)]
    return MapLayers(tuple(rings), tuple(layers), tuple(tokens)), polyline.with_headings(line), route


def situation(agents: int, seed: int = 0) -> Situation:
    """``agents`` in four lanes of the ring within 80 m of the ego, two red connectors, 1.4 s of history."""
    rng = np.random.default_rng(seed)
    layers, line, route = ring_of_streets()
    radius = RADIUS + 3.5 * rng.integers(0, LANES, agents) + rng.normal(0, 0.3, agents)
    speed = rng.uniform(0, 10, agents)
    angle = rng.uniform(-0.4, 0.9, agents)[:, None] + speed[:, None] / radius[:, None] * 0.1 * np.arange(41)
    heading = angle + np.pi / 2
    boxes = np.stack([radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle), heading], -1)
    size = np.where(rng.random((agents, 1)) < 0.7, [4.6, 1.9], [0.8, 0.8])
    boxes = np.concatenate([boxes, np.broadcast_to(size[:, None], (agents, 41, 2))], -1)
    velocity = speed[:, None, None] * np.stack([np.cos(heading), np.sin(heading)], -1)
    types = np.where(size[:, 0] > 1, TrackType.VEHICLE, TrackType.PEDESTRIAN).astype(np.uint8)
    tokens = tuple(str(n) for n in range(agents))
    others = Agents(tokens, types, boxes, velocity, np.ones((agents, 41), bool))
    history = np.zeros((14, 11))
    history[:, 0], history[:, 1] = RADIUS, 7.5 * np.arange(-15, -1) * 0.1
    history[:, 2:4] = np.pi / 2, 7.5
    return Situation(layers, line, route, others, [["3.0", "3.1"]] * 41, history)


def plans(count: int) -> np.ndarray:
    """Reference poses ``[count, 41, 3]`` fanning out at 4 to 12 m/s."""
    rng = np.random.default_rng(1)
    curvature = 1.0 / RADIUS + rng.normal(0, 0.01, (count, 1)) * np.ones((1, 40))
    speed = np.maximum(
        rng.uniform(4, 12, (count, 1)) + rng.normal(0, 0.6, (count, 1)) * np.arange(40) * 0.1, 0
    )
    heading = np.cumsum(np.concatenate([np.full((count, 1), np.pi / 2), 0.1 * speed * curvature], 1), 1)
    x = RADIUS + np.cumsum(
        np.concatenate([np.zeros((count, 1)), 0.1 * speed * np.cos(heading[:, :-1])], 1), 1
    )
    y = np.cumsum(np.concatenate([np.zeros((count, 1)), 0.1 * speed * np.sin(heading[:, :-1])], 1), 1)
    return np.stack([x, y, heading], -1)


def parts(now: Situation, states: np.ndarray) -> dict[str, Callable[[], object]]:
    """What scoring consists of."""
    vehicle = Vehicle()
    boxes = vehicle.boxes(states)
    corners, centers = box.corners(boxes), np.ascontiguousarray(boxes[..., :2])
    polygons, index, flags, others, reach = now.map.polygons, now.map.index, now.flags, now.others, 2.84
    where = areas.ego_areas(corners, centers, polygons, index, flags)
    return {
        "ego boxes": lambda: box.corners(vehicle.boxes(states)),
        "areas": lambda: areas.ego_areas(corners, centers, polygons, index, flags),
        "NC": lambda: contacts.collisions(states, corners, centers, where, others, reach),
        "TTC": lambda: contacts.time_to_collision(
            states, corners, centers, where, others, reach, polygons, index, flags
        ),
        "TLC": lambda: contacts.traffic_lights(corners, now.lights),
        "DDC": lambda: areas.driving_direction(where, centers),
        "LK": lambda: centerline.lane_keeping(now.line, centers, where),
        "EP": lambda: centerline.raw_progress(now.line, centers),
        "HC": lambda: comfort.comfort_flags(states, now.history, vehicle),
    }


def ratio(peer: tuple[float, float], ours: float) -> str:
    """Peer's range and how many times ours it is."""
    return f"{peer[0]}-{peer[1]} ms, {peer[0] / ours:.0f}-{peer[1] / ours:.0f} x"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vocabulary", type=Path, help="[P, 40, 3] poses at 10 Hz in the ego frame")
    vocabulary = parser.parse_args().vocabulary
    ego = np.zeros(11)
    ego[:4] = RADIUS, 0.0, np.pi / 2, 7.5
    now = situation(30)
    load = os.getloadavg()[0]
    title = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, one thread; "
    )
    table = Table(title=title + f"30 agents, {len(now.map.rings)} polygons, 41 steps, 14 of history")
    for column in ("what", "median ms", "per proposal", "NAVSIM per proposal"):
        table.add_column(column, no_wrap=True)
    for count in (1, 15, 256, 1024):
        states = track(ego, plans(count))
        ms = median_ms(lambda s=states: score(now, s), 20)
        peer = ratio(PEER_SCORE[count], ms / count) if count in PEER_SCORE else ""
        table.add_row(f"score, {count} proposals", f"{ms:.3f}", f"{1e3 * ms / count:.1f} us", peer)
    for name, work in parts(now, states).items():
        ms = median_ms(work, 10)
        table.add_row(f"  {name}, 1024 proposals", f"{ms:.3f}", f"{1e3 * ms / 1024:.2f} us", "")
    ms = median_ms(lambda: extended_comfort(states, states), 10)
    table.add_row("extended comfort, 1024 pairs", f"{ms:.3f}", f"{1e3 * ms / 1024:.2f} us", "")
    references = plans(1024)
    ms = median_ms(lambda: track(ego, references), 10)
    table.add_row("tracker, 1024", f"{ms:.3f}", f"{1e3 * ms / 1024:.1f} us", ratio(PEER_TRACK, ms / 1024))
    one = track(ego, plans(1))
    table.add_row(
        "new situation, 1 proposal", f"{median_ms(lambda: score(situation_again(now), one), 50):.3f}", "", ""
    )
    table.add_row("forecast of a situation", f"{median_ms(lambda: forecast(now, ego), 50):.3f}", "", "")
    layers = now.map
    ms = median_ms(lambda: MapLayers(layers.rings, layers.layers, layers.tokens).index, 10)
    table.add_row("look-up tables of a map", f"{ms:.3f}", "", "")
    poses = 8192 if vocabulary is None else np.load(vocabulary).astype(float)
    references = plans(poses) if isinstance(poses, int) else plan_to_poses(ego[:3], poses, 0.1)
    ms = median_ms(lambda: score(now, track(ego, references)), 5)
    name = "8,192 synthetic plans" if vocabulary is None else vocabulary.name
    factor = 1e3 * PEER_VOCABULARY / ms * len(references) / 8192
    table.add_row(
        f"{name}, driven and scored", f"{ms:.0f}", f"{1e3 * ms / len(references):.1f} us", f"{factor:.0f} x"
    )
    Console(width=110).print(table)


def situation_again(now: Situation) -> Situation:
    """The same on the same map, with nothing looked up yet."""
    return Situation(now.map, now.centerline, now.route_lane_ids, now.agents, now.red_lights, now.history)


if __name__ == "__main__":
    main()
