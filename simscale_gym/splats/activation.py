"""From what trainers store (logarithms, logits, raw quaternions) to `Gaussians`, checked, and back."""

from __future__ import annotations

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import SH_C0

MIN_OPACITY = 2.0**-24
"""Exporters keep opacities this far from 0 and 1, where the logit is infinite; float32 resolves no more."""

MIN_SCALE = 1e-30
"""Exporters keep scales [m] at least this large, since the logarithm of 0 is infinite."""


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
    """Builds `Gaussians` of values that a file gave, and names the first bad one.

    Args:
        path: The file, for errors.
        means: Centres, `[N, 3]` [m].
        quats: Rotations wxyz of any length but 0, `[N, 4]`.
        scales: Standard deviations, `[N, 3]` [m].
        opacities: Peak opacities in 0..1, `[N]`.
        sh: Coefficients, `[N, K, 3]`.
        field: Where in the file the Gaussians stand, for errors.

    Raises:
        DataError: A value is not finite, a quaternion is zero or a scale negative.
    """
    with np.errstate(all="ignore"):  # what float32 cannot hold becomes infinite and is named
        quats = np.asarray(quats, np.float64)
        norms = np.linalg.norm(quats, axis=-1, keepdims=True)
        units = quats / np.where(norms > 0.0, norms, 1.0)
        opacities = np.minimum(opacities, 1.0)
        values = {"means": means, "quats": units, "scales": scales, "opacities": opacities, "sh": sh}
        arrays = {name: np.ascontiguousarray(value, np.float32) for name, value in values.items()}
    for name, value in arrays.items():
        _reject(path, field, name, ~np.isfinite(value), value, "finite numbers")
    _reject(path, field, "quats", norms == 0.0, quats, "a rotation (wxyz), not zero")
    for name in ("scales", "opacities"):
        _reject(path, field, name, arrays[name] < 0.0, arrays[name], "at least 0")
    return Gaussians(**arrays).validate()


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
    """As :func:`checked_gaussians`, of natural logarithms of scales `[N, 3]` and logits of opacities `[N]`."""
    with np.errstate(all="ignore"):  # what overflows, or is no number, is named below
        scales = np.exp(log_scales)
        opacities = 1.0 / (1.0 + np.exp(-opacity_logits))
    return checked_gaussians(
        path, means=means, quats=quats, scales=scales, opacities=opacities, sh=sh, field=field
    )


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


def _reject(path: object, field: str, name: str, bad: np.ndarray, value: np.ndarray, expected: str) -> None:
    if not bad.any():
        return
    rows = bad.reshape(len(bad), -1).any(1)
    row = int(np.argmax(rows))
    place = f"{field}.{name}[{row}]" if field else f"{name}[{row}]"
    found = f"{np.asarray(value[row]).ravel()[:4]} ({int(rows.sum())} of {len(rows)} rows are so)"
    raise DataError(path, field=place, found=found, expected=expected)
