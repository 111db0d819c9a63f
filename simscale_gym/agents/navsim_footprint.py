"""What NAVSIM's reactive vehicles see and are seen as: footprints along their paths, and the nearest in the way.

NAVSIM makes these shapes with GEOS; so does this module, as the shape of a curved strip depends on it.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.agents.navsim_rails import Rails, pose_at
from simscale_gym.geometry import box

Array = NDArray[np.float64]

_SIMPLIFY = 1e-5  # [m], navsim_idm_agent_manager.py
_QUADRANT = 16  # segments of a quarter circle where a strip bends: shapely's own, which NAVSIM leaves


def outline(one_box: Array) -> shapely.Polygon:
    """The polygon of a box ``[5]``."""
    return shapely.Polygon(box.corners(one_box))


def footprint(
    rails: Rails, lane: int, progress: float, speed: float, size: Array, headway: float
) -> shapely.Polygon:
    """The strip of path from a vehicle's back to where its front will be in ``headway`` [s], and its box."""
    first, last = rails.starts[lane], rails.starts[lane + 1]
    s = rails.progress[first:last]
    length, width = size[0], size[1]
    begin, end = np.clip([progress - length / 2, progress + length / 2 + speed * headway], s[0], s[-1])
    strip = _trimmed(rails, lane, begin, end)
    own = outline(np.array([*pose_at(rails, lane, progress), length, width]))
    return shapely.simplify(shapely.union(_widened(strip, width), own), _SIMPLIFY)


def corridor(rails: Rails, lane: int, progress: float, width: float) -> shapely.Polygon:
    """The strip of path that a vehicle still has before it; at the path's end, the last stretch of it."""
    first, last = rails.starts[lane], rails.starts[lane + 1]
    s, points = rails.progress[first:last], rails.points[first:last]
    here = min(max(progress, s[0]), s[-1])
    ahead = int(np.searchsorted(s, here, side="right"))
    if ahead == len(s):
        return _widened(points[-2:], width)
    start = pose_at(rails, lane, progress)[:2]
    return _widened(np.concatenate([[start], points[ahead:]]), width)


def nearest_in(
    way: shapely.Polygon, entries: NDArray, own: int, hidden: NDArray[np.bool_]
) -> tuple[int, float]:
    """Which of ``entries`` touches ``way`` and is nearest to the own one, and its distance [m]; -1 where none does.

    Args:
        way: The corridor.
        entries: ``[M]`` polygons, or None.
        own: Own row.
        hidden: ``[M]`` not seen.
    """
    there = np.flatnonzero([entry is not None for entry in entries])
    hits = there[shapely.intersects(entries[there], way)]
    hits = hits[~hidden[hits]]
    if not len(hits):
        return -1, 0.0
    distances = shapely.distance(entries[hits], entries[own])
    equal = hits[distances == distances.min()]
    if len(equal) > 1:  # NAVSIM leaves it to the order in a tree of boxes
        equal = hits[[shapely.STRtree(entries[hits]).nearest(entries[own])]]
    return int(equal[0]), float(distances.min())


def _trimmed(rails: Rails, lane: int, begin: float, end: float) -> Array:
    """The points of a path between two places on it, with those places."""
    first, last = rails.starts[lane], rails.starts[lane + 1]
    s, points = rails.progress[first:last], rails.points[first:last]
    front, back = int(np.searchsorted(s, begin, side="right")), int(np.searchsorted(s, end, side="left"))
    if front == len(s):
        return points[-2:]
    if back == 0:
        return points[:2]
    ends = [pose_at(rails, lane, place)[:2] for place in (begin, end)]
    return np.concatenate([ends[:1], points[front:back], ends[1:]])


def _widened(points: Array, width: float) -> shapely.Polygon:
    return shapely.buffer(shapely.LineString(points), width / 2, quad_segs=_QUADRANT, cap_style="flat")
