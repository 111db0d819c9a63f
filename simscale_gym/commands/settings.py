"""What each command can be told: the command line is made from these classes, and the commands take them.

This module imports nothing heavy, so that help comes at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from simscale_gym.commands.data_settings import Collect, Data, Drive, Episodes, Export, Verify
from simscale_gym.experiments.budget import Budget
from simscale_gym.training.config import TrainConfig


@dataclass(frozen=True)
class Demo:
    """Drive a perturbed episode with the expert; write a film, a picture and a table.

    Attributes:
        out: Folder for demo.mp4 and demo.png.
        scenes: "town", or a path to a nuPlan or NAVSIM data set or other logs.
        split: train, val, test or hard.
        seed: Seed of the episode.
        scene: Id of the scene; any of the split if left out.
        image_size: Height and width of each camera [pixel].
        horizon: Longest episode [s].
    """

    out: Path = Path("out")
    scenes: str = "town"
    split: str = "train"
    seed: int = 316
    scene: str | None = None
    image_size: tuple[int, int] = (216, 384)
    horizon: float = 8.0


@dataclass(frozen=True)
class Prepare:
    """Make ahead what the first episodes would wait for: kernels, scenes, human futures, dressed streets.

    Broken off and given again, it goes on where it was.

    Attributes:
        scenes: As for demo.
        split: train, val, test or hard.
        first: Only the first so many scenes.
        cameras: Dress the streets, too; without cameras nothing needs them.
        workers: Processes; one per core if left out.
        dry_run: Say about how long it takes and how large it gets; do nothing.
    """

    scenes: str = "town"
    split: str = "train"
    first: int | None = None
    cameras: bool = True
    workers: int | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Town:
    """Write a town as a nuPlan data set: map.gpkg, one .db per log, calibration, side shapes.

    Attributes:
        out: Folder to write to; made if absent.
        seed: Seed of the town.
        logs: Number of drives through it.
        images: Also render all eight cameras at 10 Hz (slow: 1000 pictures per camera and log).
        image_size: Height and width of the pictures [pixel].
    """

    out: Path
    seed: int = 0
    logs: int = 1
    images: bool = False
    image_size: tuple[int, int] = (1080, 1920)


@dataclass(frozen=True)
class Train:
    """Train a planner on recorded samples, or on recorded and simulated ones: simscale-gym[train].

    Broken off and given again, it goes on where it was, and ends in the same planner.

    Attributes:
        out: Folder of the training; made if absent. Curves: tensorboard --logdir DIR.
        config: How it is trained.
    """

    out: Path
    config: Annotated[TrainConfig, tyro.conf.arg(name="")]


@dataclass(frozen=True)
class Parity:
    """Compare EPDMS, tracker, IDM and PDM-Closed with NAVSIM's numbers; exit code 1 where they differ.

    Attributes:
        file: Inputs and NAVSIM's outputs, JSON, gzipped or not.
    """

    file: tyro.conf.Positional[Path]


@dataclass(frozen=True)
class Inspect:
    """Say what a file or folder of Gaussians holds: kind, counts, bounds, opacities, scales, nodes.

    Attributes:
        path: .ply, .splat, .spz, .sog, .npz, a checkpoint of gsplat, MTGS, WorldEngine or drivestudio, the folder of an
            asset, of WorldEngine, of HUGSIM or of an unpacked SOG.
    """

    path: tyro.conf.Positional[Path]


@dataclass(frozen=True)
class Convert:
    """Write a trained scene as the folder of an asset, or single Gaussians as another kind of file.

    Attributes:
        path: What to read, as for inspect.
        out: A new folder; or a file that ends with .ply, .splat, .spz or .npz.
        encoding: Format of Gaussians in the folder: ply, spz (a tenth of the size, loses some) or npz (exact).
        transform: Transform from the frame of the reconstruction (z up) to the log's global frame [m], 4 by 4, .npy or
            JSON; for trainers that do not say it. With a scale, the asset is made larger by it.
        tracks: JSON with the id of the track of each node, by the node's name.
        scenes: Source of the scene whose tracks the nodes are matched with by where they are.
        split: Split of the source.
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
        split: Split of the source.
        scene: Id of the scene.
        out: PNG to write: what the cameras see, and a view from above with the route.
    """

    path: tyro.conf.Positional[Path]
    scenes: str | None = None
    split: str = "train"
    scene: str | None = None
    out: Path | None = None


@dataclass(frozen=True)
class Splats:
    """Trained scenes: inspect, convert or validate them.

    Attributes:
        command: What to do.
    """

    command: Annotated[
        Annotated[Inspect, tyro.conf.subcommand("inspect")]
        | Annotated[Convert, tyro.conf.subcommand("convert")]
        | Annotated[Validate, tyro.conf.subcommand("validate")],
        tyro.conf.arg(name=""),
    ]


@dataclass(frozen=True)
class Evaluate:
    """Judge planners on a frozen suite: in open loop, in two stages as on navhard, and in closed loop.

    Every table has rows of the human, PDM-Closed and constant velocity beside.

    Attributes:
        suite: Name of a suite (town-test, town-val, town-hard, real-mini), or the path of one.
        planner: Planners, each NAME=FILE of a trained planner (run/planner.safetensors) or NAME=module:attribute (a
            class is called without arguments); several trainings of one planner with commas between them.
        scenes: Folder of the scenes, for suites that are not of the town.
        out: Folder for plans.csv, drives.csv, scenes.csv, summary.json, and the drives for simscale-gym view.
        report: Folder for index.html, a page with tables, charts and the worst scenes. Needs simscale-gym[report].
        save_failures: Suite to write of what the first planner failed at.
        parts: plans (open loop and two stages), drives (closed loop), or both.
        rules: How plans are scored: simscale, in the simulator; or navsim, with --parts plans: as NAVSIM's two-stage
            run scores them on an export of the suite, number for number.
        navsim: Folder to export the suite into, with all planners' plans, for NAVSIM itself.
        cameras: Cameras of planners that do not name theirs.
        image_size: Height and width of their pictures [pixel].
        renderer: As of the environment.
        calibrate: Judge the human, PDM-Closed and constant velocity beside.
        workers: Processes; one per core if left out.
    """

    suite: str
    planner: tuple[str, ...] = ()
    scenes: str | None = None
    out: Path | None = None
    report: Path | None = None
    save_failures: Path | None = None
    parts: tuple[str, ...] = ("plans", "drives")
    rules: str = "simscale"
    navsim: Path | None = None
    cameras: tuple[str, ...] = ("cam_f0", "cam_l0", "cam_r0")
    image_size: tuple[int, int] = (144, 256)
    renderer: str = "auto"
    calibrate: bool = True
    workers: int | None = None


@dataclass(frozen=True)
class MakeSuite:
    """Make a suite of the package again, by its recipe (minutes).

    Attributes:
        name: Name of the suite.
        scenes: Folder of the scenes, for suites that are not of the town.
        out: File to write; NAME.json if left out.
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    scenes: str | None = None
    out: Path | None = None


