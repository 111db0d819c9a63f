"""Assets laid in the world by transforms that scale."""

from dataclasses import replace

import numpy as np
import pytest
from asset_street import street, street_asset

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.rendering.asset_check import scene_checks
from simscale_gym.splats.assets.node_asset import NodeShapes
from simscale_gym.splats.assets.placement import placed, scaled
from simscale_gym.splats.assets.scene_asset import TrainingViews


def with_scale(transform, factor):
    out = transform.copy()
    out[:3, :3] *= factor
    return out


@pytest.mark.parametrize("factor", [0.1, 25.4])
def test_an_asset_in_other_units_comes_back_to_its_log(factor):
    """Trained in tenths of metres or in inches of its own: the transform brings metres back."""
    right = street_asset()
    made = placed(scaled(right, 1.0 / factor), with_scale(right.asset_to_world, factor))
    np.testing.assert_allclose(made.asset_to_world, right.asset_to_world, atol=1e-12)
    for name in ("means", "scales", "quats", "sh"):
        np.testing.assert_allclose(
            getattr(made.background, name), getattr(right.background, name), rtol=1e-5, atol=1e-5
        )
    assert [check.passed for check in scene_checks(made, street())] == [True] * 6


def test_everything_with_a_length_is_scaled():
    asset = street_asset()
    node = asset.nodes[0]
    shapes = NodeShapes(np.array([0]), node.gaussians.means[None], node.gaussians.quats[None])
    views = TrainingViews(se3.rigid(np.eye(3), [1.0, 2.0, 3.0])[None], np.eye(3)[None])
    node = replace(node, shapes=shapes, size=np.array([4.0, 2.0, 1.5]))
    whole = replace(asset, nodes=(node,), views=views, sky=asset.background, near=0.5, far=100.0)
    made = scaled(whole, 2.0)
    assert (made.near, made.far) == (1.0, 200.0)
    pairs = [
        (made.background, whole.background),
        (made.sky, whole.sky),
        (made.nodes[0].gaussians, node.gaussians),
    ]
    for large, small in pairs:
        np.testing.assert_array_equal(large.means, 2 * small.means)
        np.testing.assert_array_equal(large.scales, 2 * small.scales)
        assert large.means.dtype == np.float32
    large = made.nodes[0]
    np.testing.assert_array_equal(large.poses.translations, 2 * node.poses.translations)
    np.testing.assert_array_equal(large.shapes.means, 2 * shapes.means)
    assert large.size.tolist() == [8.0, 4.0, 3.0] and large.shapes.scales is None
    np.testing.assert_array_equal(made.views.cam_to_asset[0, :3, 3], [2.0, 4.0, 6.0])
    np.testing.assert_array_equal(made.views.cam_to_asset[0, :3, :3], np.eye(3))


@pytest.mark.parametrize(
    "transform",
    [
        np.diag([2.0, 2.0, 1.0, 1.0]),
        np.diag([-1.0, 1.0, 1.0, 1.0]),
        np.zeros((4, 4)),
        np.full((4, 4), np.nan),
        np.eye(3),
        np.eye(4) * 1e200,
        np.diag([1e200, 1e200, 1e200, 1.0]),
    ],
)
def test_what_is_no_similarity_is_refused(transform):
    with pytest.raises(ArgumentError, match="turns, shifts and scales alike"):
        placed(street_asset(), transform)
