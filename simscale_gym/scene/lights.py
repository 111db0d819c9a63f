"""Traffic lights of a scene over time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class LightStatus(IntEnum):
    """nuPlan's traffic light states."""

    GREEN = 0
    YELLOW = 1
    RED = 2
    UNKNOWN = 3


@dataclass(frozen=True, eq=False)
class TrafficLights:
    """Status ``[L, T]`` (:class:`LightStatus`) of the lane connectors ``lane_ids [L]``."""

    lane_ids: tuple[str, ...]
    status: NDArray[np.uint8]

    def at(self, frame: int) -> dict[str, LightStatus]:
        """Status by connector id at ``frame``; frames past the end repeat the last one."""
        if not self.lane_ids:
            return {}
        column = self.status[:, min(frame, self.status.shape[1] - 1)]
        return {lane: LightStatus(value) for lane, value in zip(self.lane_ids, column, strict=True)}
