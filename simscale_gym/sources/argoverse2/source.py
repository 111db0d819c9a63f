"""Argoverse 2 on disk as a source of scenes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simscale_gym.errors import DataError
from simscale_gym.scene import Scene
from simscale_gym.sources.argoverse2.layout import PICTURES, POSES, name_of, scenes_in
from simscale_gym.sources.source import SceneRef, Source, path_of

_DEPTH = 3  # of a data set with its parts, their splits and the scenes in them


@dataclass(frozen=True)
class Argoverse2Source(Source):
    """A motion-forecasting scenario or a sensor log, or a folder with some.

    A scene's place is its parquet or its folder. A split is the folder of that name where there is one.
    """

    name = "argoverse2"
    expects = "Argoverse 2 scenarios (scenario_<id>.parquet) or sensor logs (folders with " + POSES + ")"

    def matches(self, scenes: object) -> bool:
        """Whether the path is a scene or holds some."""
        path = path_of(scenes)
        return path is not None and next(scenes_in(path, _DEPTH), None) is not None

    def list(self, scenes: Any, split: str) -> list[SceneRef]:
        """The scenes of the split, by name.

        Raises:
            DataError: Two of them have one name.
        """
        places = sorted(scenes_in(path_of(scenes), _DEPTH))
        chosen = [place for place in places if split in place.relative_to(path_of(scenes)).parts] or places
        refs = {name_of(place): SceneRef(name_of(place), self, place) for place in chosen}
        if len(refs) < len(chosen):
            double = next(p for p in chosen if refs[name_of(p)].place != p)
            raise DataError(
                double, found="another scene of this name", expected="one", hint="Name one folder."
            )
        return list(refs.values())

    def load(self, ref: SceneRef) -> Scene:
        """The scene at 10 Hz.

        Raises:
            DataError: Its files cannot be used.
            MissingExtraError: Without the package pyarrow.
        """
        from simscale_gym.sources.argoverse2.scenario import read_scenario
        from simscale_gym.sources.argoverse2.sensor_log import read_sensor_log

        return read_scenario(ref.place) if ref.place.suffix == ".parquet" else read_sensor_log(ref.place)

    def made_from(self, ref: SceneRef) -> tuple[object, ...]:
        """All files of the scene but its recordings, of which only the folder counts."""
        if ref.place.suffix == ".parquet":
            return ref.id, ref.place, *sorted(ref.place.parent.glob("log_map_archive_*.json"))
        folders = (ref.place, ref.place / "calibration", ref.place / "map")
        files = (
            file for folder in folders for file in folder.glob("*") if file.suffix in (".feather", ".json")
        )
        pictures = [ref.place / PICTURES] if (ref.place / PICTURES).is_dir() else []
        return ref.id, *sorted(files), *pictures
