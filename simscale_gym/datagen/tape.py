"""What a person did at the wheel: the starts and actions of their drives, from which all else is made again.

::

    {"format": 1, "traffic": "idm", "drives": [
        {"scene": "town-..", "frame": 15, "start": 3, "actions": [[0.5, 0.0], ..], "by_person": [0, 1, ..],
         "end": [12.1, -3.4, 0.1]}, ..]}

A drive begins at start ``start`` off the log at ``frame`` (:func:`simscale_gym.perturbation.numbered_start`), or, where
that is null, on the log. ``end`` is where it led, by which a simulation that drives otherwise is found out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError, shown
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.digests import file_digest
from simscale_gym.one_line import one_line

PERSON = "person"
"""Policy of rollouts that a person drove, and name of their labels."""
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class TapedDrive:
    """A drive of ``K`` steps of 0.1 s.

    Attributes:
        scene: Id of the scene.
        frame: Frame at which the log was left.
        start: Number of the start off the log; None for one on it.
        actions: ``[K, 2]`` actions of kind "control".
        by_person: ``[K]`` whether the person drove, not the policy.
        end: ``[3]`` x, y [m], heading [rad] of the ego behind the last step, scene frame.
    """

    scene: str
    frame: int
    start: int | None
    actions: NDArray[np.float32]
    by_person: NDArray[np.bool_]
    end: NDArray[np.float64]

    __repr__ = one_line

    def takeovers(self) -> list[tuple[int, int]]:
        """First step of each stretch that the person drove, and the first one behind it."""
        edges = np.flatnonzero(np.diff(self.by_person.astype(int), prepend=0, append=0))
        return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


@dataclass(frozen=True, eq=False)
class Tape:
    """Drives of a person, as a file keeps them.

    Attributes:
        file: The file.
        traffic: Name of the traffic model that moved the others.
        drives: The drives, in their order.
    """

    file: Path
    traffic: str
    drives: tuple[TapedDrive, ...]

    __repr__ = one_line

    @classmethod
    def read(cls, file: Path) -> Tape:
        """The tape that :meth:`write` wrote.

        Raises:
            DataError: It is not there, or no tape.
        """
        try:
            plain = json.loads(file.read_text(encoding="utf-8"))
            if plain["format"] != _FORMAT:
                raise ValueError(f"format {shown(plain['format'])}")
            return cls(file, str(plain["traffic"]), tuple(map(_drive, plain["drives"])))
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                file,
                found=f"{type(error).__name__} ({error})"[:200],
                expected="the tape of a person's drives",
                hint="Name the policy.bin of a folder that simscale-gym drive --out wrote.",
            ) from error

    def write(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            StorageError: It cannot be written.
        """
        plain = {
            "format": _FORMAT,
            "traffic": self.traffic,
            "drives": [_plain(drive) for drive in self.drives],
        }
        with atomic_write(self.file) as built:
            built.write_text(json.dumps(plain), encoding="utf-8")

    def digest(self) -> str:
        """SHA-256 of the file."""
        return file_digest(self.file)

    def of(self, scene: str) -> list[TapedDrive]:
        """Drives in a scene that the person had a part in."""
        return [drive for drive in self.drives if drive.scene == scene and drive.by_person.any()]

    def frames(self, scene: str) -> Sequence[int]:
        """Frames of a scene at which those begin, in order."""
        return sorted({drive.frame for drive in self.of(scene)})


def _plain(drive: TapedDrive) -> dict[str, Any]:
    arrays = {
        "actions": drive.actions.tolist(),
        "by_person": drive.by_person.astype(int).tolist(),
        "end": drive.end.tolist(),
    }
    return {"scene": drive.scene, "frame": drive.frame, "start": drive.start, **arrays}


def _drive(plain: dict[str, Any]) -> TapedDrive:
    """A drive as it was written.

    Raises:
        ValueError, KeyError, TypeError: It was not written so.
    """
    actions = np.array(plain["actions"], np.float32).reshape(-1, 2)
    by_person, end = np.array(plain["by_person"], bool), np.array(plain["end"], float)
    if len(by_person) != len(actions) or end.shape != (3,) or not np.isfinite(actions).all():
        raise ValueError(f"{len(actions)} actions, {len(by_person)} drivers, an end of shape {end.shape}")
    start = None if plain["start"] is None else int(plain["start"])
    return TapedDrive(str(plain["scene"]), int(plain["frame"]), start, actions, by_person, end)
