"""The drives of an evaluation on the disk: how each was scored, and where the ego was, from which the rest follows."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.evaluation.judging import drive_start
from simscale_gym.evaluation.rows import CODES, DriveRow, write_rows
from simscale_gym.evaluation.suite import PinnedScene, Suite, open_suite, write_suite
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.stored_arrays import unpack_arrays
from simscale_gym.metrics import COLUMNS
from simscale_gym.scene import STATE_SIZE, Scene
from simscale_gym.sim import SimState, advance

SUITE, TABLE, EGOS = "suite.json", "drives.csv", "drives.npz"
"""The suite; a row for each drive; ``egos [K, 11]`` of all drives, one behind the other, and how many each has."""


def keep_drives(folder: Path, suite: Suite, drives: Sequence[DriveRow]) -> None:
    """Write drives of a suite into a folder.

    Raises:
        DataError: It cannot be written.
    """
    write_suite(suite, folder / SUITE)
    write_rows(folder / TABLE, (row.flat() for row in drives))
    egos = np.array([ego for row in drives for ego in row.egos]).reshape(-1, STATE_SIZE)
    with atomic_write(folder / EGOS) as built, open(built, "wb") as file:
        np.savez_compressed(file, egos=egos, lengths=np.array([len(row.egos) for row in drives], np.int64))


def kept_drives(folder: Path) -> tuple[Suite, list[DriveRow]]:
    """What :func:`keep_drives` wrote.

    Raises:
        DataError: It is not there, or damaged.
    """
    suite, hint = open_suite(folder / SUITE), "Evaluate once more (simscale-gym evaluate --out)."
    path = folder / TABLE
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        path = folder / EGOS
        arrays = unpack_arrays(path.read_bytes(), path)
        egos, ends = arrays["egos"], np.cumsum(arrays["lengths"])
        if egos.shape != (ends[-1] if len(ends) else 0, STATE_SIZE) or len(ends) != len(rows):
            raise DataError(
                path, found=f"states {egos.shape} of {len(ends)} drives", expected=f"{len(rows)} drives"
            )
        return suite, [_row(row, part) for row, part in zip(rows, np.split(egos, ends[:-1]), strict=True)]
    except (DataError, OSError, ValueError, KeyError, csv.Error) as error:
        found = error.found if isinstance(error, DataError) else f"{type(error).__name__} ({error})"[:200]
        raise DataError(path, found=found, expected="drives of an evaluation", hint=hint) from error


def drive_states(scene: Scene, suite: Suite, row: DriveRow) -> tuple[SimState, ...]:
    """The states of a drive since the log was left, 0.1 s apart: the ego as it drove, and the others as they answered.

    Raises:
        SceneError: The drive begins elsewhere than the suite says.
    """
    traffic, pinned = suite.make_traffic(), _pinned(suite, row.scene)
    states = list(drive_start(scene, traffic, pinned.drives[row.drive], suite).states)
    for ego in row.egos[len(states) :]:
        states.append(advance(scene, traffic, states[-1], np.array(ego)))
    return tuple(states)


def _pinned(suite: Suite, scene: str) -> PinnedScene:
    return next(pinned for pinned in suite.scenes if pinned.id == scene)


def _row(values: Mapping[str, str], egos: np.ndarray) -> DriveRow:
    scores = {code: float(values[COLUMNS[code]]) for code in CODES if values.get(COLUMNS[code])}
    return DriveRow(
        values["planner"], int(values["seed"]), values["scene"], int(values["drive"]), float(values["seconds"]),
        values["ending"], scores, float(values["score"]), values["success"] == "True", tuple(map(tuple, egos.tolist())),
    )  # fmt: skip
