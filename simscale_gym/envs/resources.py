"""What environments load once and keep: renderers, the bank of human futures, experts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from simscale_gym.agents.expert import Expert
from simscale_gym.agents.experts import EXPERTS, make_expert, needs_bank
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.envs.arguments import checked_unusable
from simscale_gym.envs.renderers import Renderers
from simscale_gym.errors import ArgumentError, DataError, SceneError, StorageError
from simscale_gym.futures_bank import bank_of, vocabulary_for
from simscale_gym.scene import Scene, derived
from simscale_gym.sources import find_scene, list_scenes, load_scene
from simscale_gym.splats.assets.asset_folder import asset_of, checked_assets

if TYPE_CHECKING:
    from simscale_gym.sources import SceneRef

_LOG = logging.getLogger("simscale_gym")
B = TypeVar("B")


class Resources:
    """Everything heavy behind an environment, loaded on first use.

    Args:
        scenes: The environment's argument ``scenes``.
        split: The environment's argument ``split``.
        experts: Names of pseudo-experts.
        renderer: The environment's argument ``renderer``.
        assets: A scene asset, or a folder of them; None leaves scenes the asset that they have.
        unusable: What becomes of a scene that cannot be used: one of :data:`simscale_gym.envs.arguments.UNUSABLE`.

    Raises:
        ArgumentError: An unknown expert or renderer, or gsplat without a CUDA device.
        MissingExtraError: The renderer is gsplat, which is not installed.
        DataError, ArgumentError: ``scenes`` or ``assets`` cannot be read.
    """

    def __init__(
        self,
        scenes: str | Path | Sequence[Scene],
        split: str,
        experts: Sequence[str],
        renderer: str,
        assets: str | Path | None = None,
        unusable: str = "stop",
    ) -> None:
        unknown = [name for name in experts if name not in EXPERTS]
        if unknown:
            raise ArgumentError(f"experts: {unknown[0]!r} is unknown, expected some of {', '.join(EXPERTS)}.")
        self.renderers = Renderers(renderer)
        self._skips = checked_unusable(unusable) == "skip"
        self.refs = list_scenes(scenes, split, unreadable=self._skips)
        self.skipped: dict[str, str] = {}
        """Why scenes were left out, by id."""
        self.expert_names = tuple(experts)
        self._assets = None if assets is None else checked_assets(assets)

    @property
    def usable_ids(self) -> tuple[str, ...]:
        """Ids of the scenes, without those that were skipped."""
        return tuple(ref.id for ref in self.refs if ref.id not in self.skipped)

    def choose_scene(self, scene_id: str | None, rng: np.random.Generator) -> Scene:
        """The scene called ``scene_id``, or any.

        Raises:
            SceneError: There is no such scene; the message lists the nearest names.
        """
        return self._load(self._chosen(scene_id, rng))

    def begun(
        self, scene_id: str | None, rng: np.random.Generator, begin: Callable[[Scene], B]
    ) -> tuple[Scene, B]:
        """The scene called ``scene_id``, or any, and what ``begin`` makes of it.

        Where scenes that cannot be used are skipped, another is drawn instead of such a one, whether that is found out
        or was known: so a seed leads to the same scene at any time, and in any environment. One that was named is an
        error nevertheless.

        Raises:
            DataError, SceneError: The scene cannot be used, or none can.
        """
        while True:
            ref = self._chosen(scene_id, rng)
            drawn = rng.bit_generator.state
            try:
                scene = self._load(ref)
                return scene, begin(scene)
            except StorageError:
                raise
            except (DataError, SceneError) as error:
                if scene_id is not None or not self._skips:
                    raise
                self._skip(ref, error)
                rng.bit_generator.state = drawn

    def _skip(self, ref: SceneRef, error: DataError | SceneError) -> None:
        self.skipped[ref.id] = str(error)
        _LOG.warning("scene %s is skipped (%d so far): %s", ref.id, len(self.skipped), error)
        if len(self.skipped) == len(self.refs):
            first = next(iter(self.skipped.values()))
            raise SceneError(
                f"scenes: none of {len(self.skipped)} can be used, the first because: {first}"
            ) from error

    @cached_property
    def bank(self) -> HumanFutures:
        """Human futures of these scenes' source, and of the town where that has too few."""
        return bank_of(self.refs)

    @cached_property
    def vocabulary(self) -> HumanFutures:
        """The clusters of human futures that perturbations and anchors are taken from."""
        return vocabulary_for(self.refs)

    @cached_property
    def experts(self) -> tuple[Expert, ...]:
        """The experts that were asked for, in that order."""
        return tuple(make_expert(name, self.bank if needs_bank(name) else None) for name in self.expert_names)

    def _chosen(self, scene_id: str | None, rng: np.random.Generator) -> SceneRef:
        if scene_id is not None:
            return find_scene(self.refs, scene_id)
        while True:
            ref = self.refs[int(rng.integers(len(self.refs)))]
            if ref.id not in self.skipped:
                return ref

    def _load(self, ref: SceneRef) -> Scene:
        """The scene of ``ref``, with its asset where ``assets`` holds one."""
        scene = load_scene(ref)
        asset = None if self._assets is None else asset_of(self._assets, scene)
        return scene if asset is None else _with_asset(scene, asset)


@derived
def _with_asset(scene: Scene, asset: Path) -> Scene:
    return scene.with_asset(asset)
