"""ScenarioDescription pickles on disk as a source of scenes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simscale_gym.scene import Scene
from simscale_gym.sources.scenario_description.reader import (
    SUMMARY_NAME,
    list_scenario_descriptions,
    read_scenario_description,
)
from simscale_gym.sources.source import SceneRef, Source, path_of


@dataclass(frozen=True)
class ScenarioDescriptionSource(Source):
    """A pickle, or a folder with some. A scene's id is the name of its file, its place the path; no splits.

    Files of one name in several folders have the names of these before theirs.
    """

    name = "scenario_description"
    expects = f"ScenarioDescription files (sd_*.pkl or {SUMMARY_NAME})"

    def matches(self, scenes: object) -> bool:
        """Whether the path is a pickle, or holds some."""
        path = path_of(scenes)
        if path is None or path.is_file():
            return path is not None and path.suffix in (".pkl", ".pickle")
        return (path / SUMMARY_NAME).is_file() or next(path.rglob("sd_*.pkl"), None) is not None

    def list(self, scenes: Any, split: str) -> list[SceneRef]:
        """A scene for each file.

        Raises:
            DataError: The summary names a file that is missing.
        """
        folder = path_of(scenes)
        files = list_scenario_descriptions(folder)
        count = Counter(file.stem for file in files)
        return [
            SceneRef(file.stem if count[file.stem] == 1 else _long_name(file, folder), self, file)
            for file in files
        ]

    def load(self, ref: SceneRef) -> Scene:
        """The scene at 10 Hz.

        Raises:
            DataError: The file is no such description.
        """
        return replace(read_scenario_description(ref.place), id=ref.id)

    def made_from(self, ref: SceneRef) -> tuple[object, ...]:
        """The file."""
        return ref.id, ref.place


def _long_name(file: Path, folder: Path) -> str:
    """The folders between ``folder`` and ``file``, and its name: ``part_1.sd_0`` for ``part_1/sd_0.pkl``."""
    return ".".join(file.relative_to(folder).with_suffix("").parts)
