"""All that decides what a training makes of its data sets."""

from __future__ import annotations

from dataclasses import dataclass

from simscale_gym.errors import ArgumentError

SCHEDULES = ("cosine", "constant")
SIM_LABELS = ("expert", "log", "log-motion")
ACCELERATORS = ("auto", "cpu", "cuda")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class TrainConfig:
    """How a planner is trained. Trainings are compared at the same number of steps, never of epochs.

    Attributes:
        planner: Family of the planner: regression, conditioned, mixture, diffusion, proposals, scoring or
            ego_status.
        preset: Its size: tiny, small or paper.
        real: Folders of recorded data sets, of collect --kind log.
        sim: Folders of simulated ones, with labels of one expert or several; none if left out.
        stream: Experts (planner, recovery, unified) that label simulated samples which are made while it trains, in the
            scenes of the recorded sets, and never stored; instead of ``sim``, and as ``sim_ratio`` says. Needs
            simscale-gym[stream].
        stream_workers: Processes that make them; 0 for the one that trains. With another number other samples come.
        val: Folders of data sets of other roads: recorded ones, on which the checkpoint is chosen (the last one if left
            out), and simulated ones of planners that are calibrated (scoring, proposals), so that they are also off the
            log.
        scenes: Scenes of the recorded sets that are used, drawn by ``seed``, and the simulated samples of those scenes
            alone; None for all.
        sim_ratio: Simulated samples for each recorded one, drawn by the seed so that larger ratios hold the smaller
            ones; None for all that there are.
        sim_weight: Weight of a simulated sample's loss; a recorded one's is 1.
        sim_imitation: Whether simulated labels are imitated; otherwise only what is beside the label is learned.
        sim_label: What simulated samples are taught: "expert", the label that they were collected with; "log", where
            the human was at those times, seen from where the ego is; "log-motion", how the human moved, as if the ego
            were still where he was.
        one_expert: Of each scene take the simulated samples of one expert alone, drawn by the seed.
        steps: Gradient steps.
        batch_size: Samples of a step, over all devices.
        learning_rate: Greatest one.
        schedule: "cosine" falls to 0 at the last step; "constant".
        warm_up: Share of the steps in which the rate rises from 0.
        weight_decay: AdamW's.
        clip_norm: Greatest norm of the gradient; 0 for any.
        velocity_noise: Standard deviation of the noise on the velocity that planners are told in training [m/s]; a
            fifth of it acts across. SimScale's is 1.
        acceleration_noise: Likewise on the acceleration [m/s^2], alike in both directions. So much that it says
            nothing: planners that are told how the human brakes copy it instead of looking (Cheng et al. 2023;
            docs/results.md).
        color_jitter: Standard deviation of the contrast of pictures in training; colors and brightness change with it.
        val_every: Steps between validations.
        val_suite: Name or file of a suite of the town, town-val, on which the best planner is found by EPDMS instead of
            its nearness to the validation set; it takes longer.
        keep_best: Whether the best planner is kept, without ``val_suite`` the one nearest to the humans of the
            validation set; otherwise the last one. Nearness to the log is not what simulated samples teach.
        seed: Of weights, order, subsets and noise.
        precision: "32-true", "bf16-mixed" or "16-mixed".
        accelerator: "auto", "cpu" or "cuda".
        devices: Number of devices.
    """

    planner: str = "regression"
    preset: str = "tiny"
    real: tuple[str, ...] = ()
    sim: tuple[str, ...] = ()
    stream: tuple[str, ...] = ()
    stream_workers: int = 1
    val: tuple[str, ...] = ()
    scenes: int | None = None
    sim_ratio: float | None = None
    sim_weight: float = 1.0
    sim_imitation: bool = True
    sim_label: str = "expert"
    one_expert: bool = False
    steps: int = 1500
    batch_size: int = 16
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    warm_up: float = 0.05
    weight_decay: float = 1e-4
    clip_norm: float = 20.0
    velocity_noise: float = 0.2
    acceleration_noise: float = 3.0
    color_jitter: float = 0.2
    val_every: int = 250
    val_suite: str | None = None
    keep_best: bool = True
    seed: int = 0
    precision: str = "32-true"
    accelerator: str = "auto"
    devices: int = 1

    def __post_init__(self) -> None:
        choices = {
            "schedule": SCHEDULES, "precision": PRECISIONS, "sim_label": SIM_LABELS, "accelerator": ACCELERATORS,
        }  # fmt: skip
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ArgumentError(f"{name}: {getattr(self, name)!r}, expected one of {', '.join(allowed)}.")
        for name in ("steps", "batch_size", "val_every", "devices"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name}: {getattr(self, name)}, expected 1 or more.")
        for name in (
            "sim_ratio",
            "sim_weight",
            "learning_rate",
            "weight_decay",
            "velocity_noise",
            "color_jitter",
        ):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value < float("inf"):
                raise ArgumentError(f"{name}: {value}, expected 0 or more.")
        if not self.real and not self.sim:
            raise ArgumentError("real, sim: no data set to train on; name folders that collect --out wrote.")
        if self.stream_workers < 0:
            raise ArgumentError(f"stream_workers: {self.stream_workers}, expected 0 or more.")
        if self.stream:
            self._check_stream()
        if self.batch_size % self.devices:
            raise ArgumentError(
                f"batch_size: {self.batch_size}, expected a multiple of {self.devices} devices."
            )

    def _check_stream(self) -> None:
        if not self.real or self.sim:
            raise ArgumentError(
                f"stream: with {len(self.real)} recorded and {len(self.sim)} simulated sets, expected recorded ones "
                "alone (real): of their scenes the simulated samples are made."
            )
        if not self.sim_ratio:
            raise ArgumentError(
                f"sim_ratio: {self.sim_ratio} with stream, expected simulated samples for each recorded one, as 1.0."
            )
        if self.sim_label != "expert":
            raise ArgumentError(
                f"sim_label: {self.sim_label!r} with stream, expected 'expert'. Collect a data set."
            )
        if self.devices > 1:
            raise ArgumentError(
                f"devices: {self.devices} with stream, expected 1. Collect a data set for more."
            )
