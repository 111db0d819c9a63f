"""The 32-byte rows of web viewers."""

import struct

import numpy as np
import pytest
from damage import check_damage
from random_scenes import random_gaussians

from simscale_gym.errors import DataError
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import SH_C0


def test_a_row_worked_by_hand(tmp_path):
    row = struct.pack("<6f8B", 1, 2, 3, 0.1, 0.2, 0.3, 255, 0, 51, 102, 128, 255, 128, 128)
    (tmp_path / "a.splat").write_bytes(row * 2)
    made = Gaussians.load(tmp_path / "a.splat")
    np.testing.assert_array_equal(made.means, [[1, 2, 3]] * 2)
    np.testing.assert_allclose(made.scales, [[0.1, 0.2, 0.3]] * 2)
    np.testing.assert_allclose(made.quats, [[0, 1, 0, 0]] * 2)
    np.testing.assert_allclose(made.opacities, 0.4)
    np.testing.assert_allclose(made.sh[:, 0] * SH_C0 + 0.5, [[1, 0, 0.2]] * 2, atol=1e-7)


def test_round_trip_within_the_stated_bounds(tmp_path):
    rng = np.random.default_rng(2)
    gaussians = random_gaussians(rng, (-9, -9, -9), (9, 9, 9), (0.01, 2), count=500, terms=16)
    gaussians.sh[:, 0] = np.clip(gaussians.sh[:, 0], -0.5 / SH_C0, 0.5 / SH_C0)
    gaussians.save(tmp_path / "a.splat")
    made = Gaussians.load(tmp_path / "a.splat")
    np.testing.assert_array_equal(made.means, gaussians.means)
    np.testing.assert_array_equal(made.scales, gaussians.scales)
    np.testing.assert_allclose(made.opacities, gaussians.opacities, atol=1.001 / 510)
    np.testing.assert_allclose(made.sh[:, 0] * SH_C0, gaussians.sh[:, 0] * SH_C0, atol=1.001 / 510)
    np.testing.assert_allclose(made.quats, gaussians.quats, atol=1 / 128)
    assert made.sh.shape == (500, 1, 3)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, struct.pack("<f", np.nan), r"means\[1\]"),
        (12, struct.pack("<f", -1.0), r"scales\[1\]"),
        (16, struct.pack("<f", np.inf), r"scales\[1\]"),
        (28, b"\x80" * 4, r"quats\[1\].*not zero"),
    ],
)
def test_bad_rows_are_named(tmp_path, at, value, message):
    row = bytearray(struct.pack("<6f8B", 1, 2, 3, 0.1, 0.2, 0.3, 255, 0, 51, 102, 128, 255, 128, 128))
    bad = row.copy()
    bad[at : at + len(value)] = value
    (tmp_path / "a.splat").write_bytes(row + bad)
    with pytest.raises(DataError, match=message):
        Gaussians.load(tmp_path / "a.splat")


def test_a_row_cut_short_and_damage(tmp_path):
    row = struct.pack("<6f8B", 1, 2, 3, 0.1, 0.2, 0.3, 255, 0, 51, 102, 128, 255, 128, 128)
    (tmp_path / "a.splat").write_bytes((row * 3)[:-1])
    with pytest.raises(DataError, match="95 bytes"):
        Gaussians.load(tmp_path / "a.splat")
    check_damage(Gaussians.load, tmp_path / "a.splat", row * 4)
