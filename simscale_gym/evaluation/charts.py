"""Charts of an evaluation as SVG."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from simscale_gym.errors import MissingExtraError
from simscale_gym.evaluation.evaluation import Evaluation
from simscale_gym.evaluation.rows import CODES
from simscale_gym.evaluation.worst import REASONS, reasons_of

COLORS = ("#1f6feb", "#d9480f", "#2f9e44", "#9c36b5", "#e67700", "#0c8599")
"""Of planners, in their order."""
CALIBRATION_COLORS = ("#343a40", "#868e96", "#ced4da")
_STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "simscale", "font.family": "sans-serif", "font.size": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#adb5bd", "axes.labelcolor": "#495057",
    "xtick.color": "#495057", "ytick.color": "#495057", "figure.facecolor": "none", "axes.facecolor": "none",
}  # fmt: skip


def colors_of(evaluation: Evaluation) -> dict[str, str]:
    """A colour for each planner."""
    own = [name for name in evaluation.planners if name not in evaluation.calibration]
    colors = {name: COLORS[n % len(COLORS)] for n, name in enumerate(own)}
    return colors | dict(zip(evaluation.calibration, CALIBRATION_COLORS, strict=False))


def interval_chart(evaluation: Evaluation, figures: Mapping[str, str]) -> str:
    """Means with their intervals of planners, a panel for each of ``figures`` (label by name) in per cent."""
    names, colors = evaluation.planners, colors_of(evaluation)
    height = 0.5 + 0.32 * len(names)
    with _chart(len(figures), 1, (5.6, height * len(figures) + 0.3)) as (axes, svg):
        for axis, (figure, label) in zip(axes, figures.items(), strict=True):
            for row, name in enumerate(names):
                if figure not in evaluation.measured[name]:
                    continue
                found = evaluation.interval(name, figure)
                axis.plot(
                    [100 * found.low, 100 * found.high], [row, row], color=colors[name], lw=6, alpha=0.35
                )
                axis.plot([100 * found.mean], [row], "o", color=colors[name], ms=6)
            axis.set(xlim=(-2, 102), ylim=(len(names) - 0.5, -0.5), yticks=range(len(names)))
            axis.set_yticklabels(names)
            axis.set_title(label, loc="left", fontsize=10, color="#212529", fontweight="bold")
            axis.grid(axis="x", color="#e9ecef")
            axis.set_axisbelow(True)
    return svg[0]


def subscore_chart(evaluation: Evaluation, stage: int) -> str:
    """Bars of mean subscores in a stage, a group for each subscore."""
    names, colors = evaluation.planners, colors_of(evaluation)
    width = 0.8 / len(names)
    with _chart(1, 1, (8.4, 2.6)) as (axes, svg):
        for n, name in enumerate(names):
            means = evaluation.subscores(name, stage)
            places = [k + (n - (len(names) - 1) / 2) * width for k in range(len(CODES))]
            axes[0].bar(places, [100 * means[c] for c in CODES], width * 0.92, color=colors[name], label=name)
        axes[0].set(xticks=range(len(CODES)), ylim=(0, 100))
        axes[0].set_xticklabels([code.upper() for code in CODES])
        axes[0].grid(axis="y", color="#e9ecef")
        axes[0].set_axisbelow(True)
    return svg[0]


def reason_chart(evaluation: Evaluation, names: Sequence[str]) -> str:
    """How often each reason lowers the score of plans off the log and of drives, in per cent of them."""
    colors, kinds = colors_of(evaluation), ("plans off the log", "drives")
    width = 0.8 / max(len(names), 1)
    with _chart(1, 2, (8.4, 2.9)) as (axes, svg):
        for axis, kind in zip(axes, kinds, strict=True):
            for n, name in enumerate(names):
                shares = _reason_shares(evaluation, name, kind)
                places = [k + (n - (len(names) - 1) / 2) * width for k in range(len(REASONS))]
                axis.barh(
                    places, [shares[reason] for reason in REASONS.values()], width * 0.92, color=colors[name]
                )
            axis.set(yticks=range(len(REASONS)), xlim=(0, 100), ylim=(len(REASONS) - 0.5, -0.5))
            axis.set_yticklabels(REASONS.values() if axis is axes[0] else [])
            axis.set_title(kind, loc="left", fontsize=10, color="#212529", fontweight="bold")
            axis.grid(axis="x", color="#e9ecef")
            axis.set_axisbelow(True)
    return svg[0]


def _reason_shares(evaluation: Evaluation, name: str, kind: str) -> Counter[str]:
    plans, drives = evaluation.of(name)
    if kind == "drives":
        found = [(1.0, dict(row.scores)) for row in drives]
    else:
        found = [(row.weight, dict(row.scores)) for row in plans if row.stage == 2]
    total, shares = sum(weight for weight, _ in found) or 1.0, Counter[str]()
    for weight, scores in found:
        for reason in reasons_of(scores):
            shares[reason] += 100.0 * weight / total
    return shares


@contextmanager
def _chart(rows: int, columns: int, size: tuple[float, float]) -> Iterator[tuple[list[Any], list[str]]]:
    """Axes to draw on, and a list that holds the SVG when the block has ended."""
    svg: list[str] = []
    with drawing(rows, columns, size) as (figure, axes):
        yield axes, svg
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    svg.append(text[text.index("<svg") :])


@contextmanager
def drawing(rows: int, columns: int, size: tuple[float, float]) -> Iterator[tuple[Any, list[Any]]]:
    """A matplotlib figure of a size [inch], and its axes, in the style of all charts.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        yield figure, list(figure.subplots(rows, columns, squeeze=False).flat)
