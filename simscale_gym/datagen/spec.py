"""What a data set is to hold, in words and numbers."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.datagen.layout import POLICY
from simscale_gym.datagen.moments import EARLIEST, LEAST_AHEAD, MOST_AHEAD
from simscale_gym.datagen.rollout_spec import RolloutSpec
from simscale_gym.datagen.trusted_pictures import CAMERAS
from simscale_gym.errors import ArgumentError
from simscale_gym.metrics.situation import HISTORY_STEPS
from simscale_gym.perturbation import AlgorithmConfig, clip_frames
from simscale_gym.rendering.recorded import CAMERA_SOURCES
from simscale_gym.scene import DT, RecordedPictures, Scene

KINDS = ("perturbed", "log", "rollout")
"""Off the log with an expert's label, and on the log with the human's: the two halves of co-training; and wherever a
policy comes to, with what experts would do there."""
PICTURE_SUFFIXES = {"jpeg": "jpg", "png": "png"}
"""Formats of pictures, and how their files end."""


@dataclass(frozen=True)
class DataSpec:
    """All that decides what a data set holds; two folders with one spec hold the same bytes.

    Attributes:
        scenes: Source, as of :func:`simscale_gym.sources.list_scenes`.
        split: Split of the source.
        kind: One of :data:`KINDS`.
        experts: Sources of labels, for samples off the log.
        clips: Clips at most, scene by scene; None for all.
        rounds: Samples of a clip and expert at most; of rollouts, how many begin from a clip.
        stride: Time between the starts of a scene's clips [s].
        vocabulary: Path of a vocabulary; None for clusters of the source's own futures.
        traffic: Name of the traffic model.
        seed: Seed of the order in which candidates are tried.
        min_render_quality: Score that the worst picture of a sample must have, 0 to 1; at 0 none is judged.
        challenging: Of the log, keep clips that the human masters and keeping on does not, as in NAVSIM's filter
            (:mod:`simscale_gym.datagen.challenge`).
        visible_only: Drop samples whose label depends on road users that no camera sees.
        assets: Scene asset or folder of them; None for the looks that scenes have.
        camera_source: "render", or "log": the pictures that the log's cameras took, for samples of kind log at frames
            that have some.
        cameras: Names of the cameras; rollouts may have none.
        image_size: Height, width of their pictures [px].
        history: Number of earlier pictures of each camera, 0.5 s apart: 3 are NAVSIM's, 4 those of the present and
            of half a second before it.
        future: Number of later pictures of each camera, 0.5 s apart, 0 to 8.
        moments_ahead: Number of moments after the present (:class:`simscale_gym.datagen.Moments`) where the scene
            lasts so long, 8 to 10; 8 everywhere.
        picture_format: "jpeg" or "png".
        quality: Quality of JPEG pictures, 1 to 95.
        scores: Trajectories of the vocabulary, spread over it, of which every sample has the EPDMS subscores.
        human_filter: Forgive those trajectories what the human fails, as NAVSIM does; for samples of the log.
        rollout: How the policy drives, for rollouts; None for the other kinds.
    """

    scenes: str = "town"
    split: str = "train"
    kind: str = "perturbed"
    experts: tuple[str, ...] = ("planner", "recovery")
    clips: int | None = None
    rounds: int = 5
    stride: float = 2.0
    vocabulary: str | None = None
    traffic: str = "idm"
    seed: int = 0
    min_render_quality: float = 0.0
    challenging: bool = False
    visible_only: bool = False
    assets: str | None = None
    camera_source: str = "render"
    cameras: tuple[str, ...] = CAMERAS
    image_size: tuple[int, int] = (144, 256)
    history: int = 0
    future: int = 0
    moments_ahead: int = LEAST_AHEAD
    picture_format: str = "jpeg"
    quality: int = 92
    scores: int = 0
    human_filter: bool = False
    rollout: RolloutSpec | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ArgumentError(f"kind: {self.kind!r}, expected one of {', '.join(KINDS)}.")
        if (self.rollout is not None) != (self.kind == "rollout"):
            raise ArgumentError(
                f"policy: {'none' if self.rollout is None else self.rollout.policy} for kind {self.kind!r}; "
                "rollouts need one, the other kinds none."
            )
        if self.camera_source not in CAMERA_SOURCES:
            expected = ", ".join(CAMERA_SOURCES)
            raise ArgumentError(f"camera_source: {self.camera_source!r}, expected one of {expected}.")
        if self.camera_source == "log" and (self.kind != "log" or self.min_render_quality):
            raise ArgumentError(
                "camera_source: 'log' shows what was recorded: it needs kind 'log', and a min_render_quality of 0, as "
                "nothing is drawn."
            )
        if self.picture_format not in PICTURE_SUFFIXES:
            expected = ", ".join(PICTURE_SUFFIXES)
            raise ArgumentError(f"picture_format: {self.picture_format!r}, expected one of {expected}.")
        needed = self.kind != "rollout" or "camera" in self.rollout.observation
        if (needed and not self.cameras) or len(set(self.cameras)) < len(self.cameras):
            raise ArgumentError(f"cameras: {list(self.cameras)}, expected one or more, none twice.")
        bounds = {
            "history": (0, -EARLIEST), "future": (0, LEAST_AHEAD), "moments_ahead": (LEAST_AHEAD, MOST_AHEAD),
            "quality": (1, 95), "seed": (0, 2**63 - 1),
        }  # fmt: skip
        for name, (least, most) in bounds.items():
            if not least <= getattr(self, name) <= most:
                raise ArgumentError(f"{name}: {getattr(self, name)}, expected {least} to {most}.")
        if self.clips is not None and self.clips < 1:
            raise ArgumentError(f"clips: {self.clips}, expected 1 or more.")
        if self.scores < 0:
            raise ArgumentError(f"scores: {self.scores}, expected 0 (none) or more.")
        if self.human_filter and not (self.kind == "log" and self.scores):
            raise ArgumentError("human_filter: True, expected only where samples of the log have scores.")
        if self.challenging and self.kind != "log":
            raise ArgumentError(
                f"challenging: True for kind {self.kind!r}, expected only for samples of the log."
            )
        if min(self.image_size) < 1:
            raise ArgumentError(f"image_size: {self.image_size}, expected 1 pixel or more each way.")

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> DataSpec:
        """The spec that JSON keeps; lists stand for tuples.

        What an earlier version did not know yet has its default, which is how that version did.
        """
        known = {item.name for item in fields(cls)}
        if not set(values) <= known:
            raise ArgumentError(f"spec: unknown {sorted(set(values) - known)}, expected {sorted(known)}.")
        plain = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        rollout = plain.get("rollout")
        return cls(**plain | {"rollout": rollout and RolloutSpec.from_plain(rollout)})

    def plain(self) -> dict[str, Any]:
        """The spec as JSON keeps it; a policy's file goes by the name that it has in the data set."""
        return json.loads(json.dumps(asdict(self if self.rollout is None else self._with_file(POLICY))))

    def in_folder(self, folder: Path) -> DataSpec:
        """The spec that a data set in ``folder`` keeps, with the policy's file there."""
        return self if self.rollout is None else self._with_file(str(folder / POLICY))

    def _with_file(self, name: str) -> DataSpec:
        kept = None if self.rollout.policy_file is None else name
        return replace(self, rollout=replace(self.rollout, policy_file=kept))

    @property
    def algorithm(self) -> AlgorithmConfig:
        """Settings of the search."""
        return AlgorithmConfig(rounds=self.rounds, stride=self.stride)

    @property
    def suffix(self) -> str:
        """How the names of picture files end."""
        return PICTURE_SUFFIXES[self.picture_format]

    @property
    def shown(self) -> tuple[int, ...]:
        """Half seconds from the present at which there are pictures, the present first."""
        return (0, *range(-1, -self.history - 1, -1), *range(1, self.future + 1))

    def frames(self, scene: Scene) -> Sequence[int]:
        """T of every clip of ``scene``; of the log those with a history before and a label after them.

        Where recorded pictures are asked for, there are only those that have all that a sample shows.
        """
        if self.kind != "log":
            return clip_frames(scene, self.stride)
        frames = range(HISTORY_STEPS, scene.num_frames - HORIZON_STEPS, max(1, round(self.stride / DT)))
        frames = frames[bisect_left(frames, PLAN_STRIDE * self.history) :]
        if self.camera_source == "render":
            return frames
        return [] if scene.recorded is None else [k for k in frames if self._is_recorded(scene.recorded, k)]

    def _is_recorded(self, pictures: RecordedPictures, frame: int) -> bool:
        return all(pictures.files(self.cameras, frame + PLAN_STRIDE * step) for step in self.shown)
