"""What became of every clip and every candidate: in, out, and rejected for which reason, stage by stage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

STAGES = (
    "scene",
    "clip",
    "bounds",
    "gate",
    "grid",
    "reactive",
    "expert",
    "label",
    "challenge",
    "sight",
    "render",
)
"""Stages in the order that a candidate goes through them. The first counts scenes, the second clips, all others count
candidates."""
OPTIONAL = ("scene", "challenge", "sight", "render")
"""Stages that not every run has: how hard clips are, what labels depend on and pictures are judged where asked for."""
SHARED = STAGES[:5]
"""Stages that come before the experts part ways; they are counted once, under no expert's name."""

IN, OUT = "in", "out"


@dataclass(frozen=True, eq=False)
class Flow:
    """What went through a stage.

    Attributes:
        entered: Number that came in.
        passed: Number that went on.
        rejected: Number that fell, by reason.
    """

    entered: int
    passed: int
    rejected: Counter[str]


@dataclass
class Telemetry:
    """Counts of one or many clips.

    Attributes:
        counts: Counts by (expert, round, stage, what), where what is "in", "out" or the reason of a rejection. Stages
            that all experts share stand under expert "" and round 0.
        ends: Number of clips without any sample of an expert, by (expert, the furthest stage that one of their
            candidates came to, the reason for which most of these fell).
        candidates: Number of candidates that passed the gate, for each clip that was fit.
        cells: Number of cells of the grid that were filled, for each clip that was fit.
    """

    counts: Counter[tuple[str, int, str, str]] = field(default_factory=Counter)
    ends: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    candidates: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)

    def one(self, stage: str, reason: str = "", *, expert: str = "", round_index: int = 0) -> None:
        """Count one that came to ``stage`` and fell for ``reason``, or passed where that is empty."""
        self.counts[expert, round_index, stage, IN] += 1
        self.counts[expert, round_index, stage, reason or OUT] += 1

    def many(self, stage: str, reasons: NDArray[np.str_]) -> None:
        """Count all that came to a shared ``stage``: ``reasons [P]``, empty for those that passed."""
        self.counts["", 0, stage, IN] += len(reasons)
        for reason, count in zip(*np.unique(reasons, return_counts=True), strict=True):
            self.counts["", 0, stage, str(reason) or OUT] += int(count)

    def flow(self, stage: str, *, expert: str = "", round_index: int | None = None) -> Flow:
        """What went through ``stage``; of all rounds together where ``round_index`` is None."""
        found: Counter[str] = Counter()
        for (who, k, where, what), count in self.counts.items():
            if who == expert and where == stage and round_index in (None, k):
                found[what] += count
        entered, passed = found.pop(IN, 0), found.pop(OUT, 0)
        return Flow(entered, passed, found)

    def accepted(self, expert: str, round_index: int | None = None) -> int:
        """Samples of ``expert``."""
        label, sight, render = (
            self.flow(stage, expert=expert, round_index=round_index) for stage in ("label", "sight", "render")
        )
        return label.passed - sight.rejected.total() - render.rejected.total()

    @property
    def clips(self) -> int:
        """Number of clips that were tried."""
        return self.counts["", 0, "clip", IN]

    def add(self, other: Telemetry) -> None:
        """Count what ``other`` counted as well."""
        self.counts.update(other.counts)
        self.ends.update(other.ends)
        self.candidates += other.candidates
        self.cells += other.cells
