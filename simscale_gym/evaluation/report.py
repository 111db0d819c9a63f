"""An evaluation as one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
import io
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from PIL import Image

import simscale_gym
from simscale_gym.errors import MissingExtraError
from simscale_gym.evaluation.charts import colors_of, interval_chart, reason_chart, subscore_chart
from simscale_gym.evaluation.entrants import AgentOrMaker, Sensing, entrants_of
from simscale_gym.evaluation.evaluation import Evaluation
from simscale_gym.evaluation.figures import DRIVE_FIGURES, FIGURES
from simscale_gym.evaluation.judging import SceneTask
from simscale_gym.evaluation.queries import suite_refs
from simscale_gym.evaluation.statistics import Interval
from simscale_gym.evaluation.worst import Strip, worst_strips
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.scene import Scene

TEMPLATE = Path(__file__).parent / "report.html.j2"
PAGE = "index.html"
_QUALITY = 80  # of pictures in the page
_PACKAGES = ("numpy", "numba", "scipy", "torch", "stable-baselines3")


@dataclass(frozen=True)
class ReportConfig:
    """What a page shows.

    Attributes:
        command: Command that repeats the evaluation.
        plans: Worst scenes of each planner that are shown.
        drives: Failed drives of each planner that are shown.
    """

    command: str = ""
    plans: int = 3
    drives: int = 2


def write_report(
    evaluation: Evaluation,
    planners: AgentOrMaker | Mapping[str, AgentOrMaker | Sequence[AgentOrMaker]],
    folder: Path,
    *,
    scenes: str | Sequence[Scene] | None = None,
    sensing: Sensing | None = None,
    config: ReportConfig | None = None,
) -> Path:
    """Write the page of an evaluation; planners are asked again where they did worst.

    Args:
        evaluation: What came of it.
        planners: As :func:`~simscale_gym.evaluation.evaluate` was given them.
        folder: Folder to write ``index.html`` to.
        scenes: As it was given.
        sensing: As it was given.
        config: What the page shows; None for the default.

    Returns:
        The page.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
        DataError: The page cannot be written.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("jinja2", "report") from error
    config, suite = config or ReportConfig(), evaluation.suite
    entrants = [e for e in entrants_of(planners, sensing) if e.name in evaluation.planners]
    shown = [e for e in entrants if e.name not in evaluation.calibration] or entrants
    refs = suite_refs(suite, scenes)
    tasks = [SceneTask(suite, *pair) for pair in zip(suite.scenes, refs, strict=True)]
    strips = [s for e in shown for s in worst_strips(evaluation, tasks, e, config.plans, config.drives)]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    page = template.render(**_content(evaluation, [e.name for e in shown], strips, config))
    path = folder / PAGE
    with atomic_write(path) as built:
        built.write_text(page, encoding="utf-8")
    return path


def _content(
    evaluation: Evaluation, shown: Sequence[str], strips: Sequence[Strip], config: ReportConfig
) -> dict[str, Any]:
    measured, charted = (
        evaluation.measured,
        {"epdms": "EPDMS, two stages", "drive": "EPDMS of drives, closed loop"},
    )
    names = [name for name in FIGURES if any(name in measured[planner] for planner in evaluation.planners)]
    charted = {name: label for name, label in charted.items() if name in names}
    return {
        "suite": evaluation.suite,
        "tables": [
            {
                "figures": [FIGURES[name] for name in part],
                "rows": [_row(evaluation, planner, part) for planner in evaluation.planners],
            }
            for part in _parts(names)
        ],
        "differences": _differences(evaluation, names),
        "intervals": interval_chart(evaluation, charted),
        "subscores": [subscore_chart(evaluation, stage) for stage in (1, 2)] if evaluation.plans else [],
        "reasons": reason_chart(evaluation, shown),
        "colors": colors_of(evaluation),
        "strips": [_strip(strip) for strip in strips],
        "facts": _facts(evaluation),
        "command": config.command,
    }


def _parts(names: Sequence[str]) -> list[list[str]]:
    """Figures of plans and figures of drives, where there are any."""
    parts = ([name for name in names if (name in DRIVE_FIGURES) == drives] for drives in (False, True))
    return [part for part in parts if part]


def _row(evaluation: Evaluation, planner: str, names: Sequence[str]) -> dict[str, Any]:
    measured = evaluation.measured[planner]
    return {
        "name": planner,
        "seeds": max(len(figure.sums) for figure in measured.values()),
        "calibration": planner in evaluation.calibration,
        "cells": [_cell(measured[name].interval(), name) if name in measured else None for name in names],
    }


def _cell(found: Interval, name: str) -> dict[str, Any]:
    percent = FIGURES[name].unit == "%"
    scale, digits = (100.0, 1) if percent else (1.0, 2)
    mean, low, high = (scale * value for value in (found.mean, found.low, found.high))
    return {
        "mean": f"{mean:.{digits}f}",
        "range": f"{low:.{digits}f} to {high:.{digits}f}",
        "left": max(low, 0.0) if percent else None,
        "width": max(high - max(low, 0.0), 1.0),
        "middle": mean,
    }


def _differences(evaluation: Evaluation, names: Sequence[str]) -> list[dict[str, Any]]:
    """The first planner beside each other one, in the figure that counts most."""
    figure = names[0]
    first, *others = evaluation.planners
    found = []
    for other in others:
        apart = evaluation.compare(first, other, figure)
        sure = apart.low > 0.0 or apart.high < 0.0
        mean, low, high = (f"{100.0 * value:+.1f}" for value in (apart.mean, apart.low, apart.high))
        found.append({"first": first, "other": other, "mean": mean, "low": low, "high": high, "sure": sure})
    return found


def _strip(strip: Strip) -> dict[str, Any]:
    return {
        "planner": strip.planner,
        "title": strip.title,
        "score": f"{100.0 * strip.score:.0f}",
        "reasons": strip.reasons,
        "stills": [
            {"time": f"{still.time:.1f} s", "seen": _uri(still.seen), "above": _uri(still.above)}
            for still in strip.stills
        ],
    }


def _uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _facts(evaluation: Evaluation) -> dict[str, str]:
    suite = evaluation.suite
    versions = {"simscale-gym": simscale_gym.__version__} | {name: _version(name) for name in _PACKAGES}
    return {
        "suite": f"{suite.name}, digest {suite.digest}: {suite.about}",
        "holds": f"{len(suite.scenes)} scenes, {suite.groups} moments on the log, {suite.starts} starts off it (each "
        f"with one half a second before), {suite.drives} drives of up to {suite.seconds:.0f} s; traffic "
        f"{suite.traffic}",
        "intervals": "95 %, bootstrap over scenes and, where a planner has several, seeds",
        "time": f"{evaluation.seconds:.0f} s on {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {found}" for name, found in versions.items() if found),
        "seeds": "all chance of the suite is pinned in its file; of planners, their own",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
