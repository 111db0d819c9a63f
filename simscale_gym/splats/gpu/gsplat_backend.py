"""Draws with gsplat on a CUDA device, behind the same call as `CpuRasterizer`. Needs the extra gpu."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simscale_gym.errors import ArgumentError, MissingExtraError
from simscale_gym.splats.cpu.threads import Crew
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.gpu.device_sky import as_bytes
from simscale_gym.splats.gpu.gsplat_frame import Cloud, blend, by_motion, project
from simscale_gym.splats.rasterize import Raster, check_background, check_colors, check_frame, check_images
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
    """Draws instances of Gaussians with gsplat, all cameras of all environments of a frame in one call.

    Templates go to the device once. What stands still from the first instance on is projected from there, for all
    cameras at once; the instances behind it are placed on the device, for each environment; both together are sorted
    and blended in one go, and nothing comes back but the images.

    These are the five calls that `gsplat.rasterization` makes, not that one, for three reasons. Its batches need every
    Gaussian once for each environment, and what was only expanded is copied by its wrapper (`.contiguous()`): 44 bytes
    a static Gaussian and environment, 192 more with colours of degree 3. It wants coefficients turned where turning
    directions is cheaper. And 1.5.3 refuses backgrounds together with packed=True (gsplat's issue 764).

    Args:
        templates: What can be drawn.
        device: PyTorch's name of the device.
    """

    def __init__(self, templates: Sequence[Gaussians], *, device: str = "cuda") -> None:
        if not templates:
            raise ArgumentError("templates is empty: give at least one Gaussians (it may hold none).")
        self._gsplat, self._device = load_gsplat(), device
        self._templates: list[dict[str, torch.Tensor]] = []
        self._cloud: tuple[tuple[int, ...], Cloud] | None = None
        self._splats = 0
        self.crew = Crew()
        for template in templates:
            self.add(template)

    @property
    def splats(self) -> int:
        """Splats that reached the images of the last frame, all cameras together."""
        return self._splats

    def add(self, template: Gaussians) -> int:
        """Makes one more template known; returns its number."""
        import torch

        values = vars(template.validate())
        self._templates.append({name: torch.as_tensor(v, device=self._device) for name, v in values.items()})
        return len(self._templates) - 1

    def recolor(self, template: int, rgb: np.ndarray) -> None:
        """Gives a template's Gaussians new base colours, `[N, 3]`."""
        sh = self._templates[template]["sh"].clone()
        sh[:, 0] = sh.new_tensor((np.asarray(rgb, np.float32) - 0.5) / np.float32(SH_C0))
        self._templates[template]["sh"], self._cloud = sh, None

    def reshape(self, template: int, means: np.ndarray, quats: np.ndarray, scales: np.ndarray) -> None:
        """Moves a template's Gaussians within its frame: `[N, 3]` [m], `[N, 4]` wxyz, `[N, 3]` [m]."""
        own, fresh = self._templates[template], {"means": means, "quats": quats, "scales": scales}
        for name, value in fresh.items():
            if np.shape(value) != tuple(own[name].shape):
                found = f"{name} has shape {np.shape(value)}"
                raise ArgumentError(f"{found}, expected {tuple(own[name].shape)} of template {template}.")
        own |= {name: own[name].new_tensor(np.asarray(value, np.float32)) for name, value in fresh.items()}
        self._cloud = None

    def render(
        self,
        viewmats: np.ndarray,
        Ks: np.ndarray,
        width: int,
        height: int,
        *,
        instance_index: np.ndarray | Sequence[int] = (0,),
        instance_poses: np.ndarray | None = None,
        near: float = 0.01,
        far: float = 1e10,
        eps2d: float = 0.3,
        antialiased: bool = False,
        background: np.ndarray | None = None,
        color_turns: np.ndarray | None = None,
        brightest: float = np.inf,
        ids: bool = False,
        out: Raster | None = None,
        as_torch: bool = False,
    ) -> Raster:
        """Draws one frame: arguments and images as of `CpuRasterizer.render`, but for ids, which gsplat has not.

        Args:
            viewmats: World to camera, `[C, 4, 4]`.
            Ks: Pinhole intrinsics, `[C, 3, 3]` [px].
            width: Image width [px].
            height: Image height [px].
            instance_index: Template of each instance, `[I]`. Put those that stand still in the world first.
            instance_poses: Node to world, `[I, 4, 4]`.
            near: Gaussians whose mean is nearer are left out [m].
            far: Gaussians whose mean is farther are left out [m].
            eps2d: Blur added to the projected covariance's diagonal [px^2].
            antialiased: Lower the opacity of splats that the blur enlarges.
            background: Colour behind everything, `[3]` or `[C, 3]`.
            color_turns: Rotation from each node's frame to the one in which its view-dependent colours are given,
                `[I, 3, 3]`; its own, with which they turn, if None.
            brightest: Colours of Gaussians are cut off there, before they are blended.
            ids: Must be False.
            out: Images to write to, in the memory of the CPU.
            as_torch: Leave the images on the device: the Raster then holds tensors, which nothing has waited for.
        """
        if ids or (as_torch and out is not None):
            raise ArgumentError(
                "gsplat draws no ids (use backend 'cpu'), and `out` has no place for tensors."
            )
        if out is not None:
            check_images(out, (len(viewmats), height, width), ids)
        viewmats, Ks, instance_poses, color_turns = (
            None if value is None else np.asarray(value)[None]
            for value in (viewmats, Ks, instance_poses, color_turns)
        )
        raster = self._draw(
            viewmats, Ks, width, height, instance_index, instance_poses, color_turns, background,
            limits=(near, far, eps2d), antialiased=antialiased, brightest=brightest,
        )  # fmt: skip
        if as_torch:
            return raster
        images = {name: value.cpu().numpy() for name, value in vars(raster).items() if value is not None}
        if out is None:
            return Raster(**images)
        for name, image in images.items():
            np.copyto(getattr(out, name), image)
        return out

    def render_bytes(self, *frame: Any, as_torch: bool = False, **settings: Any) -> np.ndarray | torch.Tensor:
        """Draws one frame as pictures, uint8 `[C, H, W, 3]`, converted on the device: an eighth of what `render` gives.

        Args:
            frame: As for `render`.
            as_torch: Leave them on the device.
            settings: As for `render`.
        """
        pictures = as_bytes(self.render(*frame, as_torch=True, **settings).rgb)
        return pictures if as_torch else pictures.cpu().numpy()

    def render_environments(
        self,
        viewmats: np.ndarray,
        Ks: np.ndarray,
        width: int,
        height: int,
        *,
        instance_index: np.ndarray | Sequence[int],
        instance_poses: np.ndarray,
        near: float = 0.01,
        far: float = 1e10,
        eps2d: float = 0.3,
        antialiased: bool = False,
        background: np.ndarray | None = None,
        color_turns: np.ndarray | None = None,
        brightest: float = np.inf,
    ) -> torch.Tensor:
        """Draws the cameras of E environments, each with its own poses of the same instances, in one call.

        However many there are, the device holds the Gaussians as they were given, those of this frame's instances side
        by side, and while it draws some 50 bytes a pixel of all images.

        Args:
            viewmats: World to camera, `[E, C, 4, 4]`.
            Ks: Pinhole intrinsics, `[E, C, 3, 3]` [px].
            width: Image width [px].
            height: Image height [px].
            instance_index: Template of each instance, `[I]`. Put those that stand still in the world first.
            instance_poses: Node to world, `[E, I, 4, 4]`.
            near: As for `render`.
            far: As for `render`.
            eps2d: As for `render`.
            antialiased: As for `render`.
            background: Colour behind everything, `[3]`, `[C, 3]` or `[E, C, 3]`.
            color_turns: As for `render`, `[E, I, 3, 3]`.
            brightest: As for `render`.

        Returns:
            uint8 `[E, C, H, W, 3]` on the device.
        """
        raster = self._draw(
            np.asarray(viewmats), Ks, width, height, instance_index, instance_poses, color_turns, background,
            limits=(near, far, eps2d), antialiased=antialiased, brightest=brightest,
        )  # fmt: skip
        return as_bytes(raster.rgb).reshape(*np.shape(viewmats)[:2], height, width, 3)

    def _draw(
        self, viewmats, Ks, width, height, index, poses, turns, background, *, limits, antialiased, brightest
    ) -> Raster:
        """Draws the frames of E environments; the Raster holds tensors `[E * C, ...]`."""
        import torch

        index = np.asarray(index, np.int64)
        viewmats, Ks = np.asarray(viewmats, np.float64), np.asarray(Ks, np.float64)
        poses, turns = self._checked(viewmats, Ks, width, height, index, poses, turns, limits, brightest)
        behind = check_background(background, viewmats.shape[:2])
        near, far, eps2d = limits
        settings = {
            "near_plane": near, "far_plane": far, "eps2d": eps2d, "calc_compensations": bool(antialiased),
            "brightest": brightest,
        }  # fmt: skip
        with torch.no_grad():
            cloud = self._gathered(tuple(index.tolist()))
            behind = cloud.means.new_tensor(behind).reshape(-1, 1, 1, 3)
            parts = [
                project(self._gsplat, part, own, viewmats, Ks, width, height, **settings)
                for part, own in by_motion(cloud, poses, turns)
                if len(part.means)  # gsplat divides by their number
            ]
            splats = [torch.cat(values) for values in zip(*parts, strict=True)]
            self._splats = len(splats[0]) if splats else 0
            if not self._splats:
                nothing = behind.new_zeros(len(behind), height, width)
                rgb = behind.expand(-1, height, width, -1).contiguous()
                return Raster(rgb, nothing, nothing.clone(), 1.0 - nothing)
            drawn, alphas = blend(self._gsplat, splats, len(behind), width, height)
            rgb = torch.addcmul(drawn[..., :3], 1.0 - alphas, behind)
            alpha = alphas[..., 0]
            return Raster(rgb, alpha, drawn[..., 3] / alpha.clamp_min(1e-10), 1.0 - alpha)

    def _checked(self, viewmats, Ks, width, height, index, poses, turns, limits, brightest):
        """Poses `[E, I, 4, 4]`, and rotations `[E, I, 3, 3]` from the world to the frames of the colours."""
        count = len(viewmats)
        if poses is None:
            poses = np.broadcast_to(np.eye(4), (count, len(index), 4, 4))
        poses = np.asarray(poses, np.float64)
        turns = [None] * count if turns is None else turns
        if not 0 < count == len(Ks) == len(poses) == len(turns):
            raise ArgumentError(
                f"viewmats, Ks, instance_poses and color_turns are of {count}, {len(Ks)}, {len(poses)} and "
                f"{len(turns)} environments, expected as many of each, one at least."
            )
        for views, own_Ks, own in zip(viewmats, Ks, poses, strict=True):
            check_frame(views, own_Ks, width, height, index, own, len(self._templates), limits)
        turns = np.stack([check_colors(own, len(index), brightest) for own in turns])
        return poses, turns @ poses[..., :3, :3].swapaxes(-1, -2)

    def _gathered(self, index: tuple[int, ...]) -> Cloud:
        """The templates of these instances side by side; kept for as long as the same are drawn."""
        import torch

        if self._cloud is None or self._cloud[0] != index:
            parts = [self._templates[number] for number in index] or [
                {name: value[:0] for name, value in self._templates[0].items()}
            ]
            terms = max(part["sh"].shape[1] for part in parts)
            sh = [
                torch.nn.functional.pad(part["sh"], (0, 0, 0, terms - part["sh"].shape[1])) for part in parts
            ]
            joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0] if name != "sh"}
            counts = np.array([len(part["means"]) for part in parts], np.int64)
            numbers, lengths = (
                torch.as_tensor(value, device=self._device) for value in (np.arange(len(parts)), counts)
            )
            owner = torch.repeat_interleave(
                numbers, lengths, output_size=int(counts.sum())
            )  # made on the device
            self._cloud = index, Cloud(**joined, sh=torch.cat(sh), owner=owner, ends=np.cumsum(counts))
        return self._cloud[1]
