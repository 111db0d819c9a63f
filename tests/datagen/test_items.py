"""Items have fixed shapes, whatever a sample holds, and go into batches."""

from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.datagen import DataSet, training_item


@pytest.fixture(scope="module")
def sample(written):
    return DataSet(written)[0]


def test_an_item_holds_the_sample(sample):
    item = training_item(sample, boxes=100)
    names = ("cam_f0", "cam_l0", "cam_r0")
    assert item["pictures"].shape == (3, 18, 32, 3) and item["past_pictures"].shape == (1, 3, 18, 32, 3)
    for place, name in enumerate(names):
        np.testing.assert_array_equal(item["pictures"][place], sample.pictures[name])
        np.testing.assert_array_equal(item["past_pictures"][0, place], sample.pictures[f"{name}.1"])
    count = len(sample.arrays.boxes)
    assert item["box_mask"].sum() == count and item["boxes"].shape == (100, 7)
    np.testing.assert_array_equal(item["boxes"][:count], sample.arrays.boxes)
    assert not item["boxes"][count:].any()
    np.testing.assert_array_equal(item["target"], sample.arrays.target)
    assert item["key"] == sample.row["key"] and item["seed"] == 0 and item["is_sim"]
    assert item["label_scores"][-1] == np.float32(sample.row["label_score"])


def test_the_nearest_boxes_are_kept(sample):
    item = training_item(sample, boxes=2)
    np.testing.assert_array_equal(item["boxes"], sample.arrays.boxes[:2])
    assert item["box_mask"].all()


def test_samples_of_the_log_are_no_simulation(log_written):
    item = training_item(DataSet(log_written)[0])
    assert not item["is_sim"] and item["past_pictures"].shape == (0, 1, 9, 16, 3)


def test_without_cameras_there_are_no_pictures(sample):
    item = training_item(replace(sample, pictures={}))
    assert "pictures" not in item and "past_pictures" not in item and item["target"].shape == (8, 3)


def test_items_go_into_batches(sample):
    """Also those with different numbers of boxes."""
    data = pytest.importorskip("torch.utils.data")
    fewer = replace(
        sample,
        arrays=replace(
            sample.arrays,
            **{name: getattr(sample.arrays, name)[:1] for name in ("boxes", "box_velocities", "box_types")},
        ),
    )
    batch = data.default_collate([training_item(sample), training_item(fewer)])
    assert batch["pictures"].shape == (2, 3, 18, 32, 3) and batch["box_mask"].sum(1)[1] == 1
    assert batch["is_sim"].tolist() == [True, True] and batch["key"] == [sample.row["key"]] * 2
