"""What is asked about a moment: which perturbations there are and what becomes of them, what experts would do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from simscale_gym.agents.experts import make_expert, needs_bank
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.browser.fates import COLORS, FateLines, fate_rows
from simscale_gym.browser.panel import Panel, plan_color, sentence, table
from simscale_gym.browser.plans import JudgedPlan, judged_plans
from simscale_gym.browser.subject import Subject
from simscale_gym.futures_bank import bank_of, vocabulary_for
from simscale_gym.perturbation import Fates, clip_fates
from simscale_gym.scene import DT


class Questions:
    """Questions about a subject, and how the window shows the answers.

    Args:
        root: A ``viser.SceneApi``.
        panel: The panel of the window.
        subject: The subject.
    """

    def __init__(self, root: Any, panel: Panel, subject: Subject) -> None:
        self._root, self._panel, self._subject = root, panel, subject
        self.fates: Fates | None = None
        self._lines: FateLines | None = None

    @cached_property
    def vocabulary(self) -> HumanFutures:
        """The vocabulary of the subject's source."""
        return vocabulary_for([self._subject.ref])

    @cached_property
    def _bank(self) -> HumanFutures:
        return bank_of([self._subject.ref])

    def search(self, step: int) -> Fates:
        """The fates of perturbations that leave the log at the time of state ``step``.

        Raises:
            SceneError: The log does not last long enough from there.
        """
        panel, subject = self._panel, self._subject
        frame = subject.states[step].frame
        with panel.busy(f"searching perturbations at {frame * DT:.1f} s"):
            planner, traffic = PlannerExpert(), make_traffic("idm")
            self.fates = clip_fates(subject.scene, frame, self.vocabulary, planner, traffic)
        if self._lines is not None:
            self._lines.remove()
        self._lines = FateLines(self._root, subject.scene, self.fates)
        for stage, box in panel.stages.items():
            box.visible = bool((self.fates.stages == stage).any())
            self._lines.show_stage(stage, box.value)
        self._lines.show(panel.layers["perturbations"].value)
        rows = fate_rows(self.fates)
        colors = [COLORS.get(row[0]) for row in rows]
        panel.fates.content = table(("stage", "", "most often for"), [row[1:] for row in rows], colors)
        panel.candidate.max = len(self.fates.stages)
        panel.candidate.visible = panel.fate.visible = True
        return self.fates

    def ask(self, step: int) -> list[JudgedPlan]:
        """Plans of the experts that are ticked at state ``step``, with their subscores."""
        panel, at = self._panel, self._subject.time(step)
        names = [name for name, box in panel.experts.items() if box.value]
        with panel.busy(f"planning at {at:.1f} s"):
            experts = [make_expert(name, self._bank if needs_bank(name) else None) for name in names]
            plans = judged_plans(self._subject, step, experts)
        panel.plans.content = _plan_table(plans, at)
        return plans

    def pick(self, number: int) -> None:
        """Make the trajectory stand out that is ``number`` in order of fates, 1 the first; say what becomes of it."""
        if self._lines is not None and number:
            order = [list(COLORS).index(stage) for stage in self.fates.stages.tolist()]
            row = int(np.argsort(order, kind="stable")[number - 1])
            self._panel.fate.content = sentence(self._lines.pick(row))

    def show(self, visible: bool) -> None:
        """Show or hide all perturbations."""
        if self._lines is not None:
            self._lines.show(visible)

    def show_stage(self, stage: str, visible: bool) -> None:
        """Show or hide those that fall at ``stage``."""
        if self._lines is not None:
            self._lines.show_stage(stage, visible)


def _plan_table(plans: Sequence[JudgedPlan], at: float) -> str:
    if not plans:
        return sentence("No expert is ticked.")
    rows = [
        [
            plan.expert + ("" if plan.plan.valid else " (not valid)"),
            *map("{:.2f}".format, plan.subscores().values()),
        ]
        for plan in plans
    ]
    codes, colors = list(plans[0].subscores()), [plan_color(plan.expert) for plan in plans]
    note = f"Plans at {at:.1f} s, driven for 4 s among the others; 1 is best."
    return table(("expert", *codes), rows, colors) + sentence(note)
