"""The pictures that a log's own cameras took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.one_line import one_line


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

    __repr__ = one_line

    def file(self, camera: str, frame: int) -> Path | None:
        """The picture of ``camera`` at ``frame``, if there is one."""
        names = self.names.get(camera, ())
        name = names[frame] if 0 <= frame < len(names) else ""
        places = (folder / name for folder in self.folders if name)
        return next((place for place in places if place.is_file()), None)

    def files(self, cameras: Sequence[str], frame: int) -> tuple[Path, ...]:
        """The pictures of all ``cameras`` at ``frame``; none where one of them is missing."""
        found = tuple(place for camera in cameras if (place := self.file(camera, frame)) is not None)
        return found if len(found) == len(cameras) else ()


def names_at(
    frames_us: NDArray[np.int64], taken_us: NDArray[np.int64], names: Sequence[str], within_us: int
) -> tuple[str, ...]:
    """For each frame ``[T]`` of a scene the picture that was taken nearest to it.

    Args:
        frames_us: Times of the frames.
        taken_us: ``[I]`` times of the pictures, ascending.
        names: Their names.
        within_us: A picture farther off than this is none of a frame.
    """
    if not len(taken_us):
        return ("",) * len(frames_us)
    after = np.clip(np.searchsorted(taken_us, frames_us), 1, max(len(taken_us) - 1, 1))
    before, after = after - 1, np.minimum(after, len(taken_us) - 1)
    nearest = np.where(frames_us - taken_us[before] <= taken_us[after] - frames_us, before, after)
    near = np.abs(taken_us[nearest] - frames_us) <= within_us
    return tuple(names[k] if fits else "" for k, fits in zip(nearest, near, strict=True))
