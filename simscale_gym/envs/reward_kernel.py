"""The kernel that weighs what one step was worth, term by term."""

from __future__ import annotations

from numba import njit

from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.sim.kinematics import AX, VX, YAW_ACC, YAW_RATE

TERMS = (
    "progress", "lane", "comfort", "speed", "collision", "off_road", "red_light", "direction", "time_to_collision",
    "goal",
)  # fmt: skip
"""Terms of the driving reward, in the kernel's order."""

_MOST_BESIDE = 2.0  # [m] beside the way, beyond the slack, that count


@njit(cache=True, nogil=True)
def fill_terms(
    out, weights, before, after, seconds, gained, offset, limit, at_fault, left_road, lost_tlc, lost_ddc, lost_ttc,
    arrived,
):  # fmt: skip
    """Write the terms (:data:`TERMS`) of a step to ``out [10]``.

    Args:
        out: Row that is written.
        weights: :class:`simscale_gym.envs.rewards.RewardWeights`.
        before: ``[11]`` the ego before the step.
        after: ``[11]`` the ego after it.
        seconds: Time between them [s]; nothing but events counts where it is 0.
        gained: Way gained along the route [m].
        offset: Offset of the rear axle from the way [m].
        limit: Speed limit of the lanes that run along the ego [m/s], 0 where none is known.
        at_fault: Whether there was a collision at fault.
        left_road: Whether the ego left the road.
        lost_tlc: By how much TLC fell.
        lost_ddc: By how much DDC fell.
        lost_ttc: By how much TTC fell.
        arrived: Whether the ego reached the goal.
    """
    driven = abs(after[VX]) * seconds
    out[0] = weights.progress * gained
    out[1] = weights.lane * driven * min(max(abs(offset) - weights.lane_slack, 0.0), _MOST_BESIDE)
    out[2] = weights.comfort * seconds * _discomfort(weights, before, after, seconds)
    out[3] = weights.speed * max(0.0, after[VX] - limit) * seconds if limit > 0.0 else 0.0
    out[4] = weights.collision * at_fault
    out[5] = weights.off_road * left_road
    out[6] = weights.red_light * lost_tlc
    out[7] = weights.direction * lost_ddc
    out[8] = weights.time_to_collision * lost_ttc
    out[9] = weights.goal * arrived


@borrowing
def _discomfort(weights, before, after, seconds) -> float:
    """Sum of the relative excesses over the comfortable limits, of each at most 1."""
    if seconds <= 0.0:
        return 0.0
    jerk = abs(after[AX] - before[AX]) / seconds
    along = max(after[AX] / weights.max_acceleration, -after[AX] / weights.max_braking)
    turning = max(
        abs(after[YAW_RATE]) / weights.max_yaw_rate, abs(after[YAW_ACC]) / weights.max_yaw_acceleration
    )
    return _excess(along) + _excess(jerk / weights.max_jerk) + _excess(turning)


@borrowing
def _excess(share) -> float:
    return min(max(share - 1.0, 0.0), 1.0)
