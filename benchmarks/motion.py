"""Speed of what moves: tracker, traffic, contacts. Run: ``python benchmarks/motion.py``.

Peers, measured with their own code on a 2-core Xeon (one thread): NAVSIM's tracker and bicycle 0.81-0.87 ms per
proposal at 1,024; nuPlan's IDM traffic 0.75 ms per agent and step, that is 7.4-7.7 ms a step with 11 agents and
14.4-14.9 with 21; NAVSIM's variant of it 8.1-8.3 and 16.3-17.1.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from simscale_gym.agents import IDMTraffic, NavsimTraffic
from simscale_gym.geometry import polyline
from simscale_gym.scene import EgoLog, Lane, RoadMap, Scene, Tracks, TrafficLights
from simscale_gym.scoring import off_road, touched
from simscale_gym.sim import start, state_hash, step, track

RING_LANES, RADIUS = 4, 80.0
NAVSIM_STEP = {11: "8.1-8.3 ms (nuPlan 7.4-7.7)", 21: "16.3-17.1 ms (nuPlan 14.4-14.9)"}
"""By number of agents: what NAVSIM's own code takes for a step of its reactive traffic, and nuPlan's for its."""


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """Median duration [ms] of ``work`` after one run to warm up."""
    work()
    durations = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        durations.append(time.perf_counter() - began)
    return 1e3 * float(np.median(durations))


def ring_map() -> RoadMap:
    """Concentric closed lanes in eight pieces each, with a centreline vertex every 1 m or so."""
    lanes = {}
    for ring in range(RING_LANES):
        for k in range(8):
            angle = np.linspace(k, k + 1, 63) * np.pi / 4
            unit = np.column_stack([np.cos(angle), np.sin(angle)])
            radius = RADIUS + 3.5 * ring
            line = polyline.with_headings(radius * unit)
            inner, outer = (radius - 1.75) * unit, (radius + 1.75) * unit
            lanes[f"{ring}.{k}"] = Lane(
                f"{ring}.{k}", False, f"{k}", line, np.concatenate([outer, inner[::-1]]), inner, outer,
                speed_limit=12.0, predecessors=(f"{ring}.{(k - 1) % 8}",), successors=(f"{ring}.{(k + 1) % 8}",),
            )  # fmt: skip
    return RoadMap("rings", lanes)


def ring_scene(agents: int, frames: int = 5) -> Scene:
    """``agents`` vehicles spread evenly over the rings; the ego is one more on the innermost."""
    rng = np.random.default_rng(0)
    ring = np.arange(agents) % RING_LANES
    angle = 0.1 + 6.0 * np.arange(agents) / agents
    radius = RADIUS + 3.5 * ring
    heading = (angle + np.pi / 2 + np.pi) % (2 * np.pi) - np.pi
    poses = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), heading])
    velocity = rng.uniform(5, 10, agents)[:, None] * np.column_stack([np.cos(heading), np.sin(heading)])
    states = np.zeros((frames, 11))
    states[:, :4] = RADIUS, 0.0, np.pi / 2, 6.0
    zeros = np.zeros(frames)
    tracks = Tracks(
        tuple(str(n) for n in range(agents)), np.zeros(agents, np.uint8),
        np.repeat(poses[:, None], frames, 1), np.repeat(velocity[:, None], frames, 1), np.zeros((agents, frames)),
        np.tile([4.6, 1.9, 1.5], (agents, 1)), np.ones((agents, frames), bool),
    )  # fmt: skip
    return Scene(
        "rings", "rings", "benchmark", np.zeros(3), np.arange(frames, dtype=np.int64) * 100_000, ring_map(),
        EgoLog(states, zeros, zeros, zeros), tracks, TrafficLights((), np.zeros((0, frames), np.uint8)), (),
    )  # fmt: skip


def queue_scene(agents: int, frames: int = 45) -> Scene:
    """``agents`` vehicles on two straight lanes of 160 m with 60 vertices, behind and ahead of an ego at 6 m/s."""
    rng, x = np.random.default_rng(0), np.linspace(-60.0, 100.0, 60)
    lanes = {}
    for k in range(2):
        line = polyline.with_headings(np.column_stack([x, np.full(60, 3.5 * k)]))
        right, left = line[:, :2] - [0.0, 1.75], line[:, :2] + [0.0, 1.75]
        ring = np.concatenate([right, left[::-1]])
        lanes[str(k)] = Lane(str(k), False, "r", line, ring, left, right, speed_limit=11.0)
    place = np.arange(agents) // 2 + 1
    along = np.where(place % 2 == 0, -11.0, 11.0) * ((place + 1) // 2)
    poses = np.column_stack([along, 3.5 * (np.arange(agents) % 2), np.zeros(agents)])
    velocity = np.column_stack([rng.uniform(3.0, 9.0, agents), np.zeros(agents)])
    states = np.zeros((frames, 11))
    states[:, 0], states[:, 3] = 0.6 * np.arange(frames), 6.0
    zeros = np.zeros(frames)
    tracks = Tracks(
        tuple(f"v{n:02d}" for n in range(agents)), np.zeros(agents, np.uint8),
        np.repeat(poses[:, None], frames, 1), np.repeat(velocity[:, None], frames, 1), np.zeros((agents, frames)),
        np.tile([4.6, 1.9, 1.5], (agents, 1)), np.ones((agents, frames), bool),
    )  # fmt: skip
    return Scene(
        "queue", "queue", "benchmark", np.zeros(3), np.arange(frames, dtype=np.int64) * 100_000,
        RoadMap("queue", lanes), EgoLog(states, zeros, zeros, zeros), tracks,
        TrafficLights((), np.zeros((0, frames), np.uint8)), (),
    )  # fmt: skip


def navsim_rollout_ms(scene: Scene, repeats: int = 15) -> float:
    """Time [ms] of one step of NAVSIM's traffic, of 40 after the start, as its own figures were taken."""
    model, states = NavsimTraffic(), scene.ego.states
    begin = model.start(scene, 0, states[0])

    def rollout() -> None:
        traffic = begin
        for frame in range(40):
            traffic = model.step(scene, frame, states[min(frame, len(states) - 1)], traffic)

    return median_ms(rollout, repeats) / 40


