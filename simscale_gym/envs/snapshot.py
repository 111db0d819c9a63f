"""An episode at one moment: all that its future depends on, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simscale_gym.envs.episode import Start
from simscale_gym.envs.history import History
from simscale_gym.envs.outcome import Outcome
from simscale_gym.errors import ArgumentError
from simscale_gym.metrics import DriveRecord
from simscale_gym.one_line import one_line
from simscale_gym.scene import Scene


@dataclass(frozen=True, eq=False)
class Snapshot:
    """An episode at one moment; immutable. A pickle is small, however long the drive was.

    Attributes:
        scene: Id of the scene.
        start: Start of the episode; a pickle keeps the last of its states only.
        history: Simulation states so far; a pickle keeps the newest (:class:`simscale_gym.envs.history.History`).
        record: Memory of the running score.
        outcome: Outcome of the last step.
        random_state: State of the environment's bit generator.
    """

    scene: str
    start: Start
    history: History
    record: DriveRecord
    outcome: Outcome
    random_state: Mapping[str, Any]

    __repr__ = one_line

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"start": replace(self.start, states=self.start.states[-1:])}

    def check_fits(self, scene: Scene) -> None:
        """Complain unless it was taken in ``scene``.

        Raises:
            ArgumentError: The scene has other tracks: it is of another source or version.
        """
        found, expected = len(self.history[-1].traffic.valid), len(scene.tracks)
        if found != expected:
            raise ArgumentError(
                f"state: of a scene {self.scene} with {found} tracks, but here that scene has {expected}; take "
                "snapshots back to the source and version that they come from."
            )


def generator_at(state: Mapping[str, Any]) -> np.random.Generator:
    """A generator in the ``state`` of a snapshot.

    Raises:
        ArgumentError: It is no state of a PCG64, which environments draw from.
    """
    bits = np.random.PCG64(0)
    try:
        bits.state = state
    except (TypeError, ValueError, KeyError, OverflowError, AttributeError) as error:
        raise ArgumentError(f"state: random_state {state!r} ({error}), expected that of a PCG64.") from None
    return np.random.Generator(bits)
