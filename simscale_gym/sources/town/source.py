"""The built-in town as a source of scenes: drives through many towns, written to the cache when one is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from simscale_gym.errors import ArgumentError
from simscale_gym.scene import Scene
from simscale_gym.sources.source import BANK_SCENES, BankScenes, SceneRef, Source
from simscale_gym.town.config import SPLIT_SEEDS, TOWN_VERSION

TOWNS_PER_SPLIT = {"train": 20, "val": 10, "test": 10, "hard": 10}
"""Number of towns that each split of ``"town"`` lists, from its first seed on."""

LOGS_PER_TOWN, SCENES_PER_LOG = 2, 5
"""Drives per listed town, and pieces of 20 s per drive."""


class TownPiece(NamedTuple):
    """The place of a scene: seed of the town, number of the log, number of the scene in it."""

    seed: int
    log: int
    scene: int


@dataclass(frozen=True)
class TownSource(Source):
    """The name ``"town"``, or ``"town:100"`` for the first 100 towns of a split, ten scenes each."""

    name = "town"
    expects = 'the name "town" (built in; "town:100" for the first 100 towns of the split)'

    def matches(self, scenes: object) -> bool:
        """Whether that is the name, with or without a number of towns."""
        return isinstance(scenes, str) and re.fullmatch(rf"{self.name}(:\d+)?", scenes) is not None

    def list(self, scenes: Any, split: str) -> list[SceneRef]:
        """The scenes of the split's towns.

        Raises:
            ArgumentError: The split does not have so many towns.
        """
        seeds, number = SPLIT_SEEDS[split], scenes.partition(":")[2]
        towns = int(number) if number else TOWNS_PER_SPLIT[split]
        if not 1 <= towns <= len(seeds):
            raise ArgumentError(f"scenes: {scenes!r}, expected 1 to {len(seeds)} towns of split {split}.")
        pieces = (
            TownPiece(seed, log, scene)
            for seed in seeds[:towns]
            for log in range(LOGS_PER_TOWN)
            for scene in range(SCENES_PER_LOG)
        )
        return [
            SceneRef(f"town-{split}-{p.seed:06d}/log-{p.log:02d}/scene-{p.scene:03d}", self, p)
            for p in pieces
        ]

    def load(self, ref: SceneRef) -> Scene:
        """The scene, by way of the files in the cache; a log that is not there yet is simulated first (seconds).

        Raises:
            DataError: The cache cannot be written.
        """
        from simscale_gym.sources.nuplan.dataset import SceneName, load_log_scene, scene_names
        from simscale_gym.sources.town.dataset import cached_town_log

        files = cached_town_log(ref.place.seed, ref.place.log)
        called = SceneName(ref.id, ref.id.rsplit("/", 1)[0], self.name)
        return load_log_scene(files.log, files.maps, scene_names(files.log)[ref.place.scene], called=called)

    def made_from(self, ref: SceneRef) -> tuple[object, ...]:
        """The place and the name; how a town is built and written is code, of which compiled files know the digest."""
        return ref.place, ref.id

    def bank(self, refs: Sequence[SceneRef]) -> BankScenes:
        """Everybody who drove in the first logs of the train split, whichever scenes are driven in."""
        first = tuple(self.list(self.name, "train")[:BANK_SCENES])
        return BankScenes(first, others=True, key=f"{TOWN_VERSION} {[ref.id for ref in first]}")
