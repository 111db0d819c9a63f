"""The command line: ``simscale-gym <command>``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from simscale_gym.errors import ArgumentError, SimScaleError


def demo(
    out: Path = Path("out"),
    scenes: str = "town",
    split: str = "train",
    seed: int = 469,
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
    from simscale_gym.commands.demo import run_demo

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
    from simscale_gym.commands.town import export_town

    export_town(out, seed, logs, image_size if images else None)


def parity(file: tyro.conf.Positional[Path]) -> None:
    """Compare EPDMS, tracker, IDM and PDM-Closed with NAVSIM's numbers; exit code 1 where they differ.

    Args:
        file: Inputs and NAVSIM's outputs, JSON, gzipped or not.
    """
    from simscale_gym.parity.fixtures import run_parity

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
    min_render_quality: float = 0.0,
    assets: Path | None = None,
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
        min_render_quality: Keep samples whose pictures can be trusted this far, 0 to 1 (0.25 is the environment's; 0
            draws nothing). Every scene is dressed for it once (seconds), every sample drawn small (0.4 s).
        assets: A trained scene (see splats convert), or a folder of them, instead of the dressing.
    """
    from simscale_gym.datagen import DryRun, run_dry
    from simscale_gym.perturbation import AlgorithmConfig

    if not dry_run:
        raise ArgumentError(
            "collect: writing data sets is not in this version; add --dry-run to see what they would hold."
        )
    config = AlgorithmConfig(rounds=rounds, stride=stride)
    run_dry(
        DryRun(
            scenes,
            split,
            experts,
            clips,
            vocabulary,
            traffic,
            seed,
            workers,
            config,
            min_render_quality,
            assets,
        )
    )


@dataclass(frozen=True)
class Inspect:
    """Say what a file or folder of Gaussians holds: kind, counts, bounds, opacities, scales, nodes.

    Attributes:
        path: .ply, .splat, .spz, .sog, .npz, a checkpoint of gsplat, MTGS, WorldEngine or drivestudio, the folder of an
            asset, of WorldEngine or of HUGSIM.
    """

    path: tyro.conf.Positional[Path]


@dataclass(frozen=True)
class Convert:
    """Write a trained scene as the folder of an asset, or single Gaussians as another kind of file.

    Attributes:
        path: What to read, as for inspect.
        out: A new folder; or a file that ends with .ply, .splat, .spz or .npz.
        encoding: Of Gaussians in the folder: ply, spz (a tenth of the size, loses some) or npz (exact).
        transform: From the frame of the reconstruction (z up) to the log's global frame [m], 4 by 4, .npy or JSON;
            for trainers that do not say it.
        tracks: JSON with the id of the track of each node, by the node's name.
        scenes: Source of the scene whose tracks the nodes are matched with by where they are.
        split: Of the source.
        scene: Id of that scene.
    """

    path: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="IN")]
    out: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="OUT")]
    encoding: str = "ply"
    transform: Path | None = None
    tracks: Path | None = None
    scenes: str | None = None
    split: str = "train"
    scene: str | None = None


@dataclass(frozen=True)
class Validate:
    """Hold an asset against the log of a scene: values, axes, scale, coverage, nodes; exit code 1 where a check fails.

    Attributes:
        path: The folder of an asset, or anything that inspect reads.
        scenes: Source of the scene, as for demo; without it only the asset's own values are looked at.
        split: Of the source.
        scene: Id of the scene.
        out: PNG to write: what the cameras see, and a view from above with the route.
    """

    path: tyro.conf.Positional[Path]
    scenes: str | None = None
    split: str = "train"
    scene: str | None = None
    out: Path | None = None


_SplatsCommand = (
    Annotated[Inspect, tyro.conf.subcommand("inspect")]
    | Annotated[Convert, tyro.conf.subcommand("convert")]
    | Annotated[Validate, tyro.conf.subcommand("validate")]
)


def splats(command: Annotated[_SplatsCommand, tyro.conf.arg(name="")]) -> None:
    """Trained scenes: inspect, convert or validate them.

    Args:
        command: What to do.
    """
    from simscale_gym.commands import splats as splat_commands

    if isinstance(command, Inspect):
        splat_commands.inspect_splats(command.path)
        return
    named = command.scenes is not None or command.scene is not None
    scene = (
        splat_commands.named_scene(command.scenes or "town", command.split, command.scene) if named else None
    )
    if isinstance(command, Convert):
        splat_commands.convert_splats(
            command.path, command.out, command.encoding, command.transform, command.tracks, scene
        )
    elif not splat_commands.validate_asset(command.path, scene, command.out):
        sys.exit(1)


COMMANDS = {"demo": demo, "town": town, "collect": collect, "splats": splats, "parity": parity}


def main() -> None:
    """Entry point of the console script."""
    try:
        tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="simscale-gym")
    except SimScaleError as error:
        print(f"simscale-gym: {error}", file=sys.stderr)
        sys.exit(1)
