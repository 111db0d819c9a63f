"""Outcomes as rows: a plan at a moment, a drive in closed loop; with NAVSIM's names where it has some."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.metrics import COLUMNS
from simscale_gym.one_line import one_line

CODES = tuple(COLUMNS)
"""Subscores, by EPDMS code."""


@dataclass(frozen=True)
class PlanRow:
    """A plan at a moment.

    Attributes:
        planner: Name of the planner.
        seed: Number of its seed.
        scene: Id of the scene.
        token: Name of the moment in the suite.
        group: Number of the group in its scene.
        start: Number of the start in its group; -1 on the log (first stage).
        member: "now", or "previous" half a second before.
        place: x, y [m] of the ego at the moment, scene frame.
        end: x, y [m] where the plan ends, scene frame.
        weight: Of a second-stage start: its share in the score of its group.
        scores: Subscores by EPDMS code.
        score: EPDMS.
        ade: Average distance from the log's future [m]; None off the log.
        fde: Final distance from it [m]; None off the log.
    """

    planner: str
    seed: int
    scene: str
    token: str
    group: int
    start: int
    member: str
    place: tuple[float, float]
    end: tuple[float, float]
    weight: float
    scores: Mapping[str, float]
    score: float
    ade: float | None = None
    fde: float | None = None

    __repr__ = one_line

    @property
    def stage(self) -> int:
        """1 on the log, 2 off it."""
        return 1 if self.start < 0 else 2

    def navsim(self) -> dict[str, Any]:
        """The row of NAVSIM's two-stage table: its columns, in the frame of the scene."""
        named = {name: self.scores[code] for code, name in COLUMNS.items()}
        return {
            "token": self.token,
            "valid": True,
            **named,
            "score": self.score,
            "weight": self.weight,
            "start_point_x": self.place[0],
            "start_point_y": self.place[1],
            "endpoint_x": self.end[0],
            "endpoint_y": self.end[1],
        }

    def flat(self) -> dict[str, Any]:
        """The row of our own table."""
        mine = {
            name: getattr(self, name) for name in ("planner", "seed", "scene", "group", "start", "member")
        }
        return mine | {"stage": self.stage, **self.navsim(), "ade": self.ade, "fde": self.fde}


@dataclass(frozen=True)
class DriveRow:
    """A drive in closed loop.

    Attributes:
        planner: Name of the planner.
        seed: Number of its seed.
        scene: Id of the scene.
        drive: Number of the drive in its scene.
        seconds: How long it lasted [s].
        ending: Why it ended, as of :attr:`simscale_gym.envs.Episode.ending`.
        scores: Subscores of the drive by EPDMS code; extended comfort compares plans, of which a drive has none.
        score: EPDMS of the drive.
        success: Nobody hit, never off the road, no red light run, and half of the human's way at least.
        egos: States of the ego, 11 numbers each (:class:`simscale_gym.scene.StateIndex`), 0.1 s apart, since the log
            was left: from them the others follow (:func:`simscale_gym.evaluation.drive_states`).
    """

    planner: str
    seed: int
    scene: str
    drive: int
    seconds: float
    ending: str
    scores: Mapping[str, float]
    score: float
    success: bool
    egos: tuple[tuple[float, ...], ...] = field(default=(), repr=False)

    __repr__ = one_line

    def flat(self) -> dict[str, Any]:
        """The row of a table."""
        own = (item.name for item in fields(self) if item.name not in ("scores", "score", "egos"))
        plain = {name: getattr(self, name) for name in own}
        return plain | {COLUMNS[code]: value for code, value in self.scores.items()} | {"score": self.score}


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of equal keys as CSV; what is None stays empty.

    Raises:
        DataError: The file cannot be written.
    """
    rows = list(rows)
    with atomic_write(path) as built, open(built, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows({key: _text(value) for key, value in row.items()} for row in rows)


def _text(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
