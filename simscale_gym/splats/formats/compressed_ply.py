"""SuperSplat's compressed PLY: 16 bytes a Gaussian, quantised between the bounds of its chunk of 256.

Layout: PlayCanvas, splat-transform, `decompress-ply.ts`; gsplat 1.5, `exporter.py`. Position and scale take 11,
10 and 11 bits, the colour four bytes, the rotation its largest component's index (2 bits) and the other three
(10 bits each). Older files give no bounds for colours; they reach from 0 to 1 there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.splats.formats.activation import Parts, gathered, sh_from_rgb
from simscale_gym.splats.formats.ply import by_basis, columns, rest_names
from simscale_gym.splats.gaussians import Gaussians

CHUNK = 256
_SH = ((np.arange(256) + 0.5) / 256.0 - 0.5) * 8.0  # the middle of each byte's bin; bins cover -4..4
_SH[[0, -1]] = -4.0, 4.0  # what lies outside is in the first and the last
_PACKED = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]


def is_compressed(tables: Mapping[str, np.ndarray]) -> bool:
    """Whether the elements of a PLY file are those of this format."""
    return "chunk" in tables and "packed_position" in (tables["vertex"].dtype.names or ())


def unpack_compressed(path: object, tables: Mapping[str, np.ndarray]) -> Gaussians:
    """Gaussians of the elements `chunk`, `vertex` and, where there are view-dependent colours, `sh`.

    Raises:
        DataError: A property or chunk is missing, or of another type.
    """
    packed = columns(path, tables, "vertex", _PACKED)
    chunks = -(-len(packed) // CHUNK)
    if packed.dtype.newbyteorder("=") != np.uint32 or len(tables["chunk"]) < chunks:
        found = f"{len(tables['chunk'])} chunks, {packed.dtype} properties"
        raise DataError(
            path,
            field="element chunk",
            found=found,
            expected=f"{chunks} chunks of {CHUNK} rows of 32-bit unsigned properties",
        )
    means_in, scales_in = _bounds(path, tables, "{}_{}", "xyz"), _bounds(path, tables, "{}_scale_{}", "xyz")
    colors_in = (0.0, 1.0)
    if "min_r" in tables["chunk"].dtype.names:
        colors_in = _bounds(path, tables, "{}_{}", "rgb")
    levels = _levels(path, tables)

    def part(rows: slice) -> Parts:
        chunk = np.arange(rows.start, rows.stop) // CHUNK
        position, rotation, scale, color = packed[rows].astype(np.uint32).T
        means = _between(means_in, chunk, _fractions(position, (11, 10, 11)))
        scales = np.exp(_between(scales_in, chunk, _fractions(scale, (11, 10, 11))))
        rgba = _fractions(color, (8, 8, 8, 8))
        dc = sh_from_rgb(_between(colors_in, chunk, rgba[:, :3]))
        return means, _quats(rotation), scales, rgba[:, 3], dc, by_basis(_SH[levels[rows]])

    return gathered(path, len(packed), 1 + levels.shape[1] // 3, part)


def _fractions(packed: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    """Fields of 32-bit words, highest first, as fractions 0..1: `[N, len(bits)]`."""
    shifts = 32 - np.cumsum(bits)
    fields = packed[:, None] >> shifts.astype(np.uint32)
    masks = (1 << np.array(bits)) - 1
    return (fields & masks.astype(np.uint32)) / masks


def _bounds(
    path: object, tables: Mapping[str, np.ndarray], pattern: str, axes: str
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest values of each chunk, `[chunks, 3]` float64."""
    low, high = (
        columns(path, tables, "chunk", [pattern.format(side, axis) for axis in axes]).astype(np.float64)
        for side in ("min", "max")
    )
    return low, high


def _between(bounds: tuple[np.ndarray, np.ndarray], chunk: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Values at `fractions [N, 3]` between the bounds of each row's chunk."""
    low, high = (side[chunk] if np.ndim(side) else side for side in bounds)
    return low * (1.0 - fractions) + high * fractions


def _quats(packed: np.ndarray) -> np.ndarray:
    """Rotations `[N, 4]` wxyz; the largest component follows from unit length."""
    small = (_fractions(packed, (2, 10, 10, 10))[:, 1:] - 0.5) * np.sqrt(2.0)
    largest = np.sqrt(np.maximum(0.0, 1.0 - (small**2).sum(1)))
    index = (packed >> np.uint32(30)).astype(int)
    quats = np.empty((len(packed), 4))
    for which in range(4):
        rows = index == which
        quats[rows] = np.insert(small[rows], which, largest[rows], axis=1)
    return quats


def _levels(path: object, tables: Mapping[str, np.ndarray]) -> np.ndarray:
    """Bytes of the coefficients behind the first, channel-major, `[N, 3 (K - 1)]`."""
    count = len(tables["vertex"])
    if "sh" not in tables:
        return np.zeros((count, 0), np.uint8)
    names = rest_names(path, tables["sh"].dtype.names, "sh")
    levels = columns(path, tables, "sh", names)
    if len(levels) != count or levels.dtype != np.uint8:
        found = f"{len(levels)} rows of {levels.dtype}"
        raise DataError(path, field="element sh", found=found, expected=f"{count} rows of uchar")
    return levels
