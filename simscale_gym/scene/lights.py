"""Traffic lights of a scene over time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from simscale_gym.one_line import one_line


class LightStatus(IntEnum):
    """nuPlan's traffic light states."""

    GREEN = 0
    YELLOW = 1
    RED = 2
    UNKNOWN = 3


_STATUS = tuple(LightStatus)


@dataclass(frozen=True, eq=False)
class TrafficLights:
    """Status ``[L, T]`` (:class:`LightStatus`) of the lane connectors ``lane_ids [L]``.

    Attributes:
        lane_ids: The connectors that have a light.
        status: Their status.
        complete: Whether these are all lights there are, known throughout. Where they are not, who stood in the log may
            have stood at a light that nobody recorded: reactive traffic then waits where and as long as its log did,
            and drives at its pace as long as it keeps up with it.
    """

    lane_ids: tuple[str, ...]
    status: NDArray[np.uint8]
    complete: bool = True

    __repr__ = one_line

    def at(self, frame: int) -> dict[str, LightStatus]:
        """Status by connector id at ``frame``; frames past the end repeat the last one."""
        if not self.lane_ids:
            return {}
        column = self.column(frame).tolist()
        return {lane: _STATUS[value] for lane, value in zip(self.lane_ids, column, strict=True)}

    def column(self, frame: int) -> NDArray[np.uint8]:
        """Status ``[L]`` at ``frame``; frames past the end repeat the last one."""
        return self.status[:, min(frame, self.status.shape[1] - 1)]
