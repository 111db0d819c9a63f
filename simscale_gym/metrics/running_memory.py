"""What is remembered of a drive as arrays that kernels change in place, for many drives that are judged at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.kernels import RecordTable, record_at
from simscale_gym.metrics.comfort import FEWEST_SAMPLES, ComfortFilters, comfort_filters
from simscale_gym.metrics.running_comfort import KEPT, RunningComfort, add_sample, judge_comfort
from simscale_gym.metrics.running_kernel import MEMORY, judge_step
from simscale_gym.metrics.running_score import LOOK_BACK, DriveRecord
from simscale_gym.scene import STATE_SIZE

Array = NDArray[np.float64]

STEPS, SAMPLES = range(2)
"""Places in ``counts``: states so far; samples of comfort so far, -1 where comfort is not judged."""
SETTLED, COMFORTABLE = range(2)
"""Places in ``ride``: as in :class:`simscale_gym.metrics.running_comfort.RunningComfort`."""


class DriveMemory(NamedTuple):
    """A :class:`simscale_gym.metrics.DriveRecord` in arrays that stay where they are.

    Attributes:
        counts: ``[2]`` :data:`STEPS`, :data:`SAMPLES`.
        tally: ``[9]`` what the kernel keeps count of.
        marks: ``[N, 3]``.
        speeds: ``[N]`` [m/s].
        contacts: ``[N, 2]`` of the last step.
        areas: ``[12]`` of the last states, the newest behind the others.
        states: ``[12, 11]`` likewise.
        poses: ``[10, N, 3]`` of the others, in a ring.
        present: ``[10, N]`` likewise.
        comfort: ``[5, 30]`` columns of the running comfort.
        ride: ``[2]`` :data:`SETTLED`, :data:`COMFORTABLE`.
    """

    counts: NDArray[np.int64]
    tally: Array
    marks: NDArray[np.bool_]
    speeds: Array
    contacts: NDArray[np.bool_]
    areas: NDArray[np.uint8]
    states: Array
    poses: Array
    present: NDArray[np.bool_]
    comfort: Array
    ride: NDArray[np.bool_]

    @classmethod
    def of(cls, record: DriveRecord) -> DriveMemory:
        """The same as ``record``, which stays as it is."""
        n, comfort = len(record.marks), record.comfort
        poses, present = np.zeros((LOOK_BACK, n, 3)), np.zeros((LOOK_BACK, n), bool)
        for back, (places, there) in enumerate(reversed(record.recent)):
            slot = (record.steps - 1 - back) % LOOK_BACK
            poses[slot], present[slot] = places, there
        areas, states = np.zeros(MEMORY, np.uint8), np.zeros((MEMORY, STATE_SIZE))
        areas[: len(record.areas)], states[: len(record.states)] = record.areas, record.states
        return cls(
            counts=np.array([record.steps, -1 if comfort is None else comfort.count]),
            tally=record.tally.copy(),
            marks=record.marks.copy(),
            speeds=record.speeds.copy(),
            contacts=record.contacts.copy(),
            areas=areas,
            states=states,
            poses=poses,
            present=present,
            comfort=np.zeros((5, KEPT)) if comfort is None else comfort.columns.copy(),
            ride=np.array([True, True] if comfort is None else [comfort.settled, comfort.comfortable]),
        )

    def record(self) -> DriveRecord:
        """What is remembered now, which later steps do not change."""
        steps, samples = self.counts.tolist()
        known, slots = min(steps, MEMORY), [k % LOOK_BACK for k in range(max(steps - LOOK_BACK, 0), steps)]
        comfort = RunningComfort(samples, self.comfort.copy(), *self.ride.tolist()) if samples >= 0 else None
        return DriveRecord(
            steps=steps,
            tally=self.tally.copy(),
            marks=self.marks.copy(),
            speeds=self.speeds.copy(),
            contacts=self.contacts.copy(),
            areas=self.areas[:known].copy(),
            states=self.states[:known].copy(),
            recent=tuple((self.poses[slot].copy(), self.present[slot].copy()) for slot in slots),
            comfort=comfort,
        )


@lru_cache(maxsize=1)
def filter_table() -> RecordTable:
    """The filters of comfort by number of samples, as :func:`judge_next` takes them."""
    table = RecordTable(comfort_filters(KEPT), KEPT + 1)
    for samples in range(FEWEST_SAMPLES, KEPT + 1):
        table.put(samples, comfort_filters(samples))
    return table


@njit(cache=True)
def judge_next(
    memory: DriveMemory, state: Array, poses: Array, velocities: Array, valid: NDArray, red: NDArray, ground: Any,
    dropped: NDArray, filters: ComfortFilters, filter_words: NDArray,
):  # fmt: skip
    """One more step of a drive: as :meth:`simscale_gym.metrics.RunningScore.after`, in place.

    Args:
        memory: What is remembered of the drive.
        state: ``[11]`` state of the ego.
        poses: ``[N, 3]`` box centres and headings of the others.
        velocities: ``[N, 2]`` velocities of the others [m/s].
        valid: ``[N]`` whether the other is present.
        red: ``[L]`` whether the light is closed.
        ground: Of :attr:`simscale_gym.metrics.DriveGround.arrays`.
        dropped: ``[N]`` others that are left out altogether.
        filters: Example of :func:`filter_table`.
        filter_words: Its words.
    """
    steps = memory.counts[STEPS]
    last = min(steps, MEMORY - 1)
    if steps >= MEMORY:
        for row in range(last):
            memory.areas[row] = memory.areas[row + 1]
            memory.states[row] = memory.states[row + 1]
    memory.areas[last], memory.states[last] = 0, state
    slot = steps % LOOK_BACK
    memory.poses[slot] = poses
    for n in range(len(valid)):
        memory.present[slot, n] = valid[n] and not dropped[n]
    memory.contacts[:] = False
    oldest = min(steps, LOOK_BACK - 1)
    earlier = (
        _others(memory, steps), _others(memory, steps - min(3, oldest)), _others(memory, steps - min(6, oldest)),
        _others(memory, steps - oldest),
    )  # fmt: skip
    judge_step(
        memory.tally, memory.marks, memory.speeds, memory.contacts, memory.areas[: last + 1], memory.states[: last + 1],
        steps == 0, earlier, velocities, red, ground,
    )  # fmt: skip
    memory.counts[STEPS] = steps + 1
    if memory.counts[SAMPLES] >= 0:
        _ride_on(memory, state, ground[0][2], filters, filter_words)


@njit(cache=True)
def _others(memory: DriveMemory, step: int):
    slot = step % LOOK_BACK
    return memory.poses[slot], memory.present[slot]


@njit(cache=True)
def _ride_on(memory: DriveMemory, state: Array, ahead: float, filters: ComfortFilters, filter_words: NDArray):
    """HC, as :meth:`simscale_gym.metrics.running_comfort.RunningComfort.after`."""
    add_sample(memory.comfort, memory.counts[SAMPLES], state, ahead)
    count = memory.counts[SAMPLES] + 1
    memory.counts[SAMPLES] = count
    if count < FEWEST_SAMPLES:
        return
    by = record_at(filters, filter_words, min(count, KEPT))
    settled, comfortable = judge_comfort(memory.comfort, count, memory.ride[SETTLED], by)
    memory.ride[SETTLED], memory.ride[COMFORTABLE] = settled, comfortable
