"""What an experiment would do, before it does it: what is there already, and about how long the rest takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simscale_gym.evaluation import CALIBRATION, Suite
from simscale_gym.experiments.budget import Budget
from simscale_gym.experiments.data_sets import NeededSet, needed_sets
from simscale_gym.experiments.experiment import Experiment
from simscale_gym.experiments.plan import Run, named, plan_runs, suites_of
from simscale_gym.experiments.rows_file import RowsFile
from simscale_gym.experiments.running import check_scenes, rows_of
from simscale_gym.training.run_folder import RESULT

STEP_SECONDS = {
    "regression": 0.07, "conditioned": 0.07, "mixture": 0.07, "diffusion": 0.08, "proposals": 0.07, "scoring": 0.09,
    "ego_status": 0.005,
}  # fmt: skip
"""Of a step of 16 samples of a tiny planner on two cores; rows of the file at hand are asked first."""
CLIP_SECONDS = {"log": 0.35, "perturbed": 0.3}
"""Of a clip that is collected on two cores, by kind."""
SUITE_SECONDS = 60.0
"""Of an evaluation of a tiny planner on a suite of the town on two cores, once pictures are kept."""


def preview_lines(experiment: Experiment, budget: Budget) -> Iterator[str]:
    """Lines that say what would be done.

    Raises:
        ArgumentError, DataError, SceneError: As when it is run.
    """
    suites, rows = suites_of(experiment), rows_of(experiment.name, budget)
    rows.check_readable()
    check_scenes(suites, budget)
    sets = needed_sets(experiment, budget)
    yield f"{experiment.name}: {experiment.about}"
    yield f"rows: {rows.path}"
    collecting = 0.0
    for needed in sets.values():
        seconds = 0.0 if needed.is_there else _collecting(needed)
        collecting += seconds
        yield f"data {needed.name}: {needed.folder} ({_state(needed, seconds)})"
    working = yield from _runs(experiment, budget, sets, suites, rows)
    yield f"in all about {_time(collecting + working)} on two cores"


def _runs(
    experiment: Experiment,
    budget: Budget,
    sets: Mapping[str, NeededSet],
    suites: Mapping[str, Suite],
    rows: RowsFile,
) -> Iterator[str]:
    known = rows.rows()
    total = 0.0
    if not all(needed.is_there for needed in sets.values()):
        for seed in budget.seeds:
            for arm in map(named, experiment.arms):
                seconds = _training(arm.family, budget.steps, known)
                seconds += len(arm.suites or experiment.suites) * _judging(known)
                total += seconds
                yield f"run {arm.name}, seed {seed}: to do, {_time(seconds)}"
        return total
    there = {row["key"] for row in known}
    for run in plan_runs(experiment, budget, sets, suites):
        said, seconds = _left(run, budget, known, there)
        total += seconds
        yield f"run {run} [{run.digest}]: {said}"
    return total


def _left(run: Run, budget: Budget, known: Sequence[Mapping[str, str]], there: set[str]) -> tuple[str, float]:
    missing = [suite for suite, key in run.keys.items() if key not in there]
    if not missing:
        return "done", 0.0
    trained = (run.folder / RESULT).exists()
    seconds = 0.0 if trained else _training(run.arm.family, budget.steps, known)
    seconds += len(missing) * _judging(known)
    begun = "trained" if trained else "to be trained"
    return f"{begun}, to be judged on {', '.join(missing)}, {_time(seconds)}", seconds


def _training(family: str, steps: int, known: Sequence[Mapping[str, str]]) -> float:
    """Seconds of a training, as rows of the family took them."""
    took = [float(row["train_seconds"]) / float(row["steps"]) for row in known if row["family"] == family]
    return steps * (sum(took) / len(took) if took else STEP_SECONDS[family])


def _judging(known: Sequence[Mapping[str, str]]) -> float:
    took = [float(row["evaluate_seconds"]) for row in known if row["arm"] not in CALIBRATION]
    return sum(took) / len(took) if took else SUITE_SECONDS


def _collecting(needed: NeededSet) -> float:
    return (needed.spec.clips or 0) * CLIP_SECONDS[needed.spec.kind]


def _state(needed: NeededSet, seconds: float) -> str:
    if needed.is_there:
        return "there"
    clips = "all" if needed.spec.clips is None else needed.spec.clips
    return f"to be collected: {clips} clips, {_time(seconds) if seconds else 'as long as they take'}"


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.0f} min"
