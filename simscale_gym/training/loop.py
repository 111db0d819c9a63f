"""The training of a planner: a loop of steps, each of which is known from the seed and its number."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from simscale_gym.errors import ArgumentError
from simscale_gym.planners.checkpoint import save_planner
from simscale_gym.planners.families import make_planner
from simscale_gym.planners.planner import Planner
from simscale_gym.training.config import TrainConfig
from simscale_gym.training.identity import training_digest
from simscale_gym.training.lesson_store import LessonStore
from simscale_gym.training.order import recorded_before, rows_at, rows_of_step, seed_of_step
from simscale_gym.training.run_folder import RunFolder
from simscale_gym.training.selection import Selection, one_vocabulary, pictures_of, select_samples
from simscale_gym.training.step import jittered, learning_rate, mean_losses, noisy_status
from simscale_gym.training.validation import calibrate, check_suite, displacement, suite_score

if TYPE_CHECKING:
    from simscale_gym.training.lesson_stream import LessonStream

_CURVE_EVERY = 10  # steps between the points of training curves
_SAVE_EVERY = 60.0  # [s] between states to go on from


def train(config: TrainConfig, out: str | os.PathLike[str], *, progress: bool = True) -> dict[str, Any]:
    """Train a planner; broken off and called again it goes on, and ends in the same planner.

    Args:
        config: The training.
        out: Its folder (:mod:`simscale_gym.training.run_folder`).
        progress: Whether to show bars.

    Returns:
        What came out: ``config`` (its digest), ``steps``, ``best_step``, ``ade`` and ``fde`` on the validation set [m]
        and ``epdms`` on the suite of the planner that is kept (None without one), numbers of ``real``, ``sim`` and
        ``val`` samples, ``seconds`` that steps took.

    Raises:
        ArgumentError: Settings, data sets and folder do not fit together, or there is no such device.
        DataError: A data set or the folder cannot be used.
    """
    if config.val_suite is not None:
        check_suite(config.val_suite)
    fabric, inputs = _fabric(config), pictures_of(config)
    samples = select_samples(config, inputs)
    folder = RunFolder(Path(out), config)
    if (result := folder.result()) is not None:
        return result
    torch.manual_seed(config.seed)
    planner = make_planner(config.planner, config.preset, inputs)
    planner.check_vocabulary(len(samples.vocabulary))
    if planner.calibrates:
        one_vocabulary([*samples.train, *samples.val])
    lessons = LessonStore(samples.train, planner.map_stride, "reading" if progress else "")
    judged = LessonStore(samples.val, planner.map_stride) if samples.val else None
    simulated = bool(config.sim or config.stream) and config.sim_imitation
    planner.meet(
        lessons.column("target"), torch.from_numpy(samples.vocabulary), (bool(config.real), simulated)
    )
    saved = folder.saved()
    stream = _stream(config, samples, planner, saved) if config.stream else None
    training = _Training(
        config, folder, fabric, planner, saved, lessons=lessons, judged=judged, stream=stream
    )
    training.run(progress)
    return training.end(samples)


@dataclass
class _Standing:
    """How far a training has come.

    Attributes:
        step: Steps that were taken.
        seconds: Time that they took [s].
        best_step: Step of the best planner.
        best: Its distances on the validation set.
    """

    step: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best: dict[str, float] = field(default_factory=dict)


class _Training:
    def __init__(
        self,
        config: TrainConfig,
        folder: RunFolder,
        fabric: Fabric,
        planner: Planner,
        saved: dict[str, Any] | None,
        *,
        lessons: LessonStore,
        judged: LessonStore | None,
        stream: LessonStream | None,
    ) -> None:
        self._config, self._folder, self._fabric, self._plain = config, folder, fabric, planner
        self._lessons, self._judged, self._stream = lessons, judged, stream
        optimizer = torch.optim.AdamW(
            planner.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self._planner, self._optimizer = fabric.setup(planner, optimizer)
        self._at = _Standing()
        if saved is not None:
            planner.load_state_dict(saved["planner"])
            self._optimizer.load_state_dict(saved["optimizer"])
            self._at = _Standing(**saved["standing"])

    def run(self, progress: bool) -> None:
        """All steps that are left."""
        config, at, saved = self._config, self._at, time.perf_counter()
        writer = SummaryWriter(self._folder.path, purge_step=at.step) if self._leads else None
        bar = tqdm(total=config.steps, initial=at.step, desc="training", disable=not progress)
        self._planner.train()
        while at.step < config.steps:
            began = time.perf_counter()
            terms = self._descend(at.step)
            at.step, at.seconds = at.step + 1, at.seconds + time.perf_counter() - began
            bar.update()
            if writer and at.step % _CURVE_EVERY == 0:
                _draw(writer, "loss", {name: value.item() for name, value in terms.items()}, at.step)
            if at.step % config.val_every == 0 or at.step == config.steps:
                found = self._judge()
                bar.set_postfix(found)
                if writer:
                    _draw(writer, "val", found, at.step)
            if time.perf_counter() - saved > _SAVE_EVERY:
                self._save()
                saved = time.perf_counter()
        bar.close()
        if writer:
            writer.close()

    def end(self, samples: Selection) -> dict[str, Any]:
        """What came out, which is kept."""
        at = self._at
        result = {
            "config": training_digest(self._config), "steps": at.step, "best_step": at.best_step,
            **{name: at.best.get(name) for name in ("ade", "fde", "epdms")}, "real": samples.real,
            "sim": self._simulated(samples),
            "val": sum(len(part.indices) for part in samples.val), "seconds": round(at.seconds, 1),
        }  # fmt: skip
        if self._leads:
            self._folder.end(result)
        return result

    def _simulated(self, samples: Selection) -> int:
        """Number of simulated samples, those that were made in between included."""
        taken, ratio = self._config.steps * self._config.batch_size, self._config.sim_ratio or 0.0
        return samples.sim if self._stream is None else taken - recorded_before(taken, ratio)

    @property
    def _leads(self) -> bool:
        """Whether this process, of one for each device, is the one that writes."""
        return self._fabric.is_global_zero

    def _descend(self, step: int) -> dict[str, Tensor]:
        """A step; the mean of each loss before it."""
        config, fabric = self._config, self._fabric
        torch.manual_seed(seed_of_step(config.seed, step, fabric.global_rank))
        batch, step_is_sim = self._batch(step)
        pictures = jittered(batch["pictures"], config.color_jitter)
        outputs = self._planner(pictures, noisy_status(batch["status"], config))
        terms = mean_losses(self._plain, outputs, batch, config, step_is_sim)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(config, step)
        self._optimizer.zero_grad()
        fabric.backward(sum(terms.values()))
        if config.clip_norm:
            fabric.clip_gradients(self._planner, self._optimizer, max_norm=config.clip_norm)
        self._optimizer.step()
        return {name: value.detach() for name, value in terms.items()}

    def _batch(self, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """This device's share of the samples of a step, and which of the whole step's are simulated."""
        config, fabric, size = self._config, self._fabric, self._config.batch_size
        if self._stream is None:
            rows = rows_of_step(len(self._lessons), size, config.seed, step)
            share = self._lessons.batch(rows[fabric.global_rank :: fabric.world_size], fabric.device)
            return share, self._lessons.column("is_sim")[rows].to(fabric.device)
        first, end = (
            recorded_before(place, config.sim_ratio or 0.0) for place in (step * size, (step + 1) * size)
        )
        batch = self._lessons.batch(
            rows_at(len(self._lessons), np.arange(first, end), config.seed), fabric.device
        )
        if end - first < size:
            made = self._stream.take(size - (end - first), fabric.device)
            batch = {name: torch.cat([batch[name], made[name]]) for name in made}
        return batch, batch["is_sim"]

    def _judge(self) -> dict[str, float]:
        """What the planner is worth; it is kept where that is more than ever before."""
        at, config = self._at, self._config
        found = {}
        if self._judged is not None:
            calibrate(self._plain, self._judged, self._fabric.device)
            found = displacement(self._plain, self._judged, self._fabric.device)
        if config.val_suite is not None:
            found["epdms"] = suite_score(self._plain, config.val_suite)
        if not found or not at.best or not config.keep_best or _worth(found) > _worth(at.best):
            at.best, at.best_step = found, at.step
            if self._leads:
                about = {"training": training_digest(self._config), "step": at.step}
                save_planner(self._folder.planner, self._plain, about)
        self._save()
        return found

    def _save(self) -> None:
        if self._leads:
            state = {"planner": self._plain.state_dict(), "optimizer": self._optimizer.state_dict()}
            made = {} if self._stream is None else {"stream": self._stream.state()}
            self._folder.save({**state, **made, "standing": vars(self._at)})


def _stream(
    config: TrainConfig, samples: Selection, planner: Planner, saved: dict[str, Any] | None
) -> LessonStream:
    from simscale_gym.training.lesson_stream import LessonStream

    at = None if saved is None else saved["stream"]
    return LessonStream(config, samples.scenes, planner.inputs, planner.map_stride, samples.vocabulary, at)


def _worth(found: dict[str, float]) -> float:
    return found["epdms"] if "epdms" in found else -found["ade"]


def _draw(writer: SummaryWriter, group: str, values: dict[str, float], step: int) -> None:
    for name, value in values.items():
        writer.add_scalar(f"{group}/{name}", value, step)


def _fabric(config: TrainConfig) -> Fabric:
    there = torch.cuda.device_count()
    if config.accelerator == "cuda" and there < config.devices:
        raise ArgumentError(
            f"accelerator: cuda with {config.devices} devices, found {there}. Use accelerator='cpu'."
        )
    fabric = Fabric(accelerator=config.accelerator, devices=config.devices, precision=config.precision)
    fabric.launch()
    return fabric
