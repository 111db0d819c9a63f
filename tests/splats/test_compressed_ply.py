"""SuperSplat's compressed PLY against values packed by plain formulas."""

import numpy as np
import pytest
from damage import check_cuts, check_damage
from random_scenes import random_gaussians

from simscale_gym.errors import DataError
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import SH_C0

BOUNDS = [f"{side}_{what}{axis}" for what in ("", "scale_") for side in ("min", "max") for axis in "xyz"]
COLORS = [f"{side}_{axis}" for side in ("min", "max") for axis in "rgb"]
PACKED = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]


def some(count=300, terms=9):
    return random_gaussians(
        np.random.default_rng(5), (-9, 0, 3), (9, 1, 4), (0.01, 2), count=count, terms=terms
    )


def pack(gaussians, with_colors=True, further=True):
    """Packs Gaussians one by one, as the format is described."""
    rgb = gaussians.sh[:, 0] * SH_C0 + 0.5
    rows, bounds = [], []
    for first in range(0, len(gaussians), 256):
        chunk = slice(first, first + 256)
        values = {"": gaussians.means[chunk], "scale_": np.log(gaussians.scales[chunk])}
        bound = [side(values[key], 0) for key in values for side in (np.min, np.max)]
        low, high = (rgb[chunk].min(0), rgb[chunk].max(0)) if with_colors else (np.zeros(3), np.ones(3))
        bounds.append(np.concatenate([*bound, low, high] if with_colors else bound))
        for i in range(first, min(first + 256, len(gaussians))):
            mean = (gaussians.means[i] - bound[0]) / (bound[1] - bound[0])
            scale = (np.log(gaussians.scales[i]) - bound[2]) / (bound[3] - bound[2])
            color = np.append((rgb[i] - low) / (high - low), gaussians.opacities[i])
            quat = gaussians.quats[i]
            which = int(np.argmax(np.abs(quat)))
            small = np.delete(quat * np.sign(quat[which]), which) / np.sqrt(2) + 0.5
            rows.append(
                [
                    bits(mean, (11, 10, 11)),
                    which << 30 | bits(small, (10, 10, 10)),
                    bits(scale, (11, 10, 11)),
                    bits(color, (8, 8, 8, 8)),
                ]
            )
    names = BOUNDS + COLORS * with_colors
    head = f"ply\nformat binary_little_endian 1.0\nelement chunk {len(bounds)}\n"
    head += "".join(f"property float {name}\n" for name in names) + f"element vertex {len(rows)}\n"
    head += "".join(f"property uint {name}\n" for name in PACKED)
    data = np.array(bounds, "<f4").tobytes() + np.array(rows, "<u4").tobytes()
    if further:
        sh = gaussians.sh[:, 1:].transpose(0, 2, 1).reshape(len(gaussians), -1)
        head += f"element sh {len(rows)}\n"
        head += "".join(f"property uchar f_rest_{k}\n" for k in range(sh.shape[1]))
        data += np.clip((sh / 8 + 0.5) * 256, 0, 255).astype(np.uint8).tobytes()
    return head.encode() + b"end_header\n" + data


def bits(fractions, widths):
    word = 0
    for fraction, width in zip(fractions, widths, strict=True):
        word = word << width | int(np.clip(np.floor(fraction * (2**width - 1) + 0.5), 0, 2**width - 1))
    return word


@pytest.mark.parametrize("with_colors", [True, False])
def test_values_come_back_within_a_step(tmp_path, with_colors):
    gaussians = some()
    if not with_colors:
        gaussians.sh[:, 0] = np.clip(gaussians.sh[:, 0], -0.5 / SH_C0, 0.5 / SH_C0)
    (tmp_path / "a.ply").write_bytes(pack(gaussians, with_colors))
    made = Gaussians.load(tmp_path / "a.ply")
    assert len(made) == 300
    extent = np.ptp(gaussians.means, axis=0)
    assert (np.abs(made.means - gaussians.means) <= extent / np.array([2047, 1023, 2047]) * 0.51).all()
    extent = np.ptp(np.log(gaussians.scales), axis=0)
    off = np.abs(np.log(made.scales) - np.log(gaussians.scales))
    assert (off <= extent / np.array([2047, 1023, 2047]) * 0.51).all()
    turn = np.abs((made.quats * gaussians.quats).sum(1))
    assert (turn > np.cos(0.003)).all()
    np.testing.assert_allclose(made.opacities, gaussians.opacities, atol=0.51 / 255)
    span = np.ptp(gaussians.sh[:, 0]) if with_colors else 1 / SH_C0
    np.testing.assert_allclose(made.sh[:, 0], gaussians.sh[:, 0], atol=span / 255 * 0.51)
    np.testing.assert_allclose(made.sh[:, 1:], gaussians.sh[:, 1:], atol=1 / 64 + 1e-6)


