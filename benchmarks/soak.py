"""Drives thousands of episodes in one process and watches memory, handles and threads.

    python benchmarks/soak.py --episodes 10000

Printed once for every hundredth of them; the last line says how much memory grew per thousand episodes over the second
half, in which all scenes, kernels and starts are known.
"""

from __future__ import annotations

import argparse
import gc
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

import gymnasium as gym
import numpy as np

import simscale_gym  # noqa: F401  (registers the id)


class Use(NamedTuple):
    """What a process holds.

    Attributes:
        megabytes: Memory in use that is its own [MB].
        handles: Open files and sockets.
        threads: Threads.
    """

    megabytes: float
    handles: int
    threads: int


def use() -> Use:
    """What this process holds now (Linux)."""
    gc.collect()
    resident, shared = map(int, Path("/proc/self/statm").read_text().split()[1:3])
    own = (resident - shared) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return Use(own, len(os.listdir("/proc/self/fd")), threading.active_count())


def drive(env: gym.Env, seed: int, rng: np.random.Generator, steps: int, scene: str | None = None) -> None:
    """An episode of random actions, of at most ``steps``."""
    env.reset(seed=seed, options={"scene": scene} if scene else None)
    for _ in range(steps):
        _, _, terminated, truncated, _ = env.step(rng.uniform(-1.0, 1.0, 2).astype(np.float32))
        if terminated or truncated:
            break


def main() -> None:
    """Drive and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=20, help="of an episode at most")
    parser.add_argument("--scenes", type=int, default=20, help="first scenes of the train split, in turn")
    arguments = parser.parse_args()
    env = gym.make("SimScale-v0", observation="state", experts=())
    ids, rng, began, noted = (
        env.unwrapped.scene_ids[: arguments.scenes],
        np.random.default_rng(0),
        time.time(),
        [],
    )
    for episode in range(arguments.episodes):
        drive(env, episode, rng, arguments.steps, ids[episode % len(ids)])
        if (episode + 1) % max(arguments.episodes // 100, 1) == 0:
            noted.append((episode + 1, *use()))
            print(f"{episode + 1} episodes, {time.time() - began:.0f} s: {Use(*noted[-1][1:])}", flush=True)
    env.close()
    later = np.array(noted[len(noted) // 2 :])
    slope = np.polyfit(later[:, 0], later[:, 1], 1)[0] * 1000.0
    print(f"over the second half: {slope:+.2f} MB per 1000 episodes, handles {np.ptp(later[:, 2]):+.0f}")


if __name__ == "__main__":
    main()
