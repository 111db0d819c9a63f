"""The order of a search tree against shapely's own tree."""

import numpy as np
import pytest
import shapely

from simscale_gym.agents.pdm.tree_order import tree_order

EVERYTHING = shapely.box(-1e3, -1e3, 1e3, 1e3)


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 30, 64, 101, 250])
@pytest.mark.parametrize("capacity", [4, 10])
def test_the_order_is_that_of_shapelys_tree(count, capacity):
    rng = np.random.default_rng(count)
    for _ in range(5):
        low = rng.uniform(-60.0, 60.0, (count, 2))
        boxes = np.concatenate([low, low + rng.uniform(0.5, 8.0, (count, 2))], 1)
        tree = shapely.STRtree(shapely.box(*boxes.T), capacity)
        order, certain = tree_order(boxes, capacity)
        assert certain
        np.testing.assert_array_equal(order, tree.query(EVERYTHING, predicate="intersects"))


def test_boxes_with_one_middle_leave_it_open():
    boxes = np.array([[0.0, 0.0, 2.0, 2.0], [0.5, 0.5, 1.5, 1.5], [5.0, 5.0, 6.0, 6.0]])
    assert not tree_order(boxes, 10)[1] and tree_order(boxes[1:], 10)[1]
