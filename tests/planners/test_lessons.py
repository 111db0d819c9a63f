"""What is made of an item for a planner."""

import numpy as np

from simscale_gym.planners.lessons import lesson
from simscale_gym.scene import TrackType


def item(**changes):
    boxes = np.zeros((64, 7), np.float32)
    boxes[:4] = [
        [10.0, 0.0, 0.0, 4.5, 1.9, 1.5, 0.3],
        [-1.0, 5.0, 0.0, 4.5, 1.9, 1.5, 0.0],  # beside and behind
        [12.0, 2.0, 0.0, 0.7, 0.7, 1.7, 0.0],  # a person
        [33.0, 0.0, 0.0, 4.5, 1.9, 1.5, 0.0],  # too far
    ]
    types = np.full(64, int(TrackType.VEHICLE), np.uint8)
    types[2] = int(TrackType.PEDESTRIAN)
    classes = np.zeros((256, 256), np.uint8)
    classes[0, 255], classes[127, 0], classes[128, 0] = 5, 6, 4
    plain = {
        "pictures": np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((3, 2, 2, 3), np.uint8),
        "status": np.zeros(8, np.float32), "target": np.zeros((8, 3), np.float32), "boxes": boxes, "box_types": types,
        "box_mask": np.arange(64) < 4, "box_seen": np.ones(64, bool), "class_map": classes,
        "vocabulary_scores": np.zeros((0, 8), np.float16), "is_sim": np.bool_(True),
    }  # fmt: skip
    return {**plain, **changes}


def test_vehicles_before_the_cameras_alone():
    taught = lesson(item(), (0, 1, 2))
    assert taught["vehicle_mask"].sum() == 1
    np.testing.assert_allclose(taught["vehicles"][0], [10.0, 0.0, 0.3, 4.5, 1.9])
    assert not lesson(item(box_mask=np.zeros(64, bool)), (0,))["vehicle_mask"].any()


def test_vehicles_that_no_camera_sees_are_not_asked_for():
    assert not lesson(item(box_seen=np.zeros(64, bool)), (0,))["vehicle_mask"].any()


def test_cameras_come_in_the_planners_order():
    assert lesson(item(), (2, 0))["pictures"][:, 0, 0, 0].tolist() == [2, 0]


def test_the_map_ahead_made_coarse():
    """The front half; the highest class of a cell stands for it."""
    classes = lesson(item(), (0,), map_stride=4)["class_map"]
    assert classes.shape == (32, 64) and classes[0, 63] == 5 and classes[31, 0] == 6
    assert np.count_nonzero(classes) == 2
    assert lesson(item(), (0,), map_stride=1)["class_map"].shape == (128, 256)
