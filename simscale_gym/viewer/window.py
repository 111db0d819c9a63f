"""A pygame window that shows pictures at the simulation's pace."""

from __future__ import annotations

import numpy as np
import pygame
from numpy.typing import NDArray

from simscale_gym.errors import DisplayError


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
        """Show uint8 ``[H, W, 3]``.

        Raises:
            DisplayError: There is no screen.
        """
        size = (picture.shape[1], picture.shape[0])
        if self._screen is None or self._screen.get_size() != size:
            self._screen = self._opened(size)
        pygame.event.pump()
        pygame.surfarray.blit_array(self._screen, picture.swapaxes(0, 1))
        pygame.display.flip()
        self._clock.tick(self._fps)

    def _opened(self, size: tuple[int, int]) -> pygame.Surface:
        try:
            pygame.display.init()
            screen = pygame.display.set_mode(size)
        except pygame.error as error:
            raise DisplayError(
                f"no window can be opened here ({error}). Run it on a machine with a screen, or by ssh -X, or on a "
                "virtual one: xvfb-run -s '-screen 0 1280x720x24' COMMAND."
            ) from error
        pygame.display.set_caption(self._title)
        return screen

    def close(self) -> None:
        """Close the window."""
        if self._screen is not None:
            pygame.display.quit()
            self._screen = None
