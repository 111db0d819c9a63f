"""The command line: ``simscale-gym <command>``."""

from __future__ import annotations

import sys

import tyro

from simscale_gym.commands.settings import (
    COMMANDS,
    Collect,
    Data,
    Demo,
    Episodes,
    Evaluate,
    Export,
    MakeSuite,
    Parity,
    Splats,
    Town,
    Train,
    Verify,
)
from simscale_gym.errors import SimScaleError


def main() -> None:
    """Entry point of the console script."""
    command = tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="simscale-gym")
    try:
        succeeded = run(command)
    except SimScaleError as error:
        print(f"simscale-gym: {error}", file=sys.stderr)
        succeeded = False
    if not succeeded:
        sys.exit(1)


def run(
    command: Demo
    | Town
    | Collect
    | Episodes
    | Verify
    | Data
    | Export
    | Train
    | Evaluate
    | MakeSuite
    | Splats
    | Parity,
) -> bool:
    """Do what ``command`` says; whether all that it checks is as it should be.

    What a command needs is imported here, so that help does not wait for it.
    """
    if isinstance(command, Demo):
        from simscale_gym.commands.demo import run_demo

        run_demo(command)
    elif isinstance(command, Town):
        from simscale_gym.commands.town import export_town

        export_town(command)
    elif isinstance(command, Collect):
        from simscale_gym.commands.collect import run_collect

        run_collect(command)
    elif isinstance(command, Episodes):
        from simscale_gym.commands.episodes import write_episodes

        write_episodes(command)
    elif isinstance(command, Verify):
        from simscale_gym.commands.verify import run_verify

        return run_verify(command)
    elif isinstance(command, Data):
        from simscale_gym.commands.data import run_data

        run_data(command.command)
    elif isinstance(command, Train):
        from simscale_gym.commands.train import run_train

        run_train(command)
    elif isinstance(command, Evaluate):
        from simscale_gym.commands.evaluate import run_evaluate

        run_evaluate(command)
    elif isinstance(command, MakeSuite):
        from simscale_gym.commands.evaluate import run_make_suite

        run_make_suite(command)
    elif isinstance(command, Export):
        from simscale_gym.commands.export import run_export

        run_export(command)
    elif isinstance(command, Parity):
        from simscale_gym.parity import run_parity

        return run_parity(command.file)
    else:
        from simscale_gym.commands.splats import run_splats

        return run_splats(command.command)
    return True
