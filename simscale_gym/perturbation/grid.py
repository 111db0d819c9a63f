"""The interleaved grid that thins end poses: one in every other cell of a checkerboard.

SimScale (arXiv 2511.23369, supplement) thins the ends of its perturbations on an interleaved grid of 5 m by 0.5 m.
Ours has cells that are centred on multiples of these, so that the logged pose is the middle of one and bounds of
20 m and 2 m hold 9 x 9; of them the 41 stay whose indices add up to an even number, the middle and the corners
among them. Neighbours that stay then lie 5 m and 0.5 m apart at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CELL = (5.0, 0.5)
"""Length and width of a cell [m]."""


def cells(offsets: Array, cell: tuple[float, float] = CELL) -> NDArray[np.int64]:
    """``[P, 2]`` the cells, along and across, that offsets ``[P, 2+]`` [m] from the logged pose lie in."""
    return np.floor(np.asarray(offsets, float)[:, :2] / np.array(cell) + 0.5).astype(np.int64)


def interleaved(indices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether cells ``[P, 2]`` are of the checkerboard's colour that stays: ``[P]``."""
    return indices.sum(1) % 2 == 0


def best_of_cells(indices: NDArray[np.int64], totals: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of the best of each cell, in random order.

    Args:
        indices: ``[P, 2]`` cells.
        totals: ``[P]`` scores; chance decides between equals.
        rng: Settles ties and the order.
    """
    if not len(indices):
        return np.zeros(0, np.int64)
    order = rng.permutation(len(indices))
    order = order[np.argsort(-totals[order], kind="stable")]
    _, first = np.unique(indices[order], axis=0, return_index=True)
    return rng.permutation(order[first])
