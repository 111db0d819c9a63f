"""Smoothed motion of HUGSIM's vehicles against numbers of its own code."""

from __future__ import annotations

import numpy as np
import pytest
import torch_zip
from damage import check_damage

from simscale_gym.errors import DataError
from simscale_gym.splats.assets.node_asset import NodePoses
from simscale_gym.splats.checkpoints.hugsim_motion import read_unicycle
from simscale_gym.splats.checkpoints.hugsim_scene import _smoothed

# Poses of HUGSIM's `unicycle_b2w` at commit 62c690d, for the model that `unicycle` returns: first three rows.
POSES = {
    -0.4: [
        [0.389252, 0.076496, 0.917949, 1.139336],
        [-0.029199, 0.99707, -0.070707, 0.9],
        [-0.920668, 0.000719, 0.390345, 4.636117],
    ],
    0.0: [
        [0.389252, 0.076496, 0.917949, 2.0],
        [-0.029199, 0.99707, -0.070707, 0.9],
        [-0.920668, 0.000719, 0.390345, 5.0],
    ],
    0.2: [
        [0.461582, 0.076194, 0.883819, 2.422599],
        [-0.0292, 0.99707, -0.070707, 0.9],
        [-0.886617, 0.00683, 0.462455, 5.198951],
    ],
    0.5: [
        [0.563959, 0.044928, 0.82458, 3.0],
        [-0.049184, 0.998574, -0.02077, 0.95],
        [-0.824337, -0.028843, 0.565364, 5.5],
    ],
    0.75: [
        [0.680814, 0.048734, 0.730834, 3.512526],
        [-0.049184, 0.998574, -0.02077, 0.95],
        [-0.730803, -0.021805, 0.68224, 5.910239],
    ],
    1.0: [
        [0.783327, -0.000129, 0.62161, 4.0],
        [0.000796, 0.999999, -0.000796, 1.0],
        [-0.62161, 0.001119, 0.783326, 6.5],
    ],
    1.3: [
        [0.783327, -0.000129, 0.62161, 4.583398],
        [0.000796, 0.999999, -0.000796, 1.0],
        [-0.62161, 0.001119, 0.783326, 7.235174],
    ],
}


def unicycle(**changes):
    """What HUGSIM's model captures of itself."""
    values = {
        "a": [2.0, 3.0, 4.0],
        "b": [5.0, 5.5, 6.5],
        "v": [2.33606792, 2.62842703, 3.12842703],
        "pitchroll": [[1.5, 1.6], [1.55, 1.62], [1.57, 1.57]],
        "yaw": [0.4, 0.6, 0.9],
        "h": [0.9, 0.95, 1.0],
        "times": [0.0, 0.5, 1.0],
        "steps": [0.5, 0.5],
    }
    return tuple(np.float32(value) for value in (values | changes).values())


@pytest.mark.parametrize("time", POSES)
def test_poses_are_hugsims(tmp_path, time):
    torch_zip.checkpoint(tmp_path / "a.pth", unicycle())
    made = read_unicycle(tmp_path / "a.pth").pose(time)
    np.testing.assert_allclose(made[:3], POSES[time], atol=5e-6)
    np.testing.assert_array_equal(made[3], [0, 0, 0, 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a": [1.0, 2.0]}, "a: found shape"),
        ({"yaw": [0.0, np.nan, 0.0]}, "yaw: found none, or infinite"),
        ({"times": [0.0, 0.5, 0.5]}, "times that do not rise"),
    ],
)
def test_other_contents_are_named(tmp_path, changes, message):
    torch_zip.checkpoint(tmp_path / "a.pth", unicycle(**changes))
    with pytest.raises(DataError, match=message):
        read_unicycle(tmp_path / "a.pth")


def test_damage(tmp_path):
    torch_zip.checkpoint(tmp_path / "a.pth", unicycle())
    check_damage(read_unicycle, tmp_path / "b.pth", (tmp_path / "a.pth").read_bytes(), rounds=40)


def test_arcs_without_end_are_named(tmp_path):
    """The motion divides by the turn plus 1e-6: a turn that is exactly -1e-6 has no arc."""
    values = dict(zip(("a", "b", "v", "pitchroll", "yaw", "h", "times", "steps"), unicycle(), strict=True))
    values |= {"yaw": np.array([0.0, -1e-6, 0.0]), "times": np.array([0.0, 1.0, 2.0])}
    torch_zip.checkpoint(tmp_path / "unicycle_a.pth", tuple(np.float64(v) for v in values.values()))
    poses = NodePoses(
        np.tile([1.0, 0, 0, 0], (1, 1)), np.zeros((1, 3)), np.ones(1, bool), np.array([500_000])
    )
    with pytest.raises(DataError, match="found motion without end"):
        _smoothed(tmp_path / "unicycle_a.pth", poses, read_unicycle(tmp_path / "unicycle_a.pth"))
