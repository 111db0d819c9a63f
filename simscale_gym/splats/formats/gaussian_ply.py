"""Gaussians as INRIA's trainer, gsplat and most others write them to PLY: one float property per number.

Kerbl et al., "3D Gaussian Splatting for Real-Time Radiance Field Rendering", 2023, reference code; gsplat 1.5,
`exporter.py`: scales are natural logarithms, opacities logits, rotations wxyz of any length, and `f_rest_*` holds
all coefficients of red, then of green, then of blue.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.splats.formats.activation import (
    Parts,
    gathered,
    log_scales,
    opacities_of_logits,
    opacity_logits,
)
from simscale_gym.splats.formats.compressed_ply import is_compressed, unpack_compressed
from simscale_gym.splats.formats.ply import by_basis, columns, read_ply, rest_names, write_ply
from simscale_gym.splats.gaussians import Gaussians

_MEANS, _DC = ["x", "y", "z"], ["f_dc_0", "f_dc_1", "f_dc_2"]
_SCALES, _QUATS = ["scale_0", "scale_1", "scale_2"], ["rot_0", "rot_1", "rot_2", "rot_3"]


def load_gaussian_ply(path: Path) -> Gaussians:
    """Reads a PLY of Gaussians, plain or compressed; properties that it does not know are left out.

    Raises:
        DataError: Not a PLY of Gaussians, truncated, or with values that are none.
    """
    tables = read_ply(path, ("chunk", "vertex", "sh"))
    if "vertex" not in tables:
        raise DataError(path, field="header", found="no element vertex", expected="an element vertex")
    if is_compressed(tables):
        return unpack_compressed(path, tables)
    return _unpack(path, tables["vertex"])


def _unpack(path: Path, table: np.ndarray) -> Gaussians:
    """Gaussians of the element `vertex`, one float property per number."""
    rest = rest_names(path, table.dtype.names, "vertex")

    def part(rows: slice) -> Parts:
        block = {"vertex": table[rows]}
        means, dc, logits, scales, quats, further = (
            columns(path, block, "vertex", names).astype(np.float32, copy=False)
            for names in (_MEANS, _DC, ["opacity"], _SCALES, _QUATS, rest)
        )
        opacities = opacities_of_logits(logits[:, 0])
        return means, quats, np.exp(scales), opacities, dc, by_basis(further)

    part(slice(0))  # names what is missing where there are no rows
    return gathered(path, len(table), 1 + len(rest) // 3, part)


def save_gaussian_ply(path: Path, gaussians: Gaussians) -> None:
    """Writes the properties and order of gsplat's exporter: without the normals that INRIA fills with zeros.

    What is lost is the rounding of logarithm and logit; opacities 0 and 1 move inside by `MIN_OPACITY`.
    """
    rest = gaussians.sh[:, 1:].transpose(0, 2, 1).reshape(len(gaussians), 3 * (gaussians.sh.shape[1] - 1))
    names = [*_MEANS, *_DC, *(f"f_rest_{index}" for index in range(rest.shape[1]))]
    names += ["opacity", *_SCALES, *_QUATS]
    parts = (
        gaussians.means,
        gaussians.sh[:, 0],
        rest,
        opacity_logits(gaussians)[:, None],
        log_scales(gaussians),
        gaussians.quats,
    )
    write_ply(path, names, np.concatenate(parts, axis=1))
