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

YELLOW, ALL_RED = 4.0, 1.0
"""Duration of yellow, and of the pause in which every light of a junction is red [s]. Drivers are out of the junction
before red, so that the pause can be short."""
HEAD_START = 6.0
"""By which the first of two opposite arms has green earlier, and loses it earlier [s]."""


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
    """Opposite arms share a phase, the second later than the first by HEAD_START; in a split signal each has its own.

    While only one of two opposite arms has green, its left turns need not wait for anybody.
    """
    ids: list[str] = []
    rows: list[tuple[float, float, float, float]] = []
    for index, junction in enumerate(junctions):
        if junction.control not in ("signal", "split_signal"):
            continue
        begin, greens = 0.0, {}
        for group in _groups(junction):
            green = _green_time(rng, junction, group)
            greens |= {arm: (begin + HEAD_START * k, green) for k, arm in enumerate(group)}
            begin += green + HEAD_START * (len(group) - 1) + YELLOW + ALL_RED
        offset = float(rng.uniform(0.0, begin))
        for lane_id, approach in approaches.items():
            if approach.junction == index:
                ids.append(lane_id)
                rows.append((begin, offset, *greens[approach.arm_in]))
    return SignalPlan(tuple(ids), np.array(rows, float).reshape(-1, 4))


def _groups(junction: Junction) -> list[list[int]]:
    """Arms that have green together, or nearly."""
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


def _green_time(rng: np.random.Generator, junction: Junction, group: list[int]) -> float:
    major = any(junction.arms[a].major for a in group)
    low, high = (20.0, 26.0) if major else (16.0, 20.0)
    return float(rng.uniform(low, high))
