"""Times samples that are made while a planner trains, and samples that are read from a data set.

    python benchmarks/stream.py                 # three cameras, 256x144 and 128x72, batch 32, one worker
    python benchmarks/stream.py --workers 2

A step of training: a small convolutional planner (four layers of stride 2, 16 to 128 channels; 0.2 M weights),
forwards, backwards, AdamW, one thread. "Waits" is the share of the time that it waits for the next batch;
"undisturbed" what that would be with a core for each process, by their processor times, which say more than the clock
where other work is going on. Half of the samples are perturbed ones with the planner expert's label, half the log's,
all of six scenes, which are dressed while the first two batches of each worker come; these do not count.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from env import machine
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchdata.stateful_dataloader import StatefulDataLoader

from simscale_gym.datagen import DataSample, DataSet, DataSpec, SampleStream, training_item, write_data_set

SIZES = ((144, 256), (72, 128))
KINDS = ("perturbed", "log")


class Planner(nn.Module):
    """Three cameras and the status of the ego to eight poses."""

    def __init__(self) -> None:
        super().__init__()
        channels = (9, 16, 32, 64, 128)
        layers = [part for a, b in pairwise(channels) for part in (nn.Conv2d(a, b, 3, 2, 1), nn.ReLU())]
        self.eyes = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2))
        self.plan = nn.Sequential(nn.Linear(4 * 128 + 8, 128), nn.ReLU(), nn.Linear(128, 24))

    def forward(self, pictures: torch.Tensor, status: torch.Tensor) -> torch.Tensor:
        """Pictures ``[B, C, H, W, 3]``, status ``[B, 8]``; poses ``[B, 8, 3]``."""
        seen = self.eyes(pictures.permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 255.0).flatten(1)
        return self.plan(torch.cat([seen, status], 1)).view(-1, 8, 3)


@dataclass
class Clock:
    """Seconds that a training took.

    Attributes:
        waited: For batches.
        worked: For steps.
        stepping: Of this process' processor time, for steps.
        making: Of processor time, for the samples, in the worker that made them.
        samples: Number of samples trained on.
    """

    waited: float = 0.0
    worked: float = 0.0
    stepping: float = 0.0
    making: float = 0.0
    samples: int = 0

    @property
    def share(self) -> float:
        """Of the time that was waited."""
        return self.waited / (self.waited + self.worked)

    def undisturbed_share(self, workers: int) -> float:
        """Of the time that would be waited if each process had a core to itself, by their processor times."""
        return max(0.0, 1.0 - self.stepping * workers / self.making)


def train(batches: Iterable, steps: int, warm: int) -> Clock:
    """Train for ``steps`` behind ``warm`` others that do not count."""
    model, clock = Planner(), Clock()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    left: Iterator = iter(batches)
    for step in range(warm + steps):
        began = time.perf_counter()
        batch = next(left)
        got, used = time.perf_counter(), time.process_time()
        loss = (model(batch["pictures"], batch["status"]) - batch["target"]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= warm:
            clock.waited += got - began
            clock.worked += time.perf_counter() - got
            clock.stepping += time.process_time() - used
            clock.making += float(batch["made_in"].sum()) if "made_in" in batch else 0.0
            clock.samples += len(batch["key"])
    return clock


class TimedItem:
    """``training_item`` with the processor time since the last one: that of making it."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, sample: DataSample) -> dict:
        """The item, with ``made_in`` [s]."""
        item, before = training_item(sample), self._last
        self._last = time.process_time()
        return {**item, "made_in": self._last - before}


def spent(who: int) -> float:
    """Processor seconds of this process, or of all its children that have ended."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


class Items(Dataset):
    """A data set as training reads it."""

    def __init__(self, folder: Path) -> None:
        self.samples = DataSet(folder)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict:
        return training_item(self.samples[index])


def stream_rows(table: Table, batch: int, steps: int, workers: int) -> None:
    """A row for each size of the pictures."""
    for size in SIZES:
        perturbed, log = (
            DataSpec(clips=40, kind=kind, experts=("planner",), image_size=size) for kind in KINDS
        )
        stream = SampleStream(perturbed, log, real_share=0.5, item=TimedItem())
        clock = train(StatefulDataLoader(stream, batch, num_workers=workers), steps, warm=2 * workers)
        gc.collect()  # the loader's workers end, and their memory is counted
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        table.add_row(
            f"{size[1]}x{size[0]}", str(workers), f"{clock.share:.0%}", f"{clock.undisturbed_share(workers):.0%}",
            f"{clock.samples / (clock.waited + clock.worked):.1f}", f"{1e3 * clock.making / clock.samples:.0f}",
            f"{1e3 * clock.stepping / steps:.0f}", f"{memory:.0f}",
        )  # fmt: skip


def disk_rows(table: Table, batch: int, folder: Path) -> None:
    """A row for each size of the pictures and number of workers; the files lie in the system's memory."""
    for size in SIZES:
        place = folder / f"{size[1]}"
        list(write_data_set(place, DataSpec(kind="log", clips=128, stride=0.5, image_size=size)))
        stored = sum(path.stat().st_size for path in (place / "shards").glob("*"))
        items = Items(place)
        for workers in (0, 1, 2):
            loader = DataLoader(
                items, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0
            )
            count, began, before = 0, time.perf_counter(), processor_time()
            for _ in range(8):
                count += sum(len(read["key"]) for read in loader)
            took, used = time.perf_counter() - began, processor_time() - before
            table.add_row(
                f"{size[1]}x{size[0]}", str(workers), f"{count / took:.0f}", f"{1e3 * used / count:.2f}",
                f"{stored / len(items) / 1e3:.0f}", f"{stored / len(items) * count / took / 1e6:.0f}",
            )  # fmt: skip


def processor_time() -> float:
    """Of this process and all that have ended of it [s]."""
    return spent(resource.RUSAGE_SELF) + spent(resource.RUSAGE_CHILDREN)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1, help="processes that make samples")
    told = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(title=f"stream, batch {told.batch}, {machine()}, load {os.getloadavg()[0]:.0f}")
    add = partial(table.add_column, justify="right")
    for name in (
        "pictures",
        "workers",
        "waits",
        "waits, undisturbed",
        "samples/s",
        "worker ms/sample",
        "step ms",
        "worker MB",
    ):
        add(name)
    stream_rows(table, told.batch, told.steps, told.workers)
    Console().print(table)
    table = Table(title=f"reading a data set, batch {told.batch}, {machine()}, load {os.getloadavg()[0]:.0f}")
    add = partial(table.add_column, justify="right")
    for name in ("pictures", "workers", "samples/s", "processor ms/sample", "kB/sample", "MB/s"):
        add(name)
    with tempfile.TemporaryDirectory() as folder:
        disk_rows(table, told.batch, Path(folder))
    Console().print(table)


if __name__ == "__main__":
    main()
