"""The fates of perturbations in a browser: every trajectory off the log in the color of the stage that dropped it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.browser import ground
from simscale_gym.browser.colors import painted
from simscale_gym.browser.subject import Color
from simscale_gym.datagen.advice import STAGE_NAMES
from simscale_gym.perturbation import Fates
from simscale_gym.perturbation.bounds import end_offsets
from simscale_gym.scene import Scene

COLORS: dict[str, Color] = {
    "": (80, 230, 110),
    "label": (255, 205, 70),
    "expert": (255, 160, 60),
    "reactive": (255, 90, 70),
    "grid": (120, 170, 255),
    "gate": (190, 110, 220),
    "bounds": (150, 150, 150),
    "clip": (90, 90, 90),
}
"""Color of each stage at which a trajectory falls; "" for those that are kept."""

_LABEL: Color = (200, 255, 200)
_ROOT, _ABOVE = "/perturbations", 0.4


class FateLines:
    """Trajectories of a vocabulary as nodes of a viser scene, a node for each stage.

    Args:
        root: A ``viser.SceneApi``.
        scene: The scene.
        fates: What becomes of them.
    """

    def __init__(self, root: Any, scene: Scene, fates: Fates) -> None:
        self._root, self._scene, self._fates = root, scene, fates
        self._frame = root.add_frame(_ROOT, show_axes=False)
        self._nodes = {stage: self._lines(stage) for stage in COLORS}
        self._labels()
        self._one: Any = None

    def show(self, visible: bool) -> None:
        """Show or hide all."""
        self._frame.visible = visible

    def show_stage(self, stage: str, visible: bool) -> None:
        """Show or hide those that fall at ``stage``."""
        if self._nodes[stage] is not None:
            self._nodes[stage].visible = visible

    def pick(self, row: int) -> str:
        """Make trajectory ``row`` of the vocabulary stand out; what becomes of it, in words."""
        points = ground.segments([self._lifted(self._fates.plans[row], _ABOVE + 0.1)])
        colors = painted(points, (255, 255, 255))
        self._one = self._root.add_line_segments(f"{_ROOT}/picked", points, colors, thickness=0.35)
        return fate_in_words(self._scene, self._fates, row)

    def remove(self) -> None:
        """Take all away."""
        self._frame.remove()

    def _lines(self, stage: str) -> Any:
        rows = np.flatnonzero(self._fates.stages == stage)
        points = ground.segments([self._lifted(self._fates.plans[row], _ABOVE) for row in rows])
        if not len(points):
            return None
        colors = painted(points, COLORS[stage])
        width = 0.22 if not stage else 0.08
        return self._root.add_line_segments(f"{_ROOT}/{stage or 'kept'}", points, colors, thickness=width)

    def _labels(self) -> None:
        """The experts' ways on from those that are kept, beneath them."""
        ways = [np.stack([s.ego[:3] for s in sample.label.states]) for sample in self._fates.samples.values()]
        points = ground.segments([self._lifted(way, _ABOVE) for way in ways])
        if len(points):
            colors = painted(points, _LABEL)
            self._root.add_line_segments(f"{_ROOT}/kept/labels", points, colors, thickness=0.12)

    def _lifted(self, poses: NDArray, above: float) -> NDArray:
        return ground.lifted(self._scene, poses[::2], above)


def fate_in_words(scene: Scene, fates: Fates, row: int) -> str:
    """Where trajectory ``row`` ends beside the log, and what becomes of it."""
    logged = scene.ego.poses[fates.frame + HORIZON_STEPS]
    along, across, turn = end_offsets(fates.plans[row, -1:], logged)[0]
    where = f"trajectory {row}: {along:+.1f} m along, {across:+.1f} m across, {np.degrees(turn):+.0f}°"
    stage, reason = str(fates.stages[row]), str(fates.reasons[row])
    if not stage:
        sample = fates.samples[row]
        return f"{where}; kept: EPDMS {sample.perturbation.total:.2f} there, {sample.label.total:.2f} for the label"
    return f"{where}; dropped {STAGE_NAMES[stage]}: {reason}"


def fate_rows(fates: Fates) -> list[tuple[str, str, str, str]]:
    """Rows for a table: stage, number, reasons, by the order in which trajectories fall."""
    rows = []
    for stage, reasons in fates.counts().items():
        common = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(3)) if stage else ""
        rows.append((stage, stage or "kept", str(reasons.total()), common))
    return rows
