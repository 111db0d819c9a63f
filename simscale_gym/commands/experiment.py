"""Experiments from the command line: run, looked at before they are run, and reported."""

from __future__ import annotations

from rich.console import Console

from simscale_gym.commands.settings import RunExperiment
from simscale_gym.errors import ArgumentError
from simscale_gym.experiments import (
    make_experiment,
    preview_lines,
    rows_of,
    run_experiment,
    write_experiment_report,
)


def run(settings: RunExperiment) -> None:
    """Do what the settings say.

    Raises:
        ArgumentError, DataError, SceneError: Something is missing or does not fit; it is said before the work.
        MissingExtraError: The extra ``train``, or ``report`` for a report, is not installed.
    """
    name, budget = settings.name, settings.budget
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if settings.dry_run and settings.report is not None:
        raise ArgumentError("experiment: --dry-run and --report, expected one of them.")
    console.print(f"{name}: looking at what is there")
    if settings.report is not None:
        page = write_experiment_report(name, rows_of(name, budget), settings.report)
        console.print(f"report: {page}")
        return
    experiment = make_experiment(name, budget)
    if settings.dry_run:
        for line in preview_lines(experiment, budget):
            console.print(line)
        return
    elsewhere = run_experiment(experiment, budget)
    for run_there in elsewhere:
        console.print(f"left to another process: {run_there}")
    console.print(f"{name}: rows in {rows_of(name, budget).path}; see them with --report DIR")
