"""Samples that go straight into training, and are never stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from math import floor
from typing import Any

from simscale_gym.datagen.data_set import DataSet
from simscale_gym.datagen.feeds import DiskFeed, SceneFeed, Share
from simscale_gym.datagen.items import training_item
from simscale_gym.datagen.opened_spec import OpenSpec
from simscale_gym.datagen.sample import DataSample
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.errors import ArgumentError, MissingExtraError

try:
    from torch.utils.data import IterableDataset, get_worker_info
except ImportError as error:
    raise MissingExtraError("torch", "stream") from error


class SampleStream(IterableDataset):
    """Perturbs, simulates, renders and labels while a planner trains, and mixes real samples in; without an end.

    The order of samples depends on the specs, ``seed`` and the number of workers alone. Scenes come in passes, each in
    another order and searched with another seed; the workers of a loader, and the ``world_size`` processes of a
    training, share them. Of ``open_scenes`` scenes a worker gives samples by turns, drawn by lot, so that few siblings
    of a clip meet in a batch; each open scene holds its look, and the drives of some clips, in memory.

    ``torchdata.stateful_dataloader.StatefulDataLoader`` goes on exactly where it was, in the midst of everything: its
    ``state_dict`` holds a few numbers a worker. To go on, each worker opens the scenes again that were open, and
    searches the clips again that were at hand. Take one iterator for a whole training: a new one begins anew.

    What cannot be used is skipped and said in the log of ``simscale_gym``, with the reason and the count so far.

    Args:
        simulated: What simulated samples are made by; opened already where only some of its scenes are wanted.
        real: The other half: a spec of the kind "log", or a data set on a disk; None for simulated samples alone.
        real_share: Share of real samples, 0 to 1; of every stretch of samples within one.
        seed: Seed of all orders.
        open_scenes: Scenes of each half that a worker holds open.
        item: What becomes of a sample, in the worker.
        rank: Which process of a distributed training this is.
        world_size: How many there are.

    Raises:
        ArgumentError: A setting is wrong, or names what is not there.
        DataError: A source or the data set cannot be read.
    """

    def __init__(
        self,
        simulated: DataSpec | OpenSpec,
        real: DataSpec | DataSet | None = None,
        *,
        real_share: float = 0.5,
        seed: int = 0,
        open_scenes: int = 4,
        item: Callable[[DataSample], Any] = training_item,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if not 0.0 <= real_share <= 1.0:
            raise ArgumentError(f"real_share: {real_share}, expected 0 to 1.")
        if open_scenes < 1:
            raise ArgumentError(f"open_scenes: {open_scenes}, expected 1 or more.")
        if not 0 <= rank < world_size:
            raise ArgumentError(f"rank: {rank} of {world_size}, expected 0 to {world_size - 1}.")
        self._simulated = OpenSpec.of(simulated) if isinstance(simulated, DataSpec) else simulated
        self._real = OpenSpec.of(real) if isinstance(real, DataSpec) else real
        self._real_share = real_share if real is not None else 0.0
        self._seed, self._open_scenes, self._item = seed, open_scenes, item
        self._rank, self._world_size = rank, world_size
        self._made_of = self._digest()
        self._state: dict[str, Any] = {"made_of": self._made_of}
        self._goes_on = False

    def state_dict(self) -> dict[str, Any]:
        """Where the last iterator of this process is, in plain values."""
        return self._state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iterator go on at ``state``.

        Raises:
            ArgumentError: It is the state of another stream.
        """
        if state.get("made_of") != self._made_of:
            raise ArgumentError(
                "load_state_dict: the state of a stream of other specs, shares or seeds. Make the stream as it was "
                "made then, or begin anew."
            )
        self._state, self._goes_on = dict(state), True

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        who = [self._rank * workers + worker, self._world_size * workers]
        begun = self._state if self._goes_on else {"made_of": self._made_of}
        self._state, self._goes_on = begun, False
        if (was := list(begun.get("who", who))) != who:
            raise ArgumentError(
                f"load_state_dict: the state of worker {was[0]} of {was[1]}, this is {who[0]} of {who[1]}. Go on with "
                "as many workers and processes as there were."
            )
        return self._items(begun, *who)

    def _items(self, begun: Mapping[str, Any], index: int, count: int) -> Iterator[Any]:
        shares = [Share((self._seed, half), index, count) for half in range(2)]
        simulated = SceneFeed(self._simulated, shares[0], self._open_scenes, begun.get("simulated"))
        real = self._real_feed(shares[1], begun.get("real"))
        taken = begun.get("taken", 0)
        while True:
            is_real = floor((taken + 1) * self._real_share) > floor(taken * self._real_share)
            sample = (real if is_real else simulated).take()
            taken += 1
            self._state = {
                "made_of": self._made_of,
                "who": [index, count],
                "taken": taken,
                "simulated": simulated.state(),
                "real": real and real.state(),
            }
            yield self._item(sample)

    def _real_feed(self, share: Share, state: Mapping[str, Any] | None) -> SceneFeed | DiskFeed | None:
        if isinstance(self._real, DataSet):
            return DiskFeed(self._real, share, state)
        return self._real and SceneFeed(self._real, share, self._open_scenes, state)

    def _digest(self) -> str:
        """Of all that decides which samples come."""
        real = self._real.recipe if isinstance(self._real, DataSet) else self._real and self._real.identity()
        settings = [self._real_share, self._seed, self._open_scenes]
        made_of = json.dumps([self._simulated.identity(), real, *settings], sort_keys=True)
        return hashlib.sha256(made_of.encode()).hexdigest()
