"""Simulated lessons that are made while a planner trains, and are never stored."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simscale_gym.datagen import DataSample, DataSpec, SampleStream
from simscale_gym.datagen.items import training_item
from simscale_gym.datagen.opened_spec import OpenSpec
from simscale_gym.datagen.regeneration import spec_of
from simscale_gym.errors import ArgumentError, MissingExtraError
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.lessons import lesson
from simscale_gym.training.config import TrainConfig

try:
    from torchdata.stateful_dataloader import StatefulDataLoader
except ImportError as error:
    raise MissingExtraError("torchdata", "stream") from error


@dataclass(frozen=True)
class _Taught:
    """What becomes of a sample, in the process that makes it."""

    map_stride: int

    def __call__(self, sample: DataSample) -> dict[str, NDArray]:
        item = training_item(sample)
        return lesson(item, range(len(item["pictures"])), self.map_stride)


class LessonStream:
    """Lessons one behind the other; made by the workers of a loader, in an order that config and scenes decide.

    Args:
        config: The training; of its first recorded set the simulated samples have source, pictures and scores.
        scenes: Ids of the scenes that are driven in.
        inputs: The planner's pictures.
        map_stride: Cells of class maps that become one, each way.
        vocabulary: Trajectories ``[K, 40, 3]`` whose scores the recorded samples have.
        state: What :meth:`state` gave, to go on from; None at the beginning.

    Raises:
        ArgumentError: There is no such expert, or the scores would be of another vocabulary.
        DataError: The source cannot be read.
    """

    def __init__(
        self,
        config: TrainConfig,
        scenes: Collection[str],
        inputs: InputSpec,
        map_stride: int,
        vocabulary: NDArray[np.float64],
        state: str | None = None,
    ) -> None:
        opened = OpenSpec.of(_spec(config, inputs))
        opened = replace(opened, refs=[ref for ref in opened.refs if ref.id in scenes])
        scored = np.zeros((0, *vocabulary.shape[1:])) if opened.scored is None else opened.scored.poses
        if not np.array_equal(scored, vocabulary):
            raise ArgumentError(
                f"stream: would score {len(scored)} trajectories that are not the {len(vocabulary)} of "
                f"{config.real[0]}. Collect that again with this version."
            )
        stream = SampleStream(opened, seed=config.seed, item=_Taught(map_stride))
        workers = config.stream_workers
        self._loader = StatefulDataLoader(
            stream, batch_size=None, num_workers=workers, multiprocessing_context="spawn" if workers else None
        )
        if state is not None:
            self._loader.load_state_dict(json.loads(state))
        self._lessons: Iterator[dict[str, Tensor]] = iter(self._loader)

    def take(self, count: int, device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """The next ``count`` lessons, stacked, on a device."""
        taken = [next(self._lessons) for _ in range(count)]
        return {name: torch.stack([each[name] for each in taken]).to(device) for name in taken[0]}

    def state(self) -> str:
        """Where it is."""
        return json.dumps(self._loader.state_dict())


def _spec(config: TrainConfig, inputs: InputSpec) -> DataSpec:
    recorded = spec_of(config.real[0])
    return replace(
        recorded, kind="perturbed", experts=config.stream, clips=None, seed=config.seed, cameras=inputs.cameras,
        history=0, future=0, camera_source="render", human_filter=False, challenging=False,
    )  # fmt: skip
