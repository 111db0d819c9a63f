"""Times many environments at once: steps of environments and of road users per second, resets included.

    python benchmarks/vector.py                  # 1, 16, 64 and 256 environments on states
    python benchmarks/vector.py --cameras        # and 16 with three 128x72 cameras (streets are dressed first: minutes)
    python benchmarks/vector.py --scenes 20 --seconds 5
    python benchmarks/vector.py --peers DIR      # and HighwayEnv, installed by: pip install --target DIR highway-env

Actions are random and small, so that episodes last some seconds and end in all ways; every end is reset at once. The
perturbed starts of the scenes ("--starts" of each) are searched for before anything is timed: a training finds them
remembered. A CPU second is one of all threads of the process together: machines are shared, and that is what a step
costs them.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
from env import machine
from rich.console import Console
from rich.table import Table

from simscale_gym.envs import SimScaleEnv, SimScaleVectorEnv
from simscale_gym.perturbation import PerturbConfig
from simscale_gym.scene import Scene
from simscale_gym.sources import list_scenes, load_scene

COUNTS = (1, 16, 64, 256)
"""Numbers of environments."""
CAMERAS = {
    "observation": ("camera", "state"),
    "cameras": ("cam_f0", "cam_l0", "cam_r0"),
    "image_size": (72, 128),
}
REACH = np.array([0.6, 0.05], np.float32)
"""Largest action: acceleration and steering rate."""


@dataclass
class Rate:
    """What was measured.

    Attributes:
        steps: Environment steps, resets included.
        resets: Resets among them.
        tracks: Road users in those scenes, steps by steps.
        present: Road users that were there, steps by steps.
        seconds: Wall time [s].
        cpu: Time of all threads [s].
    """

    steps: int = 0
    resets: int = 0
    tracks: int = 0
    present: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    def row(self, name: str) -> list[str]:
        """A line of the table."""
        each = self.tracks / max(self.steps, 1)
        return [
            name, f"{self.steps / self.seconds:,.0f}", f"{self.tracks / self.seconds:,.0f}",
            f"{self.steps / self.cpu:,.0f}", f"{self.tracks / self.cpu:,.0f}",
            f"{each:.0f} ({self.present / max(self.steps, 1):.0f})", f"{self.steps / max(self.resets, 1):.0f}",
        ]  # fmt: skip


def timed(step: Callable[[], tuple[int, int, int, int]], seconds: float) -> Rate:
    """Call ``step``, which gives steps, resets, tracks and present ones, for a while."""
    rate, began, spent = Rate(), time.perf_counter(), time.process_time()
    while rate.seconds < seconds:
        done = step()
        rate.steps, rate.resets = rate.steps + done[0], rate.resets + done[1]
        rate.tracks, rate.present = rate.tracks + done[2], rate.present + done[3]
        rate.seconds = time.perf_counter() - began
    rate.cpu = time.process_time() - spent
    return rate


def vector_rate(scenes: list[Scene], count: int, settings: dict, seconds: float) -> Rate:
    """Of ``count`` environments in one."""
    envs = SimScaleVectorEnv(count, scenes=scenes, **settings)
    rng, tracks = np.random.default_rng(0), {scene.id: len(scene.tracks) for scene in scenes}
    present = {scene.id: float(scene.tracks.valid.sum(0).mean()) for scene in scenes}
    envs.reset(seed=0)

    def step() -> tuple[int, int, int, int]:
        _, _, terminated, truncated, infos = envs.step(
            rng.uniform(-REACH, REACH, (count, 2)).astype(np.float32)
        )
        ids = infos["scene"].tolist()
        ends = int((terminated | truncated).sum())
        return count, ends, sum(map(tracks.__getitem__, ids)), round(sum(map(present.__getitem__, ids)))

    timed(step, seconds / 2.0)  # compiles, and begins what is begun often
    rate = timed(step, seconds)
    envs.close()
    return rate


def single_rate(scenes: list[Scene], settings: dict, seconds: float, count: int = 0) -> Rate:
    """Of one environment, or of ``count`` in Gymnasium's loop over them."""
    make = lambda: SimScaleEnv(scenes, **settings)  # noqa: E731
    rng, tracks = np.random.default_rng(0), {scene.id: len(scene.tracks) for scene in scenes}
    env = make() if not count else None
    many = [make() for _ in range(count)]
    for seed, each in enumerate(many or [env]):
        each.reset(seed=seed)

    def step() -> tuple[int, int, int, int]:
        ends = total = there = 0
        for each in many or [env]:
            *_, terminated, truncated, info = each.step(rng.uniform(-REACH, REACH).astype(np.float32))
            total, there = total + tracks[info["scene"]], there + int(each.sim_state.traffic.valid.sum())
            if terminated or truncated:
                ends += 1
                each.reset()
        return max(count, 1), ends, total, there

    timed(step, seconds / 2.0)
    return timed(step, seconds)


