"""Gaussians to images, in gsplat 1.5.3's conventions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.one_line import one_line
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.instances import Instances, check_finite

LARGEST_IMAGE = 16384
"""Greatest width and height [px]; boxes of pixels are kept as int16."""


@dataclass(frozen=True)
class Raster:
    """Images of one or more cameras.

    Attributes:
        rgb: Colours, background included, `[C, H, W, 3]` float32; not clamped above.
        alpha: Opacity, `[C, H, W]` float32.
        depth: Expected depth along the optical axis, `[C, H, W]` float32 [m]; 0 where alpha is 0.
        transmittance: 1 - alpha, `[C, H, W]` float32: the weight of what stands behind.
        ids: Instance that shows most, `[C, H, W]` int32: the one whose Gaussian has the greatest weight of all in the
            pixel, -1 where there is none. None unless asked for.
        splats: Splats that reached the images, all together.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    depth: np.ndarray
    transmittance: np.ndarray
    ids: np.ndarray | None = None
    splats: int = 0

    __repr__ = one_line

    @classmethod
    def empty(cls, cameras: int, size: tuple[int, int], *, ids: bool = False) -> Raster:
        """Allocates images of `size` (height, width) to be written to, contents undefined."""
        shape = (cameras, *size)
        images = (np.empty(shape, np.float32) for _ in range(3))
        return cls(np.empty((*shape, 3), np.float32), *images, np.empty(shape, np.int32) if ids else None)

    @property
    def accumulated_depth(self) -> np.ndarray:
        """Depth not divided by alpha, `[C, H, W]` [m]: gsplat's render mode "D", where `depth` is its "ED"."""
        return self.depth * self.alpha

    def classes(self, class_of_instance: np.ndarray, nothing: int = -1) -> np.ndarray:
        """Semantic images `[C, H, W]`, from the class `[I]` of each instance.

        Args:
            class_of_instance: Integers, in the order of the instances.
            nothing: Class of pixels that no instance touches.
        """
        if self.ids is None:
            raise ArgumentError("this Raster has no ids: render with ids=True.")
        table = np.append(np.asarray(class_of_instance), nothing)  # an id of -1 finds the last
        if self.ids.max(initial=-1) >= len(table) - 1:
            raise ArgumentError(
                f"class_of_instance has {len(table) - 1} classes, expected one for each of the "
                f"{self.ids.max() + 1} or more instances."
            )
        return table[self.ids]


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
    distortion: np.ndarray | None = None,
    ids: bool = False,
) -> Raster:
    """Rasterizes Gaussians once.

    For many frames of one scene, keep a rasteriser: see `rasterizer.make_rasterizer`.

    Conventions, those of gsplat 1.5.3 (`ProjectionEWA3DGSFused.cu`, `RasterizeToPixels3DGSFwd.cu`, `rendering.py`):

    - *Pixels.* Centres at +0.5; axes of the camera x right, y down, z forward; depth is z, not distance.
    - *Projection.* EWA: the Jacobian is taken at the mean, kept within the frustum widened by 0.3 tan(fov / 2) a side,
      principal point respected. Then `eps2d` [px^2] is added to the covariance's diagonal.
    - *Range.* A Gaussian counts if its mean has near <= z <= far, however far it reaches; none is left out for being
      small or beside the image as long as one pixel centre gets an alpha of 1/255.
    - *Alpha.* min(0.999, opacity exp(-sigma)), skipped below 1/255, nearest first. A pixel is finished before the
      Gaussian that would bring its transmittance to 1e-4 or less: that one is not added.
    - *Antialiased* (gsplat's rasterize mode of that name; "classic" otherwise): the opacity is multiplied by
      sqrt(det covariance / det blurred covariance), so that a splat covers as much as before the blur.
    - *Colour.* max(0, SH + 0.5) of degree 0 to 3, as the Gaussians have it, towards the mean from the camera; no upper
      limit. Background weighs by the transmittance.
    - *Depth.* `Raster.depth` is expected depth, sum(w z) / sum(w): "ED". `Raster.accumulated_depth` is sum(w z): "D".
      Neither sees the background.
    - *Ties.* gsplat draws Gaussians of the same float32 depth in the order in which they are given, the first in front;
      the CPU in Morton order (see `cpu.pack.pack`), and takes depths that agree to about 4e-6 of their value for the
      same. Each always draws the same picture; where a scene is full of ties (flat boxes seen head-on) the two pictures
      agree to no more than 30 dB.

    Ties aside, the CPU's images agree with those of gsplat's own kernels (`tests/splats/test_rasterize_parity.py`):
    colours to 110 dB and more, depths to 100, apart from single pixels in which rounding decides on a threshold. Not so
    for needles a hundred times as long as they are wide, and longer: there gsplat, which takes determinants as
    differences in float32, agrees with exact arithmetic to 70 to 110 dB (30 at worst), the CPU to 120 (90 at worst).

    Args:
        gaussians: Gaussians to draw.
        viewmats: Transforms from the world to the cameras, OpenCV axes (x right, y down, z forward), `[C, 4, 4]`.
        Ks: Pinhole intrinsics, `[C, 3, 3]` [px]; the skew is ignored.
        width: Image width [px].
        height: Image height [px].
        backend: "cpu", "gsplat" (the extra gpu, and a CUDA device), or "auto": gsplat if it is there, else the CPU.
        near: Gaussians whose mean is nearer are left out [m].
        far: Gaussians whose mean is farther are left out [m].
        eps2d: Blur added to the projected covariance's diagonal [px^2].
        antialiased: Lower the opacity of splats that the blur enlarges, so that they cover as much as before.
        background: Colour behind everything, `[3]` or `[C, 3]`; black if None.
        distortion: Distortion of the lenses, OpenCV's k1, k2, p1, p2, k3, `[5]` or `[C, 5]`; none if None (see `lens`).
        ids: Whether to write also where there is something (0) and where not (-1); only the CPU does.

    Returns:
        The images.
    """
    from simscale_gym.splats.rasterizer import make_rasterizer  # which draws the images of this module

    rasterizer = make_rasterizer([gaussians], backend="cpu" if ids and backend == "auto" else backend)
    settings = {
        "near": near,
        "far": far,
        "eps2d": eps2d,
        "antialiased": antialiased,
        "background": background,
    }
    if distortion is None:
        return rasterizer.render(viewmats, Ks, (height, width), ids=ids, **settings)
    from simscale_gym.splats.lens import Lens, render_distorted

    lens = Lens.of(Ks, distortion, width, height)
    return render_distorted(rasterizer, lens, viewmats, ids=ids, **settings)


