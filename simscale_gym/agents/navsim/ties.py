"""Which of several equally near road users NAVSIM takes for the one ahead: what a tree of GEOS comes upon first.

That depends on the last bits of the shapes, so here they are made as NAVSIM makes them. It is rarely asked for: where
vehicles have run into each other at the end of a lane, or more than ten are in the way.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.agents.navsim.rails import Rails
from simscale_gym.agents.navsim.shapes import PROGRESS, SPEED, rail_pose, stretch

Array = NDArray[np.float64]

_SIMPLIFY = 1e-5  # [m], navsim_idm_agent_manager.py
_QUADRANT = 16  # chords of a quarter circle: shapely's own, which NAVSIM leaves


def first_of_nearest(way: shapely.Polygon, entries: NDArray, own: int, hidden: NDArray[np.bool_]) -> int:
    """The row of ``entries`` that touches ``way`` and is taken for the nearest to the own one; -1 where none does.

    Args:
        way: What lies before the vehicle.
        entries: ``[M]`` polygons in NAVSIM's order: vehicles as tracked, then the ego.
        own: Own place among them.
        hidden: ``[M]`` not seen.
    """
    found = shapely.STRtree(entries).query(way)
    hits = found[shapely.intersects(entries[found], way)]
    hits = hits[~hidden[hits] & (hits != own)]
    return int(hits[shapely.STRtree(entries[hits]).nearest(entries[own])]) if len(hits) else -1


def footprint(rails: Rails, lane: int, motion: Array, size: Array, headway: float) -> shapely.Polygon:
    """The path from a vehicle's back to where its front is in ``headway`` [s], and its box, as one polygon."""
    length, width, progress = size[0], size[1], motion[PROGRESS]
    begin, end = progress - length / 2, progress + length / 2 + motion[SPEED] * headway
    own = shapely.Polygon(_corners(rail_pose(rails, lane, progress), length, width))
    return shapely.simplify(shapely.union(strip(rails, lane, begin, end, width), own), _SIMPLIFY)


def strip(rails: Rails, lane: int, begin: float, end: float, width: float) -> shapely.Polygon:
    """A stretch of path, as wide as a vehicle."""
    line = np.empty((rails.starts[lane + 1] - rails.starts[lane] + 2, 2))
    line = line[: stretch(rails, lane, begin, end, line)]
    return shapely.buffer(shapely.LineString(line), width / 2, quad_segs=_QUADRANT, cap_style="flat")


def _corners(pose: tuple[float, float, float], length: float, width: float) -> Array:
    """Front left, rear left, rear right, front right, to the last bit as nuPlan has them (oriented_box.py)."""
    along = length / 2 * np.array([1.0, -1.0, -1.0, 1.0])
    across = width / 2 * np.array([1.0, 1.0, -1.0, -1.0])
    x, y, heading = pose
    side = heading + np.pi / 2
    return np.column_stack(
        [
            x + (across * np.cos(side) + along * np.cos(heading)),
            y + (across * np.sin(side) + along * np.sin(heading)),
        ]
    )
