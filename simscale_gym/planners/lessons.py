"""What a planner is taught by one sample: its inputs, and what its losses compare with, in few bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.datagen.class_map import RESOLUTION, SIDE
from simscale_gym.scene import TrackType

MOST_VEHICLES = 30
"""Vehicles of a lesson: TransFuser's in NAVSIM."""
MAP_STRIDE = 4
"""Cells of a data set's class map that are one of a lesson's, each way, unless a planner wants them finer."""

_REACH = SIDE * RESOLUTION / 2  # [m] as far as the class map
_WIDEST = np.radians(80.0)  # from straight ahead: TransFuser's without LiDAR in NAVSIM
_POSE_AND_SIZE = [0, 1, 6, 3, 4]  # columns of boxes


def lesson(
    item: Mapping[str, Any], cameras: Sequence[int], map_stride: int = MAP_STRIDE
) -> dict[str, NDArray]:
    """What an item of :func:`simscale_gym.datagen.items.training_item` teaches.

    Args:
        item: The item.
        cameras: Places of the planner's cameras among the item's.
        map_stride: Cells of the class map that become one, each way; the highest class stands for them.

    Returns:
        ``pictures`` uint8 ``[C, H, W, 3]``; ``status`` float32 ``[8]``; ``target`` float32 ``[8, 3]``; ``vehicles``
        float32 ``[30, 5]`` x, y, heading, length, width of the nearest vehicles that the cameras see, with
        ``vehicle_mask`` bool ``[30]``; ``class_map`` uint8 ``[128 / stride, 256 / stride]``, the half ahead of the ego;
        ``vocabulary_scores`` float16 ``[K, 8]``; ``is_sim`` bool, whether it was simulated.
    """
    vehicles, mask = _vehicles(item["boxes"], item["box_types"], item["box_mask"] & item["box_seen"])
    return {
        "pictures": item["pictures"][list(cameras)],
        "status": item["status"],
        "target": item["target"],
        "vehicles": vehicles,
        "vehicle_mask": mask,
        "class_map": _coarse(item["class_map"][: SIDE // 2], map_stride),
        "vocabulary_scores": item["vocabulary_scores"],
        "is_sim": np.asarray(item["is_sim"]),
    }


def _vehicles(boxes: NDArray, types: NDArray, mask: NDArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    x, y = boxes[:, 0], boxes[:, 1]
    seen = mask & (np.maximum(abs(x), abs(y)) < _REACH) & (abs(np.arctan2(y, x)) < _WIDEST)
    rows = np.flatnonzero(seen & (types == TrackType.VEHICLE))[:MOST_VEHICLES]
    found = np.zeros((MOST_VEHICLES, len(_POSE_AND_SIZE)), np.float32)
    found[: len(rows)] = boxes[rows][:, _POSE_AND_SIZE]
    return found, np.arange(MOST_VEHICLES) < len(rows)


def _coarse(classes: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    rows, columns = classes.shape
    return classes.reshape(rows // stride, stride, columns // stride, stride).max((1, 3))
