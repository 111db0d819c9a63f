"""The pictures that a log's own cameras took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RecordedPictures:
    """Files of recorded pictures, looked for when they are asked for: most logs are kept without all of them.

    Attributes:
        folders: Folders that they may lie in, in the order in which they are tried.
        names: For each camera the path within the folder at every frame of the scene; "" where none was taken.
        layout: Where such files are expected, in words, for errors.
    """

    folders: tuple[Path, ...]
    names: Mapping[str, tuple[str, ...]]
    layout: str

    def file(self, camera: str, frame: int) -> Path | None:
        """The picture of ``camera`` at ``frame``, if there is one."""
        names = self.names.get(camera, ())
        name = names[frame] if 0 <= frame < len(names) else ""
        places = (folder / name for folder in self.folders if name)
        return next((place for place in places if place.is_file()), None)

    def files(self, cameras: tuple[str, ...], frame: int) -> tuple[Path, ...]:
        """The pictures of all ``cameras`` at ``frame``; none where one of them is missing."""
        found = [self.file(camera, frame) for camera in cameras]
        return tuple(found) if all(found) else ()
