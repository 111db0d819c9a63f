"""Planners judged on a suite from the command line, and suites made again."""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

from simscale_gym.commands.settings import Evaluate, MakeSuite
from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation import (
    RECIPES,
    Sensing,
    Suite,
    TrainedDriver,
    evaluate,
    export_suite,
    failed_suite,
    make_suite,
    open_suite,
    write_suite,
)
from simscale_gym.evaluation.entrants import AgentOrMaker
from simscale_gym.evaluation.report import ReportConfig, write_report
from simscale_gym.files.cache import unwritable


def run_evaluate(settings: Evaluate) -> None:
    """Judge, print the table, and write what was asked for.

    Raises:
        ArgumentError, SceneError, DataError: Suite, scenes or planners will not do, or a place cannot be written.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    suite = open_suite(settings.suite)
    planners = planners_named(settings.planner)
    sensing = Sensing(cameras=settings.cameras, image_size=settings.image_size, renderer=settings.renderer)
    _check_writable(settings)
    bar = tqdm(total=len(suite.scenes), unit="scene", desc=suite.name)
    with bar:
        outcome = evaluate(
            planners,
            suite,
            scenes=settings.scenes,
            sensing=sensing,
            parts=settings.parts,
            rules=settings.rules,
            calibrate=settings.calibrate,
            workers=settings.workers,
            progress=lambda done, total: bar.update(done - bar.n),
        )
    console.print(
        f"{suite.name} ({suite.digest}): {suite.groups} moments, {suite.starts} starts off the log, "
        f"{suite.drives} drives; {outcome.seconds:.0f} s. In brackets: 95 % intervals over scenes and seeds."
    )
    console.print(outcome.table())
    if settings.out is not None:
        outcome.write(settings.out)
    if settings.navsim is not None:
        _export(settings, suite, planners, sensing, console)
    if settings.report is not None:
        page = write_report(
            outcome, planners, settings.report, scenes=settings.scenes, sensing=sensing,
            config=ReportConfig(command=shlex.join(["simscale-gym", *sys.argv[1:]])),
        )  # fmt: skip
        console.print(f"report: {page}")
    if settings.save_failures is not None:
        failures = failed_suite(outcome)
        write_suite(failures, settings.save_failures)
        console.print(
            f"{failures.groups} moments and {failures.drives} drives failed: {settings.save_failures}"
        )


def _export(
    settings: Evaluate,
    suite: Suite,
    planners: dict[str, list[AgentOrMaker]],
    sensing: Sensing,
    console: Console,
) -> None:
    exported = export_suite(
        suite, settings.navsim, planners, scenes=settings.scenes, sensing=sensing, calibrate=settings.calibrate,
        workers=settings.workers,
    )  # fmt: skip
    bar = tqdm(exported, total=len(suite.scenes), unit="scene", desc="exporting")
    left_out = [pair.skipped for pairs in bar for pair in pairs if pair.skipped]
    console.print(f"for NAVSIM: {settings.navsim}, see its README.md; {len(left_out)} moments left out")
    for why in dict.fromkeys(left_out):
        console.print(f"  {left_out.count(why)}: {why}")


def run_make_suite(settings: MakeSuite) -> None:
    """Make a suite by its recipe, and write it.

    Raises:
        ArgumentError: There is no such recipe.
        SceneError, DataError: No scene will do, or the file cannot be written.
    """
    if settings.name not in RECIPES:
        raise ArgumentError(f"suite: {settings.name!r}, expected one of {', '.join(RECIPES)}.")
    suite = make_suite(RECIPES[settings.name], settings.scenes, lambda line: print(line, flush=True))
    out = settings.out or Path(f"{settings.name}.json")
    write_suite(suite, out)
    print(
        f"{out}: {suite.groups} moments, {suite.starts} starts, {suite.drives} drives, digest {suite.digest}"
    )


def planners_named(specs: Sequence[str]) -> dict[str, list[AgentOrMaker]]:
    """Planners of ``NAME=WHAT``, several trainings of one with commas between them; without a name, it is WHAT.

    WHAT is the file of a trained planner, or ``module:attribute``.
    An attribute that is a class is called without arguments; anything else is taken as it is.

    Raises:
        ArgumentError: There is no such module or attribute, or a name comes twice.
    """
    planners: dict[str, list[AgentOrMaker]] = {}
    for spec in specs:
        name, _, places = spec.rpartition("=")
        agents = [_found(place) for place in places.split(",")]
        name = name or places.rpartition(":")[2]
        if name in planners:
            raise ArgumentError(f"--planner: two are called {name!r}; name them apart, as in other={places}.")
        planners[name] = agents
    return planners


def _found(place: str) -> AgentOrMaker:
    """A trained planner where ``place`` is a file; else what a module has."""
    return TrainedDriver(Path(place).absolute()) if Path(place).is_file() else _imported(place)


def _imported(place: str) -> AgentOrMaker:
    module, colon, attribute = place.partition(":")
    if not colon or not module or not attribute:
        expected = "the file of a trained planner, or module:attribute, as in my_planner:MyPlanner"
        raise ArgumentError(f"--planner: {place!r}, expected {expected}.")
    if "" not in sys.path:
        sys.path.insert(0, "")  # modules of the folder in which the command is given
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise ArgumentError(f"--planner: {place!r}: {error}; check PYTHONPATH.") from error
    except AttributeError as error:
        raise ArgumentError(f"--planner: {place!r}: {error}.") from error
    return found() if isinstance(found, type) else found


def _check_writable(settings: Evaluate) -> None:
    """Find out before the work whether what comes of it can be written."""
    files = (settings.save_failures,) if settings.save_failures else ()
    for folder in (settings.out, settings.report, settings.navsim, *(path.parent for path in files)):
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise unwritable(folder, error) from error
