"""The shard of one scene and its rows, written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from simscale_gym.datagen.identity import inputs_digest
from simscale_gym.datagen.layout import SceneHead, rows_name, shard_name, write_rows
from simscale_gym.datagen.opened_spec import OpenSpec, SceneTask
from simscale_gym.datagen.scene_samples import SceneSamples, timed
from simscale_gym.datagen.shard import ShardWriter, sample_bytes
from simscale_gym.errors import DataError, SceneError, SimScaleError, StorageError
from simscale_gym.files.atomic_write import atomic_write, discard
from simscale_gym.one_line import one_line
from simscale_gym.perturbation import Telemetry
from simscale_gym.sources import SceneRef

Unusable = Literal["skip", "stop"]
"""What becomes of a run that meets a scene that cannot be used."""


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

    __repr__ = one_line


def write_scene(
    folder: Path, task: SceneTask, opened: OpenSpec, threads: int, unusable: Unusable = "skip"
) -> SceneReport:
    """Make the shard of a scene, and its rows behind it; each appears whole or not at all.

    A scene that cannot be used has no shard, and rows (none of them) that say why, where such scenes are skipped.

    Raises:
        StorageError: There is no room.
        DataError, SceneError: The scene cannot be used, where ``unusable`` is "stop".
    """
    began = time.perf_counter()
    try:
        return _written(folder, task, opened, threads, began)
    except StorageError:
        raise
    except (DataError, SceneError) as error:
        if unusable == "stop":
            raise
        return _skipped(folder, task, error, began)


def _skipped(folder: Path, task: SceneTask, error: SimScaleError, began: float) -> SceneReport:
    counts = Telemetry()
    counts.one("scene", skip_reason(error))
    discard(folder / shard_name(task.index))
    head = SceneHead(task.ref.id, _digest_if_there(task.ref), 0, 0, "", str(error), counts)
    write_rows(folder / rows_name(task.index), head, [])
    return SceneReport(task.index, 0, head, time.perf_counter() - began)


def _digest_if_there(ref: SceneRef) -> str:
    try:
        return inputs_digest(ref)
    except DataError:
        return ""


def skip_reason(error: SimScaleError) -> str:
    """What is wrong with a scene that cannot be used, in few words, for counting."""
    return "files cannot be read" if isinstance(error, DataError) else "lacks what is needed"


def _written(folder: Path, task: SceneTask, opened: OpenSpec, threads: int, began: float) -> SceneReport:
    made_from, source = inputs_digest(task.ref), SceneSamples(task, opened, threads)
    shard, rows = folder / shard_name(task.index), []
    with atomic_write(shard) as built:
        writer = ShardWriter(built)
        for sample in source.samples(source.frames):
            with timed(source.spent, "pack"):
                data = sample_bytes(sample, opened.spec.suffix, opened.spec.quality)
            with timed(source.spent, "write"):
                rows.append({**sample.row, "shard": shard_name(task.index), **writer.add(data)})
        writer.close()
    source.telemetry.one("scene")
    shown = (writer.size, writer.sha256, "", source.telemetry)
    head = SceneHead(task.ref.id, made_from, len(source.frames), *shown)
    with timed(source.spent, "write"):
        write_rows(folder / rows_name(task.index), head, rows)
    return SceneReport(task.index, len(rows), head, time.perf_counter() - began, source.spent)
