"""nuPlan logs on disk as a source of scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from simscale_gym.errors import DataError
from simscale_gym.scene import Scene
from simscale_gym.sources.source import SceneRef, Source, path_of


class LogPiece(NamedTuple):
    """The place of a scene: its log, the folder of maps, and its name in the log."""

    log: Path
    maps: Path
    name: str


@dataclass(frozen=True)
class NuPlanSource(Source):
    """A ``.db``, or a folder with some. A split is the folder of that name where there is one (see NuPlanRoot)."""

    name = "nuplan"
    expects = "nuPlan logs (nuplan-v1.1/splits/<split>/<log>.db, with maps/ beside or above)"

    def matches(self, scenes: object) -> bool:
        """Whether there is a log at the path."""
        from simscale_gym.sources.nuplan.dataset import find_logs

        path = path_of(scenes)
        return path is not None and (path.suffix == ".db" or (path.is_dir() and bool(find_logs(path))))

    def list(self, scenes: Any, split: str) -> list[SceneRef]:
        """The scenes of all logs of the split; a log that cannot be read is listed as such.

        Raises:
            DataError: There are no maps.
        """
        from simscale_gym.sources.nuplan.dataset import NuPlanRoot, scene_names

        root = NuPlanRoot.open(scenes)
        refs = []
        for log in root.split(split):
            try:
                names = scene_names(log)
            except DataError:
                refs.append(SceneRef(log.stem, self, LogPiece(log, root.maps, ""), readable=False))
                continue
            refs += [SceneRef(f"{log.stem}/{name}", self, LogPiece(log, root.maps, name)) for name in names]
        return refs

    def load(self, ref: SceneRef) -> Scene:
        """The scene at 10 Hz.

        Raises:
            DataError: The log or its map cannot be used.
        """
        from simscale_gym.sources.nuplan.dataset import load_log_scene

        return load_log_scene(*ref.place)

    def made_from(self, ref: SceneRef) -> tuple[object, ...]:
        """The log, all maps and side shapes, and where its pictures may lie."""
        from simscale_gym.sources.nuplan.dataset import picture_folder

        files = sorted(file for file in ref.place.maps.rglob("*") if file.suffix in (".gpkg", ".json"))
        return ref.place.name, ref.place.log, picture_folder(ref.place.log), *files
