"""A map of classes around the ego: what planners with a bird's-eye branch are taught to see beside their plan.

The classes and the resolution are TransFuser's in NAVSIM; the map reaches as far behind the ego as before it, of which
NAVSIM takes the front half.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from simscale_gym.geometry import box, se2
from simscale_gym.scene import Scene, TrackType

Array = NDArray[np.float64]

SIDE = 256
"""Rows and columns."""
RESOLUTION = 0.25
"""Side of a cell [m]."""

_REACH = SIDE * RESOLUTION / 2
_FAR = _REACH * 1.5  # [m] half a diagonal, rounded up


class MapClass(IntEnum):
    """What a cell holds; where several lie over each other the highest counts."""

    NOTHING = 0
    ROAD = 1
    CROSSWALK = 2
    CENTERLINE = 3
    STATIC = 4
    VEHICLE = 5
    PERSON = 6


_CLASS_OF_TRACK = {
    TrackType.VEHICLE: MapClass.VEHICLE,
    TrackType.BICYCLE: MapClass.PERSON,
    TrackType.PEDESTRIAN: MapClass.PERSON,
}


def class_map(scene: Scene, pose: Array, boxes: Array, types: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Classes ``[256, 256]`` around the ego: the first row is 32 m ahead, the first column 32 m to the left.

    Args:
        scene: The scene.
        pose: ``[3]`` the ego's, scene frame.
        boxes: ``[N, 7]`` the others in the ego frame, as in :class:`simscale_gym.datagen.sample.SampleArrays`.
        types: ``[N]`` their kinds.
    """
    image = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(image)
    crosswalks = (area.polygon for area in scene.map.crosswalks.values())
    for rings, value in ((scene.map.drivable_rings, MapClass.ROAD), (crosswalks, MapClass.CROSSWALK)):
        for ring in rings:
            if _is_near(pose, ring):
                draw.polygon(_cells(se2.points_to_local(pose, ring[:, :2])), fill=value)
    for lane in scene.map.lanes.values():
        if _is_near(pose, lane.centerline):
            points = se2.points_to_local(pose, lane.centerline[:, :2])
            draw.line(_cells(points), fill=MapClass.CENTERLINE)
    classes = np.array([_CLASS_OF_TRACK.get(TrackType(kind), MapClass.STATIC) for kind in types], int)
    for row in np.argsort(classes, kind="stable"):
        corners = box.corners(boxes[row][[0, 1, 6, 3, 4]])
        draw.polygon(_cells(corners), fill=int(classes[row]))
    return np.array(image)


def _is_near(pose: Array, points: Array) -> bool:
    """Whether the bounds of ``points [K, 2 or more]`` reach the map."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    return bool((low < pose[:2] + _FAR).all() and (high > pose[:2] - _FAR).all())


def _cells(points: Array) -> list[tuple[float, float]]:
    """Columns and rows of points ``[K, 2]`` in the ego frame."""
    return [tuple(cell) for cell in ((_REACH - points[:, ::-1]) / RESOLUTION).tolist()]
