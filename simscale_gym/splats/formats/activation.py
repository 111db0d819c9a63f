"""Conversion of what trainers store (logarithms, logits, raw quaternions) to `Gaussians`, checked, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import SH_C0

MIN_OPACITY = 2.0**-24
"""Exporters keep opacities this far from 0 and 1, where the logit is infinite; float32 resolves no more."""

MIN_SCALE = 1e-30
"""Exporters keep scales [m] at least this large, since the logarithm of 0 is infinite."""


Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Means `[n, 3]`, quaternions wxyz of any length `[n, 4]`, scales `[n, 3]`, opacities `[n]`, first coefficients
`[n, 3]` and further ones `[n, K - 1, 3]`."""

_ROWS = 2**14
"""Gaussians that are worked on at a time: a few MB, which stay in a core's cache [measured on 1 M]."""


def row_blocks(count: int) -> Iterator[slice]:
    """Slices of the rows `0..count - 1`, in order."""
    return (slice(first, min(first + _ROWS, count)) for first in range(0, count, _ROWS))


def gathered(
    path: object, count: int, terms: int, part: Callable[[slice], Parts], *, field: str = ""
) -> Gaussians:
    """Builds `Gaussians` block by block, so that no more than a block is held twice, and names the first bad value.

    Args:
        path: The file, for errors.
        count: Number of Gaussians.
        terms: Coefficients of each colour: 1, 4, 9 or 16.
        part: Values of some rows.
        field: Place of the Gaussians in the file, for errors.

    Raises:
        DataError: A value is not finite, a quaternion is zero, or a scale or opacity negative.
    """
    shapes = ((3,), (4,), (3,), (), (terms, 3))
    out = Gaussians(*(np.empty((count, *shape), np.float32) for shape in shapes))
    with np.errstate(all="ignore"):  # what float32 cannot hold becomes infinite and is named
        for rows in row_blocks(count):
            means, quats, scales, opacities, dc, further = part(rows)
            quats = np.asarray(quats, np.float64)
            norms = np.sqrt(np.einsum("ij,ij->i", quats, quats))[:, None]
            np.divide(quats, np.where(norms > 0.0, norms, 1.0), out=out.quats[rows], casting="same_kind")
            out.means[rows], out.scales[rows] = means, scales
            out.opacities[rows] = np.minimum(opacities, 1.0)
            out.sh[rows, 0], out.sh[rows, 1:] = dc, further
    _check(path, field, out)
    return out


def checked_gaussians(
    path: object,
    *,
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    sh: np.ndarray,
    field: str = "",
) -> Gaussians:
    """The Gaussians of whole arrays, checked as by :func:`gathered`."""
    parts = (means, quats, scales, opacities, sh[:, 0], sh[:, 1:])
    return gathered(path, len(means), sh.shape[1], lambda rows: tuple(p[rows] for p in parts), field=field)


def activate(
    path: object,
    *,
    means: np.ndarray,
    quats: np.ndarray,
    log_scales: np.ndarray,
    opacity_logits: np.ndarray,
    sh: np.ndarray,
    field: str = "",
) -> Gaussians:
    """The Gaussians of logarithms of scales `[N, 3]` and logits of opacities `[N]`, checked as by :func:`gathered`."""

    def part(rows: slice) -> Parts:
        opacities = opacities_of_logits(opacity_logits[rows])
        return means[rows], quats[rows], np.exp(log_scales[rows]), opacities, sh[rows, 0], sh[rows, 1:]

    return gathered(path, len(means), sh.shape[1], part, field=field)


def opacities_of_logits(logits: np.ndarray) -> np.ndarray:
    """Opacities 0..1 of logits; a logit without end gives an end."""
    return 1.0 / (1.0 + np.exp(-logits))


def log_scales(gaussians: Gaussians) -> np.ndarray:
    """Natural logarithms of the scales, `[N, 3]` float32."""
    return np.log(np.maximum(gaussians.scales, MIN_SCALE))


def opacity_logits(gaussians: Gaussians) -> np.ndarray:
    """Logits of the opacities, `[N]` float32."""
    opacities = np.clip(gaussians.opacities.astype(np.float64), MIN_OPACITY, 1.0 - MIN_OPACITY)
    return np.log(opacities / (1.0 - opacities)).astype(np.float32)


def sh_from_rgb(rgb: np.ndarray) -> np.ndarray:
    """First coefficients of colours that look the same from every side: `[..., 3]` of rgb `[..., 3]`."""
    return (rgb - 0.5) / SH_C0


def rgb_from_sh(sh: np.ndarray) -> np.ndarray:
    """Inverse of :func:`sh_from_rgb`."""
    return sh * SH_C0 + 0.5


def _check(path: object, field: str, gaussians: Gaussians) -> None:
    for name, value in vars(gaussians).items():
        _reject(path, field, name, value, lambda part: ~np.isfinite(part), "finite numbers")
    zero = "a rotation (wxyz), not zero"
    _reject(path, field, "quats", gaussians.quats, lambda part: ~part.any(-1, keepdims=True), zero)
    for name in ("scales", "opacities"):
        _reject(path, field, name, getattr(gaussians, name), lambda part: part < 0.0, "at least 0")


def _reject(
    path: object,
    field: str,
    name: str,
    value: np.ndarray,
    is_bad: Callable[[np.ndarray], np.ndarray],
    expected: str,
) -> None:
    if not any(is_bad(value[rows]).any() for rows in row_blocks(len(value))):
        return
    bad = is_bad(value).reshape(len(value), -1).any(1)
    row = int(np.argmax(bad))
    place = f"{field}.{name}[{row}]" if field else f"{name}[{row}]"
    found = f"{np.asarray(value[row]).ravel()[:4]} ({int(bad.sum())} of {len(bad)} rows are so)"
    raise DataError(path, field=place, found=found, expected=expected)
