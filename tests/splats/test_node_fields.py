"""Shapes, colours, mirrors and poses of nodes by value."""

from pathlib import Path

import numpy as np
import pytest
from node_scenes import SH_C0, assert_same, meaning, raw_node

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.fields import Fields
from simscale_gym.splats.checkpoints.node_fields import as_turned, instance_poses, mirrored, node_gaussians
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import sh_basis


def fields(values):
    return Fields(Path("a.ckpt"), "node", values)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("terms", [4, 9, 16])
def test_plain_tensors(rng, terms):
    raw = raw_node(rng, terms=terms)
    assert_same(node_gaussians(fields(raw)), meaning(raw))


def test_a_lower_degree_leaves_coefficients_out(rng):
    raw = raw_node(rng)
    assert_same(node_gaussians(fields(raw), degree=1), meaning(raw, rest=raw["features_rest"][:, :3]))


@pytest.mark.parametrize(("terms", "degree"), [(1, None), (16, 0)])
def test_degree_0_is_a_logit(rng, terms, degree):
    raw = raw_node(rng, terms=terms)
    made = node_gaussians(fields(raw), degree=degree)
    np.testing.assert_allclose(made.sh[:, 0] * SH_C0 + 0.5, 1 / (1 + np.exp(-raw["features_dc"])), atol=1e-6)
    assert made.sh.shape == (5, 1, 3)


def test_spheres_and_discs(rng):
    raw = raw_node(rng)
    sphere = node_gaussians(fields({**raw, "scales": raw["scales"][:, :1]}))
    np.testing.assert_allclose(sphere.scales, np.exp(raw["scales"][:, :1]).repeat(3, 1), rtol=1e-6)
    np.testing.assert_array_equal(sphere.quats, [[1, 0, 0, 0]] * 5)
    disc = node_gaussians(fields({**raw, "scales": raw["scales"][:, :2]}))
    np.testing.assert_allclose(disc.scales[:, :2], np.exp(raw["scales"][:, :2]), rtol=1e-6)
    assert not disc.scales[:, 2].any()
    np.testing.assert_allclose(disc.quats, meaning(raw).quats, rtol=1e-5)


def test_colors_of_a_traversal_and_of_their_mean(rng):
    raw = raw_node(rng, traversals=3)
    one = meaning(
        raw, dc=raw["features_dc"] + raw["features_adapters"][:, 2], rest=raw["features_rest"][:, 2]
    )
    assert_same(node_gaussians(fields(raw), traversal=2), one)
    mean = sum(raw["features_adapters"][:, i] for i in range(3)) / 3
    all_rest = sum(raw["features_rest"][:, i] for i in range(3)) / 3
    assert_same(node_gaussians(fields(raw)), meaning(raw, dc=raw["features_dc"] + mean, rest=all_rest))
    with pytest.raises(ArgumentError, match=r"traversal is 3, expected 0\.\.2"):
        node_gaussians(fields(raw), traversal=3)


def test_colors_as_a_series_over_time_are_those_of_its_start(rng):
    raw = raw_node(rng)
    series = rng.normal(size=(5, 5, 3)).astype(np.float32)
    at_start = [series[:, k] * (np.cos(0) if k % 2 == 0 else np.sin(0)) for k in range(5)]
    assert_same(node_gaussians(fields({**raw, "features_dc": series})), meaning(raw, dc=sum(at_start)))


def density(gaussians, i, point):
    """Value of a Gaussian at a point, from its covariance."""
    w, x, y, z = gaussians.quats[i].astype(np.float64)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + 2 * w * cross + 2 * cross @ cross
    local = rotation.T @ (point - gaussians.means[i])
    return np.exp(-0.5 * ((local / gaussians.scales[i]) ** 2).sum())


@pytest.mark.parametrize("terms", [1, 4, 9, 16])
def test_a_mirror_image_looks_as_a_mirror_shows_it(rng, terms):
    raw = raw_node(rng, terms=max(terms, 4))
    half = meaning(raw, rest=raw["features_rest"][:, : terms - 1])
    both = mirrored(half)
    assert len(both) == 10
    assert_same(both.subset(slice(5)), half)
    flip = np.array([1, -1, 1])
    for i in range(5):
        point = half.means[i] + rng.normal(size=3) * half.scales[i]
        np.testing.assert_allclose(density(both, i + 5, point * flip), density(half, i, point), rtol=1e-3)
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        seen = sh_basis(direction * flip, terms) @ both.sh[i + 5]
        np.testing.assert_allclose(seen, sh_basis(direction, terms) @ half.sh[i], atol=1e-5)
    np.testing.assert_array_equal(both.opacities[5:], half.opacities)
    assert isinstance(both.validate(), Gaussians)


