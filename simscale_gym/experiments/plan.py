"""What an experiment comes to: its trainings and evaluations, each with a key that stands for all that decides it."""

from __future__ import annotations

import ast
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from simscale_gym.datagen import DataSet
from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation import CALIBRATION, Suite, open_suite
from simscale_gym.experiments.budget import Budget
from simscale_gym.experiments.data_sets import NeededSet
from simscale_gym.experiments.experiment import Arm, Experiment
from simscale_gym.planners.families import make_planner
from simscale_gym.training import TrainConfig
from simscale_gym.training.identity import training_identity
from simscale_gym.training.selection import pictures_of, select_samples

_STEP = 0.05
"""Ratios are rounded down to this where there are fewer simulated samples than asked for."""
_TRAINING = ("planners", "training")
"""Packages whose code decides what a training comes to."""


@dataclass(frozen=True)
class Run:
    """A training, and the suites that it is judged on.

    Attributes:
        arm: What is trained.
        config: The training.
        digest: Of the training and the code that does it.
        folder: Its folder.
        keys: Key of the row by suite.
        setting: Stands for all but the seed.
    """

    arm: Arm
    config: TrainConfig
    digest: str
    folder: Path
    keys: Mapping[str, str]
    setting: str

    def __str__(self) -> str:
        return f"{self.arm.name}, seed {self.config.seed}"


def suites_of(experiment: Experiment) -> dict[str, Suite]:
    """All suites that an experiment is judged on, by the name that it gives them.

    Raises:
        ArgumentError: There is no such suite.
        DataError: A file is none.
    """
    named = [*experiment.suites, *(name for arm in experiment.arms for name in arm.suites)]
    return {name: open_suite(name) for name in dict.fromkeys(named)}


def config_of(arm: Arm, seed: int, budget: Budget, sets: Mapping[str, NeededSet]) -> TrainConfig:
    """The training of an arm.

    Raises:
        ArgumentError: A setting is wrong.
    """
    folders = {
        name: tuple(str(sets[one].folder) for one in getattr(arm, name)) for name in ("real", "sim", "val")
    }
    return TrainConfig(
        planner=arm.family, preset=budget.preset, scenes=budget.num_scenes, steps=budget.steps, seed=seed,
        sim_ratio=arm.ratio if arm.sim else None, keep_best=False, **folders, **arm.settings,
    )  # fmt: skip


def plan_runs(
    experiment: Experiment, budget: Budget, sets: Mapping[str, NeededSet], suites: Mapping[str, Suite]
) -> list[Run]:
    """All runs, one seed of all arms after the other; data sets must be there.

    Arms that ask for the same ratio get the same one, which is lower where one of them has not so many samples.

    Raises:
        ArgumentError: Data sets and planners do not fit together.
        DataError: A data set is damaged.
    """
    arms = _capped(experiment.arms, budget, sets)
    runs = [_run(experiment, arm, seed, budget, sets, suites) for seed in budget.seeds for arm in arms]
    check_scores(experiment, budget, sets)
    return runs


def calibration_key(experiment: str, driver: str, suite: Suite) -> str:
    """Key of the row of a driver that every table has beside."""
    return _digest([experiment, driver, suite.digest], 16)


CALIBRATED = tuple(CALIBRATION)
"""Names of those drivers."""


@cache
def training_code() -> str:
    """A digest of the code that trains, without its comments and docstrings."""
    package = Path(__file__).parents[1]
    files = [path for name in _TRAINING for path in sorted((package / name).rglob("*.py"))]
    return _digest([_meaning(path.read_text(encoding="utf-8")) for path in files], 12)


def _run(
    experiment: Experiment,
    arm: Arm,
    seed: int,
    budget: Budget,
    sets: Mapping[str, NeededSet],
    suites: Mapping[str, Suite],
) -> Run:
    config = config_of(arm, seed, budget, sets)
    identity = {**training_identity(config), "code": training_code()}
    digest = _digest(identity, 12)
    setting = _digest({**identity, "seed": None}, 12)
    keys = {
        name: _digest([experiment.name, arm.name, digest, suites[name].digest], 16)
        for name in arm.suites or experiment.suites
    }
    return Run(arm, config, digest, budget.work.absolute() / "runs" / digest, keys, setting)


def _capped(arms: Sequence[Arm], budget: Budget, sets: Mapping[str, NeededSet]) -> list[Arm]:
    """The arms with the ratios that there are samples for; those that come to the same as another are left out."""
    most: dict[float, float] = {}
    for arm in (arm for arm in arms if arm.sim):
        for seed in budget.seeds:
            # what does not decide which samples there are is the same for all, so that they are counted once
            plain = {"planner": "regression", "sim_ratio": None, "sim_label": "expert", "sim_imitation": True}
            there = _available(replace(config_of(arm, seed, budget, sets), **plain))
            most[arm.ratio] = min(most.get(arm.ratio, arm.ratio), there)
    found: dict[str, Arm] = {}
    for arm in arms:
        capped = named(replace(arm, ratio=most[arm.ratio]) if arm.sim else arm)
        found.setdefault(json.dumps({**asdict(capped), "name": "", "reference": ""}, sort_keys=True), capped)
    return list(found.values())


def named(arm: Arm) -> Arm:
    """The arm with its ratio in its name, where that has a place for it."""
    return replace(arm, name=arm.name.format(ratio=arm.ratio))


@lru_cache(maxsize=256)
def _available(config: TrainConfig) -> float:
    """Simulated samples for each recorded one, at most."""
    found = select_samples(config, pictures_of(config))
    ratio = math.floor(found.sim / max(found.real, 1) / _STEP + 1e-9) * _STEP
    if ratio <= 0.0:
        raise ArgumentError(
            f"{', '.join(config.sim)}: {found.sim} simulated samples for {found.real} recorded ones: too few. Collect "
            "more --rounds or --clips."
        )
    return round(ratio, 2)


def check_scores(experiment: Experiment, budget: Budget, sets: Mapping[str, NeededSet]) -> None:
    """Find out, of recorded sets that are there, what a scoring planner would find out when its training begins.

    Raises:
        ArgumentError: It needs scores of as many trajectories as it has.
        DataError: A data set is damaged.
    """
    for arm in (arm for arm in experiment.arms if sets[arm.real[0]].is_there):
        config = config_of(arm, budget.seeds[0], budget, sets)
        scored = DataSet(config.real[0]).vocabulary
        planner = make_planner(config.planner, config.preset, pictures_of(config))
        planner.check_vocabulary(0 if scored is None else len(scored))


def _meaning(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            body[0] = ast.Pass()
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _digest(plain: Any, digits: int) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:digits]
