"""Niantic's SPZ, versions 1 to 4: quantised columns, about a tenth of a PLY; version 3 is written.

Layout: github.com/nianticlabs/spz, README and `load-spz.cc`: 24-bit fixed-point positions, logarithms of scales, and
bytes for the rest. Version 1 had half floats for positions, and it and version 2 three bytes for rotations.

Coordinates are taken and written as they stand, as the reference's tools do unless told otherwise. By its README the
format means x right, y up, z back where PLY means x right, y down, z forward, and some programs turn a scene by half a
turn about x when they write it: `transformed(np.diag([1.0, -1.0, -1.0, 1.0]))` turns it back.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from simscale_gym.splats.formats.activation import Parts, gathered, log_scales
from simscale_gym.splats.formats.spz_stream import GZIP_HEADER, MAGIC, read_spz_columns
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import TERMS_BY_DEGREE

_COLOR_SCALE = 0.15
_FRACTIONAL_BITS = 12
_SMALL = np.arange(512) / 511.0 * np.sqrt(0.5)
_SMALL = np.concatenate([_SMALL, -_SMALL])  # of a sign and 9 bits
_WXYZ = np.array([[2, 3, 0, 1], [2, 0, 3, 1], [2, 0, 1, 3], [3, 0, 1, 2]])
"""Columns of w, x, y and z among the three small components and then the largest; one row for each of x, y, z, w that
may be the largest."""
_COLORS = ((np.arange(256) / 255.0 - 0.5) / _COLOR_SCALE).astype(np.float32)
_SCALES = np.exp(np.arange(256) / 16.0 - 10.0).astype(np.float32)
_SH = ((np.arange(256) - 128.0) / 128.0).astype(np.float32)
_SH_STEPS = (8, 16)  # quantisation step of degree 1 and of those above [1/128], the reference's 5 and 4 bits


def load_spz(path: Path) -> Gaussians:
    """Reads an SPZ file.

    Raises:
        DataError: Another version, more Gaussians claimed than the file can hold, or a damaged stream.
        MissingExtraError: Version 4 without the package zstandard.
    """
    header, (positions, alphas, colors, scales, quats, sh) = read_spz_columns(path)
    further = sh.reshape(len(sh), sh.shape[1] // 3, 3)
    unpack_quats = _unpack_smallest_three if quats.shape[1] == 4 else _unpack_first_three

    def part(rows: slice) -> Parts:
        some = positions[rows]
        means = _halves(some) if header.version == 1 else _fixed_point(some, header.fractional_bits)
        opacities, dc = alphas[rows, 0] / 255.0, _COLORS[colors[rows]]
        return means, unpack_quats(quats[rows]), _SCALES[scales[rows]], opacities, dc, _SH[further[rows]]

    return gathered(path, len(positions), 1 + further.shape[1], part)


def save_spz(path: Path, gaussians: Gaussians) -> None:
    """Writes SPZ version 3 with the reference's quantisation.

    Lost are: 1/8192 m of each mean within 2,048 m of the origin (twice that within 4,096 m, and so on), 3.2 % of
    each scale between 4.5e-5 and 379 m (those outside are clipped), 1/510 of opacity, 0.0131 of the first
    coefficients within +-3.33, 1/32 of those of degree 1 and 1/16 of the others within +-1, and 0.0021 of the
    three smaller components of a rotation.
    """
    reach = float(np.abs(gaussians.means).max(initial=0.0))
    bits = int(np.clip(np.floor(np.log2((2.0**23 - 1) / max(reach, 1e-9))), 0, _FRACTIONAL_BITS))
    count, terms = gaussians.sh.shape[:2]
    steps = np.where(np.arange(1, terms) < 4, *_SH_STEPS)[None, :, None]
    parts = (
        _pack_24(np.rint(np.ldexp(gaussians.means.astype(np.float64), bits))),
        _to_bytes(gaussians.opacities * 255.0),
        _to_bytes(gaussians.sh[:, 0] * (_COLOR_SCALE * 255.0) + 127.5),
        _to_bytes((log_scales(gaussians) + 10.0) * 16.0),
        _pack_smallest_three(gaussians.quats),
        _to_bytes(np.rint(gaussians.sh[:, 1:] * 128.0 / steps) * steps + 128.0),
    )
    header = GZIP_HEADER.pack(MAGIC, 3, count, TERMS_BY_DEGREE.index(terms), bits, 0)
    path.write_bytes(gzip.compress(b"".join([header, *(part.tobytes() for part in parts)]), 6, mtime=0))


def _fixed_point(data: np.ndarray, bits: int) -> np.ndarray:
    """Signed 24-bit little-endian numbers with `bits` binary places, `[N, 3]` of bytes `[N, 9]`."""
    wide = np.zeros((len(data), 3, 4), np.uint8)
    wide[..., 1:] = data.reshape(-1, 3, 3)
    return np.ldexp((wide.view("<i4")[..., 0] >> 8).astype(np.float64), -bits)


def _halves(data: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(data).view("<f2")


def _pack_24(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, "<i4").view(np.uint8).reshape(-1, 3, 4)[..., :3]


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _unpack_first_three(data: np.ndarray) -> np.ndarray:
    """Rotations wxyz of version 2: x, y and z as bytes; w >= 0 follows from unit length."""
    xyz = data / 127.5 - 1.0
    w = np.sqrt(np.maximum(0.0, 1.0 - (xyz**2).sum(1)))
    return np.concatenate([w[:, None], xyz], axis=1)


def _unpack_smallest_three(data: np.ndarray) -> np.ndarray:
    """Rotations wxyz: 2 bits name the largest of x, y, z, w; the others have a sign and 9 bits each."""
    words = np.ascontiguousarray(data).view("<u4")
    fields = words >> np.array([20, 10, 0], np.uint32) & np.uint32(1023)
    small = _SMALL[fields]
    largest = np.sqrt(np.maximum(0.0, 1.0 - np.einsum("ij,ij->i", small, small)))
    values = np.concatenate([small, largest[:, None]], axis=1)
    return np.take_along_axis(values, _WXYZ[words[:, 0] >> np.uint32(30)], axis=1)


def _pack_smallest_three(quats: np.ndarray) -> np.ndarray:
    xyzw = quats[:, [1, 2, 3, 0]].astype(np.float64)
    index = np.abs(xyzw).argmax(1)
    rows = np.arange(len(quats))
    xyzw *= np.where(xyzw[rows, index] < 0.0, -1.0, 1.0)[:, None]
    small = xyzw[np.arange(4) != index[:, None]].reshape(-1, 3)
    magnitude = np.minimum(np.rint(np.abs(small) / np.sqrt(0.5) * 511.0), 511).astype(np.int64)
    fields = magnitude | np.where(small < 0.0, 512, 0)
    words = index << 30 | fields[:, 0] << 20 | fields[:, 1] << 10 | fields[:, 2]
    return words.astype("<u4")
