from __future__ import annotations

import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from random_scenes import random_gaussians
from reference_rasterizer import sh_colour

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.rasterize import rasterize
from simscale_gym.splats.spherical_harmonics import sh_basis


@pytest.fixture
def gaussians():
    return random_gaussians(np.random.default_rng(0), (-1, -1, -1), (1, 1, 1), (0.1, 1.0), count=20, terms=9)


def test_from_rgb_normalises_and_keeps_the_colour():
    rgb = np.array([[0.1, 0.5, 0.9]])
    made = Gaussians.from_rgb([[1, 2, 3]], [[2, 0, 0, 0]], [[1, 1, 1]], [0.5], rgb)
    np.testing.assert_allclose(made.quats, [[1, 0, 0, 0]])
    np.testing.assert_allclose(sh_colour(np.array([[0.0, 0.0, 1.0]]), made.sh) + 0.5, rgb, atol=1e-6)
    assert all(value.dtype == np.float32 for value in vars(made).values())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("means", np.nan, r"means\[3\].*finite"),
        ("quats", 0.0, r"quats\[3\].*not zero"),
        ("scales", -1.0, r"scales\[3\].*at least 0"),
        ("opacities", 1.5, r"opacities\[3\].*0\.\.1"),
        ("sh", np.inf, r"sh\[3\].*finite"),
    ],
)
def test_validate_names_field_and_row(gaussians, field, value, message):
    bad = getattr(gaussians, field).copy()
    bad[3] = value
    with pytest.raises(ArgumentError, match=message):
        replace(gaussians, **{field: bad}).validate()


@pytest.mark.parametrize("lengths", [2.0, 1e-18, 1e18])
def test_quaternions_may_have_any_length(gaussians, lengths):
    """As gsplat takes them; the picture is the same."""
    stretched = replace(gaussians, quats=(gaussians.quats * lengths).astype(np.float32))
    np.testing.assert_allclose(stretched.validate().quats, gaussians.quats, atol=1e-6)
    assert gaussians.validate() is gaussians
    view, K = np.eye(4)[None], np.array([[[50.0, 0, 32], [0, 50, 24], [0, 0, 1]]])
    view[0, 2, 3] = 4.0
    drawn = [rasterize(some, view, K, 64, 48, backend="cpu").rgb for some in (gaussians, stretched)]
    assert drawn[0].any()
    np.testing.assert_allclose(drawn[1], drawn[0], atol=1e-5)


@pytest.mark.parametrize("field", ["means", "quats", "scales", "opacities", "sh"])
def test_validate_rejects_shapes_and_types(gaussians, field):
    value = getattr(gaussians, field)
    with pytest.raises(ArgumentError, match=f"{field} has shape|shape"):
        replace(gaussians, **{field: value[:-1]}).validate()
    with pytest.raises(ArgumentError, match=f"{field} is float64"):
        replace(gaussians, **{field: value.astype(np.float64)}).validate()


def test_validate_rejects_five_coefficients(gaussians):
    with pytest.raises(ArgumentError, match="sh has shape"):
        replace(gaussians, sh=gaussians.sh[:, :5]).validate()


def test_concatenate_pads_the_lower_degree(gaussians):
    flat = replace(gaussians, sh=gaussians.sh[:, :1])
    both = Gaussians.concatenate([flat, gaussians])
    assert len(both) == 40
    assert not both.sh[:20, 1:].any()
    np.testing.assert_array_equal(both.sh[20:], gaussians.sh)
    np.testing.assert_array_equal(both.means[20:], gaussians.means)
    with pytest.raises(ArgumentError, match="empty"):
        Gaussians.concatenate([])


def test_subset_takes_masks(gaussians):
    mask = gaussians.means[:, 0] > 0
    some = gaussians.subset(mask)
    assert 0 < len(some) == mask.sum() < 20
    np.testing.assert_array_equal(some.sh, gaussians.sh[mask])


def test_transformed_turns_covariance_and_colour(gaussians):
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, [1.0, 2.0, 3.0]
    moved = gaussians.transformed(pose)
    np.testing.assert_allclose(moved.means, gaussians.means @ turn.T + [1, 2, 3], atol=1e-6)
    before, after = covariances(gaussians), covariances(moved)
    np.testing.assert_allclose(after, turn @ before @ turn.T, atol=1e-5)
    direction = np.tile([[0.6, 0.0, 0.8]], (20, 1))
    seen = sh_colour(direction @ turn.T, moved.sh.astype(np.float64))
    np.testing.assert_allclose(seen, sh_colour(direction, gaussians.sh.astype(np.float64)), atol=1e-5)
    back = moved.transformed(np.linalg.inv(pose))
    np.testing.assert_allclose(back.sh, gaussians.sh, atol=1e-5)


def test_transformed_rejects_what_is_not_rigid(gaussians):
    with pytest.raises(ArgumentError, match="rigid"):
        gaussians.transformed(2.0 * np.eye(4))
    with pytest.raises(ArgumentError, match="mirrors"):
        gaussians.transformed(np.diag([1.0, -1.0, 1.0, 1.0]))


def covariances(gaussians):
    w, x, y, z = gaussians.quats.T
    zero = np.zeros_like(w)
    cross = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
    rotation = np.eye(3) + 2 * w[:, None, None] * cross + 2 * cross @ cross
    return rotation @ (gaussians.scales[:, :, None] ** 2 * np.eye(3)) @ rotation.swapaxes(1, 2)


def test_the_basis_is_orthonormal():
    index = np.arange(20000) + 0.5
    height, turn = 1 - 2 * index / 20000, index * np.pi * (1 + np.sqrt(5))
    ring = np.sqrt(1 - height**2)
    basis = sh_basis(np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1), 16)
    np.testing.assert_allclose(basis.T @ basis * 4 * np.pi / 20000, np.eye(16), atol=1e-3)


def test_save_and_load(gaussians, tmp_path):
    path = tmp_path / "some.npz"
    gaussians.save(path)
    for name, value in vars(Gaussians.load(path)).items():
        np.testing.assert_array_equal(value, getattr(gaussians, name))


def test_load_names_what_is_wrong(gaussians, tmp_path):
    path = tmp_path / "some.npz"
    with pytest.raises(DataError, match="no file"):
        Gaussians.load(path)
    path.write_bytes(b"not an archive")
    with pytest.raises(DataError, match="no readable archive"):
        Gaussians.load(path)
    arrays = {name: value for name, value in vars(gaussians).items() if name != "sh"}
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="sh: found no such array"):
        Gaussians.load(path)
    np.savez(path, **{**arrays, "sh": gaussians.sh[:4]})
    with pytest.raises(DataError, match="sh has shape"):
        Gaussians.load(path)
    np.savez(path, **{**arrays, "sh": gaussians.sh.astype(np.float64)})
    with pytest.raises(DataError, match="dtype float64"):
        Gaussians.load(path)
    gaussians.save(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError):
        Gaussians.load(path)


def test_load_runs_no_code_and_trusts_no_header(gaussians, tmp_path):
    path = tmp_path / "hostile.npz"
    np.savez(path, **{**vars(gaussians), "sh": np.array([pickle.dumps, "x"], dtype=object)})
    with pytest.raises(DataError, match="dtype object"):
        Gaussians.load(path)
    gaussians.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    huge = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 3)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if name != "means.npy":
                archive.writestr(name, content)
                continue
            with archive.open(name, "w") as member:
                np.lib.format.write_array_header_1_0(member, huge)
    with pytest.raises(DataError, match="1000000000000"):
        Gaussians.load(path)
