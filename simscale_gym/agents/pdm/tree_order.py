"""In which order a search tree of GEOS names what it holds: by which NAVSIM's planner chooses among equally near ones.

The tree is packed by sort-tile-recursive (Leutenegger et al. 1997), as GEOS does it (TemplateSTRtree.h): boxes are
cut by the x of their middles into slices, each slice by y into nodes, nodes likewise into nodes, up to a single one,
and looked through from there. Building one with shapely for each instant of a forecast took a quarter of a planning
step.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@njit(cache=True)
def tree_order(boxes: Array, capacity: int) -> tuple[NDArray[np.int64], bool]:
    """The order in which all of ``boxes [N, 4]`` (x min, y min, x max, y max) are come upon.

    Args:
        boxes: Bounding boxes, in the order in which they were put into the tree.
        capacity: Entries of a node.

    Returns:
        Rows of the boxes ``[N]``; and whether that is certain: boxes with the same middle are in an order of chance.
    """
    order, certain = np.arange(len(boxes)), True
    nodes, starts = boxes.copy(), np.arange(len(boxes) + 1)
    while len(nodes) > 1:
        turn, ends, decided = _packed(nodes, capacity)
        certain = certain and decided
        order, starts = _rearranged(order, starts, turn)
        parents, firsts = np.empty((len(ends), 4)), np.zeros(len(ends) + 1, np.int64)
        first = 0
        for p in range(len(ends)):
            parents[p] = nodes[turn[first]]
            for k in range(first + 1, ends[p]):
                for side in range(2):
                    parents[p, side] = min(parents[p, side], nodes[turn[k], side])
                    parents[p, side + 2] = max(parents[p, side + 2], nodes[turn[k], side + 2])
            first = ends[p]
            firsts[p + 1] = starts[first]
        nodes, starts = parents, firsts
    return order, certain


@njit(cache=True)
def _packed(nodes: Array, capacity: int) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """How ``nodes [N, 4]`` are sorted, where among these each parent's children end, and whether nothing was equal."""
    count, certain = len(nodes), True
    x, y = nodes[:, 0] + nodes[:, 2], nodes[:, 1] + nodes[:, 3]
    slices = int(np.ceil(np.sqrt(np.ceil(count / capacity))))
    each = int(np.ceil(count / slices))
    turn = np.argsort(x, kind="mergesort")
    ends = np.empty(count, np.int64)
    parents, begin = 0, 0
    while begin < count:
        end = min(begin + each, count)
        certain = certain and (end == count or x[turn[end - 1]] < x[turn[end]])
        part = turn[begin:end].copy()
        turn[begin:end] = part[np.argsort(y[part], kind="mergesort")]
        for k in range(begin + 1, end):
            certain = certain and y[turn[k - 1]] < y[turn[k]]
        for first in range(begin, end, capacity):
            ends[parents] = min(first + capacity, end)
            parents += 1
        begin = end
    return turn, ends[:parents], certain


@njit(cache=True)
def _rearranged(
    order: NDArray, starts: NDArray, turn: NDArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The leaves ``order [N]`` with the nodes that hold them (from ``starts [M + 1]`` on) turned; the new starts."""
    out, ends, count = np.empty_like(order), np.zeros_like(starts), 0
    for n in range(len(turn)):
        for k in range(starts[turn[n]], starts[turn[n] + 1]):
            out[count] = order[k]
            count += 1
        ends[n + 1] = count
    return out, ends
