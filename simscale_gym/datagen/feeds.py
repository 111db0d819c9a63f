"""Endless samples of one half of a stream: made from scenes, or read from a disk; each can go on where it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.datagen.data_set import DataSet
from simscale_gym.datagen.opened_spec import OpenSpec, SceneTask
from simscale_gym.datagen.sample import DataSample
from simscale_gym.datagen.scene_samples import SceneSamples
from simscale_gym.errors import DataError, SceneError, SimScaleError, StorageError

CLIPS_TOGETHER = 4
"""Clips of a scene that are searched before a sample of theirs is drawn, so that siblings do not come together."""

_PATIENCE = (
    50  # scenes without a sample, one after the other, that prove nothing where there are only a few scenes
)
_LOG = logging.getLogger("simscale_gym")


@dataclass(frozen=True)
class Share:
    """The part of an endless sequence that one of several takes who share it.

    The sequence runs through all of something again and again, every pass in another order.

    Attributes:
        seeds: What the orders are drawn from.
        index: Who this is, from 0 on.
        count: How many share it.
    """

    seeds: tuple[int, ...]
    index: int = 0
    count: int = 1

    def place(self, number: int, size: int) -> tuple[int, int]:
        """Pass, and index below ``size``, of what comes as ``number`` here."""
        turn, at = divmod(self.index + number * self.count, size)
        return turn, int(_order(self.seeds, turn, size)[at])


@lru_cache(maxsize=8)
def _order(seeds: tuple[int, ...], turn: int, size: int) -> NDArray[np.int64]:
    return np.random.default_rng((*seeds, turn)).permutation(size)


class DiskFeed:
    """Samples of a data set, every pass in another order.

    Args:
        data_set: The data set.
        share: Which of its samples.
        state: What :meth:`state` gave; None at the beginning.
    """

    def __init__(self, data_set: DataSet, share: Share, state: Mapping[str, Any] | None = None) -> None:
        self._data_set, self._share = data_set, share
        self._next: int = state["next"] if state else 0
        self._skips = _Skips(state["skipped"] if state else 0)

    def state(self) -> dict[str, Any]:
        """Where it is, in plain values."""
        return {"next": self._next, "skipped": self._skips.count}

    def take(self) -> DataSample:
        """The next sample.

        Raises:
            SceneError: None can be read.
        """
        size = len(self._data_set)
        for _ in range(size):
            _, index = self._share.place(self._next, size)
            self._next += 1
            try:
                return self._data_set[index]
            except DataError as error:
                self._skips.add(f"sample {index}", error)
        raise SceneError(
            f"stream: none of the {size} samples of {self._data_set.folder} can be used ({self._skips})."
        )


class SceneFeed:
    """Samples made from scenes, several of which are open at a time.

    Each sample is the next of one of the open scenes, drawn by lot. A scene is searched some clips at a time, in
    random order, and what they gave is shuffled. Pass ``k`` over the scenes searches with the spec's seed + ``k``, so
    that none shows what another did.

    Args:
        opened: What samples are made by.
        share: Which of the scenes.
        open_scenes: Number of scenes that are open.
        state: What :meth:`state` gave; None at the beginning.
    """

    def __init__(
        self, opened: OpenSpec, share: Share, open_scenes: int, state: Mapping[str, Any] | None = None
    ) -> None:
        self._opened, self._share, self._tasks = opened, share, list(opened.tasks())
        state = state or {"next": 0, "taken": 0, "skipped": 0, "open": [None] * open_scenes}
        self._next, self._taken = state["next"], state["taken"]
        self._skips = _Skips(state["skipped"])
        self._open = [place and self._scene(*place) for place in state["open"]]

    def state(self) -> dict[str, Any]:
        """Where it is, in plain values: a few numbers for each open scene."""
        places = [scene and scene.place for scene in self._open]
        return {"next": self._next, "taken": self._taken, "skipped": self._skips.count, "open": places}

    def take(self) -> DataSample:
        """The next sample.

        Raises:
            SceneError: As many scenes as there are (50 at least), one after the other, gave none.
        """
        lot = np.random.default_rng((*self._share.seeds, self._share.index, self._taken))
        slot = int(lot.integers(len(self._open)))
        tries = max(_PATIENCE, len(self._tasks))
        for _ in range(tries + 1):
            sample = self._from(slot)
            if sample is not None:
                self._taken += 1
                return sample
            self._open[slot] = None
        raise SceneError(
            f"stream: {tries} scenes one after the other gave no sample ({self._skips}). simscale-gym collect "
            "--dry-run says where candidates fall."
        )

    def _from(self, slot: int) -> DataSample | None:
        """The next sample of the scene there, or of the next scene; None where that has none any more."""
        scene = self._open[slot]
        if scene is None:
            scene = self._open[slot] = self._scene(self._next)
            self._next += 1
        try:
            return scene.take()
        except StorageError:
            raise
        except (DataError, SceneError) as error:
            self._skips.add(scene.task.ref.id, error)
            return None

    def _scene(self, number: int, part: int = 0, taken: int = 0) -> _OpenScene:
        turn, index = self._share.place(number, len(self._tasks))
        opened, seeds = (
            self._opened.with_seed(self._opened.spec.seed + turn),
            (*self._share.seeds, turn, index),
        )
        return _OpenScene(self._tasks[index], opened, seeds, (number, part, taken))


class _OpenScene:
    """A scene of which samples are taken.

    It is opened, and its present clips are searched, with the first ``take``, wherever that goes on.

    Args:
        task: The scene.
        opened: What samples are made by.
        seeds: What the order of its clips and samples is drawn from.
        place: Its number, the part of its clips that is at hand, and how many samples of that were taken.
    """

    def __init__(
        self, task: SceneTask, opened: OpenSpec, seeds: tuple[int, ...], place: tuple[int, int, int]
    ) -> None:
        self.task, self._opened, self._seeds = task, opened, seeds
        self._number, self._part, self._taken = place
        self._source: SceneSamples | None = None
        self._samples: Iterator[DataSample] = iter(())

    @property
    def place(self) -> list[int]:
        """Number, part and samples taken of it."""
        return [self._number, self._part, self._taken]

    def take(self) -> DataSample | None:
        """The next sample; None where there is none left."""
        if self._source is None:
            self._source = SceneSamples(self.task, self._opened)
            self._samples = self._part_from(self._source, self._taken)
        while (sample := next(self._samples, None)) is None:
            self._part, self._taken = self._part + 1, 0
            if self._part * CLIPS_TOGETHER >= len(self._source.frames):
                return None
            self._samples = self._part_from(self._source, 0)
        self._taken += 1
        return sample

    def _part_from(self, source: SceneSamples, taken: int) -> Iterator[DataSample]:
        """The samples of the present part behind those that were taken."""
        frames = np.random.default_rng(self._seeds).permutation(source.frames)
        part = frames[self._part * CLIPS_TOGETHER :][:CLIPS_TOGETHER]
        drives = list(source.drives(part.tolist()))
        order = np.random.default_rng((*self._seeds, self._part)).permutation(len(drives))
        return source.drawn(drives[k] for k in order[taken:])


class _Skips:
    """How many could not be used, each with a line in the log."""

    def __init__(self, count: int) -> None:
        self.count, self._last = count, ""

    def __str__(self) -> str:
        return f"{self.count} so far could not be used{self._last and ', the last because: '}{self._last}"

    def add(self, what: str, error: SimScaleError) -> None:
        self.count, self._last = self.count + 1, str(error)
        _LOG.warning("%s is skipped (%d so far): %s", what, self.count, error)
