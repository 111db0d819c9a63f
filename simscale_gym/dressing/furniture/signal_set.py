"""The lamps of a scene's traffic signals as templates of a rasteriser, one for each state that they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.furniture.signal_head import signal_lamp_surfels
from simscale_gym.dressing.light.bake import Sunlight, bake
from simscale_gym.dressing.light.occluders import Occluders
from simscale_gym.scene import Fixture, LightStatus
from simscale_gym.splats.rasterizer import Rasterizer

Array = NDArray[np.float64]

REACH = 120.0
"""Signals farther from the camera show no lamps [m]."""


class SignalSet:
    """Lamps of all signals among ``fixtures``; a template is made when its state is first seen."""

    def __init__(self, fixtures: Sequence[Fixture], light: Sunlight, rasterizer: Rasterizer) -> None:
        self._signals = [fixture for fixture in fixtures if fixture.kind == "signal"]
        self._places = np.array([[f.x, f.y] for f in self._signals]).reshape(-1, 2)
        self._light, self._rasterizer = light, rasterizer
        self._templates: dict[tuple[int, LightStatus], int] = {}

    def instances(self, eye: Array, lights: Mapping[str, LightStatus]) -> list[int]:
        """Templates to draw (in the scene frame) from ``eye [3]``, showing ``lights`` by lane connector."""
        near = np.flatnonzero(np.hypot(*(self._places - eye[:2]).T) < REACH)
        return [self._template(int(row), self._status(self._signals[row], lights)) for row in near]

    def _status(self, signal: Fixture, lights: Mapping[str, LightStatus]) -> LightStatus:
        """What its connectors agree on; the first one's where they differ."""
        shown = [lights[lane] for lane in signal.lane_ids if lane in lights]
        return shown[0] if shown else LightStatus.UNKNOWN

    def _template(self, row: int, status: LightStatus) -> int:
        if (row, status) not in self._templates:
            surfels = signal_lamp_surfels(self._signals[row], status)
            gaussians = bake(surfels, Occluders(), self._light)
            self._templates[row, status] = self._rasterizer.add(gaussians)
        return self._templates[row, status]
