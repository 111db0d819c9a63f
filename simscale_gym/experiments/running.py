"""An experiment run: what is there already is skipped, and every row is kept as soon as its evaluation ends."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import torch

from simscale_gym import __version__
from simscale_gym.errors import SceneError
from simscale_gym.evaluation import Evaluation, Suite, TrainedDriver, evaluate
from simscale_gym.evaluation.figures import figure_items
from simscale_gym.evaluation.queries import checked_scene, suite_refs
from simscale_gym.experiments.budget import Budget
from simscale_gym.experiments.data_sets import make_set, needed_sets
from simscale_gym.experiments.experiment import Experiment
from simscale_gym.experiments.plan import (
    CALIBRATED,
    Run,
    calibration_key,
    check_scores,
    plan_runs,
    suites_of,
    training_code,
)
from simscale_gym.experiments.rows_file import RowsFile
from simscale_gym.files.claims import claimed
from simscale_gym.progress import ticking
from simscale_gym.training import train


def rows_of(experiment: str, budget: Budget) -> RowsFile:
    """The file of an experiment's rows."""
    return RowsFile(budget.rows or budget.work / "rows" / f"{experiment}.csv")


def run_experiment(experiment: Experiment, budget: Budget) -> list[str]:
    """Run what is missing of an experiment; broken off and called again, it goes on.

    Several processes may work on one experiment: a training that another one is at is passed over.

    Args:
        experiment: The experiment.
        budget: How large it is, and where it works.

    Returns:
        Runs that other processes were at when this one was done.

    Raises:
        ArgumentError, DataError, SceneError: Something is missing or does not fit; it is said before the work.
        MissingExtraError: The extra ``train`` is not installed.
    """
    suites, rows = suites_of(experiment), rows_of(experiment.name, budget)
    rows.check()
    check_scenes(suites, budget)
    sets = needed_sets(experiment, budget)
    check_scores(experiment, budget, sets)
    for needed in sets.values():
        make_set(needed, budget.workers)
    runs, there, elsewhere = plan_runs(experiment, budget, sets, suites), rows.keys(), []
    done = [run for run in runs if there.issuperset(run.keys.values())]
    with ticking(total=len(runs), initial=len(done), unit="run", desc=experiment.name) as bar:
        for run in (run for run in runs if run not in done):
            bar.set_postfix_str(str(run))
            with claimed(run.folder) as mine:
                if mine:
                    _one(experiment, run, suites, budget, rows)
                    bar.update()
                else:
                    elsewhere.append(str(run))
        for suite in suites.values():
            bar.set_postfix_str(f"{', '.join(CALIBRATED)} on {suite.name}")
            _calibrate(experiment.name, suite, budget, rows)
    return elsewhere


def check_scenes(suites: Mapping[str, Suite], budget: Budget) -> None:
    """Find out before the work whether scenes that the town does not make are there, and as they were."""
    for name, suite in suites.items():
        if suite.source != "folder":
            continue
        if budget.scenes is None:
            raise SceneError(f"suite {name!r} is of recorded scenes: name their folder (--scenes DIR).")
        for pinned, ref in zip(suite.scenes, suite_refs(suite, budget.scenes), strict=True):
            checked_scene(suite, pinned, ref)


def _one(
    experiment: Experiment, run: Run, suites: Mapping[str, Suite], budget: Budget, rows: RowsFile
) -> None:
    """Train, and judge on the suites that have no row yet."""
    there = rows.keys()
    missing = [name for name, key in run.keys.items() if key not in there]
    if not missing:
        return
    trained = train(run.config, run.folder)
    driver = TrainedDriver(run.folder / "planner.safetensors")
    for name in missing:
        found = _judged({run.arm.name: driver}, suites[name], budget)
        about = {
            "key": run.keys[name], "experiment": experiment.name, "arm": run.arm.name,
            "reference": run.arm.reference, "family": run.arm.family, "preset": budget.preset,
            "seed": run.config.seed, "setting": run.setting, "training": trained["config"],
            "code": training_code(), "sim_ratio": run.config.sim_ratio or 0.0, "machine": _machine(),
            **{column: trained[column] for column in ("steps", "real", "sim", "val", "best_step")},
            "val_ade": trained["ade"], "val_fde": trained["fde"], "train_seconds": trained["seconds"],
        }  # fmt: skip
        rows.add(about | _scores(found, run.arm.name), _groups(found, run.arm.name, about["key"]))


def _calibrate(experiment: str, suite: Suite, budget: Budget, rows: RowsFile) -> None:
    """Rows of the drivers that every table has beside."""
    keys = {driver: calibration_key(experiment, driver, suite) for driver in CALIBRATED}
    if rows.keys().issuperset(keys.values()):
        return
    with claimed(budget.work.absolute() / "runs" / f"calibration-{suite.digest}") as mine:
        if not mine:
            return
        found = _judged({}, suite, budget, calibrate=True)
        for driver, key in keys.items():
            about = {"key": key, "experiment": experiment, "arm": driver, "seed": 0, "machine": _machine()}
            rows.add(about | _scores(found, driver), _groups(found, driver, key))


def _judged(planners: dict, suite: Suite, budget: Budget, *, calibrate: bool = False) -> Evaluation:
    with ticking(total=len(suite.scenes), unit="scene", desc=suite.name, leave=False) as bar:
        return evaluate(
            planners,
            suite,
            scenes=budget.scenes if suite.source == "folder" else None,
            calibrate=calibrate,
            workers=budget.workers,
            progress=lambda done, total: bar.update(done - bar.n),
        )


def _scores(found: Evaluation, planner: str) -> dict[str, Any]:
    """What a row says of an evaluation."""
    stages = {
        f"stage{stage}_{code}": value
        for stage in ((1, 2) if found.plans else ())
        for code, value in found.subscores(planner, stage).items()
    }
    return {
        "suite": found.suite.name, "suite_digest": found.suite.digest, "version": __version__,
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "evaluate_seconds": round(found.seconds, 1),
        **{figure: measured.mean for figure, measured in found.measured[planner].items()},
        **stages,
    }  # fmt: skip


def _groups(found: Evaluation, planner: str, key: str) -> list[dict[str, Any]]:
    """The scores behind a row: those of a scene's n-th group and n-th drive in one line."""
    lines: dict[tuple[str, int], dict[str, Any]] = {}
    for figure, items in figure_items(*found.of(planner)).items():
        numbers: dict[str, int] = {}
        for _, scene, value in items:
            number = numbers[scene] = numbers.get(scene, -1) + 1
            line = lines.setdefault((scene, number), {"key": key, "scene": scene, "number": number})
            line[figure] = value
    return [lines[place] for place in sorted(lines)]


def _machine() -> str:
    """What it ran on, without saying whose it is."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{platform.machine()}, {os.cpu_count()} cores{gpu}"
