"""SuperSplat's compressed PLY: 16 bytes a Gaussian, quantised between the bounds of its chunk of 256.

Layout: PlayCanvas, splat-transform, `decompress-ply.ts`; gsplat 1.5, `exporter.py`. Position and scale take 11,
10 and 11 bits, the colour four bytes, the rotation its largest component's index (2 bits) and the other three
(10 bits each). Older files give no bounds for colours; they reach from 0 to 1 there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.splats.activation import checked_gaussians, sh_from_rgb
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.ply import columns, rest_names

CHUNK = 256
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
    position, rotation, scale, color = packed.astype(np.uint32).T
    with np.errstate(all="ignore"):  # bounds that are no numbers give values that are none; those are named
        means = _between(path, tables, "{}_{}", "xyz", _fractions(position, (11, 10, 11)))
        scales = np.exp(_between(path, tables, "{}_scale_{}", "xyz", _fractions(scale, (11, 10, 11))))
    rgba = _fractions(color, (8, 8, 8, 8))
    rgb = rgba[:, :3]
    if "min_r" in tables["chunk"].dtype.names:
        rgb = _between(path, tables, "{}_{}", "rgb", rgb)
    return checked_gaussians(
        path,
        means=means,
        quats=_quats(rotation),
        scales=scales,
        opacities=rgba[:, 3],
        sh=np.concatenate([sh_from_rgb(rgb)[:, None], _further_sh(path, tables)], axis=1),
    )


def _fractions(packed: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    """Fields of 32-bit words, highest first, as fractions 0..1: `[N, len(bits)]`."""
    shifts = 32 - np.cumsum(bits)
    fields = packed[:, None] >> shifts.astype(np.uint32)
    masks = (1 << np.array(bits)) - 1
    return (fields & masks.astype(np.uint32)) / masks


def _between(
    path: object, tables: Mapping[str, np.ndarray], pattern: str, axes: str, fractions: np.ndarray
) -> np.ndarray:
    """Values at `fractions [N, 3]` between the bounds of each row's chunk."""
    chunk = np.arange(len(fractions)) // CHUNK
    low, high = (
        columns(path, tables, "chunk", [pattern.format(side, axis) for axis in axes]).astype(np.float64)[
            chunk
        ]
        for side in ("min", "max")
    )
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


def _further_sh(path: object, tables: Mapping[str, np.ndarray]) -> np.ndarray:
    """Coefficients behind the first, `[N, K - 1, 3]`: the middle of each byte's bin, bins cover -4..4."""
    count = len(tables["vertex"])
    if "sh" not in tables:
        return np.zeros((count, 0, 3))
    names = rest_names(path, tables["sh"].dtype.names, "sh")
    levels = columns(path, tables, "sh", names)
    if len(levels) != count or levels.dtype != np.uint8:
        found = f"{len(levels)} rows of {levels.dtype}"
        raise DataError(path, field="element sh", found=found, expected=f"{count} rows of uchar")
    values = ((levels.astype(np.float64) + 0.5) / 256.0 - 0.5) * 8.0
    return values.reshape(count, 3, len(names) // 3).transpose(0, 2, 1)
