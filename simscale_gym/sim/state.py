"""The state of a running simulation, and the protocol that a traffic model keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simscale_gym.one_line import one_line
from simscale_gym.scene import Scene

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrafficState:
    """The other road users now: ``N`` rows in the order of ``scene.tracks``.

    Attributes:
        poses: ``[N, 3]`` box centres x, y, heading in the scene frame.
        velocities: ``[N, 2]`` [m/s], scene frame.
        valid: ``[N]`` present; absent rows hold finite fillers.
        memory: The model's own arrays (lane, progress, random state, ...), by name.
    """

    poses: Array
    velocities: Array
    valid: NDArray[np.bool_]
    memory: Mapping[str, NDArray] = field(default_factory=dict)

    __repr__ = one_line


@dataclass(frozen=True, eq=False)
class SimState:
    """Everything that moves, at one frame of the scene.

    Attributes:
        frame: Index into ``scene.timestamps_us``; may run past the log's end.
        ego: ``[11]`` (:class:`simscale_gym.scene.StateIndex`).
        traffic: The others.
    """

    frame: int
    ego: Array
    traffic: TrafficState

    __repr__ = one_line


class Controller(IntEnum):
    """What moves a track; ``LOG`` is deaf to others, ``YIELDING_LOG`` waits on its logged path if one is in its way."""

    ABSENT = 0
    UNNAMED = 1
    LOG = 2
    CONSTANT_VELOCITY = 3
    IDM = 4
    YIELDING_LOG = 5
    CYCLIST = 6
    PEDESTRIAN = 7
    STANDING = 8


class TrafficModel(Protocol):
    """Moves the other road users. Stateless: what it remembers stands in ``TrafficState.memory``.

    Attributes:
        reacts: The others may do otherwise because of the ego. Where they do not, whom the ego touches at the start
            of a drive is left out of its judgement, as by NAVSIM's log replay.
    """

    reacts: bool

    def start(self, scene: Scene, frame: int, ego: Array) -> TrafficState:
        """The others at ``frame`` of the log, with the ego at ``ego [11]``."""

    def step(self, scene: Scene, frame: int, ego: Array, traffic: TrafficState) -> TrafficState:
        """The others at ``frame + 1``, given them and the ego ``[11]`` at ``frame``."""

    def controllers(self, scene: Scene, traffic: TrafficState) -> NDArray[np.uint8]:
        """The present :class:`Controller` of each track ``[N]``."""
