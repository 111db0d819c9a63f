"""What a source states about the road, sorted by kind, before anything is worked out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.scene import BoundaryType

Array = NDArray[np.float64]

_SPACING = 1.0  # [m] between the vertices of a centreline
_MIN_LENGTH = 0.5  # [m] shorter lanes are specks


@dataclass(frozen=True, eq=False)
class LaneFeature:
    """A lane as the file has it.

    Attributes:
        id: Key of the lane.
        centerline: ``[K, 3]`` x, y, heading, 1 m apart (:func:`centerline_of`).
        connector: Whether it lies inside an intersection; None where the file does not say.
        heights: ``[K]`` height of the road at each vertex [m]; None where the file holds none.
        bike: Not for cars.
        polygon: ``[M, 2]`` open ring, or None.
        edges: Left and right boundary ``[., 2]`` in driving direction, or None.
        paint: Painting of the left and right boundary, or None.
        widths: ``[K, 2]`` left and right half width [m], 0 where unknown, or None.
        speed_limit: Speed limit [m/s], or None.
        exits, entries: Ids of the lanes after and before it; None where the file has no lane graph.
        left_ids, right_ids: Lanes stated to run beside it, the same way, for most of its length.
    """

    id: str
    centerline: Array
    connector: bool | None = None
    heights: Array | None = None
    bike: bool = False
    polygon: Array | None = None
    edges: tuple[Array, Array] | None = None
    paint: tuple[BoundaryType, BoundaryType] | None = None
    widths: Array | None = None
    speed_limit: float | None = None
    exits: tuple[str, ...] | None = None
    entries: tuple[str, ...] | None = None
    left_ids: tuple[str, ...] = ()
    right_ids: tuple[str, ...] = ()


@dataclass(eq=False)
class MapFeatures:
    """All features by kind.

    Attributes:
        lanes: Lanes of at least half a metre; ``specks`` counts the shorter ones.
        elsewhere: Lanes of roads that pass over or under the ego's way.
        lines: Painted lines and road edges ``[., 2]``, each with its paint.
        edges: Lines ``[., 2]`` at which the road ends; the closed ones bound a paved area or an island.
        crosswalks, walkways: Polygons ``[., 2]`` by id.
        paved: Polygons ``[., 2]`` by id of what may be driven on beside the lanes.
        stop_signs: Position ``[2]`` and lane ids by id.
    """

    lanes: list[LaneFeature] = field(default_factory=list)
    specks: int = 0
    elsewhere: list[LaneFeature] = field(default_factory=list)
    lines: list[tuple[Array, BoundaryType]] = field(default_factory=list)
    edges: list[Array] = field(default_factory=list)
    crosswalks: dict[str, Array] = field(default_factory=dict)
    walkways: dict[str, Array] = field(default_factory=dict)
    paved: dict[str, Array] = field(default_factory=dict)
    stop_signs: dict[str, tuple[Array, tuple[str, ...]]] = field(default_factory=dict)


def centerline_of(line: Array) -> Array | None:
    """Centreline ``[K, 3]`` with vertices 1 m apart along ``line [., 2]``; None for a speck."""
    line = polyline.without_repeats(line) if len(line) else line
    if len(line) < 2 or polyline.arc_lengths(line)[-1] < _MIN_LENGTH:
        return None
    return polyline.with_headings(polyline.resample(line, _SPACING))


def heights_along(centerline: Array, line: Array) -> Array | None:
    """Heights ``[K]`` [m] of a ``centerline`` made of ``line [., 3]``; None where all are 0, or none are there.

    A file that has no heights holds zeros, or only x and y.
    """
    line = np.asarray(line, float)
    if line.shape[1] < 3 or not line[:, 2].any():
        return None
    return np.interp(polyline.arc_lengths(centerline), polyline.arc_lengths(line), line[:, 2])


def open_ring(ring: Array) -> Array | None:
    """Ring ``[M, 2]`` without repeats, its end not its start again; None where less than a triangle is left."""
    ring = polyline.without_repeats(ring) if len(ring) else ring
    ring = ring[:-1] if len(ring) > 1 and np.allclose(ring[0], ring[-1]) else ring
    return ring if len(ring) >= 3 else None