@dataclass(frozen=True)
class RunExperiment:
    """Run an experiment on co-training: simscale-gym[train]. Data sets, trainings and rows that are there are kept.

    Broken off and given again, it goes on where it was; several processes and machines may work on one.

    Attributes:
        name: baseline (real only against real and simulated), experts, scaling, no-expert, reactive, shortcut,
            regression or transfer.
        budget: How large it is, and where it works.
        dry_run: Say what would be done, what is there, and about how long the rest takes; do nothing.
        report: Folder for NAME.md with tables and charts, from the rows alone; nothing is run. simscale-gym[report].
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    budget: Annotated[Budget, tyro.conf.arg(name="")]
    dry_run: bool = False
    report: Path | None = None


@dataclass(frozen=True)
class View:
    """Show a scene, a data set or an evaluation in a browser, over time: simscale-gym[viewer].

    Gaussians, road users, cameras with their pictures, map, perturbations with their fates, experts' plans with scores.

    Attributes:
        shown: Id of a scene of the town (or "town"); a file or folder of logs; a folder that collect --out or
            evaluate --out wrote.
        scene: Id of the scene that is shown first; the first one if left out.
        split: Split of the source; train if left out.
        scenes: Folder of the scenes, for evaluations of suites that are not of the town.
        assets: Scene asset, or a folder of them; the looks that scenes have if left out.
        cameras: Names of the cameras.
        image_size: Height and width of their pictures [pixel].
        gaussians: Number of Gaussians that are sent to the browser at most; 0 sends none.
        port: Port of the window; the next one where it is taken.
        host: Address that it is served at; 0.0.0.0 lets other machines see it.
        open: Open a browser.
    """

    shown: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SCENE")]
    scene: str | None = None
    split: str | None = None
    scenes: str | None = None
    assets: Path | None = None
    cameras: tuple[str, ...] = ("cam_f0", "cam_l0", "cam_r0")
    image_size: tuple[int, int] = (144, 256)
    gaussians: int = 250_000
    port: int = 8080
    host: str = "127.0.0.1"
    open: bool = True


@dataclass(frozen=True)
class Doctor:
    """Say what is installed, what each extra is for, what draws, the cache's size, the speed, and how to mend flaws.

    Exit code 1 where the simulator cannot run.

    Attributes:
        clear: Kinds of the cache to delete, and nothing else: towns, scenes, looks, futures, evaluation, kernels.
        benchmark: Measure steps a second (ten seconds).
    """

    clear: tuple[str, ...] = ()
    benchmark: bool = True


COMMANDS = {
    "demo": Demo,
    "drive": Drive,
    "view": View,
    "prepare": Prepare,
    "doctor": Doctor,
    "town": Town,
    "collect": Collect,
    "episodes": Episodes,
    "verify": Verify,
    "data": Data,
    "export": Export,
    "train": Train,
    "evaluate": Evaluate,
    "suite": MakeSuite,
    "experiment": RunExperiment,
    "splats": Splats,
    "parity": Parity,
}
"""Commands by the name that a user types."""
