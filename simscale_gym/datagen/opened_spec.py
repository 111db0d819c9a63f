"""A spec with the scenes, experts and trajectories that it names, and the work that it cuts them into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simscale_gym.agents.agent import Agent
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.agents.named_agents import NamedAgent
from simscale_gym.datagen.collection import Recipe, make_recipe
from simscale_gym.datagen.identity import files_digest, futures_digest, list_digest
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.datagen.tape import Tape
from simscale_gym.errors import ArgumentError, DataError, SceneError, StorageError
from simscale_gym.futures_bank import vocabulary_for
from simscale_gym.metrics.situation import HISTORY_STEPS
from simscale_gym.perturbation import load_vocabulary, spread_rows
from simscale_gym.scene import DT, Scene
from simscale_gym.sources import SceneRef, find_scene, list_scenes, load_scene

IN_MEMORY = "memory"
"""Source of scenes that are handed over, not named."""


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