def test_poses_over_time(rng):
    quats = rng.normal(size=(4, 4))
    quats[2] = 0
    places = rng.normal(size=(4, 3))
    places[2, 2] = 100000
    poses = instance_poses(
        fields({"instance_quats": quats, "instance_trans": places}), np.arange(4, dtype=np.int64) * 50000
    )
    assert poses.valid.tolist() == [True, True, False, True] and not poses.is_static and len(poses) == 4
    wanted = quats / np.sqrt(
        (quats**2).sum(1, keepdims=True), where=quats.any(1, keepdims=True), out=np.ones((4, 1))
    )
    np.testing.assert_allclose(poses.quats[poses.valid], wanted[poses.valid])
    np.testing.assert_array_equal(poses.translations[poses.valid], places[poses.valid])
    np.testing.assert_array_equal(poses.quats[2], [1, 0, 0, 0])
    assert not poses.translations[2].any() and poses.timestamps_us.tolist() == [0, 50000, 100000, 150000]


def test_static_poses_and_none():
    poses = instance_poses(
        fields({"instance_quats": np.array([2.0, 0, 0, 0]), "instance_trans": np.arange(3.0)})
    )
    assert poses.is_static and poses.valid.tolist() == [True] and poses.timestamps_us is None
    np.testing.assert_array_equal(poses.quats, [[1, 0, 0, 0]])
    np.testing.assert_array_equal(poses.translations, [[0, 1, 2]])
    assert instance_poses(fields({})) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instance_quats": np.zeros((2, 4))}, r"poses\[0\]"),
        ({"instance_quats": np.full((2, 4), 1e200)}, r"poses\[0\]"),
        ({"instance_trans": np.full((2, 3), np.nan)}, r"poses\[0\]"),
        ({"instance_trans": np.zeros((3, 3))}, r"instance_trans: found shape \(3, 3\)"),
        ({"instance_quats": np.ones((2, 3))}, r"instance_quats: found shape \(2, 3\)"),
        ({"instance_quats": "x"}, "instance_quats: found 'x'"),
    ],
)
def test_wrong_poses_are_named(change, message):
    values = {"instance_quats": np.ones((2, 4)), "instance_trans": np.zeros((2, 3)), **change}
    with pytest.raises(DataError, match=message):
        instance_poses(fields(values))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features_rest": np.zeros((5, 7, 3))}, "7 coefficients"),
        ({"features_rest": np.zeros((5, 15, 4))}, r"features_rest: found shape \(5, 15, 4\)"),
        ({"scales": np.zeros((5, 4))}, r"scales: found shape \(5, 4\)"),
        ({"opacities": np.full((5, 1), np.nan)}, r"node\.opacities\[0\]"),
        ({"means": np.full((5, 3), np.inf)}, r"node\.means\[0\]"),
        ({"quats": np.zeros((5, 4))}, r"node\.quats\[0\]"),
        ({"features_dc": np.array(["a"])}, "features_dc"),
    ],
)
def test_wrong_tensors_are_named(rng, change, message):
    with pytest.raises(DataError, match=message):
        node_gaussians(fields({**raw_node(rng), **change}))


def test_static_nodes_stand_as_their_quaternions_have_them(rng):
    """MTGS turns them by w, x, y, z as they are: its matrix of (0.9, 0, 0, 0.3) is no rotation."""
    gaussians = meaning(raw_node(rng))
    state = fields({"instance_quats": np.float32([0.9, 0, 0, 0.3]), "instance_trans": np.float32([1, 2, 3])})
    poses = instance_poses(state)
    made = as_turned(state, gaussians, poses)
    w, z = 0.9, 0.3
    as_mtgs = np.array([[1 - 2 * z * z, -2 * w * z, 0], [2 * w * z, 1 - 2 * z * z, 0], [0, 0, 1]])
    turn = np.array([[w * w - z * z, -2 * w * z, 0], [2 * w * z, w * w - z * z, 0], [0, 0, w * w + z * z]])
    turn /= w * w + z * z
    np.testing.assert_allclose(made.means @ turn.T, gaussians.means @ as_mtgs.T, atol=1e-6)
    assert np.abs(made.means - gaussians.means).max() > 0.01
    moving = fields(
        {"instance_quats": np.float32([[0.9, 0, 0, 0.3]]), "instance_trans": np.float32([[1, 2, 3]])}
    )
    assert as_turned(moving, gaussians, instance_poses(moving)) is gaussians
    state.values["instance_quats"] *= np.float32(1e15)
    gaussians.means[:] = 1e30
    with pytest.raises(DataError, match=r"instance_quats: found quaternions whose squares sum to"):
        as_turned(state, gaussians, poses)
