"""What a data set is to hold, in words and numbers, and the scenes and experts that this stands for."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from simscale_gym.agents.agent import Agent
from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.agents.named_agents import NamedAgent
from simscale_gym.datagen.collection import Recipe, make_recipe
from simscale_gym.datagen.identity import files_digest, futures_digest, list_digest
from simscale_gym.datagen.layout import POLICY
from simscale_gym.datagen.moments import EARLIEST, LEAST_AHEAD, MOST_AHEAD
from simscale_gym.datagen.rollout_spec import RolloutSpec
from simscale_gym.datagen.tape import Tape
from simscale_gym.datagen.trusted_pictures import CAMERAS
from simscale_gym.errors import ArgumentError, DataError, SceneError, StorageError
from simscale_gym.futures_bank import vocabulary_for
from simscale_gym.metrics.situation import HISTORY_STEPS
from simscale_gym.perturbation import AlgorithmConfig, clip_frames, load_vocabulary, spread_rows
from simscale_gym.rendering.recorded import CAMERA_SOURCES
from simscale_gym.scene import DT, RecordedPictures, Scene
from simscale_gym.sources import SceneRef, find_scene, list_scenes, load_scene

KINDS = ("perturbed", "log", "rollout")
"""Off the log with an expert's label, and on the log with the human's: the two halves of co-training; and wherever a
policy comes to, with what experts would do there."""
PICTURE_SUFFIXES = {"jpeg": "jpg", "png": "png"}
"""Formats of pictures, and how their files end."""
IN_MEMORY = "memory"
"""Source of scenes that are handed over, not named."""


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


@dataclass(frozen=True)
class SceneTask:
    """The unit of work: the clips of one scene.

    Attributes:
        index: Place of the scene in its source.
        ref: The scene.
        clips: Number of clips, from the first on; None for all.
    """

    index: int
    ref: SceneRef
    clips: int | None


@dataclass(frozen=True, eq=False)
class OpenSpec:
    """A spec with what it names.

    Attributes:
        spec: The spec.
        refs: Scenes of the source.
        recipe: What samples off the log are made with; None for samples of the log.
        scored: The trajectories whose scores samples have; None for none.
        driver: Who drives rollouts, or what a person did in them; None for the other kinds.
    """

    spec: DataSpec
    refs: Sequence[SceneRef]
    recipe: Recipe | None
    scored: HumanFutures | None
    driver: NamedAgent | Tape | None = None

    @classmethod
    def of(
        cls, spec: DataSpec, scenes: Sequence[Scene] | None = None, agent: Agent | None = None
    ) -> OpenSpec:
        """Lists scenes, and reads vocabulary and bank.

        Args:
            spec: The spec.
            scenes: Scenes in memory, instead of those that the spec names.
            agent: Who drives rollouts, where the spec says that it is given.

        Raises:
            ArgumentError, DataError: The spec names what is not there.
        """
        driver = None if spec.rollout is None else spec.rollout.driver(agent)
        if scenes is not None:
            spec = replace(spec, scenes=IN_MEMORY)
        elif spec.scenes == IN_MEMORY:
            raise ArgumentError("scenes: the data set is of scenes in memory; hand them over (scenes=).")
        refs = list_scenes(spec.scenes if scenes is None else scenes, spec.split, unreadable=True)
        recipe = None if spec.kind == "log" else _recipe(spec, refs)
        return cls(spec, refs, recipe, _scored(spec, refs, recipe) if spec.scores else None, driver)

    def with_seed(self, seed: int) -> OpenSpec:
        """The same, searched in another order."""
        recipe = self.recipe and replace(self.recipe, seed=seed)
        return replace(self, spec=replace(self.spec, seed=seed), recipe=recipe)

    def identity(self) -> dict[str, Any]:
        """The spec and digests of all that it names, in plain values.

        What scenes are made from stands in the head of their own rows.

        Raises:
            DataError: A file of an asset cannot be read.
        """
        recipe = self.recipe
        return {
            "spec": self.spec.plain(),
            "scenes": {"count": len(self.refs), "sha256": list_digest(self.refs)},
            "assets_sha256": None if self.spec.assets is None else files_digest(Path(self.spec.assets)),
            "vocabulary_sha256": None if recipe is None else futures_digest(recipe.vocabulary),
            "bank_sha256": None if recipe is None or recipe.bank is None else futures_digest(recipe.bank),
            "scored_sha256": None if self.scored is None else futures_digest(self.scored),
            "policy_sha256": None if self.driver is None else self.driver.digest(),
        }

    def tasks(self) -> Iterator[SceneTask]:
        """Scene after scene; where clips are limited, scenes are opened to count theirs. Of a tape, those driven in."""
        if isinstance(self.driver, Tape):
            yield from self._taped(self.driver)
            return
        left = self.spec.clips
        for index, ref in enumerate(self.refs):
            if left is None:
                yield SceneTask(index, ref, None)
                continue
            try:
                clips = min(left, len(self.spec.frames(load_scene(ref, keep=False))))
            except StorageError:
                raise
            except (DataError, SceneError):
                yield SceneTask(index, ref, left)  # whoever makes its samples says what is wrong with it
                continue
            left -= clips
            yield SceneTask(index, ref, clips)
            if not left:
                return

    def _taped(self, tape: Tape) -> Iterator[SceneTask]:
        if not any(drive.by_person.any() for drive in tape.drives):
            raise ArgumentError(f"policy file: {tape.file} holds no takeover, expected one or more.")
        for drive in tape.drives:
            find_scene(self.refs, drive.scene)
        if tape.traffic != self.spec.traffic:
            raise ArgumentError(
                f"traffic: {self.spec.traffic!r}, but the tape was driven among {tape.traffic!r}."
            )
        yield from (SceneTask(k, ref, None) for k, ref in enumerate(self.refs) if tape.of(ref.id))


def no_clips(spec: DataSpec, scenes: int, skipped: str = "") -> SceneError:
    """The error where all scenes are too short, lack recorded pictures, or cannot be used, one for ``skipped``."""
    if spec.camera_source == "log" and not skipped:
        return SceneError(
            f"collect: none of {scenes} scenes has the recorded pictures of a sample: {', '.join(spec.cameras)}, now, "
            f"{spec.history} times before and {spec.future} times after, 0.5 s apart. Fetch the pictures, or ask for "
            "others or fewer."
        )
    ahead = HORIZON_STEPS if spec.kind == "log" else 2 * HORIZON_STEPS
    return SceneError(
        f"collect: none of {scenes} scenes lasts the {(HISTORY_STEPS + ahead + 1) * DT:.1f} s of a clip."
        + (f" Some cannot be used, the first because: {skipped}" if skipped else "")
    )


def _recipe(spec: DataSpec, refs: Sequence[SceneRef]) -> Recipe:
    return make_recipe(
        refs,
        spec.experts,
        vocabulary=_named_vocabulary(spec),
        traffic=spec.traffic,
        config=spec.algorithm,
        seed=spec.seed,
        min_render_quality=spec.min_render_quality,
        visible_only=spec.visible_only,
        cameras=spec.cameras,
        image_size=spec.image_size,
        assets=None if spec.assets is None else Path(spec.assets),
    )


def _named_vocabulary(spec: DataSpec) -> HumanFutures | None:
    return None if spec.vocabulary is None else load_vocabulary(Path(spec.vocabulary))


def _scored(spec: DataSpec, refs: Sequence[SceneRef], recipe: Recipe | None) -> HumanFutures:
    """The trajectories that are scored, in the numbers that the data set keeps them in."""
    whole = recipe.vocabulary if recipe is not None else _named_vocabulary(spec)
    whole = vocabulary_for(refs) if whole is None else whole
    if spec.scores > len(whole):
        raise ArgumentError(
            f"scores: {spec.scores} of a vocabulary of {len(whole)}, expected no more; name a larger one (vocabulary)."
        )
    some = whole.take(spread_rows(whole, spec.scores))
    return HumanFutures(
        some.poses.astype(np.float32).astype(float), some.velocities.astype(np.float32).astype(float)
    )
