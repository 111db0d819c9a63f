"""The shard of one scene and its rows, written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simscale_gym.datagen.layout import SceneHead, rows_name, shard_name, write_rows
from simscale_gym.datagen.scene_samples import SceneSamples, timed
from simscale_gym.datagen.shard import ShardWriter, sample_bytes
from simscale_gym.datagen.spec import OpenSpec, SceneTask
from simscale_gym.files.atomic_write import atomic_write


@dataclass(frozen=True, eq=False)
class SceneReport:
    """What a scene gave.

    Attributes:
        index: Place of the scene in its source.
        samples: Number of its samples.
        head: What its rows say of it as a whole.
        seconds: How long it took [s]; 0 where it was there already.
        spent: Processor time of each of :data:`simscale_gym.datagen.scene_samples.PARTS` [s]; empty where it was there
            already.
    """

    index: int
    samples: int
    head: SceneHead
    seconds: float
    spent: Mapping[str, float] = field(default_factory=dict)


def write_scene(folder: Path, task: SceneTask, opened: OpenSpec, threads: int) -> SceneReport:
    """Make the shard of a scene, and its rows behind it; each appears whole or not at all.

    Raises:
        DataError: The scene cannot be used, or there is no room.
    """
    began = time.perf_counter()
    source = SceneSamples(task, opened, threads)
    shard, rows = folder / shard_name(task.index), []
    with atomic_write(shard) as built:
        writer = ShardWriter(built)
        for sample in source.samples(source.frames):
            with timed(source.spent, "pack"):
                data = sample_bytes(sample, opened.spec.suffix, opened.spec.quality)
            with timed(source.spent, "write"):
                rows.append({**sample.row, "shard": shard_name(task.index), **writer.add(data)})
        writer.close()
    head = SceneHead(task.ref.id, len(source.frames), writer.size, writer.sha256, source.telemetry)
    with timed(source.spent, "write"):
        write_rows(folder / rows_name(task.index), head, rows)
    return SceneReport(task.index, len(rows), head, time.perf_counter() - began, source.spent)
