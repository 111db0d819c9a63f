"""A pygame window that shows pictures at the simulation's pace."""

from __future__ import annotations

import numpy as np
import pygame
from numpy.typing import NDArray


class Window:
    """Opens with the first picture.

    Args:
        fps: Pictures per second at most; :meth:`show` waits for its turn.
        title: Title of the window.
    """

    def __init__(self, fps: int, title: str = "simscale_gym") -> None:
        self._fps, self._title = fps, title
        self._screen: pygame.Surface | None = None
        self._clock = pygame.time.Clock()

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Show uint8 ``[H, W, 3]``."""
        size = (picture.shape[1], picture.shape[0])
        if self._screen is None or self._screen.get_size() != size:
            pygame.display.init()
            self._screen = pygame.display.set_mode(size)
            pygame.display.set_caption(self._title)
        pygame.event.pump()
        pygame.surfarray.blit_array(self._screen, picture.swapaxes(0, 1))
        pygame.display.flip()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """Close the window."""
        if self._screen is not None:
            pygame.display.quit()
            self._screen = None