def test_one_gaussian_worked_by_hand(tmp_path):
    head = "ply\nformat binary_little_endian 1.0\nelement chunk 1\n"
    head += "".join(f"property float {name}\n" for name in BOUNDS + COLORS) + "element vertex 1\n"
    head += "".join(f"property uint {name}\n" for name in PACKED) + "end_header\n"
    bounds = [0, 0, 0, 2047, 1023, 2047, -1, -1, -1, 1, 1, 1, 0, 0, 0, 1, 1, 2]
    rotation = 2 << 30 | 1023 << 20 | 0 << 10 | 512  # y is largest; w = 0.7071, x = -0.7071, z about 0
    row = [5 << 21 | 7 << 11 | 9, rotation, 0 << 21 | 1023 << 11 | 0, 255 << 24 | 0 << 16 | 51 << 8 | 102]
    data = np.array(bounds, "<f4").tobytes() + np.array(row, "<u4").tobytes()
    (tmp_path / "a.ply").write_bytes(head.encode() + data)
    made = Gaussians.load(tmp_path / "a.ply")
    np.testing.assert_allclose(made.means, [[5, 7, 9]], rtol=1e-6)
    np.testing.assert_allclose(made.scales, [[np.exp(-1), np.exp(1), np.exp(-1)]], rtol=1e-6)
    np.testing.assert_allclose(made.quats, [[0.7071, -0.7071, 0, 0]], atol=1e-3)
    np.testing.assert_allclose(made.sh[:, 0] * SH_C0 + 0.5, [[1, 0, 0.4]], atol=1e-6)
    np.testing.assert_allclose(made.opacities, [0.4], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.replace(b"uint packed_scale", b"int packed_scale"), "properties"),
        (lambda data: data.replace(b" packed_scale", b" packed_skale"), "no property packed_scale"),
        (lambda data: data.replace(b" min_scale_x", b" min_skale_x"), "no property min_scale_x"),
        (lambda data: data.replace(b"element chunk 1", b"element chunk 0"), "0 chunks|means|chunk"),
        (lambda data: data.replace(b"uchar f_rest_0", b"char f_rest_0"), "element sh"),
        (lambda data: data.replace(b"vertex 30", b"vertex 90"), "claim of"),
        (lambda data: data.replace(b"element sh 30", b"element sh 29"), "element sh"),
    ],
)
def test_wrong_elements_are_named(tmp_path, change, message):
    (tmp_path / "a.ply").write_bytes(change(pack(some(30))))
    with pytest.raises(DataError, match=message):
        Gaussians.load(tmp_path / "a.ply")


@pytest.mark.parametrize("bound", [200.0, 1e30, np.inf, np.nan])
def test_scales_beyond_float32_are_named(tmp_path, bound):
    head, data = pack(some(2, 1), further=False).split(b"end_header\n")
    bounds = np.frombuffer(data[:72], "<f4").copy()
    bounds[9:12] = bound  # of the largest scale
    rows = np.frombuffer(data[72:], "<u4").reshape(2, 4).copy()
    rows[0, 2] = 2**32 - 1
    (tmp_path / "a.ply").write_bytes(head + b"end_header\n" + bounds.tobytes() + rows.tobytes())
    with pytest.raises(DataError, match=r"scales\[0\]"):
        Gaussians.load(tmp_path / "a.ply")


def test_cut_and_damage(tmp_path):
    whole = pack(some(5, 4))
    check_cuts(Gaussians.load, tmp_path / "a.ply", whole, step=3)
    check_damage(Gaussians.load, tmp_path / "a.ply", whole)
