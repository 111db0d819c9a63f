"""The reward, term by term: weighted driving terms, or the gain of the running EPDMS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simscale_gym.envs.drive import Drive
from simscale_gym.metrics.score import AVERAGED, COLUMNS, MULTIPLIERS, WEIGHTS
from simscale_gym.scene import DT, StateIndex


@dataclass(frozen=True)
class RewardConfig:
    """Weights of the driving reward's terms (all per environment step, unless said).

    Attributes:
        progress: Weight per metre gained along the route.
        lane: Weight per second and metre that the rear axle is off the route's line beyond ``lane_slack``.
        comfort: Weight per second, times the excess over comfortable acceleration and yaw rate (relative).
        speed: Weight per second, times the share by which the speed limit is exceeded.
        collision: Reward given once, at an at-fault collision.
        off_road: Reward given once, on leaving the road.
        goal: Reward given once, on arrival.
        lane_slack: Free lateral deviation [m].
        max_acceleration: Comfortable longitudinal acceleration [m/s^2] (NAVSIM's limits are -4.05 and 2.40).
        max_yaw_rate: Comfortable yaw rate [rad/s] (NAVSIM: 0.95).
    """

    progress: float = 0.1
    lane: float = -0.2
    comfort: float = -0.2
    speed: float = -0.5
    collision: float = -10.0
    off_road: float = -10.0
    goal: float = 5.0
    lane_slack: float = 0.5
    max_acceleration: float = 2.4
    max_yaw_rate: float = 0.95

    def terms(self, before: Drive, after: Drive) -> dict[str, float]:
        """The weighted terms of the step from ``before`` to ``after``; the step's reward is their sum."""
        ego, view, outcome = after.state.ego, after.view, after.outcome
        seconds = (after.steps - before.steps) * DT
        excess = max(0.0, abs(float(ego[StateIndex.AX])) / self.max_acceleration - 1.0)
        excess += max(0.0, abs(float(ego[StateIndex.YAW_RATE])) / self.max_yaw_rate - 1.0)
        speeding = max(0.0, float(ego[StateIndex.VX]) / view.limit_along - 1.0) if view.limit_along else 0.0
        return {
            "progress": self.progress * (view.arc - before.view.arc),
            "lane": self.lane * seconds * max(0.0, abs(view.offset) - self.lane_slack),
            "comfort": self.comfort * seconds * excess,
            "speed": self.speed * seconds * speeding,
            "collision": self.collision * bool(outcome.at_fault),
            "off_road": self.off_road * outcome.left_road,
            "goal": self.goal * outcome.arrived,
        }


@dataclass(frozen=True)
class EpdmsRewardConfig:
    """Reward that pays each step what it changed of the EPDMS of the drive so far.

    The first step is paid the whole score that the drive then has, so that over an episode the rewards add up to its
    final score: an undiscounted return is the EPDMS, and a fault costs at once what it takes from the total. The
    terms, by NAVSIM's column names, split the score: each averaged subscore gives its weighted share, each multiplier
    (0 or less) what it takes of the rest.

    Attributes:
        scale: Factor of all terms.
    """

    scale: float = 1.0

    def terms(self, before: Drive, after: Drive) -> dict[str, float]:
        """The change of each part of the score from ``before`` to ``after``; the step's reward is their sum."""
        now = score_parts(after.subscores)
        then = score_parts(before.subscores) if before.steps else dict.fromkeys(now, 0.0)
        return {name: self.scale * (value - then[name]) for name, value in now.items()}


def score_parts(scores: Mapping[str, float]) -> dict[str, float]:
    """What each subscore contributes to the EPDMS, by NAVSIM's column names; they add up to it.

    Args:
        scores: Subscores by EPDMS code, extended comfort excepted.
    """
    weight = sum(WEIGHTS[code] for code in AVERAGED)
    parts = {COLUMNS[code]: WEIGHTS[code] * scores[code] / weight for code in AVERAGED}
    left = sum(parts.values())
    for code in MULTIPLIERS:
        parts[COLUMNS[code]] = left * (scores[code] - 1.0)
        left *= scores[code]
    return parts


REWARDS = {"driving": RewardConfig, "epdms": EpdmsRewardConfig}
"""Presets by name."""
