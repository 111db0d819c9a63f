"""Gaussians to images, in gsplat 1.5.3's conventions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.gaussians import Gaussians

BACKENDS = ("auto", "cpu")


@dataclass(frozen=True)
class Raster:
    """Images of one or more cameras.

    Attributes:
        rgb: Colours, background included, `[C, H, W, 3]` float32; not clamped above.
        alpha: Opacity, `[C, H, W]` float32.
        depth: Expected depth along the optical axis, `[C, H, W]` float32 [m]; 0 where alpha is 0.
        transmittance: 1 - alpha, `[C, H, W]` float32: the weight of what stands behind.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    depth: np.ndarray
    transmittance: np.ndarray

    @classmethod
    def empty(cls, cameras: int, width: int, height: int) -> Raster:
        """Allocates images to be written to, contents undefined."""
        shape = (cameras, height, width)
        return cls(np.empty((*shape, 3), np.float32), *(np.empty(shape, np.float32) for _ in range(3)))


def rasterize(
    gaussians: Gaussians,
    viewmats: np.ndarray,
    Ks: np.ndarray,
    width: int,
    height: int,
    *,
    backend: str = "auto",
    near: float = 0.01,
    far: float = 1e10,
    eps2d: float = 0.3,
    antialiased: bool = False,
    background: np.ndarray | None = None,
) -> Raster:
    """Rasterizes Gaussians once. For many frames of one scene, keep a `cpu_rasterizer.CpuRasterizer`.

    Conventions: pixel centres at +0.5; alpha = min(0.999, opacity exp(-sigma)), skipped below 1/255; a pixel
    is finished before the Gaussian that would bring its transmittance to 1e-4 or less; the Jacobian is taken
    within the frustum widened by 0.3 tan(fov / 2) a side. Gaussians at the same depth are drawn in an order
    that is an implementation detail (see `cpu_pack.pack`).

    Args:
        gaussians: What to draw.
        viewmats: World to camera, OpenCV axes (x right, y down, z forward), `[C, 4, 4]`.
        Ks: Pinhole intrinsics, `[C, 3, 3]` [px]; the skew is ignored.
        width: Image width [px].
        height: Image height [px].
        backend: "cpu", or "auto" for the best there is.
        near: Gaussians whose mean is nearer are left out [m].
        far: Gaussians whose mean is farther are left out [m].
        eps2d: Blur added to the projected covariance's diagonal [px^2].
        antialiased: Lower the opacity of splats that the blur enlarges, so that they cover as much as before.
        background: Colour behind everything, `[3]` or `[C, 3]`; black if None.

    Returns:
        The images.
    """
    if backend not in BACKENDS:
        raise ArgumentError(f"backend is {backend!r}, expected one of {', '.join(map(repr, BACKENDS))}.")
    from simscale_gym.splats.cpu_pack import pack
    from simscale_gym.splats.cpu_rasterizer import CpuRasterizer

    rasterizer = CpuRasterizer([pack(gaussians)])
    return rasterizer.render(
        viewmats, Ks, width, height,
        near=near, far=far, eps2d=eps2d, antialiased=antialiased, background=background,
    )  # fmt: skip
