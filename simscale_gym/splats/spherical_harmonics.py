"""Real spherical harmonics up to degree 3, in the order and signs of 3D Gaussian Splatting and gsplat.

A view-dependent colour is `max(0, basis(direction) @ sh + 0.5)`, direction pointing from the camera to the
Gaussian. Constants: gsplat 1.5.3, `SphericalHarmonicsCUDA.cu`, after Sloan, "Efficient Spherical Harmonic
Evaluation", JCGT 2013.
"""

from __future__ import annotations

import numpy as np

SH_C0 = 0.28209479177387814
"""The constant basis function, 1 / (2 sqrt(pi))."""

TERMS_BY_DEGREE = (1, 4, 9, 16)
"""Number of coefficients per colour channel at degrees 0 to 3."""


def sh_basis(directions: np.ndarray, terms: int) -> np.ndarray:
    """Evaluates the basis.

    Args:
        directions: Unit vectors, `[..., 3]`.
        terms: Number of basis functions: 1, 4, 9 or 16.

    Returns:
        Basis values, `[..., terms]`.
    """
    x, y, z = np.moveaxis(np.asarray(directions, np.float64), -1, 0)
    basis = np.empty((*x.shape, 16))
    basis[..., 0] = SH_C0
    basis[..., 1] = -0.48860251190292 * y
    basis[..., 2] = 0.48860251190292 * z
    basis[..., 3] = -0.48860251190292 * x
    cos_2, sin_2 = x * x - y * y, 2.0 * x * y
    basis[..., 4] = 0.5462742152960395 * sin_2
    basis[..., 5] = -1.092548430592079 * y * z
    basis[..., 6] = 0.9461746957575601 * z * z - 0.3153915652525201
    basis[..., 7] = -1.092548430592079 * x * z
    basis[..., 8] = 0.5462742152960395 * cos_2
    cos_3, sin_3 = x * cos_2 - y * sin_2, x * sin_2 + y * cos_2
    ring = 0.4570457994644658 - 2.285228997322329 * z * z
    basis[..., 9] = -0.5900435899266435 * sin_3
    basis[..., 10] = 1.445305721320277 * z * sin_2
    basis[..., 11] = ring * y
    basis[..., 12] = z * (1.865881662950577 * z * z - 1.119528997770346)
    basis[..., 13] = ring * x
    basis[..., 14] = 1.445305721320277 * z * cos_2
    basis[..., 15] = -0.5900435899266435 * cos_3
    return basis[..., :terms]


def rotate_sh(sh: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Rotates view-dependent colours with the object that bears them.

    Every degree spans a space that rotations map to itself, so the coefficients that reproduce the turned
    colour function on enough sample directions are exact: no recurrence for Wigner matrices is needed.

    Args:
        sh: Coefficients, `[N, K, 3]`.
        rotation: Rotation matrix, `[3, 3]`.

    Returns:
        Coefficients `[N, K, 3]` float32 whose colour towards `rotation @ d` is the old colour towards `d`.
    """
    terms = sh.shape[1]
    if terms == 1:
        return np.array(sh, np.float32)
    index = np.arange(64) + 0.5
    height, turn = 1.0 - 2.0 * index / 64.0, index * np.pi * (1.0 + np.sqrt(5.0))  # Fibonacci sphere
    ring = np.sqrt(1.0 - height * height)
    samples = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=-1)
    turned = np.linalg.pinv(sh_basis(samples, terms)) @ sh_basis(samples @ rotation, terms)
    return np.einsum("kj,njc->nkc", turned, sh).astype(np.float32)
