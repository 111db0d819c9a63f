"""Which pseudo-expert gives the best labels? All of them from the same states off the log, among reacting traffic.

    python benchmarks/experts.py [--states 1000] [--split hard] [--seed 0] [--workers 2]

States are found as by a perturbed reset: a start frame of a scene, a trajectory of the vocabulary, 4 s among IDM
traffic. Every expert's plan is then driven for 4 s by the tracker while the traffic reacts, and scored with the true
history. A label is valid where every subscore is 1 and EP more than 0.5 (SimScale). "human" is the log itself from
its own state at the same frame: what the same rules make of the person who drove there.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest
from tqdm import tqdm

from simscale_gym.agents import (
    HORIZON_STEPS,
    Expert,
    ExpertPlan,
    LogExpert,
    PlannerExpert,
    RecoveryExpert,
    Retrieval,
    UnifiedExpert,
    logged_pose,
    reference_drive,
)
from simscale_gym.envs import SimScaleEnv
from simscale_gym.futures_bank import bank_of
from simscale_gym.geometry import se2
from simscale_gym.metrics import extended_comfort
from simscale_gym.scene import DT, Scene, StateIndex
from simscale_gym.scoring import Segment, drive_segment, is_valid_label
from simscale_gym.sim import SimState, TrafficModel, start, track
from simscale_gym.sources import list_scenes

Array = NDArray[np.float64]
Row = dict[str, float]

EXPERTS = "recovery", "planner", "unified", "log"
CODES = "nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc"
REPLAN_STEPS = 5
CELL = 5.0, 0.5  # [m] SimScale's grid of end points, along and across the logged pose
RESAMPLES = 1000


@lru_cache(maxsize=1)
def environment(split: str) -> SimScaleEnv:
    """The town, whose perturbed resets give the states."""
    return SimScaleEnv(split=split, observation="state", experts=())


@lru_cache(maxsize=1)
def makers(split: str) -> tuple[dict[str, Expert], Retrieval]:
    """The experts, and the bank that plans are compared with."""
    bank = bank_of(list_scenes("town", split))
    experts = (RecoveryExpert(bank), PlannerExpert(), UnifiedExpert(bank), LogExpert())
    return {expert.name: expert for expert in experts}, Retrieval(bank)


def scene_rows(job: tuple[int, int], split: str, seed: int) -> list[dict[str, Row]]:
    """All that is measured in ``job`` = (scene's row, number of states), a state a dict by expert."""
    index, count = job
    env, (experts, humans), rows = environment(split), makers(split), []
    for k in range(count):
        env.np_random = np.random.default_rng([seed, index, k])
        _, info = env.reset(options={"scene": env.scene_ids[index]})
        if not info["reset"]["perturbed"]:
            continue
        scene, traffic, states = env.scene, env.traffic, env.history
        row = {name: measured(scene, traffic, states, experts[name], humans) for name in EXPERTS}
        on_log = (start(scene, traffic, states[-1].frame),)
        row["human"] = measured(scene, traffic, on_log, experts["log"], humans)
        rows.append({name: {**values, "scene": index} for name, values in row.items()})
    return rows


def measured(
    scene: Scene, traffic: TrafficModel, states: Sequence[SimState], expert: Expert, humans: Retrieval
) -> Row:
    """One expert's plan from the last of ``states``, driven."""
    begin = states[-1]
    started = time.thread_time()
    plan = expert.plan(scene, begin, traffic)
    took = time.thread_time() - started
    reference = reference_drive(scene, begin, PlannerExpert())
    segment = drive_segment(scene, traffic, states, plan.poses_world(begin.ego), reference)
    egos = np.stack([state.ego for state in segment.states])
    scores = segment.scores
    row = {code: float(getattr(scores, code)[0]) for code in CODES}
    offset = se2.poses_to_local(logged_pose(scene, begin.frame + HORIZON_STEPS), egos[-1:, :3])[0]
    driven = se2.poses_to_local(egos[0, :3], egos[None, 1:, :3].reshape(-1, 3))[None]
    return row | comfort(egos) | {
        "valid": float(is_valid_label(scores)[0]),
        "vouched": float(plan.valid),
        "score": segment.total,
        "ec": replanned_comfort(scene, traffic, expert, plan, segment),
        "progress": float(scores.progress[0]),
        "x": float(offset[0]),
        "y": float(offset[1]),
        "distance": float(humans.distances(driven)[0]),
        "ms": 1e3 * took,
    }  # fmt: skip


def comfort(egos: Array) -> Row:
    """Mean and 95th percentile of what the ego ``[T, 11]`` felt."""
    felt = {
        "jerk": np.abs(np.diff(egos[:, StateIndex.AX])) / DT,
        "acceleration": np.abs(egos[1:, StateIndex.AX]),
        "yaw_acceleration": np.abs(egos[1:, StateIndex.YAW_ACC]),
    }
    means = {name: float(values.mean()) for name, values in felt.items()}
    return means | {f"{name}_95": float(np.percentile(values, 95)) for name, values in felt.items()}


def replanned_comfort(
    scene: Scene, traffic: TrafficModel, expert: Expert, plan: ExpertPlan, segment: Segment
) -> float:
    """EC between this plan and the next one, made after half a second of following this one."""
    begin, later = segment.states[0], segment.states[REPLAN_STEPS]
    following = expert.plan(scene, later, traffic)
    before, after = (
        track(state.ego, p.poses_world(state.ego), vehicle=scene.vehicle)
        for state, p in ((begin, plan), (later, following))
    )
    return float(extended_comfort(before, after)[0][0])


def collected(states: int, split: str, seed: int, workers: int) -> dict[str, dict[str, Array]]:
    """By expert and quantity, ``[S]`` values of the same states."""
    refs = list_scenes("town", split)
    scenes = len(refs)
    counts = np.bincount(np.arange(states) % scenes, minlength=scenes)
    jobs = [(index, int(count)) for index, count in enumerate(counts) if count]
    work, rows = partial(scene_rows, split=split, seed=seed), []
    bank_of(refs)  # simulated once, before the workers ask
    with tqdm(total=states, unit="state") as bar, ProcessPoolExecutor(workers) as pool:
        for found, (_, count) in zip(pool.map(work, jobs), jobs, strict=True):
            rows += found
            bar.update(count)
    names = rows[0]
    return {n: {key: np.array([row[n][key] for row in rows]) for key in rows[0][n]} for n in names}


def interval(values: Array, scenes: Array) -> tuple[float, float]:
    """95 % of the means of resampled scenes: states of one scene are alike."""
    _, group = np.unique(scenes, return_inverse=True)
    sums, sizes = np.bincount(group, values), np.bincount(group)
    drawn = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    low, high = np.percentile(sums[drawn].sum(1) / sizes[drawn].sum(1), [2.5, 97.5])
    return float(low), float(high)


def entropy(x: Array, y: Array) -> float:
    """Of the cells that end points fall into [bit]."""
    cells = np.column_stack([np.round(x / CELL[0]), np.round(y / CELL[1])])
    share = np.unique(cells, axis=0, return_counts=True)[1] / len(cells)
    return float(-(share * np.log2(share)).sum())


def spread(values: dict[str, Array]) -> Array:
    """``[S]`` mean distance [m] of each end point to those of the scene's other states, relative to the log."""
    ends = np.column_stack([values["x"], values["y"]])
    gaps = np.linalg.norm(ends[:, None] - ends[None], axis=-1)
    same = (values["scene"][:, None] == values["scene"][None]) & ~np.eye(len(ends), dtype=bool)
    return (gaps * same).sum(1) / np.maximum(same.sum(1), 1)


LINES = (
    ("valid labels [%]", "valid", 100.0), ("the expert vouches [%]", "vouched", 100.0), ("EPDMS [%]", "score", 100.0),
    *((f"{code.upper()} [%]", code, 100.0) for code in CODES), ("EC, plan 0.5 s later [%]", "ec", 100.0),
    ("|jerk|, mean [m/s3]", "jerk", 1.0), ("|jerk|, 95th percentile", "jerk_95", 1.0),
    ("|acceleration|, mean [m/s2]", "acceleration", 1.0), ("|acceleration|, 95th percentile", "acceleration_95", 1.0),
    ("|yaw acceleration|, mean [rad/s2]", "yaw_acceleration", 1.0),
    ("|yaw acceleration|, 95th percentile", "yaw_acceleration_95", 1.0),
    ("progress [m]", "progress", 1.0), ("distance to the nearest human [m]", "distance", 1.0),
    ("end to the logged pose [m]", "gap", 1.0), ("spread of ends within a scene [m]", "spread", 1.0),
)  # fmt: skip


def table(results: dict[str, dict[str, Array]]) -> Table:
    """Quantities by expert, with 95 % intervals."""
    out = Table("", *results, title="means over the same states, 95 % intervals by resampled scenes")
    for values in results.values():
        values["gap"], values["spread"] = np.hypot(values["x"], values["y"]), spread(values)
    for title, key, scale in LINES:
        cells = []
        for values in results.values():
            low, high = interval(values[key], values["scene"])
            digits = 1 if scale > 1 else 2
            cells.append(
                f"{scale * values[key].mean():.{digits}f} ({scale * low:.{digits}f}-{scale * high:.{digits}f})"
            )
        out.add_row(title, *cells)
    out.add_row(
        "entropy of ends, 5 x 0.5 m [bit]", *(f"{entropy(v['x'], v['y']):.2f}" for v in results.values())
    )
    valid = ({key: v[key][v["valid"] == 1.0] for key in ("x", "y")} for v in results.values())
    out.add_row("  of valid labels", *(f"{entropy(**ends):.2f}" for ends in valid))
    out.add_row("a plan, median [ms]", *(f"{np.median(v['ms']):.1f}" for v in results.values()))
    return out


def failures(results: dict[str, dict[str, Array]]) -> Table:
    """Share of the states in which a subscore fails the filter of labels."""
    out = Table("fails by [%]", *results)
    for code in CODES:
        bad = {n: v[code] <= 0.5 if code == "ep" else v[code] < 1.0 for n, v in results.items()}
        none_succeeds = np.mean([bad[name] for name in EXPERTS], axis=0) == 1.0
        cells = (f"{100 * share.mean():.1f}" for share in bad.values())
        out.add_row(f"{code.upper()} (all experts: {100 * none_succeeds.mean():.1f})", *cells)
    return out


def comparison(results: dict[str, dict[str, Array]], other: str) -> Table:
    """The unified expert against ``other``, state by state."""
    out = Table("", "difference", "95 % interval", title=f"unified - {other}, paired")
    ours, theirs = results["unified"], results[other]
    for key in (
        "valid",
        "score",
        "hc",
        "ec",
        "jerk",
        "acceleration",
        "yaw_acceleration",
        "progress",
        "distance",
    ):
        change = ours[key] - theirs[key]
        low, high = interval(change, ours["scene"])
        out.add_row(key, f"{change.mean():+.4f}", f"{low:+.4f} to {high:+.4f}")
    won = int(((ours["valid"] == 1) & (theirs["valid"] == 0)).sum())
    lost = int(((ours["valid"] == 0) & (theirs["valid"] == 1)).sum())
    p = binomtest(won, won + lost).pvalue if won + lost else 1.0
    out.add_row("valid only here, only there", f"{won}, {lost}", f"McNemar p = {p:.2g}")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--states", type=int, default=1000)
    parser.add_argument("--split", default="hard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    results = collected(args.states, args.split, args.seed, args.workers)
    console = Console(width=160)
    console.print(f"{platform.platform()}, {os.cpu_count()} cores; split {args.split}, seed {args.seed}")
    report(results, console)


def report(results: dict[str, dict[str, Array]], console: Console) -> None:
    """Print all tables."""
    valid = np.stack([results[name]["valid"] for name in EXPERTS])
    console.print(
        f"{valid.shape[1]} states off the log; any expert's label is valid in {100 * valid.max(0).mean():.1f} %, "
        f"the human's own, on the log, in {100 * results['human']['valid'].mean():.1f} %"
    )
    console.print(table(results), failures(results))
    for other in ("planner", "recovery"):
        console.print(comparison(results, other))


if __name__ == "__main__":
    main()
