"""NAVSIM's files as a source of scenes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from simscale_gym.errors import DataError
from simscale_gym.scene import Scene
from simscale_gym.sources.navsim.layout import LAYOUT, find_pickles, has_pickles
from simscale_gym.sources.navsim.pickle_kind import SECOND_STAGE, pickle_kind
from simscale_gym.sources.source import SceneRef, Source, path_of

_LOG = logging.getLogger("simscale_gym")
_WHOLE = "the whole log"  # in place of a piece, of a log that cannot be read


class LogPiece(NamedTuple):
    """The place of a scene: its pickle, the folder of maps, and its name in the pickle ("" for all of it)."""

    file: Path
    maps: Path
    name: str


@dataclass(frozen=True)
class NavsimSource(Source):
    """A pickle of NAVSIM's, or a folder with some: logs, SimScale's logs, scenes of navhard's second stage.

    A split is the folder of that name where there is one; trainval serves train and val.

    Attributes:
        maps: Folder with ``nuplan-maps-v1.0.json``; None looks for ``maps/`` beside and above the pickles.
    """

    maps: str | None = None

    name = "navsim"
    expects = "NAVSIM or OpenScene logs (navsim_logs/<split>/<log>.pkl, with maps/ beside or above)"

    def matches(self, scenes: object) -> bool:
        """Whether the path is a pickle of NAVSIM's or holds some."""
        path = path_of(scenes)
        return path is not None and has_pickles(path)

    def list(self, scenes: Any, split: str) -> list[SceneRef]:
        """The scenes of the split; logs that are read for the first time are opened to count theirs.

        A log that cannot be read is listed as such.

        Raises:
            DataError: There are no maps, two scenes have one name, or all logs are too short.
        """
        from simscale_gym.sources.navsim.log_file import LEAST, pieces_of
        from simscale_gym.sources.nuplan.dataset import find_maps, logs_of_split

        path = path_of(scenes)
        files = logs_of_split(find_pickles(path), split)
        maps = find_maps(path, self.maps, layout=LAYOUT, hint=_hint(path))
        refs: dict[str, SceneRef] = {}
        short = 0
        for file in files:
            if pickle_kind(file) == SECOND_STAGE:
                found = {file.stem: LogPiece(file, maps, "")}
            else:
                try:
                    found = {f"{file.stem}/{p.name}": LogPiece(file, maps, p.name) for p in pieces_of(file)}
                except DataError:
                    refs[file.stem] = SceneRef(file.stem, self, LogPiece(file, maps, _WHOLE), readable=False)
                    continue
            short += not found
            for name, place in found.items():
                if name in refs:
                    other = refs[name].place.file
                    raise DataError(file, found=f"{name}, as in {other}", expected="one scene of this name",
                                    hint="Name one of the folders.")  # fmt: skip
                refs[name] = SceneRef(name, self, place)
        if not refs:
            found = f"{len(files)} logs, in which no scene lasts {LEAST:g} s without a gap"
            raise DataError(path, field="timestamp", found=found, expected="frames 0.5 s apart")
        if short:
            _LOG.warning(
                "%s: %d of %d logs have no scene of %g s and are passed over.", path, short, len(files), LEAST
            )
        return [*refs.values()]

    def load(self, ref: SceneRef) -> Scene:
        """The scene at 10 Hz.

        Raises:
            DataError: The pickle or its map cannot be used.
        """
        from simscale_gym.sources.navsim.scenes import load_log_scene, load_second_stage

        file, maps, name = ref.place
        return load_log_scene(file, maps, name, ref.id) if name else load_second_stage(file, maps, ref.id)

    def made_from(self, ref: SceneRef) -> tuple[object, ...]:
        """The pickle, all maps and side shapes, and where pictures may lie."""
        from simscale_gym.sources.navsim.layout import picture_folders

        maps = sorted(file for file in ref.place.maps.rglob("*") if file.suffix in (".gpkg", ".json"))
        return ref.id, ref.place.file, *maps, *picture_folders(ref.place.file)


def _hint(path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    return (
        f"Put nuPlan's maps there or link them (ln -s $NUPLAN_MAPS_ROOT {folder / 'maps'}), or name their folder: "
        "simscale_gym.sources.register_source(NavsimSource(maps=...))."
    )
