"""Depth and alpha behind a picture: what judges and shutters need beside its colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simscale_gym.one_line import one_line

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ViewedFrame:
    """What a rasteriser knows of a frame beside its colours.

    Attributes:
        viewmats: World to camera, `[C, 4, 4]`.
        Ks: `[C, 3, 3]` [px].
        alpha: `[C, H, W]`; a tensor where a device drew it.
        depth: Expected depth `[C, H, W]` [m], where alpha is not 0; a tensor likewise.
    """

    viewmats: Array
    Ks: Array
    alpha: NDArray[np.float32] | torch.Tensor
    depth: NDArray[np.float32] | torch.Tensor

    __repr__ = one_line

    def in_memory(self) -> ViewedFrame:
        """The same, its images as arrays."""
        return ViewedFrame(self.viewmats, self.Ks, _array(self.alpha), _array(self.depth))

    def pixels(self, rows: Array, columns: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Alpha and depth `[C, R, K]` of the pixels of some rows `[R]` and columns `[K]`; no others leave a device."""
        return tuple(_array(image[:, rows][:, :, columns]) for image in (self.alpha, self.depth))


def _array(image: NDArray[np.float32] | torch.Tensor) -> NDArray[np.float32]:
    return image if isinstance(image, np.ndarray) else image.cpu().numpy()
