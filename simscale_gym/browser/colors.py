"""Colors as vertices and instances of meshes hold them in a browser."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def linear(colors: ArrayLike) -> NDArray[np.uint8]:
    """Colors ``[.., 3]`` in linear light, 0 to 255, of sRGB ones.

    three.js takes attributes for linear and turns them into sRGB at last; of plain ones all would look pale.
    """
    share = np.asarray(colors, float) / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    return np.round(255.0 * light).astype(np.uint8)


def painted(points: NDArray, color: ArrayLike) -> NDArray[np.uint8]:
    """Colors of the ends of segments ``[S, 2, 3]`` that all have one color."""
    return np.broadcast_to(linear(color), points.shape)
