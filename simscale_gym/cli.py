"""The command line: ``simscale-gym <command>``."""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from simscale_gym.errors import ArgumentError, SimScaleError


def demo(
    out: Path = Path("out"),
    scenes: str = "town",
    split: str = "train",
    seed: int = 27,
    scene: str | None = None,
    image_size: tuple[int, int] = (216, 384),
    horizon: float = 8.0,
) -> None:
    """Drive a perturbed episode with the expert; write a film, a picture and a table.

    Args:
        out: Folder for demo.mp4 and demo.png.
        scenes: "town", or a path to a nuPlan data set or ScenarioDescription files.
        split: train, val, test or hard.
        seed: Of the episode.
        scene: Id of the scene; any of the split if left out.
        image_size: Height and width of each camera [pixel].
        horizon: Longest episode [s].
    """
    from simscale_gym.demo import run_demo

    run_demo(out, scenes, split, seed, scene, image_size, horizon)


def town(
    out: Path, seed: int = 0, logs: int = 1, images: bool = False, image_size: tuple[int, int] = (1080, 1920)
) -> None:
    """Write a town as a nuPlan data set: map.gpkg, one .db per log, calibration, side shapes.

    Args:
        out: Folder to write to; made if absent.
        seed: Of the town.
        logs: How many drives through it.
        images: Also render all eight cameras at 10 Hz (slow: 1000 pictures per camera and log).
        image_size: Height and width of the pictures [pixel].
    """
    from simscale_gym.town_export import export_town

    export_town(out, seed, logs, image_size if images else None)


def parity(file: tyro.conf.Positional[Path]) -> None:
    """Compare EPDMS, tracker, IDM and PDM-Closed with NAVSIM's numbers; exit code 1 where they differ.

    Args:
        file: Inputs and NAVSIM's outputs, JSON, gzipped or not.
    """
    from simscale_gym.parity import run_parity

    if not run_parity(file):
        sys.exit(1)


def collect(
    dry_run: bool = False,
    scenes: str = "town",
    split: str = "train",
    experts: tuple[str, ...] = ("planner", "recovery"),
    clips: int | None = 100,
    rounds: int = 5,
    stride: float = 2.0,
    vocabulary: Path | None = None,
    traffic: str = "idm",
    seed: int = 0,
    workers: int = 1,
) -> None:
    """Search clips for perturbed starts with trusted labels (Algorithm 1); say what they yield and what ate the rest.

    Args:
        dry_run: Search and print the tables, write nothing.
        scenes: "town", or a path to a nuPlan data set or ScenarioDescription files.
        split: train, val, test or hard.
        experts: Sources of labels: planner, recovery, unified or log, one or several.
        clips: How many clips at most, scene by scene; None for all.
        rounds: Samples of a clip and expert at most.
        stride: Time between the starts of a scene's clips [s].
        vocabulary: A .npy file [V, 40, 3] of x, y [m], heading [rad] at 0.1 .. 4.0 s in the ego frame; clusters of
            the source's own futures if left out.
        traffic: idm, log or constant_velocity.
        seed: Of the order in which candidates are tried.
        workers: Processes that search side by side.
    """
    from simscale_gym.datagen import DryRun, run_dry
    from simscale_gym.perturbation import AlgorithmConfig

    if not dry_run:
        raise ArgumentError(
            "collect: writing data sets is not in this version; add --dry-run to see what they would hold."
        )
    config = AlgorithmConfig(rounds=rounds, stride=stride)
    run_dry(DryRun(scenes, split, experts, clips, vocabulary, traffic, seed, workers, config))


COMMANDS = {"demo": demo, "town": town, "collect": collect, "parity": parity}


def main() -> None:
    """Entry point of the console script."""
    try:
        tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="simscale-gym")
    except SimScaleError as error:
        print(f"simscale-gym: {error}", file=sys.stderr)
        sys.exit(1)
