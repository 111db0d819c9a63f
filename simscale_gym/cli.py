"""The command line: ``simscale-gym <command>``."""

from __future__ import annotations

import sys
from importlib import import_module

import tyro

from simscale_gym.commands import settings
from simscale_gym.errors import SimScaleError

_DONE_BY: dict[type, tuple[str, str]] = {
    settings.Demo: ("demo", "run_demo"),
    settings.Drive: ("drive", "run_drive"),
    settings.View: ("view", "run_view"),
    settings.Prepare: ("prepare", "run_prepare"),
    settings.Doctor: ("doctor", "run_doctor"),
    settings.Town: ("town", "export_town"),
    settings.Collect: ("collect", "run_collect"),
    settings.Episodes: ("episodes", "write_episodes"),
    settings.Verify: ("verify", "run_verify"),
    settings.Data: ("data", "run_data"),
    settings.Export: ("export", "run_export"),
    settings.Train: ("train", "run_train"),
    settings.Evaluate: ("evaluate", "run_evaluate"),
    settings.MakeSuite: ("evaluate", "run_make_suite"),
    settings.RunExperiment: ("experiment", "run"),
    settings.Splats: ("splats", "run_splats"),
    settings.Parity: ("parity", "run_parity"),
}
"""Module of ``commands`` and function that does a command."""


def main() -> None:
    """Entry point of the console script."""
    try:
        command = tyro.extras.subcommand_cli_from_dict(settings.COMMANDS, prog="simscale-gym")
        succeeded = run(command)
    except SimScaleError as error:
        print(f"simscale-gym: {error}", file=sys.stderr)
        succeeded = False
    if not succeeded:
        sys.exit(1)


def run(command: object) -> bool:
    """Do what ``command`` (of :data:`simscale_gym.commands.settings.COMMANDS`) says.

    What a command needs is imported here, so that help does not wait for it.

    Returns:
        Whether all that it checks is as it should be.
    """
    module, function = _DONE_BY[type(command)]
    do = getattr(import_module(f"simscale_gym.commands.{module}"), function)
    return do(getattr(command, "command", command)) is not False
