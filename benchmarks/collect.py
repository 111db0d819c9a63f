"""Times the search of a clip, and the samples of a data set: searched, drawn, described, packed, written.

    python benchmarks/collect.py
    python benchmarks/collect.py --vocabulary 8192.npy     # GTRS' vocabulary, [V, 40, 3]
    python benchmarks/collect.py --samples 1000            # memory while so many are written
    python benchmarks/collect.py --navsim                  # 4 + 8 frames of eight cameras, exported at 1920 x 1080
    python benchmarks/collect.py --kills 200               # a run killed so often must end in the same bytes

Processor time of one thread, so that other work on the machine counts little; the least of the repeats for the
parts, medians over clips for whole clips. There is no peer to time: the paper's data engine was never released.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from env import machine
from rich.console import Console
from rich.table import Table

from simscale_gym.agents import (
    HORIZON_STEPS,
    HumanFutures,
    PlannerExpert,
    make_expert,
    make_traffic,
    reference_drive,
)
from simscale_gym.datagen import DataSet, DataSpec, write_data_set
from simscale_gym.datagen.drives import log_drives
from simscale_gym.datagen.navsim import export_navsim
from simscale_gym.datagen.trusted_pictures import CAMERAS
from simscale_gym.datagen.unseen import Sight, depends_on_unseen
from simscale_gym.datagen.vocabulary_scores import vocabulary_scores
from simscale_gym.futures_bank import town_futures, vocabulary_of
from simscale_gym.perturbation import (
    AlgorithmConfig,
    Telemetry,
    clip_frames,
    find_candidates,
    load_vocabulary,
    search_clip,
)
from simscale_gym.scene import CAMERA_NAMES, Scene
from simscale_gym.scoring import drive_segment
from simscale_gym.sim import rollout, start
from simscale_gym.sources import list_scenes, load_scene

SCENES = slice(2, 5)  # of the town's train split: the ego drives
CONFIG = AlgorithmConfig()
SCORED = 8192  # trajectories, as many as GTRS' smaller vocabulary has


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
    scored = bank.take(np.random.default_rng(0).permutation(len(bank))[:SCORED])
    (drive,) = log_drives(scene, [frame], HORIZON_STEPS)
    sight = Sight(CAMERAS, (144, 256))
    seen = sight.seen(scene, drive.present)
    return {
        f"{len(vocabulary)} trajectories tracked, scored, thinned": least(candidates),
        "one perturbation driven among reacting others": least(lambda: rollout(scene, traffic, begin, plan)),
        "one plan of the planner expert": least(lambda: planner.plan(scene, states[-1], traffic)),
        "one plan of the recovery expert": least(lambda: recovery.plan(scene, states[-1], traffic)),
        "one label driven and scored": least(
            lambda: drive_segment(scene, traffic, states, label, reference_drive(scene, states[-1], planner))
        ),
        f"{len(scored)} trajectories scored for a sample": least(
            lambda: vocabulary_scores(scene, drive, scored)
        ),
        "who is seen": least(lambda: sight.seen(scene, drive.present)),
        "whether the planner's plan depends on the rest": least(
            lambda: depends_on_unseen(scene, drive.present, seen, planner, traffic)
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


def sample_times(folder: Path) -> dict[str, float]:
    """Milliseconds of processor time of each part of a sample: three cameras of 256 x 144, the present alone.

    The second of two runs over the same scenes: their looks lie in the cache.
    """
    spec = DataSpec(experts=("planner",), clips=60)
    for name in ("first", "second"):
        reports = list(write_data_set(folder / name, spec, workers=1))
    count = sum(report.samples for report in reports)
    return {part: 1e3 * sum(r.spent[part] for r in reports) / count for part in reports[0].spent}


def navsim_times(folder: Path) -> dict[str, float]:
    """Milliseconds of processor time of each part of a sample for NAVSIM: 12 frames of eight cameras of 480 x 270.

    Drawn from the log, for the search of perturbed samples is timed elsewhere; then exported at 1920 x 1080.
    """
    spec = DataSpec(kind="log", clips=3, history=3, future=8, cameras=CAMERA_NAMES, image_size=(270, 480))
    for name in ("first", "second"):
        reports = list(write_data_set(folder / name, spec, workers=1))
    count = sum(report.samples for report in reports)
    parts = {part: 1e3 * sum(r.spent[part] for r in reports) / count for part in reports[0].spent}
    began = time.process_time()
    for _ in export_navsim(folder / "second", folder / "navsim", workers=1):
        pass
    return parts | {"export": 1e3 * (time.process_time() - began) / count}


def memory(samples: int, folder: Path) -> None:
    """Print the most memory that a process held after a fifth of the samples, and in the end."""
    count, marks = 0, []
    spec = DataSpec(kind="log", clips=samples, stride=0.1, image_size=(36, 64))
    for report in write_data_set(folder / "memory", spec, workers=1):
        count += report.samples
        marks.append((count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    early = next(mark for mark in marks if mark[0] >= samples / 5)
    print(f"memory: {early[1]:.0f} MB after {early[0]} samples, {marks[-1][1]:.0f} MB after {marks[-1][0]}")


_KILLED = DataSpec(kind="log", clips=6, stride=5.0, image_size=(9, 16), cameras=("cam_f0",))


def write_killed(folder: Path) -> None:
    """The run that is killed."""
    list(write_data_set(folder, _KILLED, workers=1))


def kills(count: int, folder: Path) -> None:
    """Kill a run at random, again and again, and hold what it ends in against an undisturbed one.

    Runs are forked off this process, which has compiled and dressed everything, so that they are killed at work.
    """
    fork, rng, finished = multiprocessing.get_context("fork"), np.random.default_rng(), 0
    for name in ("first", "whole"):  # the first one dresses scenes
        began = time.monotonic()
        write_killed(folder / name)
        took = time.monotonic() - began
    for _ in range(count):
        run = fork.Process(target=write_killed, args=(folder / "killed",))
        run.start()
        run.join(rng.uniform(0.0, took))
        run.kill()
        run.join()
        if finished_now := run.exitcode == 0:
            finished += finished_now
            assert content(folder / "killed") == content(folder / "whole")
            (folder / "killed").rename(folder / f"killed-{finished}")
    write_killed(folder / "killed")
    same = content(folder / "killed") == content(folder / "whole")
    print(
        f"{count} kills, {finished} of them too late: the same bytes: {same}, {len(DataSet(folder / 'killed'))} samples"
    )


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a data set, but what killed runs left in hidden folders."""
    paths = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {str(name): path.read_bytes() for name, path in paths.items() if ".simscale" not in str(name)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vocabulary", type=Path, help=".npy file [V, 40, 3]; the town's own if left out")
    parser.add_argument(
        "--samples", type=int, help="write so many samples of the log, and print the memory held"
    )
    parser.add_argument("--kills", type=int, help="kill a run so many times")
    parser.add_argument("--navsim", action="store_true", help="time NAVSIM's samples and their export")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if told.samples:
            memory(told.samples, Path(folder))
        if told.kills:
            kills(told.kills, Path(folder))
        if told.navsim:
            print_parts("a sample for NAVSIM, 12 x 8 pictures 480 x 270", navsim_times(Path(folder)))
        if not told.samples and not told.kills and not told.navsim:
            times(told.vocabulary, Path(folder))


def times(path: Path | None, folder: Path) -> None:
    """Print the tables."""
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
    print_parts("a sample: planner, three cameras 256 x 144", sample_times(folder))


def print_parts(title: str, parts: dict[str, float]) -> None:
    """Print the parts of a sample, and what they come to."""
    table = Table(title=f"{title}, {machine()}")
    table.add_column("what")
    table.add_column("ms, one thread", justify="right")
    for name, ms in parts.items():
        table.add_row(name, f"{ms:.1f}")
    table.add_row("samples a second and core", f"{1e3 / sum(parts.values()):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
