"""Where a planner failed, as a suite of its own: to look at, to train against, to ask the next planner."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation.evaluation import Evaluation
from simscale_gym.evaluation.figures import group_scores
from simscale_gym.evaluation.suite import Suite

POOR = 0.5
"""Two-stage EPDMS of a group below which a planner has failed there."""


def failed_suite(evaluation: Evaluation, planner: str | None = None, below: float = POOR) -> Suite:
    """The groups that a planner scores less than ``below`` in, and the drives that it does not bring to a good end.

    What it is trained on with several seeds counts by the mean of these.

    Args:
        evaluation: What came of its evaluation.
        planner: Its name; the first one's if None.
        below: EPDMS of a group, 0 to 1.

    Raises:
        ArgumentError: There is no such planner, or it fails nowhere.
    """
    name = planner or evaluation.planners[0]
    if name not in evaluation.planners:
        raise ArgumentError(f"planner: {name!r}, expected one of {', '.join(evaluation.planners)}.")
    plans, drives = evaluation.of(name)
    scores: dict[tuple[str, int], list[float]] = defaultdict(list)
    for (_, scene, number), group in group_scores(plans).items():
        scores[scene, number].append(float((np.asarray(group.first) * group.second_means).mean()))
    kept: dict[str, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for (scene, number), values in scores.items():
        if np.mean(values) < below:
            kept[scene][0].add(number)
    for drive in drives:
        if not drive.success:
            kept[drive.scene][1].add(drive.drive)
    suite = evaluation.suite
    if not kept:
        raise ArgumentError(
            f"planner {name!r} fails nowhere on {suite.name!r}: there is no suite of it to save."
        )
    return suite.only(
        f"{suite.name}-failures", f"Where {name} failed on {suite.name} ({suite.digest}).", kept
    )