def proposals(count: int) -> np.ndarray:
    """Gentle curves ``[count, 41, 3]`` at 8 m/s or so."""
    rng = np.random.default_rng(1)
    curvature = rng.uniform(-0.03, 0.03, (count, 1)) * np.ones((1, 40))
    speed = rng.uniform(4, 12, (count, 1)) * np.ones((1, 40))
    heading = np.cumsum(np.concatenate([np.zeros((count, 1)), 0.1 * speed * curvature], 1), 1)
    x = np.cumsum(np.concatenate([np.zeros((count, 1)), 0.1 * speed * np.cos(heading[:, :-1])], 1), 1)
    y = np.cumsum(np.concatenate([np.zeros((count, 1)), 0.1 * speed * np.sin(heading[:, :-1])], 1), 1)
    return np.stack([x, y, heading], -1)


def main() -> None:
    """Measure and print."""
    table = Table(title=f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, one thread")
    for column in ("what", "median ms", "per unit", "peer"):
        table.add_column(column)
    ego = np.zeros(11)
    ego[3] = 8.0
    for count in (1, 15, 256, 1024):
        plans = proposals(count)
        ms = median_ms(lambda plans=plans: track(ego, plans), 20)
        table.add_row(
            f"tracker, {count} proposals x 40 steps", f"{ms:.3f}", f"{1e3 * ms / count:.1f} us", "830 us"
        )
    model = IDMTraffic()
    for agents in (10, 20, 30, 50):
        scene = ring_scene(agents)
        state = start(scene, model)
        for _ in range(20):
            state = step(scene, model, state, np.zeros(2))
        now = state
        ms = median_ms(lambda s=scene, n=now: model.step(s, n.frame, n.ego, n.traffic), 300)
        table.add_row(
            f"IDM traffic step, {agents} agents", f"{ms:.4f}", f"{1e3 * ms / agents:.2f} us", "750 us"
        )
        ms = median_ms(lambda s=scene, n=now: step(s, model, n, np.zeros(2)), 300)
        table.add_row(f"world step, {agents} agents", f"{ms:.4f}", f"{1e3 / ms:.0f} steps/s", "")
        if agents == 30:
            for name, work in (
                ("contacts", lambda s=scene, n=now: touched(s, n)),
                ("off road", lambda s=scene, n=now: off_road(s, n.ego)),
                ("state hash", lambda n=now: state_hash(n)),
                ("traffic start", lambda s=scene: model.start(s, 0, s.ego.states[0])),
            ):
                table.add_row(f"{name}, 30 agents", f"{median_ms(work, 200):.4f}", "", "")
    for agents, peer in NAVSIM_STEP.items():
        ms = navsim_rollout_ms(queue_scene(agents))
        table.add_row(
            f"NAVSIM traffic step, {agents} agents", f"{ms:.4f}", f"{1e3 * ms / agents:.2f} us", peer
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
