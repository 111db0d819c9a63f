"""Draws with gsplat on a CUDA device, behind the same call as `CpuRasterizer`. Needs the extra gpu."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from simscale_gym.errors import ArgumentError, MissingExtraError
from simscale_gym.kernels import Crew
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.gpu.gsplat_frame import (
    Cloud,
    Motion,
    Name,
    blend,
    instance_names,
    project,
    standing,
)
from simscale_gym.splats.instances import FIRST, Colors, Instances, Shape
from simscale_gym.splats.rasterize import Raster, check_background, check_frames, check_images, images_of
from simscale_gym.splats.spherical_harmonics import SH_C0

if TYPE_CHECKING:
    import torch


def gsplat_is_there() -> bool:
    """Whether PyTorch with a CUDA device, and gsplat with its kernels, are there."""
    if importlib.util.find_spec("gsplat") is None or importlib.util.find_spec("torch") is None:
        return False  # without loading PyTorch, which takes seconds
    try:
        load_gsplat()
    except (MissingExtraError, ArgumentError):
        return False
    return True


def load_gsplat() -> Any:
    """The module gsplat.

    Raises:
        MissingExtraError: It or PyTorch is not installed.
        ArgumentError: There is no CUDA device, or gsplat has no kernels for it.
    """
    for package in ("torch", "gsplat"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "gpu")
    import torch

    if not torch.cuda.is_available():
        raise ArgumentError("'gsplat' was asked for, but PyTorch finds no CUDA device: use 'cpu' or 'auto'.")
    import gsplat
    from gsplat.cuda._backend import _C  # builds the kernels when they are first needed, which takes minutes

    if _C is None:
        raise ArgumentError(
            "'gsplat' was asked for, but it found no CUDA toolkit to build its kernels with: install one that "
            "matches PyTorch's CUDA, or a wheel of gsplat with kernels; or use 'cpu'."
        )
    return gsplat


class GsplatRasterizer:
    """Draws instances of Gaussians with gsplat, all cameras of all frames in one call.

    Templates go to the device once and never change. What stands still at the head of all frames is projected from
    there, for all cameras at once; the instances behind it are placed on the device, frame by frame, those of frames
    with the same instances together; all of it is sorted and blended in one go, and nothing comes back but the images.

    These are the five calls that `gsplat.rasterization` makes, not that one, for three reasons. Its batches need every
    Gaussian once for each frame, and what was only expanded is copied by its wrapper (`.contiguous()`): 44 bytes a
    static Gaussian and frame, 192 more with colours of degree 3. It wants coefficients turned where turning
    directions is cheaper. And 1.5.3 refuses backgrounds together with packed=True (gsplat's issue 764).

    However many frames there are, the device holds the templates, the instances of the last call side by side, and
    while it draws some 50 bytes a pixel of all images.

    Args:
        templates: What can be drawn.
        device: PyTorch's name of the device.
    """

    def __init__(self, templates: Sequence[Gaussians], *, device: str = "cuda") -> None:
        if not templates:
            raise ArgumentError("templates is empty: give at least one Gaussians (it may hold none).")
        self._gsplat, self._device = load_gsplat(), device
        self._templates: list[dict[str, torch.Tensor]] = []
        self._clouds: dict[tuple, Cloud] = {}
        self.crew = Crew()
        for template in templates:
            self.add(template)

    def add(self, template: Gaussians) -> int:
        """Makes one more template known; returns its number."""
        import torch

        values = vars(template.validate())
        self._templates.append({name: torch.as_tensor(v, device=self._device) for name, v in values.items()})
        return len(self._templates) - 1

    def colors(self, template: int, rgb: np.ndarray) -> Colors:
        """Base colours `[N, 3]` for instances of a template."""
        own = self._template(template)["sh"]
        rgb = np.asarray(rgb, np.float32)
        if rgb.shape != (len(own), 3):
            raise ArgumentError(
                f"rgb has shape {rgb.shape}, expected {(len(own), 3)} of template {template}."
            )
        return Colors(template, own.new_tensor((rgb - 0.5) / np.float32(SH_C0)))

    def shape(self, template: int, means: np.ndarray, quats: np.ndarray, scales: np.ndarray) -> Shape:
        """Another shape for instances of a template: `[N, 3]` [m], `[N, 4]` wxyz, `[N, 3]` [m]."""
        own, fresh = self._template(template), {"means": means, "quats": quats, "scales": scales}
        for name, value in fresh.items():
            if np.shape(value) != tuple(own[name].shape):
                found = f"{name} has shape {np.shape(value)}"
                raise ArgumentError(f"{found}, expected {tuple(own[name].shape)} of template {template}.")
        values = {name: own[name].new_tensor(np.asarray(value, np.float32)) for name, value in fresh.items()}
        return Shape(template, values)

    def _template(self, number: int) -> dict[str, torch.Tensor]:
        if not 0 <= number < len(self._templates):
            raise ArgumentError(f"template is {number}, expected a number in 0..{len(self._templates) - 1}.")
        return self._templates[number]

    def render(
        self,
        viewmats: np.ndarray,
        Ks: np.ndarray,
        size: tuple[int, int],
        frames: Sequence[Instances] = (FIRST,),
        *,
        near: float = 0.01,
        far: float = 1e10,
        eps2d: float = 0.3,
        antialiased: bool = False,
        background: np.ndarray | None = None,
        brightest: float = np.inf,
        ids: bool = False,
        out: Raster | None = None,
        as_torch: bool = False,
    ) -> Raster:
        """Draws frames: arguments and images as of `CpuRasterizer.render`, but for ids, which gsplat has not.

        Args:
            viewmats: World to camera, `[C, 4, 4]`: those of the first frame, then the second.
            Ks: Pinhole intrinsics, `[C, 3, 3]` [px].
            size: Height, width [px].
            frames: What each frame shows, E of them, which divides C; by default one, of the first template.
            near: Gaussians whose mean is nearer are left out [m].
            far: Gaussians whose mean is farther are left out [m].
            eps2d: Blur added to the projected covariance's diagonal [px^2].
            antialiased: Lower the opacity of splats that the blur enlarges.
            background: Colour behind everything, `[3]` or `[C, 3]`; black if None.
            brightest: Colours of Gaussians are cut off there, before they are blended.
            ids: Must be False.
            out: Images to write to, in the memory of the CPU.
            as_torch: Leave the images on the device: the Raster then holds tensors, which nothing has waited for.
        """
        if ids or (as_torch and out is not None):
            raise ArgumentError(
                "gsplat draws no ids (use backend 'cpu'), and `out` has no place for tensors."
            )
        viewmats, Ks = (np.asarray(value, np.float64) for value in (viewmats, Ks))
        check_frames(viewmats, Ks, size, frames, len(self._templates), (near, far, eps2d, brightest))
        if out is not None:
            check_images(out, (len(viewmats), *size), ids)
        behind = check_background(background, len(viewmats))
        settings = {
            "near_plane": near, "far_plane": far, "eps2d": eps2d, "calc_compensations": bool(antialiased),
            "brightest": brightest,
        }  # fmt: skip
        raster = self._draw(viewmats, Ks, size, frames, behind, settings)
        if as_torch:
            return raster
        images = [image if image is None else image.cpu().numpy() for image in images_of(raster)]
        if out is None:
            return Raster(*images, splats=raster.splats)
        for target, image in zip(images_of(out), images, strict=True):
            if image is not None:
                np.copyto(target, image)
        return replace(out, splats=raster.splats)

    def _draw(
        self,
        viewmats: np.ndarray,
        Ks: np.ndarray,
        size: tuple[int, int],
        frames: Sequence[Instances],
        behind: np.ndarray,
        settings: dict[str, Any],
    ) -> Raster:
        """Draws frames that were checked; the Raster holds tensors."""
        import torch

        each = len(viewmats) // len(frames)
        by_frame = viewmats.reshape(-1, each, 4, 4), Ks.reshape(-1, each, 3, 3)
        with torch.no_grad():
            parts = [
                project(
                    self._gsplat,
                    cloud,
                    motion,
                    numbers,
                    *(part[numbers] for part in by_frame),
                    size,
                    **settings,
                )
                for cloud, motion, numbers in self._parts(frames)
                if len(cloud.means)  # gsplat divides by their number
            ]
            splats = [torch.cat(values) for values in zip(*parts, strict=True)]
            colors = torch.as_tensor(behind, device=self._device).reshape(-1, 1, 1, 3)
            if not splats or not len(splats[0]):
                nothing = colors.new_zeros(len(behind), *size)
                rgb = colors.expand(-1, *size, -1).contiguous()
                return Raster(rgb, nothing, nothing.clone(), 1.0 - nothing)
            drawn, alphas = blend(self._gsplat, splats, len(behind), size)
            rgb = torch.addcmul(drawn[..., :3], 1.0 - alphas, colors)
            alpha, depth = alphas[..., 0], drawn[..., 3]
            return Raster(rgb, alpha, depth / alpha.clamp_min(1e-10), 1.0 - alpha, splats=len(splats[0]))

    def _parts(self, frames: Sequence[Instances]) -> list[tuple[Cloud, Motion | None, np.ndarray]]:
        """What to project together: Gaussians, how they move, and the frames that show them.

        What stands still at the head of all frames comes first, so that in each image the order is that of its
        instances.
        """
        still = min(standing(instances) for instances in frames)
        names = [instance_names(instances) for instances in frames]
        still = min(still, *(_common(names[0], other) for other in names))
        groups: dict[tuple, list[int]] = {}
        for number, own in enumerate(names):
            groups.setdefault(own[still:], []).append(number)
        kept, known = {}, self._clouds

        def cloud_of(key: tuple) -> Cloud:
            kept[key] = known[key] if key in known else self._gathered(key)
            return kept[key]

        parts = [(cloud_of(names[0][:still]), None, np.arange(len(frames)))]
        for key, numbers in groups.items():
            motion = Motion.of([frames[number] for number in numbers], still)
            parts.append((cloud_of(key), motion, np.array(numbers)))
        self._clouds = (
            kept  # those of this call alone: a drive finds what stands still, and who has not turned
        )
        return parts

    def _gathered(self, instances: Sequence[Name]) -> Cloud:
        """The Gaussians of instances side by side."""
        import torch

        parts = [self._instance(*name) for name in instances] or [
            {name: value[:0] for name, value in self._templates[0].items()}
        ]
        terms = max(part["sh"].shape[1] for part in parts)
        sh = [torch.nn.functional.pad(part["sh"], (0, 0, 0, terms - part["sh"].shape[1])) for part in parts]
        joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0] if name != "sh"}
        counts = np.array([len(part["means"]) for part in parts], np.int64)
        numbers, lengths = (
            torch.as_tensor(value, device=self._device) for value in (np.arange(len(parts)), counts)
        )
        owner = torch.repeat_interleave(numbers, lengths, output_size=int(counts.sum()))  # made on the device
        return Cloud(**joined, sh=torch.cat(sh), owner=owner)

    def _instance(self, template: int, colors: Colors | None, shape: Shape | None) -> dict[str, torch.Tensor]:
        """A template in the colours and the shape of an instance."""
        import torch

        own = self._templates[template] | ({} if shape is None else shape.values)
        if colors is None:
            return own
        return own | {"sh": torch.cat([colors.values[:, None], own["sh"][:, 1:]], dim=1)}


def _common(names: tuple[Name, ...], others: tuple[Name, ...]) -> int:
    """Number of names from the first on that both have alike."""
    differ = (k for k, (a, b) in enumerate(zip(names, others, strict=False)) if a != b)
    return next(differ, min(len(names), len(others)))
