"""A sample as training takes it: arrays of fixed shapes by name, ready to be put into batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.datagen.moments import EARLIEST
from simscale_gym.datagen.sample import SCORES, DataSample
from simscale_gym.datagen.shard import picture_name

MOST_BOXES = 64
"""Boxes of an item, the nearest ones; NAVSIM's planners are taught 30."""
LOG_KIND = "log"
"""Kind of samples that were recorded; all others are simulated."""

_PLAIN = ("status", "history", "target", "target_10hz", "route", "class_map", "vocabulary_scores")
_CALIBRATION = ("camera_Ks", "cam_to_ego")
_PADDED = ("boxes", "box_velocities", "box_types", "box_seen")


def training_item(sample: DataSample, *, boxes: int = MOST_BOXES) -> dict[str, Any]:
    """What a planner is trained on, for ``torch.utils.data.default_collate``; needs nothing of torch.

    ==================================== ==================================================================
    ``pictures``                         uint8 ``[C, H, W, 3]``, now; these two are absent without cameras
    ``past_pictures``                    uint8 ``[K, C, H, W, 3]``, 0.5, 1.0 .. s ago; K may be 0
    ``status history target target_10hz  as in :class:`simscale_gym.datagen.SampleArrays`
    route class_map vocabulary_scores``
    ``camera_Ks cam_to_ego``             likewise, as float32
    ``boxes box_velocities box_types     the nearest ``boxes`` of them, filled up with zeros
    box_seen``
    ``box_mask``                         bool ``[boxes]``, which of them are there
    ``label_scores``                     float32 ``[len(SCORES)]``, scores of the label by
                                         :data:`simscale_gym.datagen.sample.SCORES`
    ``is_sim``                           bool, not recorded
    ``key seed``                         its name, and the seed of the search: together there is one of it
    ==================================== ==================================================================

    Args:
        sample: The sample.
        boxes: Number of boxes.
    """
    arrays, row = sample.arrays, sample.row
    there = min(len(arrays.boxes), boxes)
    return {
        **_pictures(sample),
        **{name: getattr(arrays, name) for name in _PLAIN},
        **{name: getattr(arrays, name).astype(np.float32) for name in _CALIBRATION},
        **{name: _padded(getattr(arrays, name), boxes) for name in _PADDED},
        "box_mask": np.arange(boxes) < there,
        "label_scores": np.array([row[f"label_{code}"] for code in SCORES], np.float32),
        "is_sim": np.bool_(row["kind"] != LOG_KIND),
        "key": row["key"],
        "seed": np.int64(row["seed"]),
    }


def _pictures(sample: DataSample) -> dict[str, NDArray[np.uint8]]:
    """The pictures now and before, by camera; what is to be seen later is no input."""
    cameras = [name for name in sample.pictures if "." not in name]
    if not cameras:
        return {}
    now = np.stack([sample.pictures[name] for name in cameras])
    past = [
        [sample.pictures.get(picture_name(name, -back)) for name in cameras]
        for back in range(1, 1 - EARLIEST)
    ]
    before = [row for row in past if row[0] is not None]
    return {"pictures": now, "past_pictures": np.array(before, np.uint8).reshape(-1, *now.shape)}


def _padded(values: NDArray, length: int) -> NDArray:
    """The first ``length`` of ``values``, zeros behind them where there are fewer."""
    filled = np.zeros((length, *values.shape[1:]), values.dtype)
    filled[: len(values)] = values[:length]
    return filled
