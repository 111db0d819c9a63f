"""Two-stage evaluation in NAVSIM on our scenes: logs, and perturbed starts around where their four seconds end.

The first stage of a pair is a sample of the log: its present at T, and half a second earlier. The second stage are the
perturbed samples of the clip that left the log at T, whose present is at T + 4 s, and half a second earlier; they are
written as navhard's synthetic scenes are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from simscale_gym.datagen.moments import EARLIEST, LEAST_AHEAD
from simscale_gym.datagen.navsim.configs import scene_filter, split_files
from simscale_gym.datagen.navsim.export import BLOBS, LOGS
from simscale_gym.datagen.navsim.frames import FRAMES_BEFORE, FRAMES_BEHIND, LogFrames, scene_steps, steady
from simscale_gym.datagen.navsim.guide import GUIDE, two_stage_guide
from simscale_gym.datagen.navsim.names import SampleNames, synthetic_token
from simscale_gym.datagen.navsim.nuplan_objects import detections_tracks, light_statuses
from simscale_gym.datagen.navsim.pickles import pickled
from simscale_gym.datagen.navsim.pictures import write_pictures
from simscale_gym.datagen.navsim.places import Place
from simscale_gym.datagen.navsim.work import Samples, claimed, place_logs, put
from simscale_gym.datagen.runners import Runner
from simscale_gym.datagen.sample import DataSample
from simscale_gym.errors import ArgumentError
from simscale_gym.scene import CAMERA_NAMES, Scene

SPLIT = "simscale_two_stage"
"""Name of the split, and of the folder of first-stage logs."""
SYNTHETIC = "navhard_two_stage"
"""Folder in which NAVSIM looks for the second stage."""
NOW, PREVIOUS = 0, -1
"""Presents of the two members of a pair, in half seconds."""


@dataclass(frozen=True)
class Pair:
    """A pair of the first stage with those of the second.

    Attributes:
        log_name: Log of the first stage.
        now, previous: Tokens of the first stage.
        followers: Tokens of the second stage, now and previous.
        skipped: Why there is no second stage, or no first; "" where there is.
    """

    log_name: str
    now: str
    previous: str
    followers: tuple[tuple[str, str], ...] = field(default=())
    skipped: str = ""


def export_two_stage(
    perturbed: str | os.PathLike[str],
    log: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
) -> Iterator[list[Pair]]:
    """Write two data sets of one source for NAVSIM's two-stage evaluation; the pairs of scenes as they are done.

    Args:
        perturbed: Data set of kind perturbed. Starts that several experts were asked about are written once.
        log: Data set of kind log with the same source and stride. For pictures of both members of a pair collect either
            with ``history=4``.
        out: Folder of the export; made if absent.
        workers: Processes; None for one per core.

    Raises:
        ArgumentError: The data sets are not such, or ``out`` holds another export.
        DataError, SceneError: A data set or its source cannot be read, or ``out`` cannot be written.
    """
    first, second, out = Samples.of(log), Samples.of(perturbed), Path(out).absolute()
    _check(first, second)
    with claimed(out, {"export": "two-stage", "log": first.digest, "perturbed": second.digest}):
        job = _Job(first, second, place_logs(out, first.one_of_each_log()), out)
        done: list[Pair] = []
        for pairs in Runner(workers=workers).map(_Job.scene, job, list(first.rows)):
            done += pairs
            yield pairs
        specs = [samples.data_set.recipe["spec"] for samples in (first, second)]
        pairs, starts = count_of(done)
        for name, content in {**split_of(done), GUIDE: two_stage_guide(SPLIT, specs, pairs, starts)}.items():
            put(out, name, content)


def _check(first: Samples, second: Samples) -> None:
    told, other = (samples.data_set.recipe["spec"] for samples in (first, second))
    for name, spec, kind in (("log", told, "log"), ("perturbed", other, "perturbed")):
        if spec["kind"] != kind:
            raise ArgumentError(f"{name}: a data set of kind {spec['kind']}, expected one of kind {kind}.")
    for name in ("scenes", "split", "stride"):
        if told[name] != other[name]:
            raise ArgumentError(
                f"two-stage: {name} is {told[name]!r} in the log's data set and {other[name]!r} in the other; collect "
                "both with the same."
            )


@dataclass(frozen=True, eq=False)
class _Job:
    """An export that is under way."""

    first: Samples
    second: Samples
    places: Mapping[str, Place | str]
    out: Path

    def scene(self, scene_id: str) -> list[Pair]:
        """Export the pairs of a scene."""
        scene, starts = self.first.scene(scene_id), _starts(self.second.rows.get(scene_id, ()))
        return [self._pair(scene, row, starts.get(row["frame"], ())) for row in self.first.rows[scene_id]]

    def _pair(self, scene: Scene, row: Mapping[str, Any], starts: Sequence[Mapping[str, Any]]) -> Pair:
        names, place = SampleNames.of(row, self.first.digest), self.places[row["log"]]
        pair = Pair(names.log, names.tokens[NOW], names.tokens[PREVIOUS])
        file = f"{LOGS}/{SPLIT}/{names.log}.pkl"
        if isinstance(place, str):
            return replace(pair, skipped=place)
        if not starts:
            return replace(pair, skipped="no perturbed start")
        if not place.blocks(scene.route):
            return replace(pair, skipped="no route on the map")
        if not (self.out / file).exists():
            sample = self.first.data_set.read(row)
            if sample.moments.steps[0] > EARLIEST:
                return replace(pair, skipped="less than 2 s before its present")
            for start in starts:
                self._write_start(scene, place, names, start)
            put(self.out, file, pickled(self._log(scene, place, names, sample).frames()))
        both = [
            tuple(self._tokens(start, present)[present] for present in (NOW, PREVIOUS)) for start in starts
        ]
        return replace(pair, followers=tuple(both))

    def _log(self, scene: Scene, place: Place, names: SampleNames, sample: DataSample) -> LogFrames:
        """The first stage, its pictures written."""
        tokens = {step: names.tokens[step] for step in range(EARLIEST, LEAST_AHEAD + 1)}
        pictures = write_pictures(self.out / BLOBS / SPLIT, names.log, sample, tokens)
        kept = steady(sample.moments, (NOW, PREVIOUS))
        now_us = sample.row["timestamp_us"]
        return LogFrames(scene, place, sample.moments, kept, names.log, tokens, now_us, pictures)

    def _write_start(self, scene: Scene, place: Place, names: SampleNames, row: Mapping[str, Any]) -> None:
        """Write both scenes of a perturbed start, and the pictures that they share."""
        sample, now_us = self.second.data_set.read(row), row["timestamp_us"]
        shown = {step: synthetic_token(self.second.digest, row["key"], step) for step in range(EARLIEST, 1)}
        pictures = write_pictures(self.out / SYNTHETIC / BLOBS, shown[NOW], sample, shown)
        kept = steady(sample.moments, (NOW, PREVIOUS))
        for present in (NOW, PREVIOUS):
            tokens = self._tokens(row, present)
            log = LogFrames(scene, place, sample.moments, kept, names.log, tokens, now_us, pictures)
            content = pickled(synthetic_scene(log, present, names))
            put(self.out, f"{SYNTHETIC}/synthetic_scene_pickles/{tokens[present]}.pkl", content)

    def _tokens(self, row: Mapping[str, Any], present: int) -> dict[int, str]:
        """Tokens of the frames of one of the two scenes of a perturbed start."""
        told = (self.second.digest, row["key"], present)
        return {step: synthetic_token(*told, step) for step in scene_steps(present, 0)}


def synthetic_scene(log: LogFrames, present: int, names: SampleNames) -> dict[str, Any]:
    """A scene of the second stage as navhard has them, with exactly the keys that NAVSIM takes.

    Args:
        log: The perturbed drive.
        present: Present of the scene, in half seconds from that of the sample.
        names: Names of the first stage.
    """
    behind = range(present + 1, present + FRAMES_BEHIND + 1)
    return {
        "scene_metadata": {
            "log_name": names.log,
            "scene_token": log.tokens[present],
            "map_name": log.place.location,
            "initial_token": log.tokens[present],
            "num_history_frames": FRAMES_BEFORE,
            "num_future_frames": 0,
            "corresponding_original_scene": names.tokens[present + LEAST_AHEAD],
            "corresponding_original_initial_token": names.tokens[present],
        },
        "frames": [_frame(log, step) for step in log.tokens],
        "extended_traffic_light_data": [light_statuses(log, step) for step in behind],
        "extended_detections_tracks": [detections_tracks(log, step) for step in behind],
    }


def _frame(log: LogFrames, step: int) -> dict[str, Any]:
    tracks, cameras, moving = log.annotations(step), log.cameras(step), log.moving(step)
    return {
        "token": log.tokens[step],
        "timestamp": log.time_us(step),
        "roadblock_ids": log.place.blocks(log.scene.route),
        "traffic_lights": log.lights(step),
        "annotations": {
            "boxes": tracks["gt_boxes"],
            "names": tracks["gt_names"],
            "velocity_3d": tracks["gt_velocity_3d"],
            "instance_tokens": tracks["instance_tokens"],
            "track_tokens": tracks["track_tokens"],
        },
        "ego_status": {
            "ego_pose": log.pose(step),
            "ego_velocity": moving[:2].astype(np.float32),
            "ego_acceleration": moving[2:].astype(np.float32),
            "driving_command": log.command(step),
            "in_global_frame": True,
        },
        "lidar_path": None,
        "camera_dict": {name: cameras[name.upper()] for name in CAMERA_NAMES},
    }


def _starts(rows: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    """Rows by the frame at which they left the log, one for each perturbation."""
    kept: dict[tuple[int, int], Mapping[str, Any]] = {}
    for row in rows:
        kept.setdefault((row["frame"], row["vocabulary_index"]), row)
    starts: dict[int, list[Mapping[str, Any]]] = {}
    for (frame, _), row in kept.items():
        starts.setdefault(frame, []).append(row)
    return starts


def count_of(done: Sequence[Pair]) -> tuple[int, int]:
    """Number of pairs of the first stage that were exported, and of pairs of the second."""
    pairs = [pair for pair in done if not pair.skipped]
    return len(pairs), sum(len(pair.followers) for pair in pairs)


def split_of(done: Sequence[Pair]) -> dict[str, bytes]:
    """The files that tell NAVSIM which scenes belong together, by their path."""
    pairs = [pair for pair in done if not pair.skipped]
    told = scene_filter(
        [pair.log_name for pair in pairs],
        [name for pair in pairs for name in (pair.now, pair.previous)],
        FRAMES_BEHIND,
        include_synthetic_scenes=True,
        reactive_synthetic_initial_tokens=[
            name for pair in pairs for both in pair.followers for name in both
        ],
    )
    mapping = [[pair.now, pair.previous, [list(both) for both in pair.followers]] for pair in pairs]
    return split_files(SPLIT, told, reactive_all_mapping=mapping)
