"""What people see of an environment: pictures over a bird's-eye view, and a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simscale_gym.envs.drive import Drive
from simscale_gym.envs.filming import film_picture
from simscale_gym.envs.sensors import Sensors

if TYPE_CHECKING:
    from simscale_gym.viewer.window import Window


class Screen:
    """Shows a drive.

    Args:
        mode: The environment's ``render_mode``.
        sensors: The environment's sensors, whose cameras are shown.
        fps: Pictures a second in the window.
    """

    def __init__(self, mode: str | None, sensors: Sensors, fps: int) -> None:
        self._mode, self._sensors, self._fps = mode, sensors, fps
        self._window: Window | None = None

    def render(self, drive: Drive) -> NDArray[np.uint8] | None:
        """The picture ``[H, W, 3]`` in mode "rgb_array"."""
        return film_picture(drive, self._sensors.drawn(drive)) if self._mode == "rgb_array" else None

    def show(self, drive: Drive) -> None:
        """Put the picture into the window in mode "human"."""
        if self._mode != "human":
            return
        from simscale_gym.viewer.window import Window

        self._window = self._window or Window(self._fps)
        self._window.show(film_picture(drive, self._sensors.drawn(drive)))

    def close(self) -> None:
        """Close the window, if one is open."""
        if self._window is not None:
            self._window.close()
            self._window = None
