"""Cells of ground cut smaller, for cameras that show more than what the cells were laid for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.ground.cells import Cells

Array = NDArray[np.float64]

_NEAREST = 2.0
"""Added to distances from the path: a camera is as far from the ground at least [m]."""

_TEXTURE_PIXELS, _LEAST_TEXTURE, _LEAST_GRADED = 40.0, 0.08, 0.16
"""Size of the cells of plain ground on the image [px], and at least [m]; the latter for cells along borders, too."""

_BORDER_PIXELS, _LEAST_BORDER = 1.3, 0.004
"""Width of the cells along borders on the image [px], and at least [m]."""

_GRADING = 3.0
"""Size of a cell over the square of the size that it was laid with [1/m]: cells are laid the smaller, the nearer to a
border they lie, and those at the border, 5 cm wide, become 7 mm."""


def pixel_size(distance: Array, focal: float) -> Array:
    """Width of a pixel [m] on ground at distances ``[N]`` [m] from the path, seen with ``focal`` [px]."""
    return (distance + _NEAREST) / focal


def cut_finer(cells: Cells, distance: Array, focal: float, *, graded: bool) -> Cells:
    """Cuts cells lengthwise and crosswise into equal pieces.

    Args:
        cells: Cells of the ground.
        distance: Distances of their middles from the path, ``[N]`` [m].
        focal: Focal length of the camera [px].
        graded: Whether cells lie along borders, and are to be the smaller, the smaller they are.
    """
    pixel = pixel_size(distance, focal)
    texture = np.maximum(_TEXTURE_PIXELS * pixel, _LEAST_GRADED if graded else _LEAST_TEXTURE)
    sizes = cells.boxes[:, 3:5]
    wanted = np.broadcast_to(texture[:, None], sizes.shape)
    if graded:
        wanted = np.clip(
            _GRADING * sizes**2, np.maximum(_BORDER_PIXELS * pixel, _LEAST_BORDER)[:, None], wanted
        )
    along, across = np.maximum(np.ceil(sizes / wanted - 1e-6), 1.0).astype(np.int64).T
    row = np.repeat(np.arange(len(cells)), along * across)
    place = np.arange(len(row)) - np.repeat(np.cumsum(along * across) - along * across, along * across)
    boxes, count = cells.boxes[row], np.stack([along, across], 1)[row]
    turn = np.stack([place // across[row], place % across[row]], 1)
    x, y = (((turn + 0.5) / count - 0.5) * boxes[:, 3:5]).T
    cos, sin = np.cos(boxes[:, 2]), np.sin(boxes[:, 2])
    boxes[:, 0] += x * cos - y * sin
    boxes[:, 1] += x * sin + y * cos
    boxes[:, 3:5] /= count
    return Cells(boxes, cells.surface[row], cells.z[row])
