"""The signal plan of a town: fixed cycles, one formula per lane connector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import LightStatus
from simscale_gym.town.junctions import Junction
from simscale_gym.town.town_map import Approach

Array = NDArray[np.float64]

YELLOW, ALL_RED = 3.0, 2.0
"""Duration of yellow, and of the pause in which every light of a junction is red [s]."""


@dataclass(frozen=True, eq=False)
class SignalPlan:
    """Fixed-time signals of ``C`` lane connectors.

    Attributes:
        lane_ids: ``C`` connector ids.
        timing: ``[C, 4]`` cycle, offset, start of green within the cycle, duration of green [s].
    """

    lane_ids: tuple[str, ...]
    timing: Array

    def status(self, times: Array) -> NDArray[np.uint8]:
        """``[C, T]`` :class:`LightStatus` at ``times [T]`` [s]."""
        cycle, offset, start, green = (self.timing[:, k, None] for k in range(4))
        since = (np.asarray(times)[None] + offset - start) % cycle
        red = np.where(since < green + YELLOW, LightStatus.YELLOW, LightStatus.RED)
        return np.where(since < green, LightStatus.GREEN, red).astype(np.uint8)


def plan_signals(
    rng: np.random.Generator, junctions: list[Junction], approaches: dict[str, Approach]
) -> SignalPlan:
    """Opposite arms share a phase (turns across it yield); in a split signal every arm has its own."""
    ids: list[str] = []
    rows: list[tuple[float, float, float, float]] = []
    for index, junction in enumerate(junctions):
        if junction.control not in ("signal", "split_signal"):
            continue
        groups = _groups(junction)
        greens = [_green_time(rng, junction, group, len(groups)) for group in groups]
        cycle = sum(greens) + len(groups) * (YELLOW + ALL_RED)
        offset = float(rng.uniform(0.0, cycle))
        starts = np.concatenate([[0.0], np.cumsum(np.array(greens) + YELLOW + ALL_RED)])
        for lane_id, approach in approaches.items():
            if approach.junction == index:
                phase = next(k for k, group in enumerate(groups) if approach.arm_in in group)
                ids.append(lane_id)
                rows.append((cycle, offset, float(starts[phase]), greens[phase]))
    return SignalPlan(tuple(ids), np.array(rows, float).reshape(-1, 4))


def _groups(junction: Junction) -> list[list[int]]:
    """Arms that have green together."""
    arms = list(range(len(junction.arms)))
    if junction.control == "split_signal":
        return [[arm] for arm in arms]
    groups: list[list[int]] = []
    while arms:
        first = arms.pop(0)
        angle = junction.arms[first].angle
        opposite = [a for a in arms if abs(wrap_angle(junction.arms[a].angle - angle)) > np.radians(145.0)]
        groups.append([first, *opposite[:1]])
        arms = [a for a in arms if a not in opposite[:1]]
    return groups


def _green_time(rng: np.random.Generator, junction: Junction, group: list[int], phases: int) -> float:
    major = any(junction.arms[a].major for a in group)
    low, high = (12.0, 18.0) if major else (9.0, 13.0)
    return float(rng.uniform(low, high)) * (0.8 if phases > 2 else 1.0)