def check_frames(
    viewmats: np.ndarray,
    Ks: np.ndarray,
    size: tuple[int, int],
    frames: Sequence[Instances],
    templates: int,
    limits: tuple[float, float, float, float],
) -> None:
    """Raises ArgumentError for what the kernels must not see; `limits` is near, far, eps2d, brightest."""
    near, far, eps2d, brightest = limits
    cameras = len(viewmats) if viewmats.ndim == 3 else 0
    check_finite("viewmats", viewmats, (max(cameras, 1), 4, 4))
    check_cameras(Ks, len(viewmats), *size[::-1])
    if not frames or cameras % len(frames):
        raise ArgumentError(f"viewmats are {cameras}, expected as many for each of {len(frames)} frames.")
    for instances in frames:
        instances.check(templates)
    if not (0.0 < near < far and eps2d >= 0.0):
        raise ArgumentError(
            f"near, far, eps2d are {near}, {far}, {eps2d}, expected 0 < near < far [m] and eps2d >= 0."
        )
    if not brightest > 0.0:
        raise ArgumentError(f"brightest is {brightest}, expected more than 0.")


def check_cameras(Ks: np.ndarray, cameras: int, width: int, height: int) -> None:
    """Raises ArgumentError for intrinsics and image sizes that no camera has."""
    check_finite("Ks", Ks, (cameras, 3, 3))
    for name, size in (("width", width), ("height", height)):
        if not isinstance(size, (int, np.integer)) or not 1 <= size <= LARGEST_IMAGE:
            raise ArgumentError(f"{name} is {size!r}, expected a whole number in 1..{LARGEST_IMAGE} [px].")
    if (Ks[:, [0, 1], [0, 1]] <= 0.0).any():
        raise ArgumentError(f"Ks holds the focal lengths {Ks[:, [0, 1], [0, 1]]}, expected more than 0 [px].")


def check_background(background: np.ndarray | None, cameras: int) -> np.ndarray:
    """Colours `[C, 3]` float32 behind the images of so many cameras, checked; black if None."""
    value = np.zeros(3) if background is None else np.asarray(background, np.float64)
    if value.shape not in ((cameras, 3), (3,)) or not np.isfinite(value).all():
        expected = f"{(cameras, 3)} or (3,)"
        raise ArgumentError(
            f"background has shape {value.shape}, expected finite values of shape {expected}."
        )
    return np.array(np.broadcast_to(value, (cameras, 3)), np.float32)


def images_of(raster: Raster) -> tuple[np.ndarray | None, ...]:
    """The images of ``raster``, in the order of its fields."""
    return raster.rgb, raster.alpha, raster.depth, raster.transmittance, raster.ids


def check_images(out: Raster, shape: tuple[int, int, int], ids: bool) -> None:
    """Checks that images can be written to."""
    for name, image in zip(("rgb", "alpha", "depth", "transmittance", "ids"), images_of(out), strict=True):
        if image is None and name == "ids" and not ids:
            continue
        expected = (*shape, 3) if name == "rgb" else shape
        dtype = np.dtype(np.int32 if name == "ids" else np.float32)
        if image is None or image.shape != expected or image.dtype != dtype or not image.flags.carray:
            found = None if image is None else f"{image.dtype} {image.shape}"
            raise ArgumentError(
                f"out.{name} is {found}, expected writable contiguous {dtype} {expected}: use Raster.empty."
            )
