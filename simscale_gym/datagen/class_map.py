"""A map of classes around the ego: what planners with a bird's-eye branch are taught to see beside their plan.

The classes and the resolution are TransFuser's in NAVSIM; the map reaches as far behind the ego as before it, of which
NAVSIM takes the front half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from simscale_gym.geometry import box, se2
from simscale_gym.scene import RoadMap, Scene, TrackType, derived

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
    shapes = _shapes(scene.map)
    for row in shapes.near(pose):
        points = _cells(se2.points_to_local(pose, shapes.points[row]))
        if shapes.classes[row] == MapClass.CENTERLINE:
            draw.line(points, fill=MapClass.CENTERLINE)
        else:
            draw.polygon(points, fill=int(shapes.classes[row]))
    classes = np.array([_CLASS_OF_TRACK.get(TrackType(kind), MapClass.STATIC) for kind in types], int)
    for row in np.argsort(classes, kind="stable"):
        corners = box.corners(boxes[row][[0, 1, 6, 3, 4]])
        draw.polygon(_cells(corners), fill=int(classes[row]))
    return np.array(image)


@dataclass(frozen=True, eq=False)
class _Shapes:
    """What of a map is drawn, in the order in which it is.

    Attributes:
        points: ``[K, 2]`` of each.
        classes: ``[M]`` what each is.
        low, high: ``[M, 2]`` bounds of each [m].
    """

    points: Sequence[Array]
    classes: NDArray[np.int64]
    low: Array
    high: Array

    def near(self, pose: Array) -> list[int]:
        """Rows of those whose bounds reach the map around ``pose``."""
        reach = (self.low < pose[:2] + _FAR).all(1) & (self.high > pose[:2] - _FAR).all(1)
        return np.flatnonzero(reach).tolist()


@derived
def _shapes(road_map: RoadMap) -> _Shapes:
    layers = (
        (MapClass.ROAD, road_map.drivable_rings),
        (MapClass.CROSSWALK, (area.polygon for area in road_map.crosswalks.values())),
        (MapClass.CENTERLINE, (lane.centerline for lane in road_map.lanes.values())),
    )
    drawn = [(kind, np.asarray(points[:, :2], float)) for kind, of_kind in layers for points in of_kind]
    points = [points for _, points in drawn]
    low, high = (np.array([getattr(p, side)(0) for p in points]).reshape(-1, 2) for side in ("min", "max"))
    return _Shapes(points, np.array([kind for kind, _ in drawn], np.int64), low, high)


def _cells(points: Array) -> list[tuple[float, float]]:
    """Columns and rows of points ``[K, 2]`` in the ego frame."""
    return [tuple(cell) for cell in ((_REACH - points[:, ::-1]) / RESOLUTION).tolist()]
