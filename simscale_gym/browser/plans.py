"""Plans of experts at a moment, driven and judged: what EPDMS says of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import Expert, ExpertPlan
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.browser.subject import Color, Subject
from simscale_gym.metrics import Scores
from simscale_gym.metrics.score import COLUMNS
from simscale_gym.one_line import one_line
from simscale_gym.scoring.segment import drive_segment

Array = NDArray[np.float64]

COLORS: dict[str, Color] = {
    "planner": (90, 240, 120),
    "recovery": (255, 120, 200),
    "unified": (90, 200, 255),
    "log": (255, 225, 90),
}
"""Color of each expert's plan."""

_CODES = tuple(code for code in COLUMNS if code != "ec")  # extended comfort compares two plans


@dataclass(frozen=True, eq=False)
class JudgedPlan:
    """A plan and what it is worth.

    Attributes:
        expert: Name of the expert.
        plan: The plan.
        poses: ``[41, 3]`` of the plan, scene frame, the present one first.
        driven: ``[41, 3]`` what the ego drives along it.
        scores: Subscores of that drive among reacting traffic.
    """

    expert: str
    plan: ExpertPlan
    poses: Array
    driven: Array
    scores: Scores

    __repr__ = one_line

    def subscores(self) -> dict[str, float]:
        """Subscores by EPDMS code in capitals, and their total as ``EPDMS``."""
        values = {code.upper(): float(getattr(self.scores, code)[0]) for code in _CODES}
        return values | {"EPDMS": float(self.scores.total[0])}


def judged_plans(subject: Subject, step: int, experts: Sequence[Expert]) -> list[JudgedPlan]:
    """Plans of experts at state ``step``, each driven among the subject's traffic, beside PDM-Closed's progress."""
    scene, traffic = subject.scene, make_traffic(subject.traffic)
    begin = subject.begin(step, traffic)
    past = [*subject.past(step)[:-1], begin]
    reference = reference_drive(scene, begin, PlannerExpert())
    judged = []
    for expert in experts:
        plan = expert.plan(scene, begin, traffic)
        poses = plan.poses_world(begin.ego)
        segment = drive_segment(scene, traffic, past, poses, reference)
        driven = np.stack([state.ego[:3] for state in segment.states])
        judged.append(JudgedPlan(expert.name, plan, poses, driven, segment.scores))
    return judged
