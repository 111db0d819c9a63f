"""The lamps of a scene's traffic signals as templates of a rasteriser, one for each state that they show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.furniture.signal_head import signal_lamp_surfels
from simscale_gym.dressing.light.bake import Sunlight, bake
from simscale_gym.dressing.light.occluders import Occluders
from simscale_gym.dressing.surfels.sharpness import AS_ASKED, Sharpness
from simscale_gym.scene import Fixture, LightStatus
from simscale_gym.splats.rasterizer import Rasterizer

Array = NDArray[np.float64]

REACH = 120.0
"""Signals farther from the camera show no lamps [m]."""


class SignalSet:
    """Lamps of a scene's signals; a template is made when its state is first seen.

    Args:
        fixtures: What stands beside the roads, signals among it.
        lane_ids: Lane connectors of the scene's lights, ``[L]``.
        light: The scene's.
        rasterizer: Rasteriser that receives the templates.
    """

    def __init__(
        self, fixtures: Sequence[Fixture], lane_ids: Sequence[str], light: Sunlight, rasterizer: Rasterizer
    ) -> None:
        self._signals = [fixture for fixture in fixtures if fixture.kind == "signal"]
        self._places = np.array([[f.x, f.y] for f in self._signals]).reshape(-1, 2)
        rows = {lane: row for row, lane in enumerate(lane_ids)}
        # The connectors of a signal agree; where they do not, it shows the first one's.
        self._rows = [next((rows[i] for i in f.lane_ids if i in rows), None) for f in self._signals]
        self._light, self._rasterizer = light, rasterizer
        self._templates: dict[tuple[int, LightStatus, Sharpness], int] = {}

    def templates(self, eye: Array, lights: NDArray[np.uint8], sharpness: Sharpness = AS_ASKED) -> list[int]:
        """Templates to draw (in the scene frame) from ``eye [3]``, showing ``lights [L]``, as sharp as that."""
        near = np.flatnonzero(np.hypot(*(self._places - eye[:2]).T) < REACH)
        return [self._template(int(signal), self._status(signal, lights), sharpness) for signal in near]

    def _status(self, signal: int, lights: NDArray[np.uint8]) -> LightStatus:
        row = self._rows[signal]
        return LightStatus.UNKNOWN if row is None else LightStatus(lights[row])

    def _template(self, signal: int, status: LightStatus, sharpness: Sharpness) -> int:
        key = (signal, status, sharpness)
        if key not in self._templates:
            surfels = signal_lamp_surfels(self._signals[signal], status, sharpness)
            gaussians = bake(surfels, Occluders(), self._light)
            self._templates[key] = self._rasterizer.add(gaussians)
        return self._templates[key]
