"""Scenes in memory as a source: those that a user made or changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from simscale_gym.errors import ArgumentError, shown
from simscale_gym.scene import Scene
from simscale_gym.sources.source import SceneRef, Source


@dataclass(frozen=True)
class Held:
    """The place of a scene in memory: the scene itself."""

    scene: Scene = field(repr=False)


@dataclass(frozen=True)
class MemorySource(Source):
    """Lists of :class:`Scene`."""

    name = "memory"
    expects = "a list of Scene"

    def matches(self, scenes: object) -> bool:
        """Whether it is a container of something else than letters."""
        return isinstance(scenes, Iterable) and not isinstance(scenes, str | bytes)

    def list(self, scenes: Any, split: str) -> list[SceneRef]:
        """A reference to each of ``scenes``.

        Raises:
            ArgumentError: None, something else than scenes, or two of one name.
        """
        items = list(scenes)
        for item in items:
            if not isinstance(item, Scene):
                raise ArgumentError(f"scenes: {shown(item)} in the list, expected objects of type Scene.")
        ids = [item.id for item in items]
        double = next((i for i in ids if ids.count(i) > 1), None)
        if not items or double is not None:
            raise ArgumentError(
                "scenes: the list is empty." if not items else f"scenes: two are called {double!r}."
            )
        return [SceneRef(item.id, self, Held(item)) for item in items]

    def load(self, ref: SceneRef) -> Scene:
        """The scene."""
        return ref.place.scene
