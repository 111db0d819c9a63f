"""What a step of a vector environment tells beside observations and rewards: ``info`` in Gymnasium's vector form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from simscale_gym.envs.drive import Drive, completed
from simscale_gym.envs.drive_batch import DriveBatch
from simscale_gym.envs.info import DEAR_ENTRIES, PERSON_TYPES, times_us
from simscale_gym.envs.outcome import type_bits
from simscale_gym.envs.seat import Seat
from simscale_gym.envs.vector_info import VectorInfo
from simscale_gym.metrics import running_columns
from simscale_gym.scene import TrackType

_RAGGED = "controllers"
"""The entry whose length differs from scene to scene."""
_VEHICLES, _PERSONS = type_bits([TrackType.VEHICLE]), type_bits(PERSON_TYPES)


def put_entries(
    info: VectorInfo,
    seats: Sequence[Seat],
    batch: DriveBatch,
    truncations: NDArray[np.str_],
    mask: NDArray[np.bool_],
    drive_of: Callable[[int], Drive],
) -> None:
    """Put the entries of the environments ``mask [E]`` into ``info``.

    Args:
        info: Where they are put.
        seats: The environments.
        batch: Their drives.
        truncations: ``[E]`` why each episode is cut, or "".
        mask: ``[E]`` who is told of.
        drive_of: Gives the drive in a row when an entry that takes long is read.
    """
    found, rows = batch.found, np.flatnonzero(mask).tolist()
    contacts = found.contacts
    arrays = {
        "scene": batch.scene_ids.copy(),
        "time_us": times_us(batch.first_times_us, batch.frames),
        "ego_state": batch.egos,
        "epdms": running_columns(batch.subscores),
        "arrive_dest": batch.arrived.copy(),
        "out_of_road": found.out_of_road.copy(),
        "left_road": found.left_road.copy(),
        "crash_vehicle": (contacts & _VEHICLES) != 0,
        "crash_pedestrian": (contacts & _PERSONS) != 0,
        "crash_object": (contacts & ~(_PERSONS | _VEHICLES)) != 0,
        "at_fault": found.faults != 0,
        "route_completion": completed(found.arcs, batch.first_arcs, batch.goals),
        "skipped_scenes": np.full(len(seats), seats[0].skipped_scenes),
        "rewards": {name: values.copy() for name, values in batch.terms.items()},
        "truncation": truncations.astype(object),
    }
    for name, values in arrays.items():
        info.put(name, _masked(values, mask), mask)
    advice = ("expert", "expert_action") if seats[0].has_experts else ("expert",)
    for name in (*DEAR_ENTRIES, *advice):
        info.put_later(name, _reader(seats, rows, name, drive_of), mask)
    if seats[0].sensors.see:
        pictures = {row: seats[row].sensors.info(batch.drive(row)) for row in rows}
        for name, values in shared_info(pictures, len(seats)).items():
            info[name] = values


def shared_info(infos: Mapping[int, Mapping[str, Any]], count: int) -> dict[str, Any]:
    """The ``infos`` of some of ``count`` environments, by row, in Gymnasium's vector form."""
    gathering, out = VectorEnv(), {}
    gathering.num_envs = count
    ragged = np.full(count, None, object)
    mask = np.zeros(count, bool)
    for row, info in infos.items():
        out = gathering._add_info(out, {k: v for k, v in info.items() if k != _RAGGED}, row)
        if _RAGGED in info:
            ragged[row], mask[row] = info[_RAGGED], True
    return out | ({_RAGGED: ragged, f"_{_RAGGED}": mask} if mask.any() else {})


def _reader(
    seats: Sequence[Seat], rows: Sequence[int], name: str, drive_of: Callable[[int], Drive]
) -> Callable[[], Any]:
    return lambda: shared_info(
        {row: {name: seats[row].entry(name, drive_of(row))} for row in rows}, len(seats)
    )[name]


def _masked(values: Any, mask: NDArray[np.bool_]) -> Any:
    """``values`` as Gymnasium has them: nothing where ``mask [E]`` is False, and beside nested ones their masks."""
    if isinstance(values, dict):
        masked = {name: _masked(each, mask) for name, each in values.items()}
        return masked | {f"_{name}": mask.copy() for name in values}
    if not mask.all():
        values[~mask] = None if values.dtype == object else 0
    return values
