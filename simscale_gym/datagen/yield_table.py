"""Tables of what a run yields, beside what the paper's did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from simscale_gym.datagen.rollouts import ROLLOUT
from simscale_gym.perturbation.telemetry import OPTIONAL, SHARED, STAGES, Flow, Telemetry

PAPER_CLIPS = 103_288
"""Clips of navtrain, which SimScale (arXiv 2511.23369) starts from."""
PAPER_SAMPLES = {
    "planner": (65_026, 55_471, 46_261, 38_412, 32_202),
    "recovery": (44_866, 35_900, 27_872, 21_677, 16_973),
}
"""Samples of its released rounds, after its filter of renderings as well."""


def yield_table(telemetry: Telemetry, experts: Sequence[str], rounds: int) -> Table:
    """Samples by expert and round, as a share of all clips and of the round before."""
    table = Table(title=f"yield of {telemetry.clips} clips")
    for name in ("expert", "round", "clips", "samples", "yield", "paper", "of the round before", "paper"):
        table.add_column(name, justify="left" if name == "expert" else "right")
    for expert in experts:
        before = telemetry.clips
        for k in range(rounds):
            accepted = telemetry.accepted(expert, k)
            published = _published(expert, k)
            row = (before, accepted, _share(accepted, telemetry.clips), published[0])
            kept = (_share(accepted, before) if k else "", published[1])
            table.add_row(
                expert if not k else "", *map(str, (k + 1, *row, *kept)), end_section=k + 1 == rounds
            )
            before = accepted
    return table


def stage_table(telemetry: Telemetry, experts: Sequence[str]) -> Table:
    """A row for every stage: what went in, what came out, and what was rejected by reason."""
    table = Table(title="what became of clips and candidates")
    for name in ("stage", "expert", "in", "out", "passed", "rejected, by reason"):
        table.add_column(
            name, justify="right" if name in ("in", "out", "passed") else "left", overflow="fold"
        )
    for stage in STAGES:
        unasked = stage in OPTIONAL or not telemetry.clips
        if unasked and not any(telemetry.flow(stage, expert=name).entered for name in ("", *experts)):
            continue  # nobody asked
        for expert in ("",) if stage in SHARED else experts:
            flow = telemetry.flow(stage, expert=expert)
            passed = _share(flow.passed, flow.entered)
            table.add_row(stage, expert, str(flow.entered), str(flow.passed), passed, _reasons(flow))
    return table


def summary(telemetry: Telemetry, seconds: Sequence[float]) -> str:
    """Candidates, cells and time of a clip, in one line."""
    candidates, cells = (
        np.median(values) if values else 0 for values in (telemetry.candidates, telemetry.cells)
    )
    return (
        f"a clip: {candidates:.0f} candidates past the gate, {cells:.0f} cells filled (medians); "
        f"{np.median(seconds):.2f} s (median), {np.mean(seconds):.2f} s (mean)"
    )


def ends_of_rollouts(telemetry: Telemetry) -> str:
    """How many rollouts there were, and how they ended, in one line."""
    ends = telemetry.flow(ROLLOUT).rejected
    return f"{ends.total()} rollouts ended: " + ", ".join(f"{how} {n}" for how, n in ends.most_common())


def _published(expert: str, k: int) -> tuple[str, str]:
    samples = PAPER_SAMPLES.get(expert, ())
    if k >= len(samples):
        return "", ""
    return _share(samples[k], PAPER_CLIPS), _share(samples[k], samples[k - 1]) if k else ""


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _reasons(flow: Flow) -> str:
    fell = flow.rejected.total()
    return ", ".join(f"{why} {n} ({100 * n / fell:.0f} %)" for why, n in flow.rejected.most_common())
