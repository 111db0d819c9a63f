"""Times the environment: steps per second, what the score at every step takes, and the first observation.

    python benchmarks/env.py                # steps, and first observations with the caches as they are
    python benchmarks/env.py --no-pictures  # steps without cameras alone
    python benchmarks/env.py --cold         # first observations from an empty cache folder as well (minutes)

Peers: HighwayEnv, "highway-v0" with 20 vehicles, 107 steps/s on the same two-core machine (its own loop, no pictures).
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from simscale_gym.envs import SimScaleEnv
from simscale_gym.files.cache import CACHE_VARIABLE
from simscale_gym.scoring import RunningSegment, ego_history, score_segment

HIGHWAY_ENV = 107.0
"""Steps per second."""

CASES = (
    ("state, no expert", {"observation": "state", "experts": ()}, 600),
    ("state, no expert, EPDMS reward", {"observation": "state", "experts": (), "reward": "epdms"}, 600),
    ("state, planner expert", {"observation": "state"}, 100),
    ("3 cameras 256x144, no expert", {"experts": ()}, 60),
    ("3 cameras 256x144, planner expert", {}, 60),
)
FIRST = """
import time; began = time.perf_counter()
import gymnasium, simscale_gym
env = gymnasium.make("SimScale-v0", observation={kind!r}, experts=(), perturb=False)
env.reset(seed=0)
print(time.perf_counter() - began)
"""


def machine() -> str:
    """Name and number of the processors."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor() or platform.machine()


def step_times(settings: dict, steps: int) -> tuple[np.ndarray, float]:
    """Milliseconds of each step after an episode to warm up, and how many tracks were there on average.

    The ego goes straight on, off the log and back on it at the end of each episode; resets are not timed.
    """
    env = SimScaleEnv(perturb=False, **settings)
    elapsed, present = [], []
    for seed in range(1000):
        env.reset(seed=seed, options={"scene": env.scene_ids[seed % 2]})
        ended = False
        while not ended:
            began = time.perf_counter()
            _, _, terminated, truncated, _ = env.step(np.zeros(2, np.float32))
            if seed > 1:
                elapsed.append(1e3 * (time.perf_counter() - began))
                present.append(env.sim_state.traffic.valid.sum())
            ended = terminated or truncated
        if len(elapsed) >= steps:
            break
    env.close()
    return np.array(elapsed), float(np.mean(present))


def scoring_times() -> tuple[float, float, float]:
    """Of one drive of 8 s: median us of a running score's step, of the same scored anew, and its last step's."""
    env = SimScaleEnv(perturb=False, observation="state", experts=())
    env.reset(seed=0, options={"scene": env.scene_ids[1]})
    for _ in range(env.horizon_steps):
        env.step(np.zeros(2, np.float32))
    running, grown, anew = RunningSegment.begin(env.scene, env.history[:1]), [], []
    past = ego_history(env.scene, env.history[:1])
    for count in range(2, len(env.history) + 1):
        began = time.thread_time()
        running = running.after(env.history[count - 1])
        running.subscores()
        grown.append(1e6 * (time.thread_time() - began))
        began = time.thread_time()
        score_segment(env.scene, env.history[:count], past)
        anew.append(1e6 * (time.thread_time() - began))
    return float(np.median(grown)), float(np.median(anew)), float(np.median(grown[-10:]))


def first_observation(kind: str, cache: str | None) -> float:
    """Seconds from the start of Python code to the first observation, in a fresh process."""
    variables = os.environ | ({CACHE_VARIABLE: cache} if cache else {})
    command = [sys.executable, "-c", FIRST.format(kind=kind)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cold", action="store_true", help="first observations from an empty cache folder as well"
    )
    parser.add_argument("--no-pictures", action="store_true", help="steps without cameras alone")
    arguments = parser.parse_args()
    console = Console(width=110)
    console.print(f"{machine()}, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}")
    table = Table("case", "tracks", "median ms (least)", "steps/s", "99 %, worst ms", "HighwayEnv")
    bare = 0.0
    for name, settings, steps in CASES:
        if arguments.no_pictures and "observation" not in settings:
            continue
        times, present = step_times(settings, steps)
        middle = float(np.median(times))
        bare = bare or middle
        tail = f"{np.quantile(times, 0.99):.1f}, {times.max():.1f}"
        ratio = f"{1e3 / middle / HIGHWAY_ENV:.1f} x" if settings.get("observation") == "state" else ""
        row = (f"{present:.0f}", f"{middle:.2f} ({times.min():.2f})", f"{1e3 / middle:.0f}", tail, ratio)
        table.add_row(name, *row)
    console.print(table)
    scoring_times()  # compiles
    step, anew, late = scoring_times()
    console.print(
        f'info["epdms"]: {step:.0f} us a step ({late:.0f} us at the end of 8 s), {step / bare / 10:.0f} % of the first '
        f"row's step; scored anew by the batched scorer: {anew:.0f} us"
    )
    if arguments.no_pictures:
        return
    for kind in ("state", "camera"):
        if arguments.cold:
            with tempfile.TemporaryDirectory() as folder:
                console.print(
                    f"first {kind} observation, empty cache: {first_observation(kind, folder):.1f} s"
                )
                console.print(f"  again, fresh process: {first_observation(kind, folder):.2f} s")
        else:
            first_observation(kind, None)
            console.print(f"first {kind} observation, fresh process: {first_observation(kind, None):.2f} s")


if __name__ == "__main__":
    main()