def highway_rate(folder: str, seconds: float) -> Rate:
    """Of HighwayEnv, 20 vehicles at 10 Hz, without pictures."""
    sys.path.insert(0, folder)
    import highway_env  # noqa: F401  (registers it)

    config = {
        "action": {"type": "ContinuousAction"},
        "vehicles_count": 20,
        "simulation_frequency": 10,
        "policy_frequency": 10,
    }
    env = gym.make("highway-v0", config=config)
    env.reset(seed=0)

    def step() -> tuple[int, int, int, int]:
        *_, terminated, truncated, _ = env.step(env.action_space.sample() * REACH)
        if terminated or truncated:
            env.reset()
        vehicles = len(env.unwrapped.road.vehicles)
        return 1, int(terminated or truncated), vehicles, vehicles

    timed(step, 1.0)
    return timed(step, seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=10, help="scenes of the town's train split")
    parser.add_argument("--starts", type=int, default=16, help="perturbed starts of each scene (variety)")
    parser.add_argument("--on-log", action="store_true", help="start on the log, not off it")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="numbers of environments")
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each row")
    parser.add_argument("--cameras", action="store_true", help="three 128x72 cameras as well")
    parser.add_argument("--peers", metavar="DIR", help="where HighwayEnv is installed")
    arguments = parser.parse_args()
    scenes = [load_scene(ref) for ref in list_scenes("town", "train")[: arguments.scenes]]
    perturb = not arguments.on_log and PerturbConfig(variety=arguments.starts)
    settings = {"observation": "state", "experts": (), "perturb": perturb}
    console = Console(width=120)
    console.print(f"{machine()}, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}")
    console.print(
        f"{len(scenes)} scenes, tracks of each: {', '.join(str(len(scene.tracks)) for scene in scenes)}"
    )
    if perturb:
        remember(scenes, settings, arguments.starts)
    table = Table(
        "environments", "steps/s", "tracks x steps/s", "per CPU second", "tracks x steps", "tracks (present)",
        "steps an episode",
    )  # fmt: skip
    for count in arguments.counts:
        table.add_row(*vector_rate(scenes, count, settings, arguments.seconds).row(f"{count}, vector"))
    table.add_row(*single_rate(scenes, settings, arguments.seconds).row("1, SimScaleEnv"))
    table.add_row(*single_rate(scenes, settings, arguments.seconds, 16).row("16, one by one"))
    if arguments.cameras:
        pictured = {**settings, **CAMERAS}
        table.add_row(*vector_rate(scenes[:2], 16, pictured, arguments.seconds).row("16, 3 cameras 128x72"))
        table.add_row(*single_rate(scenes[:2], pictured, arguments.seconds).row("1, 3 cameras 128x72"))
    if arguments.peers:
        table.add_row(*highway_rate(arguments.peers, arguments.seconds).row("1, HighwayEnv"))
    console.print(table)
    console.print(f"load {os.getloadavg()[0]:.1f} at the end")
    if not arguments.peers:
        console.print("HighwayEnv beside it: pip install --target DIR highway-env, and --peers DIR")


def remember(scenes: list[Scene], settings: dict, starts: int) -> None:
    """Have all starts of ``scenes`` found."""
    env = SimScaleEnv(scenes, **settings)
    for scene in scenes:
        for seed in range(4 * starts):
            env.reset(seed=seed, options={"scene": scene.id})


if __name__ == "__main__":
    main()
