"""All lessons of a training in memory, decoded once: a step takes rows of arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from simscale_gym.datagen.items import training_item
from simscale_gym.errors import ArgumentError
from simscale_gym.planners.lessons import lesson
from simscale_gym.training.selection import Part

_SHARE = 0.7  # of the memory that is free which lessons may take


class LessonStore:
    """Lessons by row.

    Args:
        parts: Samples.
        map_stride: Cells of their class maps that become one, each way.
        described: What the progress bar says; "" for none.

    Raises:
        ArgumentError: They do not fit in memory, or there are none.
        DataError: A sample is damaged.
    """

    def __init__(self, parts: Sequence[Part], map_stride: int, described: str = "") -> None:
        self._count = sum(len(part.indices) for part in parts)
        lessons = _lessons(parts, map_stride)
        first = next(lessons, None)
        if first is None:
            raise ArgumentError(f"{described or 'lessons'}: no samples.")
        _check_room(self._count * sum(value.nbytes for value in first.values()))
        self._arrays = {
            name: np.empty((self._count, *value.shape), value.dtype) for name, value in first.items()
        }
        self._put(0, first)
        rest = tqdm(lessons, described, self._count, initial=1, disable=not described, leave=False)
        for row, taught in enumerate(rest, 1):
            self._put(row, taught)

    def __len__(self) -> int:
        return self._count

    def batch(self, rows: NDArray[np.int64], device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """The lessons of ``rows``, stacked, on a device."""
        return {name: torch.from_numpy(values[rows]).to(device) for name, values in self._arrays.items()}

    def column(self, name: str) -> Tensor:
        """One array of all lessons."""
        return torch.from_numpy(self._arrays[name])

    def _put(self, row: int, taught: dict[str, NDArray]) -> None:
        for name, value in taught.items():
            self._arrays[name][row] = value


def _lessons(parts: Sequence[Part], map_stride: int) -> Iterator[dict[str, NDArray]]:
    for part in parts:
        for index in part.indices:
            sample = part.data[index]
            taught = lesson(training_item(sample), part.cameras, map_stride)
            yield taught if part.label is None else taught | {"target": part.label(sample)}


def _check_room(needed: int) -> None:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > _SHARE * free:
        raise ArgumentError(
            f"lessons take {needed / 1e9:.1f} GB of memory, expected {_SHARE * free / 1e9:.1f} GB at most. Use fewer "
            "scenes, or smaller pictures."
        )
