"""Reactive traffic in many environments at once: one call of a kernel, on all threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.reactive.crowd import Crowd
from simscale_gym.agents.reactive.idm_kernel import DriverParameters
from simscale_gym.agents.reactive.stepping import ROUTE_LANES, ReactiveWorld, move_crowd
from simscale_gym.geometry.box import place_around
from simscale_gym.kernels import Crew, Lent, RecordTable, lent_at, record_at, take
from simscale_gym.scene import Scene
from simscale_gym.sim.state import TrafficState
from simscale_gym.sim.traffic_batch import Places

Array = NDArray[np.float64]

_MEMORY = ("kinds", "routes", "motion", "walks")  # the fields of a Crowd that a TrafficState does not have


class CrowdBatch:
    """A :class:`simscale_gym.sim.TrafficBatch` of the reactive models.

    Args:
        count: Number of environments.
        crew: Threads to work on.
        world_of: Gives what a scene's crowd moves in.
        driver: What all drivers have in common.
        leave_distance: Distance from the ego beyond which a track may vanish when its log has ended [m].
    """

    def __init__(
        self,
        count: int,
        crew: Crew,
        world_of: Callable[[Scene], Lent],
        driver: DriverParameters,
        leave_distance: float,
    ) -> None:
        self._crew, self._world_of = crew, world_of
        self._driver, self._leave_distance = driver, leave_distance
        self._worlds: list[Lent | None] = [None] * count
        self._addresses = np.zeros(count, np.int64)  # of these
        self._crowds = RecordTable(_empty_crowd(), count)
        self._shapes = np.zeros((count, 3))  # of the egos: from rear axle to centre, length, width

    def enter(self, row: int, scene: Scene, places: Places, states: Mapping[int, TrafficState]) -> None:
        """As :meth:`simscale_gym.sim.TrafficBatch.enter`."""
        vehicle = scene.vehicle
        self._worlds[row] = world = self._world_of(scene)
        self._addresses[row] = world.address
        slots, n = places.valid.shape
        memory = (
            np.zeros((slots, n), np.int8), np.zeros((slots, n, ROUTE_LANES), np.int64), np.zeros((slots, n, 6)),
            np.zeros((slots, n, 7)),
        )  # fmt: skip
        self._crowds.put(row, Crowd(*memory, *places))
        for slot, state in states.items():
            for array, name in zip(memory, _MEMORY, strict=True):
                array[slot] = state.memory[name]
        self._shapes[row] = vehicle.rear_axle_to_center, vehicle.length, vehicle.width

    def step(
        self, rows: NDArray[np.int64], slots: NDArray[np.int64], frames: NDArray[np.int64], egos: Array
    ) -> None:
        """As :meth:`simscale_gym.sim.TrafficBatch.step`."""
        if not len(rows):
            return
        self._crew.run(
            _move_crowds, np.zeros(1, np.int64), rows, self._worlds[rows[0]], self._addresses, self._crowds.example,
            self._crowds.words, slots, frames, egos, self._shapes, self._driver, self._leave_distance,
        )  # fmt: skip

    def memory(self, row: int, slot: int) -> Mapping[str, NDArray]:
        """As :meth:`simscale_gym.sim.TrafficBatch.memory`."""
        crowd = self._crowds.get(row)
        return {name: getattr(crowd, name)[slot].copy() for name in _MEMORY}


def _empty_crowd() -> Crowd:
    """A crowd of nobody, with the axis of the ring."""
    return Crowd(
        np.zeros((0, 0), np.int8), np.zeros((0, 0, 0), np.int64), np.zeros((0, 0, 0)), np.zeros((0, 0, 0)),
        np.zeros((0, 0, 0)), np.zeros((0, 0, 0)), np.zeros((0, 0), bool),
    )  # fmt: skip


@njit(cache=True)
def _at(crowd: Crowd, slot: int) -> Crowd:
    return Crowd(
        crowd.kinds[slot], crowd.routes[slot], crowd.motion[slot], crowd.walks[slot], crowd.poses[slot],
        crowd.velocities[slot], crowd.valid[slot],
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _move_crowds(counter: NDArray, rows: NDArray, a_world: ReactiveWorld, worlds: NDArray, crowds: Crowd,
                 crowd_words: NDArray, slots: NDArray, frames: NDArray, egos: Array, shapes: Array,
                 driver: DriverParameters, leave_distance: float):  # fmt: skip
    """Move the crowds of environments ``rows`` into the slot behind ``slots [E]``."""
    box = np.empty(5)
    while True:
        k = take(counter, 1)
        if k >= len(rows):
            return
        row = rows[k]
        world, crowd = lent_at(a_world, worlds[row]), record_at(crowds, crowd_words, row)
        slot = slots[row]
        place_around(egos[row], shapes[row, 0], shapes[row, 1], shapes[row, 2], box)
        behind = (slot + 1) % crowd.valid.shape[0]
        move_crowd(
            world, _at(crowd, slot), _at(crowd, behind), driver, egos[row], box, frames[row], leave_distance
        )
