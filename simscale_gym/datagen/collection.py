"""The data engine: Algorithm 1 over the clips of many scenes, in one process or several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from simscale_gym.agents.expert import Expert
from simscale_gym.agents.experts import make_expert, needs_bank
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.datagen.runners import Runner
from simscale_gym.datagen.trusted_pictures import CAMERAS, TrustedPictures
from simscale_gym.datagen.unseen import Sight
from simscale_gym.errors import ArgumentError, DataError, SceneError, SimScaleError, StorageError
from simscale_gym.futures_bank import bank_of, vocabulary_for
from simscale_gym.metrics.situation import HISTORY_STEPS
from simscale_gym.one_line import one_line
from simscale_gym.perturbation import AlgorithmConfig, ClipOutcome, clip_frames, search_clip
from simscale_gym.scene import DT, Scene
from simscale_gym.sim import TrafficModel
from simscale_gym.sources import SceneRef, load_scene
from simscale_gym.splats.assets.asset_folder import asset_of, checked_assets


@dataclass(frozen=True, eq=False)
class Recipe:
    """All that decides which samples a clip gives, but the clip itself.

    Attributes:
        experts: Names of pseudo-experts, see :data:`simscale_gym.agents.EXPERTS`.
        vocabulary: Trajectories to leave the log along.
        bank: Human futures, for the experts that retrieve; None where none does.
        traffic: Name of the traffic model.
        config: Settings of the algorithm.
        seed: Seed of the order in which candidates are tried.
        min_render_quality: Score that the worst picture of a sample must have (see
            :mod:`simscale_gym.splats.render_validity`), 0 to 1; at 0 nothing is drawn.
        visible_only: Drop samples whose label depends on road users that no camera sees.
        cameras: Names of the cameras whose pictures are judged, and that see.
        image_size: Height, width of the pictures in which they see [px].
        assets: Scene asset, or a folder of them; None leaves scenes the asset that they have. A scene without one is
            dressed.
    """

    experts: tuple[str, ...]
    vocabulary: HumanFutures
    bank: HumanFutures | None = None
    traffic: str = "idm"
    config: AlgorithmConfig = field(default_factory=AlgorithmConfig)
    seed: int = 0
    min_render_quality: float = 0.0
    visible_only: bool = False
    cameras: tuple[str, ...] = CAMERAS
    image_size: tuple[int, int] = (144, 256)
    assets: Path | None = None

    __repr__ = one_line

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_render_quality <= 1.0:
            raise ArgumentError(
                f"min_render_quality: {self.min_render_quality}, expected 0 (draw nothing) to 1."
            )
        if (self.min_render_quality or self.visible_only) and not self.cameras:
            raise ArgumentError("cameras: none, expected one or more where something is judged by them.")
        if self.assets is not None:
            checked_assets(self.assets)
        if not self.experts or len(set(self.experts)) < len(self.experts):
            raise ArgumentError(f"experts: {list(self.experts)}, expected one or more, none twice.")
        self.make_experts()
        make_traffic(self.traffic)

    def make_experts(self) -> dict[str, Expert]:
        """The experts by name."""
        return {name: make_expert(name, self.bank) for name in self.experts}


def make_recipe(
    refs: Sequence[SceneRef],
    experts: Sequence[str],
    *,
    vocabulary: HumanFutures | None = None,
    traffic: str = "idm",
    config: AlgorithmConfig | None = None,
    **settings: Any,
) -> Recipe:
    """A recipe for the scenes of ``refs``: bank and vocabulary are their source's where they are needed.

    ``settings`` are further fields of :class:`Recipe`.
    """
    if not refs:
        raise SceneError("collect: there is no scene to collect from.")
    known = [name for name in experts if needs_bank(name)]
    bank = bank_of(refs) if known else None
    vocabulary = vocabulary_for(refs) if vocabulary is None else vocabulary
    return Recipe(tuple(experts), vocabulary, bank, traffic, config or AlgorithmConfig(), **settings)


def collect(
    refs: Sequence[SceneRef],
    recipe: Recipe,
    *,
    clips: int | None = None,
    workers: int | None = 1,
    skip: Callable[[SceneRef, SimScaleError], None] | None = None,
) -> Iterator[ClipOutcome]:
    """Clip after clip, scene by scene: samples, and what became of the rest.

    What a clip gives depends on its scene, its time and the recipe alone, not on the order, the number of workers
    or where a run was broken off.

    Args:
        refs: The scenes, of :func:`simscale_gym.sources.list_scenes`.
        recipe: What samples are made with.
        clips: Number of clips at most; None for all.
        workers: Processes that search; 1 for this one, None for one per core.
        skip: Told of each scene that cannot be used, which is then passed over; None to stop there.

    Raises:
        SceneError: No scene is long enough for a clip.
        DataError, SceneError: A scene cannot be used, where nobody is told.
    """
    if clips is not None and clips < 1:
        raise ArgumentError(f"clips: {clips}, expected 1 or more.")
    outcomes = _usable(_searched(refs, recipe, Runner(workers=workers)), skip)
    count = 0
    for count, outcome in enumerate(islice(outcomes, clips), 1):  # noqa: B007
        yield outcome
    if not count:
        needed = (HISTORY_STEPS + 2 * HORIZON_STEPS + 1) * DT
        raise SceneError(f"collect: none of {len(refs)} scenes lasts the {needed:.1f} s of a clip.")


def search_scene(ref: SceneRef, recipe: Recipe) -> Iterator[ClipOutcome]:
    """All clips of one scene."""
    scene = open_scene(ref, recipe.assets)
    pictures = TrustedPictures(recipe.min_render_quality, recipe.cameras)
    frames, experts = clip_frames(scene, recipe.config.stride), recipe.make_experts()
    yield from search_clips(scene, frames, recipe, experts, make_traffic(recipe.traffic), pictures)


def search_clips(
    scene: Scene,
    frames: Iterable[int],
    recipe: Recipe,
    experts: Mapping[str, Expert],
    traffic: TrafficModel,
    pictures: TrustedPictures,
) -> Iterator[ClipOutcome]:
    """The clips of a scene at ``frames``, with what the recipe names; ``pictures`` are judged where it says so."""
    sight = Sight(recipe.cameras, recipe.image_size).filter(traffic) if recipe.visible_only else None
    for frame in frames:
        yield search_clip(
            scene,
            frame,
            recipe.vocabulary,
            list(experts.values()),
            traffic,
            recipe.config,
            seed=recipe.seed,
            sight=sight,
            pictures=pictures if recipe.min_render_quality > 0.0 else None,
        )


def open_scene(ref: SceneRef, assets: Path | None) -> Scene:
    """The scene of ``ref``, with its asset where ``assets`` holds one."""
    scene = load_scene(ref, keep=False)
    asset = None if assets is None else asset_of(assets, scene)
    return scene if asset is None else scene.with_asset(asset)


_Scenes = Iterator[tuple[SceneRef, Callable[[], Iterable[ClipOutcome]]]]
"""Scenes, and what gives the outcomes of their clips."""


def _usable(scenes: _Scenes, skip: Callable[[SceneRef, SimScaleError], None] | None) -> Iterator[ClipOutcome]:
    for ref, outcomes in scenes:
        try:
            yield from outcomes()
        except StorageError:
            raise
        except (DataError, SceneError) as error:
            if skip is None:
                raise
            skip(ref, error)


def _searched(refs: Sequence[SceneRef], recipe: Recipe, runner: Runner) -> _Scenes:
    """Clip by clip in this process; where there are several, scene by scene."""
    if runner.processes(len(refs)) == 1:
        return ((ref, partial(search_scene, ref, recipe)) for ref in refs)
    found = runner.map(_whole_scene, recipe, refs)
    return ((ref, partial(_told, outcomes)) for ref, outcomes in zip(refs, found, strict=True))


def _whole_scene(recipe: Recipe, ref: SceneRef) -> list[ClipOutcome] | SimScaleError:
    """The outcomes of a scene, or why it cannot be used: others may be searched all the same."""
    try:
        return list(search_scene(ref, recipe))
    except (DataError, SceneError) as error:
        return error


def _told(outcomes: list[ClipOutcome] | SimScaleError) -> list[ClipOutcome]:
    if isinstance(outcomes, SimScaleError):
        raise outcomes
    return outcomes
