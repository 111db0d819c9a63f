"""Times the search of a clip: the whole vocabulary tracked and scored, one reactive check, one label, a clip.

    python benchmarks/collect.py
    python benchmarks/collect.py --vocabulary 8192.npy     # GTRS' vocabulary, [V, 40, 3]

Processor time of one thread, so that other work on the machine counts little; the least of the repeats for the
parts, medians over clips for whole clips. There is no peer to time: the paper's data engine was never released.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from env import machine
from rich.console import Console
from rich.table import Table

from simscale_gym.agents import HumanFutures, PlannerExpert, make_expert, make_traffic, reference_drive
from simscale_gym.futures_bank import town_futures, vocabulary_of
from simscale_gym.perturbation import (
    AlgorithmConfig,
    Telemetry,
    clip_frames,
    find_candidates,
    load_vocabulary,
    search_clip,
)
from simscale_gym.scene import Scene
from simscale_gym.scoring import drive_segment
from simscale_gym.sim import rollout, start
from simscale_gym.sources import list_scenes, load_scene

SCENES = slice(2, 5)  # of the town's train split: the ego drives
CONFIG = AlgorithmConfig()


def least(work: Callable[[], object], repeats: int = 5) -> float:
    """Milliseconds of this thread's processor time, the least of ``repeats``."""
    taken = []
    for _ in range(repeats):
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
    return 1e3 * min(taken)


def part_times(scene: Scene, frame: int, vocabulary: HumanFutures, bank: HumanFutures) -> dict[str, float]:
    """Milliseconds of each part of a clip's search."""
    traffic, planner, recovery = make_traffic("idm"), PlannerExpert(), make_expert("recovery", bank)
    begin = start(scene, traffic, frame)
    reference = reference_drive(scene, begin, planner)

    def candidates():
        rng = np.random.default_rng(0)
        return find_candidates(scene, begin, reference, vocabulary, CONFIG, rng, Telemetry())

    plan = candidates().plans[0]
    states = [begin, *rollout(scene, traffic, begin, plan)]
    label = planner.plan(scene, states[-1], traffic).poses_world(states[-1].ego)
    return {
        f"{len(vocabulary)} trajectories tracked, scored, thinned": least(candidates),
        "one perturbation driven among reacting others": least(lambda: rollout(scene, traffic, begin, plan)),
        "one plan of the planner expert": least(lambda: planner.plan(scene, states[-1], traffic)),
        "one plan of the recovery expert": least(lambda: recovery.plan(scene, states[-1], traffic)),
        "one label driven and scored": least(
            lambda: drive_segment(scene, traffic, states, label, reference_drive(scene, states[-1], planner))
        ),
    }


def clip_times(scenes: list[Scene], vocabulary: HumanFutures, bank: HumanFutures) -> tuple[float, float]:
    """Median milliseconds of a clip with both experts and all rounds, and samples a clip."""
    experts, traffic = [make_expert("planner"), make_expert("recovery", bank)], make_traffic("idm")
    times, samples = [], 0
    for scene in scenes:
        for frame in clip_frames(scene, CONFIG.stride):
            began = time.thread_time()
            samples += len(search_clip(scene, frame, vocabulary, experts, traffic, CONFIG).samples)
            times.append(1e3 * (time.thread_time() - began))
    return float(np.median(times)), samples / len(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vocabulary", type=Path, help=".npy file [V, 40, 3]; the town's own if left out")
    path = parser.parse_args().vocabulary
    bank = town_futures()
    vocabulary = vocabulary_of(bank) if path is None else load_vocabulary(path)
    scenes = [load_scene(ref) for ref in list_scenes("town", "train")[SCENES]]
    table = Table(title=f"search of a clip, {machine()}")
    table.add_column("what")
    table.add_column("ms, one thread", justify="right")
    for name, ms in part_times(scenes[1], 55, vocabulary, bank).items():
        table.add_row(name, f"{ms:.1f}")
    clip, samples = clip_times(scenes, vocabulary, bank)
    table.add_row(f"a clip: planner and recovery, 5 rounds, {samples:.1f} samples", f"{clip:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
