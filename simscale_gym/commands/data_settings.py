"""What the commands on data sets can be told: see :mod:`simscale_gym.commands.settings`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Rollout:
    """How a policy drives.

    Attributes:
        policy: Who drives rollouts: expert:planner, constant_velocity, log .., or module:callable or file.py:callable,
            which is run, and called for an agent.
        policy_file: What the callable is given, such as weights; the data set keeps a copy.
        beta: Share of the time that the first expert drives instead, 0 to 1 (DAgger).
        coin: Whether that is drawn at every step or once for an episode.
        observation: What the policy sees: state, camera or lidar, one or several.
        action: control (every 0.1 s) or trajectory (every 0.5 s): what it gives where it gives no plan.
        horizon: Longest rollout [s].
        period: Time between labels [s].
        filtered: Keep only samples whose label passes the paper's filter.
    """

    policy: str | None = None
    policy_file: Path | None = None
    beta: float = 0.0
    coin: str = "step"
    observation: tuple[str, ...] = ("state",)
    action: str = "trajectory"
    horizon: float = 8.0
    period: float = 0.5
    filtered: bool = False


@dataclass(frozen=True)
class Collect:
    """Write a data set: perturbed starts with trusted labels (Algorithm 1), the log's clips, or rollouts; print yields.

    Broken off and given again, it goes on where it was. What comes out is the same, byte for byte, for any number of
    workers.

    Attributes:
        out: Folder of the data set; made if absent. Needs simscale-gym[data].
        dry_run: Search and print the tables, write nothing.
        kind: perturbed, with labels of experts; log, with the human's (the real half of co-training); or rollout,
            where a policy drives from perturbed starts and experts label what it comes to (DAgger).
        scenes: "town", or a path to a nuPlan or NAVSIM data set or other logs.
        split: train, val, test or hard.
        experts: Sources of labels: planner, recovery, unified or log, one or several.
        clips: Number of clips to search at most, scene by scene; None for all.
        rounds: Samples of a clip and expert at most; of rollouts, how many begin from a clip.
        stride: Time between the starts of a scene's clips [s].
        vocabulary: A .npy file [V, 40, 3] of x, y [m], heading [rad] at 0.1 .. 4.0 s in the ego frame; clusters of
            the source's own futures if left out.
        traffic: idm, log or constant_velocity.
        seed: Seed of the order in which candidates are tried.
        workers: Processes, each with a scene at a time; one per core if left out.
        runner: local, or ray for the machines of a Ray cluster, which must share the folder (docs/data_engine.md).
            Needs simscale-gym[distributed].
        ray_address: Address of the cluster; $RAY_ADDRESS if left out, else the one on this machine, else a new one.
        unusable: What becomes of a scene that cannot be used: skip (counted and named) or stop.
        min_render_quality: Keep samples whose pictures can be trusted this far, 0 to 1 (0.25 is the environment's; 0
            draws nothing). Every scene is dressed for it once (seconds), every sample drawn small (0.4 s).
        challenging: With --kind log: keep clips of which the human's EPDMS is 0.8 or more and constant velocity's 0.8
            or less, as in NAVSIM's filter; --clips counts those before it.
        visible_only: Drop samples whose label depends on road users that no camera sees: whose expert, planning again
            without them, ends up 1 m or more elsewhere. Every sample says whether it does.
        assets: A trained scene (see splats convert), or a folder of them, instead of the dressing.
        camera_source: render; or log, with --kind log: the pictures that the log's cameras took.
        cameras: Cameras whose pictures are written.
        image_size: Height and width of the pictures [pixel].
        history: Number of earlier pictures of each camera, 0.5 s apart, 0 to 4; 3 are NAVSIM's.
        future: Number of later pictures of each camera, 0.5 s apart, 0 to 8.
        moments_ahead: Moments after the present, 0.5 s apart, that are kept for exports, 8 to 10.
        picture_format: jpeg or png.
        quality: Quality of JPEG pictures, 1 to 95.
        scores: Number of trajectories of the vocabulary whose EPDMS subscores every sample has (8,192 take 0.5 s a
            sample); 0 for none.
        human_filter: With --kind log: forgive those trajectories what the human fails, as NAVSIM does.
        rollout: How the policy drives, for rollouts.
    """

    out: Path | None = None
    dry_run: bool = False
    kind: str = "perturbed"
    scenes: str = "town"
    split: str = "train"
    experts: tuple[str, ...] = ("planner", "recovery")
    clips: int | None = 100
    rounds: int = 5
    stride: float = 2.0
    vocabulary: Path | None = None
    traffic: str = "idm"
    seed: int = 0
    workers: int | None = None
    runner: str = "local"
    ray_address: str | None = None
    unusable: Literal["skip", "stop"] = "skip"
    min_render_quality: float = 0.0
    challenging: bool = False
    visible_only: bool = False
    assets: Path | None = None
    camera_source: str = "render"
    cameras: tuple[str, ...] = ("cam_f0", "cam_l0", "cam_r0")
    image_size: tuple[int, int] = (144, 256)
    history: int = 0
    future: int = 0
    moments_ahead: int = 8
    picture_format: str = "jpeg"
    quality: int = 92
    scores: int = 0
    human_filter: bool = False
    rollout: Annotated[Rollout, tyro.conf.arg(name="")] = Rollout()


@dataclass(frozen=True)
class Episodes:
    """Let an agent drive whole episodes, and keep every step of them as a Minari data set.

    Given again, it adds what is missing to the number of episodes that is asked for.

    Attributes:
        dataset_id: Id of the data set, such as simscale/town-v0; Minari keeps it under MINARI_DATASETS_PATH. Needs
            simscale-gym[minari].
        policy: Who drives: expert:planner, constant_velocity, log .., or module:callable or file.py:callable.
        policy_file: What the callable is given, such as weights.
        episodes: Number of episodes; the seed of each is one more than that of the one before.
        seed: Seed of the first.
        scenes: "town", or a path to a nuPlan data set or ScenarioDescription files.
        split: train, val, test or hard.
        observation: What is observed: state, camera or lidar, one or several.
        image_size: Height and width of pictures [pixel].
        action: control or trajectory.
        experts: Experts whose advice the infos hold: planner, recovery, unified or log.
        horizon: Longest episode [s].
        data_format: arrow, hdf5 (needs h5py) or parquet.
        jpeg: Keep pictures as JPEG; else as they were observed, ten times as large.
    """

    dataset_id: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ID")]
    policy: str = "expert:planner"
    policy_file: Path | None = None
    episodes: int = 10
    seed: int = 0
    scenes: str = "town"
    split: str = "train"
    observation: tuple[str, ...] = ("state",)
    image_size: tuple[int, int] = (144, 256)
    action: str = "control"
    experts: tuple[str, ...] = ("planner",)
    horizon: float = 8.0
    data_format: str = "arrow"
    jpeg: bool = True


@dataclass(frozen=True)
class Drive:
    """Take the wheel yourself, alone or in turns with a policy; what you take over becomes a DAgger data set.

    The window says which keys there are; gamepads drive as well.

    Attributes:
        scenes: As for collect.
        split: train, val, test or hard.
        scene: Id of the first scene; if left out, that at the place of the seed.
        seed: Number of the first start off the log.
        perturb: Drives begin off the log; else on it.
        policy: Who drives until you touch a control: a trained planner (run/planner.safetensors), expert:planner,
            constant_velocity, log .., or module:callable or file.py:callable; nobody if left out.
        policy_file: What the callable is given, such as weights.
        traffic: idm, log or constant_velocity.
        experts: Experts that label what you drove beside yourself; the plan of the first is shown.
        cameras: Cameras that are shown, and whose pictures are written; a trained planner's are its own.
        image_size: Height and width of the pictures [pixel]; likewise.
        horizon: Longest drive [s].
        assets: A trained scene, or a folder of them, instead of the dressing.
        out: Folder that takeovers are written into, a data set for each call. Needs simscale-gym[data].
        period: Time between labels [s].
        filtered: Keep only samples whose label passes the paper's filter.
    """

    scenes: str = "town"
    split: str = "train"
    scene: str | None = None
    seed: int = 2
    perturb: bool = True
    policy: str | None = None
    policy_file: Path | None = None
    traffic: str = "idm"
    experts: tuple[str, ...] = ("planner",)
    cameras: tuple[str, ...] = ("cam_f0", "cam_l0", "cam_r0")
    image_size: tuple[int, int] = (144, 256)
    horizon: float = 60.0
    assets: Path | None = None
    out: Path | None = None
    period: float = 0.5
    filtered: bool = False


@dataclass(frozen=True)
class Verify:
    """Hold a data set against its manifest: every file's SHA-256; exit code 1 where something is missing or broken.

    Attributes:
        folder: Folder that collect --out wrote.
        repair: Make again what is missing or broken, try scenes again that were skipped, and nothing else.
        workers: Processes that do so; one per core if left out.
        policy: Of rollouts, the policy that drove, if it is your own code: named once more, for it is run.
    """

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    repair: bool = False
    workers: int | None = None
    policy: str | None = None


@dataclass(frozen=True)
class Show:
    """Draw a contact sheet of random samples: pictures, a view from above with plan and tracks, scores.

    Attributes:
        folder: Folder that collect --out wrote.
        out: PNG to write.
        samples: Number of samples.
        seed: Seed of their choice.
    """

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    out: Path = Path("sheet.png")
    samples: int = 12
    seed: int = 0


@dataclass(frozen=True)
class Export:
    """Write a data set in the format of other people's tools; broken off and given again, it goes on where it was.

    Attributes:
        folder: Folder that collect --out wrote.
        out: Folder of the export; made if absent.
        format: navsim, logs for NAVSIM's one-stage scoring and SimScale's training; or navhard, for its two-stage
            scoring, which needs --log.
        log: For navhard, the data set of kind log whose four seconds end where FOLDER's perturbed samples start: same
            source and stride.
        ahead: For navsim, frames after the present, 8 to 10.
        workers: Processes; one per core if left out.
    """

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    out: Path
    format: Literal["navsim", "navhard"] = "navsim"
    log: Path | None = None
    ahead: int = 8
    workers: int | None = None


@dataclass(frozen=True)
class Info:
    """Say what a data set holds: samples by expert and round, scenes, sizes, how it was made.

    Attributes:
        folder: Folder that collect --out wrote.
    """

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]


@dataclass(frozen=True)
class Data:
    """Data sets: say or show what is in one.

    Attributes:
        command: What to do.
    """

    command: Annotated[
        Annotated[Info, tyro.conf.subcommand("info")] | Annotated[Show, tyro.conf.subcommand("show")],
        tyro.conf.arg(name=""),
    ]
