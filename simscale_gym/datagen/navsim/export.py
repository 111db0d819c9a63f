"""A data set written for NAVSIM: one log of twelve frames for each sample, as SimScale's data sets are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simscale_gym.datagen.moments import LEAST_AHEAD, MOST_AHEAD
from simscale_gym.datagen.navsim.configs import (
    TRAINING,
    as_yaml,
    log_split,
    log_split_name,
    scene_filter,
    split_files,
)
from simscale_gym.datagen.navsim.frames import LogFrames, scene_steps, steady
from simscale_gym.datagen.navsim.guide import GUIDE, navsim_guide
from simscale_gym.datagen.navsim.names import SampleNames, set_name
from simscale_gym.datagen.navsim.pickles import pickled
from simscale_gym.datagen.navsim.pictures import is_black, write_pictures
from simscale_gym.datagen.navsim.places import Place
from simscale_gym.datagen.navsim.rewards import write_rewards
from simscale_gym.datagen.navsim.work import Samples, claimed, place_logs, put
from simscale_gym.datagen.runners import Runner
from simscale_gym.errors import ArgumentError
from simscale_gym.scene import Scene

LOGS, BLOBS = "navsim_logs", "sensor_blobs"


@dataclass(frozen=True)
class Exported:
    """A sample that was exported, or was not.

    Attributes:
        key: Name of the sample in its data set.
        set_name: The set that it belongs to.
        log_name: Name of its log, and of that log's file.
        base: The recorded log.
        token: Token of its scene.
        skipped: Why it was left out; "" where it was not.
    """

    key: str
    set_name: str
    log_name: str
    base: str
    token: str
    skipped: str = ""


def export_navsim(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    ahead: int = LEAST_AHEAD,
    workers: int | None = None,
    scenes: Sequence[Scene] | None = None,
) -> Iterator[list[Exported]]:
    """Write the data set in ``folder`` for NAVSIM into ``out``; the samples of its scenes as they are done.

    Each expert and round becomes a set as SimScale's are called, ``navtrain_reaction_pdm_v1.0-0`` and so on; samples of
    the log become ``navtrain_log``. A sample is one log, ``navsim_logs/<set>/<log>.pkl``, whose fourth frame is its
    present; its pictures lie in ``sensor_blobs/<set>`` at 1920 x 1080, its map in ``maps`` under the name of a city of
    nuPlan's, the YAML files of the sets in ``config``, and scores of a vocabulary, where samples have them, in
    ``rewards``. ``README.md`` says how to use them. Broken off and given again, it goes on where it was.

    Args:
        folder: Folder that ``collect --out`` wrote.
        out: Folder of the export; made if absent.
        ahead: Frames after the present, 8 or 10; samples that end earlier are left out.
        workers: Processes; None for one per core.
        scenes: The scenes, where the data set is of scenes in memory.

    Raises:
        ArgumentError: ``out`` holds another export.
        DataError, SceneError: Data set or source cannot be read, or ``out`` cannot be written.
    """
    if not LEAST_AHEAD <= ahead <= MOST_AHEAD:
        raise ArgumentError(f"ahead: {ahead}, expected {LEAST_AHEAD} to {MOST_AHEAD}.")
    samples, out = Samples.of(folder, scenes), Path(out).absolute()
    with claimed(out, {"export": "navsim", "data_set": samples.digest, "ahead": ahead}):
        job = _Job(samples, place_logs(out, samples.one_of_each_log()), out, ahead)
        done: list[Exported] = []
        for exported in Runner(workers=workers).map(_Job.scene, job, list(samples.rows)):
            done += exported
            yield exported
        sets: dict[str, list[Exported]] = {}
        for item in done:
            if not item.skipped:
                sets.setdefault(item.set_name, []).append(item)
        write_rewards(
            out, samples, {name: {i.key: i.token for i in members} for name, members in sets.items()}
        )
        for name, content in _files(sets, ahead, samples).items():
            put(out, name, content)


@dataclass(frozen=True, eq=False)
class _Job:
    """An export that is under way."""

    samples: Samples
    places: Mapping[str, Place | str]
    out: Path
    ahead: int

    def scene(self, scene_id: str) -> list[Exported]:
        """Export the samples of a scene."""
        scene = self.samples.scene(scene_id)
        return [self._sample(scene, row) for row in self.samples.rows[scene_id]]

    def _sample(self, scene: Scene, row: Mapping[str, Any]) -> Exported:
        place, names = self.places[row["log"]], SampleNames.of(row, self.samples.digest)
        exported = Exported(row["key"], set_name(row), names.log, names.base, names.tokens[0])
        file = f"{LOGS}/{exported.set_name}/{names.log}.pkl"
        if (self.out / file).exists():
            return exported
        if isinstance(place, str):
            return _left_out(exported, place)
        if not place.blocks(scene.route):
            return _left_out(exported, "no route on the map")
        sample = self.samples.data_set.read(row)
        if sample.moments.steps[-1] < self.ahead:
            return _left_out(exported, f"less than {self.ahead / 2} s after its present")
        if is_black(sample):
            return _left_out(exported, "a black picture")
        tokens = {step: names.tokens[step] for step in scene_steps(0, self.ahead)}
        blobs = self.out / BLOBS / exported.set_name
        frames = LogFrames(
            scene, place, sample.moments, steady(sample.moments, [0]), names.log, tokens, row["timestamp_us"],
            write_pictures(blobs, names.log, sample, tokens),
        )  # fmt: skip
        put(self.out, file, pickled(frames.frames()))
        return exported


def _left_out(exported: Exported, why: str) -> Exported:
    return replace(exported, skipped=why)


def _files(sets: Mapping[str, Sequence[Exported]], ahead: int, samples: Samples) -> dict[str, bytes]:
    """The files beside logs, pictures, rewards and maps, by their path."""
    files = {GUIDE: navsim_guide(samples.data_set.recipe["spec"], list(sets), ahead)}
    for name, members in sets.items():
        logs, tokens = [item.log_name for item in members], [item.token for item in members]
        files |= split_files(name, scene_filter(logs, tokens, ahead))
        split = log_split({item.log_name: item.base for item in members})
        files[f"{TRAINING}/{log_split_name(name)}"] = as_yaml(split)
    return files
