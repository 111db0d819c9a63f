"""The deformation network against numbers of the trainers' own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_scenes import random_gaussians

from simscale_gym.errors import DataError
from simscale_gym.files.fields import Fields
from simscale_gym.splats.checkpoints.deform_network import DeformNetwork, bent_shapes

# Weights, in tenths, and outputs of drivestudio's ConditionalDeformNetwork(D=4, W=3, embed_dim=2, x_multires=1,
# t_multires=1), computed by its own code at commit e59bda4.
TENTHS = {
    "linear.0.weight": [
        [-1, 10, -5, 8, 6, -3, -2, 19, 4, -3, -11, 2, -14, 1],
        [11, -14, -4, 11, 1, 16, 8, 10, -15, 6, 3, 7, -15, -9],
        [-21, 12, 1, 10, 8, -13, 13, 0, -9, 10, 13, -7, 6, 3],
    ],
    "linear.0.bias": [5, -1, 20],
    "linear.1.weight": [[-2, -7, 5], [-10, -6, 3], [6, 1, 0]],
    "linear.1.bias": [10, 11, -5],
    "linear.2.weight": [[11, 6, -11], [3, -8, -1], [4, -3, -5]],
    "linear.2.bias": [4, 3, 7],
    "linear.3.weight": [
        [5, -5, -9, -9, -6, 2, -10, -7, -3, 9, -11, 8, 1, 4, -19, -11, -10],
        [1, -5, -16, 4, -14, -2, -2, -6, 10, -4, -11, 4, -8, -9, -7, -11, -1],
        [-10, 12, 8, 4, 3, -28, -8, 5, 3, -11, 0, -2, -2, 24, 16, -3, -15],
    ],
    "linear.3.bias": [-8, -19, -13],
    "gaussian_warp.weight": [[-13, 1, -3], [15, -4, -5], [-5, 17, 3]],
    "gaussian_warp.bias": [6, -1, 10],
    "gaussian_rotation.weight": [[5, -1, -5], [19, -16, -6], [-2, 4, -9], [-7, -1, -23]],
    "gaussian_rotation.bias": [8, -13, -5, -2],
    "gaussian_scaling.weight": [[-12, -14, -16], [-4, -5, 4], [8, -5, 2]],
    "gaussian_scaling.bias": [7, 8, -1],
}
PLACES = np.float32([[0.25, -0.5, 1.0], [-1.0, 0.75, 0.5]])
TIME, EMBEDDING = 0.6, np.float32([0.5, -1.0])
OFFSETS = {
    "means": [[0.6, -0.1, 1.0], [-0.005530119, -1.1092169, 1.6055301]],
    "quats": [[0.8, -1.3, -0.5, -0.2], [-0.20921689, -2.5110602, -2.3165903, -4.8423977]],
    "scales": [[0.7, 0.8, -0.1], [-2.529494, 1.6073735, 0.30368677]],
}


def network(**changes):
    arrays = {key: np.float32(value) / np.float32(10) for key, value in TENTHS.items()} | changes
    return DeformNetwork.of(Fields(Path("a.pth"), "", arrays), 2)


def test_offsets_are_the_trainers():
    made = network()(PLACES, TIME, EMBEDDING)
    assert set(made) == set(OFFSETS)
    for name, wanted in OFFSETS.items():
        np.testing.assert_allclose(made[name], wanted, atol=2e-6, err_msg=name)


def test_shapes_add_offsets_to_what_is_at_rest():
    rest = random_gaussians(np.random.default_rng(0), (-1, -1, -1), (1, 1, 1), (0.1, 0.3), count=2)
    height = 1.6
    rest.means[:] = PLACES * np.float32(height / 2.0)
    shapes = bent_shapes(network(), rest, EMBEDDING, height, np.array([4, 7]), np.array([0.1, TIME]))
    assert len(shapes) == 2 and shapes.frames.tolist() == [4, 7]
    np.testing.assert_allclose(shapes.means[1], rest.means + np.float32(OFFSETS["means"]), atol=5e-6)
    quats = rest.quats + np.float32(OFFSETS["quats"])
    np.testing.assert_allclose(
        shapes.quats[1], quats / np.linalg.norm(quats, axis=1, keepdims=True), atol=5e-6
    )
    np.testing.assert_allclose(
        shapes.scales[1], np.abs(rest.scales + np.float32(OFFSETS["scales"])), atol=5e-6
    )
    assert np.abs(shapes.means[0] - shapes.means[1]).max() > 0.01
    bent = shapes.shaped(rest, 1).validate()
    assert bent.sh is rest.sh and bent.means is not rest.means


def test_scales_may_stay():
    rest = random_gaussians(np.random.default_rng(0), (-1, -1, -1), (1, 1, 1), (0.1, 0.3), count=2)
    still = DeformNetwork(network().layers, {"means": network().heads["means"]}, (1, 1))
    shapes = bent_shapes(still, rest, EMBEDDING, 1.6, np.array([0]), np.array([0.5]))
    assert shapes.scales is None and shapes.shaped(rest, 0).scales is rest.scales
    np.testing.assert_allclose(shapes.quats[0], rest.quats, atol=1e-6)


def test_nearest_shape():
    rest = random_gaussians(np.random.default_rng(0), (-1, -1, -1), (1, 1, 1), (0.1, 0.3), count=2)
    shapes = bent_shapes(network(), rest, EMBEDDING, 1.6, np.array([2, 5]), np.array([0.1, 0.2]))
    assert shapes.nearest(np.arange(8)).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_infinite_weights_are_named():
    with pytest.raises(DataError, match=r"linear\.1: found infinite"):
        network(**{"linear.1.bias": np.float32([0, np.inf, 0])})


@pytest.mark.parametrize("layers", [1, 2, 40])
def test_networks_without_room_for_the_skip_are_named(layers):
    weights = {f"linear.{k}.weight": np.zeros((6, 36), np.float32) for k in range(layers)}
    weights |= {f"linear.{k}.bias": np.zeros(6, np.float32) for k in range(layers)}
    weights |= {
        "gaussian_warp.weight": np.zeros((3, 6), np.float32),
        "gaussian_warp.bias": np.zeros(3, np.float32),
    }
    with pytest.raises(DataError, match=f"linear: found {layers} layers"):
        DeformNetwork.of(Fields(Path("a.ckpt"), "node", weights), 16)


def test_hidden_layers_are_of_one_width():
    weights = {key: np.float32(value) for key, value in TENTHS.items()}
    weights |= {"linear.1.weight": np.zeros((2, 3), np.float32), "linear.1.bias": np.zeros(2, np.float32)}
    with pytest.raises(DataError, match=r"linear\.1\.weight: found shape \(2, 3\)"):
        DeformNetwork.of(Fields(Path("a.ckpt"), "node", weights), 2)
