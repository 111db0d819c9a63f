"""Gaussians: what a scene looks like, as arrays of activated values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.one_line import one_line
from simscale_gym.splats.spherical_harmonics import SH_C0, TERMS_BY_DEGREE, rotate_sh

_UNIT = 1e-5
"""How far the length of a quaternion may be from 1 and count as 1: float32 rounds to less."""


@dataclass(frozen=True)
class Gaussians:
    """A set of 3D Gaussians. Values are activated: metres and opacities, not logarithms and logits.

    Attributes:
        means: Centres, `[N, 3]` float32 [m].
        quats: Rotations, `[N, 4]` float32, wxyz, of any length but 0, as gsplat takes them.
        scales: Standard deviations along the rotated axes, `[N, 3]` float32 [m].
        opacities: Peak opacities in 0..1, `[N]` float32.
        sh: Spherical-harmonic colour coefficients, `[N, K, 3]` float32, K = 1, 4, 9 or 16 (degree 0 to 3);
            colour = max(0, SH(direction) + 0.5).
    """

    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    sh: np.ndarray

    __repr__ = one_line

    def __len__(self) -> int:
        return len(self.means)

    @classmethod
    def from_rgb(
        cls,
        means: np.ndarray,
        quats: np.ndarray,
        scales: np.ndarray,
        opacities: np.ndarray,
        rgb: np.ndarray,
    ) -> Gaussians:
        """Builds Gaussians that look the same from every side.

        Args:
            means: Centres, `[N, 3]` [m].
            quats: Rotations, `[N, 4]` wxyz, of any length but 0.
            scales: Standard deviations, `[N, 3]` [m].
            opacities: Peak opacities in 0..1, `[N]`.
            rgb: Colours, `[N, 3]`, 0..1.
        """
        quats = np.asarray(quats, np.float64)
        norm = np.linalg.norm(quats, axis=-1, keepdims=True)
        quats = quats / np.where(norm > 0.0, norm, 1.0)
        sh = (np.asarray(rgb, np.float64)[:, None, :] - 0.5) / SH_C0
        values = (means, quats, scales, opacities, sh)
        return cls(*(np.array(value, np.float32) for value in values)).validate()

    @classmethod
    def concatenate(cls, parts: Sequence[Gaussians]) -> Gaussians:
        """Joins sets into one; those of a lower SH degree are padded with zero coefficients."""
        if not parts:
            raise ArgumentError("parts is empty: give at least one Gaussians to concatenate.")
        terms = max(part.sh.shape[1] for part in parts)
        padded = [np.pad(part.sh, ((0, 0), (0, terms - part.sh.shape[1]), (0, 0))) for part in parts]
        names = ("means", "quats", "scales", "opacities")
        joined = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
        return cls(*joined, np.concatenate(padded))

    def subset(self, index: np.ndarray | slice) -> Gaussians:
        """Selects Gaussians by an index array, a boolean mask or a slice."""
        return Gaussians(*(getattr(self, field.name)[index] for field in fields(self)))

    def transformed(self, pose: np.ndarray) -> Gaussians:
        """Moves the Gaussians rigidly, view-dependent colours included.

        Args:
            pose: Rotation and translation from the present frame to the new one, `[4, 4]` [m].
        """
        pose = np.asarray(pose, np.float64)
        if pose.shape != (4, 4) or not np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-4):
            raise ArgumentError(
                f"pose must be a rigid [4, 4] transform (rotation and translation), got {pose!r}."
            )
        rotation = pose[:3, :3]
        if np.linalg.det(rotation) < 0.0:
            raise ArgumentError("pose mirrors (determinant -1); a Gaussian's quaternion cannot hold that.")
        means = self.means @ rotation.T + pose[:3, 3]
        quats = _quat_multiply(_quat_from_matrix(rotation), self.quats.astype(np.float64))
        quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
        return Gaussians(
            means.astype(np.float32),
            quats.astype(np.float32),
            self.scales,
            self.opacities,
            rotate_sh(self.sh, rotation),
        )

    def validate(self) -> Gaussians:
        """Checks shapes and values.

        Returns:
            The Gaussians with quaternions of unit length; the same object where they have it.

        Raises:
            ArgumentError: Naming the field, what stands there and what should.
        """
        count = len(self.means) if np.ndim(self.means) else 0
        shapes = {"means": (count, 3), "quats": (count, 4), "scales": (count, 3), "opacities": (count,)}
        terms = self.sh.shape[1] if np.ndim(self.sh) == 3 else 0
        shapes["sh"] = (count, terms if terms in TERMS_BY_DEGREE else TERMS_BY_DEGREE, 3)
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value.shape != shape:
                raise ArgumentError(f"Gaussians.{name} has shape {value.shape}, expected {shape}.")
            if value.dtype != np.float32:
                raise ArgumentError(f"Gaussians.{name} is {value.dtype}, expected float32: use .astype.")
            _reject(name, ~np.isfinite(value), value, "finite")
        norms = np.sqrt(np.einsum("ij,ij->i", self.quats, self.quats, dtype=np.float64))
        _reject("quats", norms == 0.0, self.quats, "a rotation (wxyz), not zero")
        _reject("scales", self.scales < 0.0, self.scales, "scales of at least 0")
        _reject("opacities", (self.opacities < 0.0) | (self.opacities > 1.0), self.opacities, "0..1")
        if (np.abs(norms - 1.0) <= _UNIT).all():
            return self
        return replace(self, quats=(self.quats / norms[:, None]).astype(np.float32))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file of the kind that its suffix names.

        `.npz` keeps every value. `.ply` (as gsplat writes it) keeps them but for rounding; `.splat` and `.spz` are
        for viewers and lose some: see `save_splat` and `save_spz` for how much.

        Raises:
            ArgumentError: No kind of file has that suffix, or a value is wrong.
            DataError: The file cannot be written; what was there is there still.
        """
        from simscale_gym.splats.formats.files import save_gaussians  # the writers import this module

        save_gaussians(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Gaussians:
        """Reads a file of any kind that this package knows, told apart by its first bytes.

        These are `.npz` of `save`; PLY of INRIA's trainer and gsplat, and SuperSplat's compressed PLY; `.splat`; SPZ of
        version 2 to 4 (4 needs the extra spz); and checkpoints of gsplat's trainer, which need no PyTorch.

        Raises:
            DataError: The file is none of these, is damaged, or holds values that are no Gaussians.
        """
        from simscale_gym.splats.formats.files import load_gaussians  # the readers import this module

        return load_gaussians(path)


def _reject(name: str, bad: np.ndarray, value: np.ndarray, expected: str) -> None:
    if bad.any():
        rows = bad.reshape(len(bad), -1).any(1)
        row = int(np.argmax(rows))
        found = value[row].ravel()[:4]
        raise ArgumentError(
            f"Gaussians.{name}[{row}] is {found}, expected {expected}; {int(rows.sum())} rows are so."
        )


def _quat_from_matrix(rotation: np.ndarray) -> np.ndarray:
    """Quaternion wxyz `[4]` of a rotation `[3, 3]`: the main eigenvector of Bar-Itzhack's 4x4 matrix."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    symmetric = np.array(
        [
            [xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, xx - yy - zz, xy + yx, xz + zx],
            [xz - zx, xy + yx, yy - xx - zz, yz + zy],
            [yx - xy, xz + zx, yz + zy, zz - xx - yy],
        ]
    )
    return np.linalg.eigh(symmetric)[1][:, -1]


def _quat_multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Hamilton product of one quaternion `[4]` with many `[N, 4]`, wxyz."""
    w, x, y, z = left
    matrix = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return right @ matrix.T
