"""The others of many environments, moved together where a traffic model can, else one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simscale_gym.kernels import Crew
from simscale_gym.scene import Scene
from simscale_gym.sim.state import TrafficModel, TrafficState

Array = NDArray[np.float64]


class Places(NamedTuple):
    """Where the others of an environment were at its last ``R`` instants, in a ring; filled in place.

    Attributes:
        poses: ``[R, N, 3]`` as :class:`simscale_gym.sim.TrafficState`'s.
        velocities: ``[R, N, 2]``.
        valid: ``[R, N]``.
    """

    poses: Array
    velocities: Array
    valid: NDArray[np.bool_]

    def put(self, slot: int, traffic: TrafficState) -> None:
        """Fill a ``slot`` of the ring."""
        self.poses[slot], self.velocities[slot], self.valid[slot] = (
            traffic.poses,
            traffic.velocities,
            traffic.valid,
        )


class TrafficBatch(Protocol):
    """A traffic model at work in many environments, its memory of each included.

    A :class:`simscale_gym.sim.TrafficModel` that has one gives it by a method ``batch(count, crew)``.
    """

    def enter(self, row: int, scene: Scene, places: Places, states: Mapping[int, TrafficState]) -> None:
        """Have in environment ``row`` another drive, whose last states are ``states``, by slot of the ring."""

    def step(
        self, rows: NDArray[np.int64], slots: NDArray[np.int64], frames: NDArray[np.int64], egos: Array
    ) -> None:
        """Fill, of the environments ``rows``, the slot behind ``slots [E]``.

        Args:
            rows: Environments to move.
            slots: ``[E]`` slot that each environment stands at.
            frames: ``[E]`` frame of the scene there.
            egos: ``[E, 11]`` state of the ego there.
        """

    def memory(self, row: int, slot: int) -> Mapping[str, NDArray]:
        """What the model remembers at a slot: copies, or what it changes no more."""


def traffic_batch(model: TrafficModel, count: int, crew: Crew) -> TrafficBatch:
    """``model`` at work in ``count`` environments, on the threads of ``crew`` where it has a batch of its own."""
    make = getattr(model, "batch", None)
    return LoopedTraffic(model, count) if make is None else make(count, crew)


class LoopedTraffic:
    """A :class:`TrafficBatch` that steps one environment after the other; whatever the model, it is asked as ever.

    Args:
        model: Traffic model.
        count: Number of environments.
    """

    def __init__(self, model: TrafficModel, count: int) -> None:
        self._model = model
        self._scenes: list[Scene | None] = [None] * count
        self._places: list[Places | None] = [None] * count
        self._states: list[dict[int, TrafficState]] = [{} for _ in range(count)]

    def enter(self, row: int, scene: Scene, places: Places, states: Mapping[int, TrafficState]) -> None:
        """As :meth:`TrafficBatch.enter`."""
        self._scenes[row], self._places[row], self._states[row] = scene, places, dict(states)

    def step(
        self, rows: NDArray[np.int64], slots: NDArray[np.int64], frames: NDArray[np.int64], egos: Array
    ) -> None:
        """As :meth:`TrafficBatch.step`."""
        for row in rows.tolist():
            places, states, slot = self._places[row], self._states[row], int(slots[row])
            after = self._model.step(self._scenes[row], int(frames[row]), egos[row].copy(), states[slot])
            behind = (slot + 1) % len(places.valid)
            states[behind] = after
            places.put(behind, after)

    def memory(self, row: int, slot: int) -> Mapping[str, NDArray]:
        """As :meth:`TrafficBatch.memory`."""
        return self._states[row][slot].memory
