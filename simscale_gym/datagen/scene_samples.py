"""The samples of one scene: searched, drawn, packed, one after the other, so that few are in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.experts import make_expert
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.datagen.collection import open_scene, search_clips
from simscale_gym.datagen.drives import Drive, log_drives, perturbed_drives
from simscale_gym.datagen.layout import SceneHead, rows_name, shard_name, write_rows
from simscale_gym.datagen.moments import make_moments
from simscale_gym.datagen.sample import HISTORY_POSES, sample_arrays, score_values
from simscale_gym.datagen.shard import ShardWriter, encoded_picture, picture_name, sample_bytes, sample_key
from simscale_gym.datagen.spec import OpenSpec, SceneTask
from simscale_gym.datagen.trusted_pictures import TrustedPictures
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.perturbation import Telemetry
from simscale_gym.scene import Scene

PARTS = ("search", "dress", "draw", "pack", "write")
"""Parts of the work: candidates, drives and scores; looks; pictures; numbers and encoding; the disk."""

_TOGETHER = 8  # samples at most that are drawn in one call
_DRAWN = 2**25  # [byte] of their pictures


@dataclass(frozen=True, eq=False)
class SceneReport:
    """What a scene gave.

    Attributes:
        index: Place of the scene in its source.
        samples: Number of its samples.
        head: What its rows say of it as a whole.
        seconds: How long it took [s]; 0 where it was there already.
        spent: Processor time of each of :data:`PARTS` [s]; empty where it was there already.
    """

    index: int
    samples: int
    head: SceneHead
    seconds: float
    spent: Mapping[str, float] = field(default_factory=dict)


class PackedSample(NamedTuple):
    """A sample as it goes to the disk.

    Attributes:
        row: Its row, but for its place in a shard.
        data: Its members in a tar.
    """

    row: dict[str, Any]
    data: bytes


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
            with _timed(source.spent, "write"):
                rows.append({**sample.row, "shard": shard_name(task.index), **writer.add(sample.data)})
        writer.close()
    head = SceneHead(task.ref.id, len(source.frames), writer.size, writer.sha256, source.telemetry)
    with _timed(source.spent, "write"):
        write_rows(folder / rows_name(task.index), head, rows)
    return SceneReport(task.index, len(rows), head, time.perf_counter() - began, source.spent)


class SceneSamples:
    """The samples of a scene, which is dressed once, when its first sample comes.

    Args:
        task: The scene.
        opened: The spec.
        threads: Threads that draw.

    Attributes:
        frames: T of its clips.
        telemetry: What became of the candidates of those that were asked for.
        spent: Processor time by part of the work [s].
    """

    def __init__(self, task: SceneTask, opened: OpenSpec, threads: int = 1) -> None:
        self._spec, self._recipe = opened.spec, opened.recipe
        spec = self._spec
        self._scene: Scene = open_scene(task.ref, None if spec.assets is None else Path(spec.assets))
        self._pictures = TrustedPictures(spec.min_render_quality, spec.cameras, threads)
        self.frames: Sequence[int] = spec.frames(self._scene)[: task.clips]
        self.telemetry = Telemetry()
        self.spent = dict.fromkeys(PARTS, 0.0)
        size = len(spec.shown) * len(spec.cameras) * 3 * spec.image_size[0] * spec.image_size[1]
        self._together = max(1, min(_TOGETHER, _DRAWN // size))

    def samples(self, frames: Sequence[int]) -> Iterator[PackedSample]:
        """Samples of the clips at ``frames``, in their order."""
        drives = self._drives(frames)
        while together := self._next(drives):
            yield from self._packed(together)

    def _next(self, drives: Iterator[Drive]) -> list[Drive]:
        with _timed(self.spent, "search"):
            return list(islice(drives, self._together))

    def _drives(self, frames: Sequence[int]) -> Iterator[Drive]:
        recipe, steps = self._recipe, PLAN_STRIDE * self._spec.moments_ahead
        if recipe is None:
            yield from filter(self._is_trusted, log_drives(self._scene, frames, steps))
            return
        experts = {name: make_expert(name, recipe.bank) for name in recipe.experts}
        traffic = make_traffic(recipe.traffic)
        for outcome in search_clips(self._scene, frames, recipe, self._pictures):
            self.telemetry.add(outcome.telemetry)
            yield from perturbed_drives(self._scene, outcome, experts, traffic, steps)

    def _packed(self, drives: Sequence[Drive]) -> Iterator[PackedSample]:
        spec, scene = self._spec, self._scene
        moments = [drive.moment(scene, step) for drive in drives for step in spec.shown]
        with _timed(self.spent, "dress"):
            renderer = self._pictures.renderer(scene)
        with _timed(self.spent, "draw"):
            drawn = renderer.render(moments, spec.cameras, spec.image_size).images
        for drive, images in zip(drives, drawn.reshape(len(drives), -1, *drawn.shape[1:]), strict=True):
            with _timed(self.spent, "pack"):
                packed = self._pack(drive, images)
            yield packed

    def _pack(self, drive: Drive, images: NDArray[np.uint8]) -> PackedSample:
        """A drive and its pictures ``[len(spec.shown), C, H, W, 3]``."""
        spec = self._spec
        pictures = {
            f"{picture_name(camera, step)}.{spec.suffix}": encoded_picture(image, spec.suffix, spec.quality)
            for step, shown in zip(spec.shown, images, strict=True)
            for camera, image in zip(spec.cameras, shown, strict=True)
        }
        past, now, future = drive.history(), drive.present, [state.ego for state in drive.future]
        arrays = sample_arrays(self._scene, past, now, future, spec.cameras, spec.image_size)
        states = {step: drive.state(step) for step in drive.steps(spec.moments_ahead)}
        row = self._row(drive, len(arrays.boxes))
        moments = make_moments(self._scene, states)
        return PackedSample(row, sample_bytes(row["key"], row, arrays, moments, pictures))

    def _row(self, drive: Drive, boxes: int) -> dict[str, Any]:
        scene, present = self._scene, drive.present.frame
        along, across, turn = drive.offset.tolist()
        scores = {"label": drive.label, "perturbation": drive.perturbation}
        return {
            "key": sample_key(scene.id, drive.frame, drive.expert, drive.round_index),
            "scene": scene.id, "log": scene.log_id, "source": scene.source, "kind": self._spec.kind,
            "expert": drive.expert, "round": drive.round_index, "vocabulary_index": drive.vocabulary_index,
            "seed": self._spec.seed, "frame": drive.frame, "present": present,
            "timestamp_us": int(scene.timestamps_us[present]),
            "offset_along": along, "offset_across": across, "offset_turn": turn,
            "render_quality": self._quality(drive), "boxes": boxes,
            **{
                f"{what}_{code}": float(np.float32(value))
                for what, judged in scores.items()
                if judged is not None
                for code, value in score_values(judged).items()
            },
        }  # fmt: skip

    def _is_trusted(self, drive: Drive) -> bool:
        least = self._spec.min_render_quality
        shown = map(drive.state, range(1 - HISTORY_POSES, 1))
        return not least or all(self._pictures.score(self._scene, state) >= least for state in shown)

    def _quality(self, drive: Drive) -> float | None:
        """Score of the worst picture now; None where pictures are not judged."""
        if not self._spec.min_render_quality:
            return None
        return float(np.float32(self._pictures.score(self._scene, drive.present)))


@contextmanager
def _timed(spent: dict[str, float], part: str) -> Iterator[None]:
    began = time.process_time()
    yield
    spent[part] += time.process_time() - began
