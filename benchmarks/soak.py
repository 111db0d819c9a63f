"""Drives thousands of episodes in one process and watches memory, handles and threads.

    python benchmarks/soak.py --episodes 10000
    python benchmarks/soak.py --episodes 10000 --vector 64      # many environments in one

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
from gymnasium.vector import AutoresetMode

import simscale_gym  # noqa: F401  (registers the id)
from simscale_gym.sources import list_scenes, load_scene


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


def drive_on(envs: gym.vector.VectorEnv, rng: np.random.Generator, episodes: int) -> None:
    """Random actions in many environments until that many ``episodes`` more have ended."""
    while episodes > 0:
        actions = rng.uniform(-1.0, 1.0, (envs.num_envs, 2)).astype(np.float32)
        _, _, terminated, truncated, _ = envs.step(actions)
        episodes -= int((terminated | truncated).sum())


def main() -> None:
    """Drive and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=20, help="of an episode at most")
    parser.add_argument("--scenes", type=int, default=20, help="first scenes of the train split")
    parser.add_argument(
        "--vector", type=int, default=0, help="environments in one; 0: a single one, scenes in turn"
    )
    arguments = parser.parse_args()
    scenes = [load_scene(ref) for ref in list_scenes("town", "train")[: arguments.scenes]]
    settings = {"scenes": scenes, "observation": "state", "experts": (), "horizon": arguments.steps / 10.0}
    if arguments.vector:
        env = gym.make_vec(
            "SimScale-v0", num_envs=arguments.vector, autoreset_mode=AutoresetMode.SAME_STEP, **settings
        )
        env.reset(seed=0)
    else:
        env = gym.make("SimScale-v0", **settings)
    rng, began, noted, part = np.random.default_rng(0), time.time(), [], max(arguments.episodes // 100, 1)
    for done in range(part, arguments.episodes + 1, part):
        if arguments.vector:
            drive_on(env, rng, part)
        else:
            for episode in range(done - part, done):
                drive(env, episode, rng, arguments.steps, scenes[episode % len(scenes)].id)
        noted.append((done, *use()))
        print(f"{done} episodes, {time.time() - began:.0f} s: {Use(*noted[-1][1:])}", flush=True)
    env.close()
    later = np.array(noted[len(noted) // 2 :])
    slope = np.polyfit(later[:, 0], later[:, 1], 1)[0] * 1000.0
    print(f"over the second half: {slope:+.2f} MB per 1000 episodes, handles {np.ptp(later[:, 2]):+.0f}")


if __name__ == "__main__":
    main()
