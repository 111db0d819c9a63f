"""Times resets to other scenes, and what they leave of the simulator's speed in training.

    python benchmarks/reset.py                # 200 random scenes of the town's train split, state observation
    python benchmarks/reset.py --cameras      # pictures as well (a new street has to be dressed: minutes)
    python benchmarks/reset.py --scenes 20

Every scene is visited once in a process of its own first, so that it is compiled; then everything is timed in fresh
processes, as CPU time of one thread: machines are shared, and CPU time is what a reset costs them. Perturbed resets are
timed twice: while no start is remembered, so that all are searched for, and once more with the same seeds, whose starts
the first process has left in the cache.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from simscale_gym.envs import SimScaleEnv
from simscale_gym.scene.derived import shelf_of
from simscale_gym.sources import find_scene, list_scenes, load_scene

EPISODES = 100
"""Episodes of 8 s that are driven to the end."""
STARTS = ("on log", "perturbed, searched for", "perturbed, remembered")
"""What is timed, in this order."""
BRAKE = np.array([-1.0, 0.0], np.float32)
"""Full brake: the ego comes to rest and stands, so that episodes last for all of 8 s."""
FIRST = """
import time; began, spent = time.perf_counter(), time.process_time()
import gymnasium, simscale_gym
env = gymnasium.make("SimScale-v0", observation={kind!r}, experts=(), perturb={perturb})
env.reset(seed=0)
print(time.perf_counter() - began, time.process_time() - spent)
"""


def some_scenes(count: int) -> list[str]:
    """Ids of ``count`` scenes of the train split, in random order."""
    refs = list_scenes("town", "train")
    return [refs[row].id for row in np.random.default_rng(0).permutation(len(refs))[:count]]


def make_env(perturb: bool, cameras: bool) -> SimScaleEnv:
    """The environment that is timed."""
    kinds = ("state", "camera") if cameras else "state"
    return SimScaleEnv(observation=kinds, experts=(), traffic="idm", perturb=perturb)


def forget_starts(scenes: list[str]) -> None:
    """Remove what the cache remembers of perturbed starts in ``scenes``."""
    refs = list_scenes("town", "train")
    for scene in scenes:
        for path in shelf_of(load_scene(find_scene(refs, scene))).folder.glob("starts-*"):
            path.unlink()


def reset_times(env: SimScaleEnv, scenes: list[str], seed: int) -> np.ndarray:
    """Milliseconds of CPU time of a reset to each of ``scenes``."""
    times = []
    for row, scene in enumerate(scenes):
        began = time.process_time()
        env.reset(seed=seed + row, options={"scene": scene})
        times.append(1e3 * (time.process_time() - began))
    return np.array(times)


def episode_rates(env: SimScaleEnv, scenes: list[str]) -> tuple[float, float]:
    """Steps per second of CPU time: between resets, and of whole episodes with their resets."""
    steps, driving, began = 0, 0.0, time.process_time()
    for row in range(EPISODES):
        env.reset(seed=row, options={"scene": scenes[row % len(scenes)]})
        start, ended = time.process_time(), False
        while not ended:
            _, _, terminated, truncated, _ = env.step(BRAKE)
            steps, ended = steps + 1, terminated or truncated
        driving += time.process_time() - start
    return steps / driving, steps / (time.process_time() - began)


def resident() -> float:
    """Memory of this process that is no file's [MiB]."""
    try:
        with open("/proc/self/status") as status:
            return next(float(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(perturb: bool, cameras: bool, count: int) -> dict[str, float]:
    """All figures of one environment in this process."""
    env, scenes = make_env(perturb, cameras), some_scenes(count)
    reset_times(env, scenes[:1], 0)  # kernels are loaded, the vocabulary is read
    before = resident()
    first = reset_times(env, scenes[1:], 1)
    kept = (resident() - before) / max(len(scenes) - 1, 1)
    again = reset_times(env, [scenes[row] for row in np.random.default_rng(1).permutation(count)], 1000)
    bare, whole = episode_rates(env, [scenes[row] for row in np.random.default_rng(2).permutation(count)])
    return {
        "first": float(np.median(first)), "first p90": float(np.quantile(first, 0.9)),
        "again": float(np.median(again)), "again p90": float(np.quantile(again, 0.9)),
        "bare": bare, "whole": whole, "memory": kept,
    }  # fmt: skip


def in_fresh_process(arguments: list[str]) -> str:
    """What Python prints last, given ``arguments``."""
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=200, help="how many of the 200 of the train split")
    parser.add_argument("--cameras", action="store_true", help="pictures as well")
    parser.add_argument("--measure", choices=STARTS, help=argparse.SUPPRESS)
    parser.add_argument("--visit", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.visit:
        reset_times(make_env(True, given.cameras), some_scenes(given.scenes), 0)
        forget_starts(some_scenes(given.scenes))
        print()
        return
    if given.measure:
        print(json.dumps(measure(given.measure != STARTS[0], given.cameras, given.scenes)))
        return
    console = Console(width=110)
    console.print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}"
    )
    same = [__file__, "--scenes", str(given.scenes), *(["--cameras"] if given.cameras else [])]
    in_fresh_process([*same, "--visit"])
    table = Table("start", "first ms (p90)", "again ms (p90)", "steps/s", "with resets", "ratio", "MiB/scene")
    for start in STARTS:
        found = json.loads(in_fresh_process([*same, "--measure", start]))
        table.add_row(
            start,
            f"{found['first']:.1f} ({found['first p90']:.1f})",
            f"{found['again']:.1f} ({found['again p90']:.1f})",
            f"{found['bare']:.0f}",
            f"{found['whole']:.0f}",
            f"{found['whole'] / found['bare']:.0%}",
            f"{found['memory']:.2f}",
        )
    console.print(table)
    for kind in ("state", "camera"):
        for perturb in (False, True):
            code = FIRST.format(kind=kind, perturb=perturb)
            runs = np.array([in_fresh_process(["-c", code]).split() for _ in range(4)], float)[1:]
            wall, spent = np.median(runs, axis=0)
            start = "perturbed" if perturb else "on log"
            console.print(
                f"first {kind} observation of a fresh process, {start}: {wall:.2f} s ({spent:.2f} s CPU)"
            )


if __name__ == "__main__":
    main()
