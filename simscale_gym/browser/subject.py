"""A subject: what is shown over time, wherever it comes from, and a program of several to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simscale_gym.one_line import one_line
from simscale_gym.scene import DT, Moment, Scene
from simscale_gym.sim import SimState, TrafficModel, moment_of, start
from simscale_gym.sources import SceneRef

Array = NDArray[np.float64]
Color = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class DrawnWay:
    """A way of the ego that is drawn on the road.

    Attributes:
        name: What it is, in a word or two.
        poses: ``[K, 2 or more]`` x, y [m] and what follows, scene frame.
        color: Its color.
    """

    name: str
    poses: Array
    color: Color

    __repr__ = one_line


@dataclass(frozen=True, eq=False)
class Subject:
    """Something that happens in a scene: its log, a drive through it, or a sample of a data set.

    Attributes:
        title: What it is.
        scene: The scene.
        states: ``T`` states, the others as they were then.
        ref: Where the scene comes from; None for scenes that are nowhere else.
        traffic: Name of the traffic model that moves the others where somebody plans from here.
        replayed: Whether the others did what they did in the log: a traffic model then takes them over from there.
        period: Time between states [s].
        first: The state that is shown first.
        ways: Ways of the ego beside the one that it drives.
        notes: What else is known, as Markdown.
        pictures: uint8 ``[H, W, 3]`` by camera that were kept of state :attr:`first`.
    """

    title: str
    scene: Scene
    states: tuple[SimState, ...]
    ref: SceneRef | None = None
    traffic: str = "idm"
    replayed: bool = True
    period: float = DT
    first: int = 0
    ways: tuple[DrawnWay, ...] = ()
    notes: str = ""
    pictures: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    __repr__ = one_line

    def __len__(self) -> int:
        return len(self.states)

    def moment(self, step: int) -> Moment:
        """What is to be seen at state ``step``, brake lamps included."""
        before = self.states[step - 1] if step and self.period == DT else None
        return moment_of(self.scene, self.states[step], before)

    def time(self, step: int) -> float:
        """Time of state ``step`` since the log began [s]."""
        return self.states[step].frame * DT

    def past(self, step: int) -> Sequence[SimState]:
        """States up to ``step``, 0.1 s apart; that alone where they lie further apart."""
        return self.states[: step + 1] if self.period == DT else self.states[step : step + 1]

    def begin(self, step: int, traffic: TrafficModel) -> SimState:
        """State ``step`` as ``traffic`` goes on from it."""
        state = self.states[step]
        return start(self.scene, traffic, state.frame, state.ego) if self.replayed else state

    @property
    def driven(self) -> Array:
        """Way ``[T, 3]`` of the ego."""
        return np.stack([state.ego[:3] for state in self.states])


class Program(Protocol):
    """Subjects to choose from.

    Attributes:
        kind: What one is called, as in "scene".
        titles: A title for each.
        first: The one that is shown first.
    """

    kind: str
    titles: Sequence[str]
    first: int

    def open(self, index: int) -> Subject:
        """The subject called ``titles[index]``.

        Raises:
            DataError, SceneError: It cannot be read.
        """
