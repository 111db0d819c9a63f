"""What a source of scenes is: something that knows its files, lists their scenes and loads them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from simscale_gym.one_line import one_line
from simscale_gym.scene import Scene

BANK_SCENES = 20
"""Scenes that a bank of human futures is cut from."""


@dataclass(frozen=True)
class SceneRef:
    """A scene that can be loaded: light, hashable, can be sent to another process.

    Attributes:
        id: Unique within its list.
        source: Source that loads the scene, in any process, also where it was not registered.
        place: What the source finds it by, of whatever type that wants, hashable.
        readable: Whether the source could look into the file. Where it could not, the reference stands for all of the
            file, and loading it raises what is wrong there.
    """

    id: str
    source: Source
    place: Hashable
    readable: bool = True


@dataclass(frozen=True)
class BankScenes:
    """What a bank of human futures is cut from.

    Attributes:
        refs: The scenes.
        others: Whether the tracks of vehicles give futures beside the ego's log.
        key: Everything that decides how these scenes turn out: a bank with a key is kept in the cache under it. Files
            that may change have none.
    """

    refs: tuple[SceneRef, ...]
    others: bool = False
    key: str = ""

    __repr__ = one_line


class Source(Protocol):
    """A kind of scenes. Implementations are frozen dataclasses (mostly without fields), so that refs can be compared.

    Attributes:
        name: What errors call it; also :attr:`Scene.source` of its scenes.
        expects: What it takes, in words, for the error where no source takes something.
    """

    name: str
    expects: str

    def matches(self, scenes: object) -> bool:
        """Whether ``scenes``, as a user named them (a name, a path, a list), are of this kind; never raises."""
        ...

    def list(self, scenes: Any, split: str) -> list[SceneRef]:
        """The scenes in what :meth:`matches` said yes to, without loading any; never none.

        Args:
            scenes: What the user named, such as a path or a list of scenes.
            split: train, val, test or hard; a source without splits gives all.

        Raises:
            DataError, ArgumentError: They cannot be listed.
        """
        ...

    def load(self, ref: SceneRef) -> Scene:
        """The scene of one of its refs.

        Raises:
            DataError: Its files cannot be used.
        """
        ...

    def made_from(self, ref: SceneRef) -> tuple[object, ...] | None:
        """All that decides what :meth:`load` gives for ``ref``: names and numbers, and paths of the files it reads.

        A scene that has this is compiled into the cache and read from there until one of them changes; None for scenes
        that are loaded whenever they are asked for.
        """
        return None

    def bank(self, refs: Sequence[SceneRef]) -> BankScenes:
        """Scenes that show how people drive where ``refs`` are."""
        return BankScenes(tuple(refs[:BANK_SCENES]))


def path_of(scenes: object) -> Path | None:
    """The absolute path that ``scenes`` names, if there is something."""
    if not isinstance(scenes, str | Path):
        return None
    path = Path(scenes).expanduser().absolute()
    try:
        return path if path.exists() else None
    except (OSError, ValueError):  # a name too long for a file, or with a zero in it
        return None
