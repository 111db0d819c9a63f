"""The figures of a table, each from rows: what it is called, which way is better, and its items."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simscale_gym.evaluation.queries import NOW
from simscale_gym.evaluation.rows import CODES, DriveRow, PlanRow
from simscale_gym.metrics import StageGroup, total_score

Item = tuple[int, str, float]
"""Seed, scene, value: one for each group of a scene or, of :data:`DRIVE_FIGURES`, each drive, in their order."""


@dataclass(frozen=True)
class Figure:
    """A column of a table.

    Attributes:
        label: Its heading.
        about: What it is, in a sentence.
        unit: "%" where a share is shown in per cent, "m", or "".
        higher: Whether more is better.
    """

    label: str
    about: str
    unit: str = "%"
    higher: bool = True


FIGURES = {
    "epdms": Figure("EPDMS", "Two-stage pseudo-simulation: mean over groups of first times second stage."),
    "stage_one": Figure("stage 1", "EPDMS of plans on the log, human filter included."),
    "stage_two": Figure(
        "stage 2", "EPDMS of plans off the log, weighted by where the first stage's plan ended."
    ),
    "one_stage": Figure(
        "one-stage", "EPDMS of plans on the log as on navtest: extended comfort where a plan preceded."
    ),
    "ade": Figure("ADE", "Average distance of plans from the log's future over 4 s.", "m", False),
    "fde": Figure("FDE", "Distance of their ends from it.", "m", False),
    "ec_one": Figure("EC 1", "Extended comfort on the log: plans half a second apart that are alike."),
    "ec_two": Figure("EC 2", "Likewise off the log, weighted as the score is."),
    "drive": Figure("drive", "EPDMS of drives in closed loop, without extended comfort."),
    "success": Figure("success", "Drives without fault that came at least half as far as the human."),
    "collision": Figure("collided", "Drives with an at-fault collision.", "%", False),
    "off_road": Figure("off road", "Drives that left the drivable area.", "%", False),
    "progress": Figure("progress", "Way of drives relative to the human's."),
    "comfort": Figure("comfort", "Drives within the bounds of comfort."),
}
"""Figures by name, in the order of the table."""

DRIVE_FIGURES = ("drive", "success", "collision", "off_road", "progress", "comfort")
"""Those of drives in closed loop."""


def figure_items(plans: Sequence[PlanRow], drives: Sequence[DriveRow]) -> dict[str, list[Item]]:
    """Items of each figure, from the rows of one planner; figures that nothing is known of are left out."""
    items = {**_group_items(plans), **_log_items(plans), **_drive_items(drives)}
    return {name: items[name] for name in FIGURES if items.get(name)}


def subscore_means(plans: Sequence[PlanRow], stage: int) -> dict[str, float]:
    """Mean of each subscore in a stage, by EPDMS code; in the second weighted as the score is."""
    rows = [row for row in plans if row.stage == stage]
    weights = np.array([row.weight for row in rows])
    return {
        code: float((np.array([row.scores[code] for row in rows]) * weights).sum() / weights.sum())
        for code in CODES
    }


def group_scores(plans: Sequence[PlanRow]) -> dict[tuple[int, str, int], StageGroup]:
    """NAVSIM's groups by (seed, scene, number of the group)."""
    first: dict[tuple[int, str, int], dict[str, float]] = defaultdict(dict)
    second: dict[tuple[int, str, int], dict[int, dict[str, PlanRow]]] = defaultdict(lambda: defaultdict(dict))
    for row in plans:
        key = row.seed, row.scene, row.group
        if row.stage == 1:
            first[key][row.member] = row.score
        else:
            second[key][row.start][row.member] = row
    groups = {}
    for key, pair in first.items():
        starts = [_both(rows) for _, rows in sorted(second[key].items())]
        scores = np.array([[row.score for row in rows] for rows in starts])
        weights = np.array([[row.weight for row in rows] for rows in starts])
        groups[key] = StageGroup(np.array(_both(pair)), scores, weights)
    return groups


def _both(pair: dict) -> tuple:
    (before,) = (value for member, value in pair.items() if member != NOW)
    return pair[NOW], before


def _group_items(plans: Sequence[PlanRow]) -> dict[str, list[Item]]:
    items: dict[str, list[Item]] = {"epdms": [], "stage_one": [], "stage_two": []}
    for (seed, scene, _), group in group_scores(plans).items():
        first, second = np.asarray(group.first), group.second_means
        for name, values in (("epdms", first * second), ("stage_one", first), ("stage_two", second)):
            items[name].append((seed, scene, float(values.mean())))
    return items


def _log_items(plans: Sequence[PlanRow]) -> dict[str, list[Item]]:
    """Means over the two moments of a group on the log, and extended comfort, which pairs share."""
    groups: dict[tuple[int, str, int], list[PlanRow]] = defaultdict(list)
    for row in plans:
        groups[row.seed, row.scene, row.group].append(row)

    def of(value) -> list[Item]:
        return [(seed, scene, float(value(rows))) for (seed, scene, _), rows in groups.items()]

    return {
        "one_stage": of(lambda rows: np.mean([_one_stage(row) for row in rows if row.stage == 1])),
        "ade": of(lambda rows: np.mean([row.ade for row in rows if row.stage == 1])),
        "fde": of(lambda rows: np.mean([row.fde for row in rows if row.stage == 1])),
        "ec_one": of(lambda rows: subscore_means(rows, 1)["ec"]),
        "ec_two": of(lambda rows: subscore_means(rows, 2)["ec"]),
    }


def _one_stage(row: PlanRow) -> float:
    """EPDMS by navtest's rule: of a pair, only the later plan has one before it to be compared with."""
    codes = row.scores
    product = codes["nc"] * codes["dac"] * codes["ddc"] * codes["tlc"]
    ec = codes["ec"] if row.member == NOW else None
    return float(total_score(product, codes["ep"], codes["ttc"], codes["lk"], codes["hc"], ec))


def _drive_items(drives: Sequence[DriveRow]) -> dict[str, list[Item]]:
    def of(value) -> list[Item]:
        return [(row.seed, row.scene, float(value(row))) for row in drives]

    return {
        "drive": of(lambda row: row.score),
        "success": of(lambda row: row.success),
        "collision": of(lambda row: row.scores["nc"] < 1.0),
        "off_road": of(lambda row: row.scores["dac"] < 1.0),
        "progress": of(lambda row: row.scores["ep"]),
        "comfort": of(lambda row: row.scores["hc"]),
    }
