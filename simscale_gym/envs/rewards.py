"""The reward, term by term: weighted driving terms, or the gain of the running EPDMS."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields

import numpy as np

from simscale_gym.envs.drive import Drive
from simscale_gym.envs.reward_kernel import TERMS, fill_terms
from simscale_gym.metrics.score import AVERAGED, COLUMNS, MULTIPLIERS, WEIGHTS
from simscale_gym.scene import DT


@dataclass(frozen=True)
class RewardConfig:
    """Weights of the driving reward: dense terms whose best drive is one that EPDMS likes.

    ``python benchmarks/rewards.py`` holds the returns of simple drivers against the planner's, scene by scene. Nothing
    is paid or charged to who stands, so that no state is so bad that ending it pays; and no fault is worth its gain.

    Attributes:
        progress: Weight per metre gained along the way.
        lane: Weight per metre driven, times metres that the rear axle is off the way beyond ``lane_slack``, of which 2
            count: less than progress, so that driving back pays and waiting beside the way is no fault.
        comfort: Weight per second, times the excess over the comfortable limits below (relative, of each at most 1).
        speed: Weight per metre driven that the speed limit does not allow: twice progress, so that speeding never pays.
        collision: Reward given once, at an at-fault collision: more than progress can pay in 8 s at 50 km/h (11).
        off_road: Reward given once, on leaving the road; as much.
        red_light: Reward given once, on a closed lane (TLC falls to 0): as much, as EPDMS is 0 from there on.
        direction: Reward given once DDC falls to 0 for driving against the traffic (half of it at 0.5).
        time_to_collision: Reward given once, when the ego is first less than a second from a collision: a third of
            what an 8 s drive pays, which is TTC's share of EPDMS.
        goal: Reward given once, on arrival: little, as the way there is paid and nothing is to be gained by rushing.
        lane_slack: Free lateral deviation [m]; that of LK.
        max_acceleration, max_braking, max_jerk: Comfortable longitudinal acceleration, deceleration [m/s^2] and jerk
            [m/s^3]: NAVSIM's limits, which HC asks of the smoothed drive.
        max_yaw_rate, max_yaw_acceleration: Comfortable yaw rate [rad/s] and yaw acceleration [rad/s^2]; likewise.
    """

    progress: float = 0.1
    lane: float = -0.04
    comfort: float = -0.2
    speed: float = -0.2
    collision: float = -15.0
    off_road: float = -15.0
    red_light: float = -15.0
    direction: float = -15.0
    time_to_collision: float = -2.0
    goal: float = 1.0
    lane_slack: float = 0.5
    max_acceleration: float = 2.4
    max_braking: float = 4.05
    max_jerk: float = 4.13
    max_yaw_rate: float = 0.95
    max_yaw_acceleration: float = 1.93

    def terms(self, before: Drive, after: Drive) -> dict[str, float]:
        """The weighted terms of the step from ``before`` to ``after``; the step's reward is their sum."""
        view, outcome, out = after.view, after.outcome, np.empty(len(TERMS))
        lost = {code: before.subscores[code] - after.subscores[code] for code in ("tlc", "ddc", "ttc")}
        fill_terms(
            out, self.weights, before.state.ego, after.state.ego, (after.steps - before.steps) * DT,
            view.arc - before.view.arc, view.offset, view.limit_along, bool(outcome.at_fault), outcome.left_road,
            lost["tlc"], lost["ddc"], lost["ttc"], outcome.arrived,
        )  # fmt: skip
        return dict(zip(TERMS, out.tolist(), strict=True))

    @property
    def weights(self) -> RewardWeights:
        """The fields as the kernel takes them."""
        return RewardWeights(*map(float, astuple(self)))


RewardWeights = namedtuple("RewardWeights", [field.name for field in fields(RewardConfig)])
"""The fields of :class:`RewardConfig` as a tuple of floats with names, which kernels read."""


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
