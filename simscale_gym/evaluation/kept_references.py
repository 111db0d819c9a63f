"""PDM-Closed's drives from the moments of a suite, by which progress is judged: worked out once, kept in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.errors import DataError, StorageError
from simscale_gym.evaluation.judging_code import judging_code
from simscale_gym.evaluation.queries import Query
from simscale_gym.evaluation.suite import PinnedScene, Suite
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.cache import cache_root, say_remade
from simscale_gym.files.stored_arrays import unpack_arrays
from simscale_gym.scene import STATE_SIZE, Scene

Array = NDArray[np.float64]

_DRIVE = (HORIZON_STEPS + 1, STATE_SIZE)


def references(
    scene: Scene, queries: Sequence[Query], suite: Suite, pinned: PinnedScene
) -> list[Array | None]:
    """PDM-Closed's plan as driven ``[41, 11]`` at each of a scene's moments; None where it has no lane."""
    path = _file(suite, pinned)
    kept = _kept(path, len(queries))
    if kept is not None:
        return kept
    planner = PlannerExpert()
    found = [reference_drive(scene, query.state, planner) for query in queries]
    there = np.array([drive is not None for drive in found])
    drives = np.stack([np.zeros(_DRIVE) if drive is None else drive for drive in found])
    try:
        with atomic_write(path) as built, open(built, "wb") as file:
            np.savez_compressed(file, drives=drives, there=there)
    except StorageError:
        pass  # it is worked out again the next time
    return found


def _kept(path: Path, count: int) -> list[Array | None] | None:
    """What a file holds; None where there is none, or a damaged one."""
    try:
        arrays = unpack_arrays(path.read_bytes(), path)
        drives, there = arrays["drives"], arrays["there"]
    except FileNotFoundError:
        return None
    except (OSError, KeyError, DataError) as error:
        say_remade(path, str(error))
        return None
    if drives.shape != (count, *_DRIVE) or there.shape != (count,):
        return None
    return [drive if known else None for drive, known in zip(drives, there, strict=True)]


def _file(suite: Suite, pinned: PinnedScene) -> Path:
    """Where those of a scene lie; the name changes with all that they depend on."""
    folder = hashlib.sha256(repr((suite.digest, judging_code())).encode()).hexdigest()[:24]
    return cache_root() / "evaluation" / f"references-{folder}" / f"{pinned.digest}.npz"
