"""The `.splat` files of web viewers: 32 bytes a Gaussian, one colour for all sides, no header.

Layout: antimatter15/splat, `convert.py`: three floats of the mean [m], three of the scale [m], red, green, blue and
opacity as bytes, and the rotation wxyz as bytes around 128.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.splats.formats.activation import Parts, gathered, rgb_from_sh, sh_from_rgb
from simscale_gym.splats.gaussians import Gaussians

_ROW = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("quat", "u1", 4)])


def load_splat(path: Path) -> Gaussians:
    """Reads a `.splat` file.

    Raises:
        DataError: Its size is no multiple of 32 bytes, or a row holds no Gaussian.
    """
    data = path.read_bytes()
    if len(data) % _ROW.itemsize:
        raise DataError(
            path,
            found=f"{len(data)} bytes",
            expected=f"a multiple of {_ROW.itemsize} bytes, a row each",
            hint="The file may be truncated: fetch or write it again.",
        )
    rows = np.frombuffer(data, _ROW)

    def part(block: slice) -> Parts:
        some = rows[block]
        rgba = some["rgba"] / 255.0
        dc, further = sh_from_rgb(rgba[:, :3]), np.zeros((len(some), 0, 3))
        return some["mean"], some["quat"] / 128.0 - 1.0, some["scale"], rgba[:, 3], dc, further

    return gathered(path, len(rows), 1, part)


def save_splat(path: Path, gaussians: Gaussians) -> None:
    """Writes a `.splat` file, rows in the order of the Gaussians.

    Means and scales are kept exactly. Lost are view-dependent colours, colours outside 0..1, and what eight bits
    do not hold: 1/510 of colour and opacity, 1/128 of each component of the rotation.
    """
    rows = np.empty(len(gaussians), _ROW)
    rows["mean"], rows["scale"] = gaussians.means, gaussians.scales
    rgba = np.concatenate([rgb_from_sh(gaussians.sh[:, 0]), gaussians.opacities[:, None]], axis=1)
    rows["rgba"] = np.rint(np.clip(rgba, 0.0, 1.0) * 255.0)
    rows["quat"] = np.clip(np.rint(gaussians.quats * 128.0 + 128.0), 0, 255)
    path.write_bytes(rows.tobytes())
