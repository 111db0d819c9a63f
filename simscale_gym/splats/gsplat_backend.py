"""Draws with gsplat on a CUDA device, behind the same call as `CpuRasterizer`. Needs the extra gpu."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simscale_gym.errors import ArgumentError, MissingExtraError
from simscale_gym.geometry import se3
from simscale_gym.splats.cpu_threads import Crew
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.rasterize import Raster, check_frame, check_images
from simscale_gym.splats.spherical_harmonics import SH_C0, TERMS_BY_DEGREE, sh_basis

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
        raise ArgumentError("backend is 'gsplat', but PyTorch finds no CUDA device: use 'cpu' or 'auto'.")
    import gsplat
    from gsplat.cuda._backend import _C  # builds the kernels when they are first needed, which takes minutes

    if _C is None:
        raise ArgumentError(
            "backend is 'gsplat', but gsplat found no CUDA toolkit to build its kernels with: install one that "
            "matches PyTorch's CUDA, or a wheel of gsplat with kernels; or use 'cpu'."
        )
    return gsplat


@dataclass(frozen=True)
class Cloud:
    """The Gaussians of a frame's instances, each in the frame of its own node, on one device.

    Attributes:
        means: `[N, 3]` [m].
        quats: `[N, 4]` wxyz.
        scales: `[N, 3]` [m].
        opacities: `[N]`.
        sh: `[N, K, 3]`.
        owner: Instance of each, `[N]` int64.
        ends: Where the Gaussians of each instance end, `[I]`.
    """

    means: torch.Tensor
    quats: torch.Tensor
    scales: torch.Tensor
    opacities: torch.Tensor
    sh: torch.Tensor
    owner: torch.Tensor
    ends: np.ndarray


def place(cloud: Cloud, poses: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Means, quaternions and colour coefficients in the world; what stands before the first that moves is not computed.

    Args:
        cloud: Of I instances.
        poses: Node to world, `[I, 4, 4]`.
    """
    import torch

    moved = np.flatnonzero((poses != np.eye(4)).any(axis=(1, 2)))
    if not len(moved):
        return cloud.means, cloud.quats, cloud.sh
    starts = np.concatenate([[0], cloud.ends[:-1]])
    first = int(starts[moved[0]])

    def by_gaussian(values: np.ndarray) -> torch.Tensor:
        return cloud.means.new_tensor(np.asarray(values, np.float32))[cloud.owner[first:]]

    rotations, shifts = by_gaussian(poses[:, :3, :3]), by_gaussian(poses[:, :3, 3])
    means = (rotations * cloud.means[first:, None, :]).sum(-1) + shifts
    quats = _multiply(by_gaussian(se3.matrix_to_quat(poses[:, :3, :3])), cloud.quats[first:])
    means, quats = torch.cat([cloud.means[:first], means]), torch.cat([cloud.quats[:first], quats])
    terms = cloud.sh.shape[1]
    if terms == 1:
        return means, quats, cloud.sh
    sh = cloud.sh.clone()
    turns = sh.new_tensor(sh_turns(poses[moved, :3, :3], terms).astype(np.float32))
    for turn, instance in zip(turns, moved, strict=True):
        own = slice(int(starts[instance]), int(cloud.ends[instance]))
        sh[own] = torch.matmul(turn, cloud.sh[own])
    return means, quats, sh


def sh_turns(rotations: np.ndarray, terms: int) -> np.ndarray:
    """Matrices `[I, K, K]` that rotate the coefficients of K terms (see `rotate_sh`), of rotations `[I, 3, 3]`."""
    samples = np.random.default_rng(0).normal(size=(64, 3))
    samples /= np.linalg.norm(samples, axis=1, keepdims=True)
    return np.linalg.pinv(sh_basis(samples, terms)) @ sh_basis(samples @ rotations, terms)


def _multiply(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Hamilton products of quaternions `[N, 4]`, wxyz."""
    import torch

    a, b, c, d = left.unbind(-1)
    w, x, y, z = right.unbind(-1)
    return torch.stack(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ],
        dim=-1,
    )


class GsplatRasterizer:
    """Draws instances of Gaussians with gsplat, all cameras of a frame in one call.

    Templates go to the device once. A frame's instances are put side by side there, those that moved are
    transformed, and nothing comes back but the images. Environments that share a scene share one object: call it
    for each of them, or `render_environments` for all; what stands still is on the device once, and since the
    device works while the next call is prepared, one call an environment costs no more than one for all. (gsplat
    takes batches too, but each of a batch needs a copy of the static scene.)

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
            ids: Must be False.
            out: Images to write to, in the memory of the CPU.
            as_torch: Leave the images on the device: the Raster then holds tensors, which nothing has waited for.
        """
        if ids or (as_torch and out is not None):
            raise ArgumentError(
                "gsplat draws no ids (use backend 'cpu'), and `out` has no place for tensors."
            )
        index = np.asarray(instance_index, np.int64)
        poses = np.broadcast_to(np.eye(4), (len(index), 4, 4)) if instance_poses is None else instance_poses
        viewmats, Ks, poses = (np.asarray(value, np.float64) for value in (viewmats, Ks, poses))
        check_frame(viewmats, Ks, width, height, index, poses, len(self._templates), (near, far, eps2d))
        if out is not None:
            check_images(out, (len(viewmats), height, width), ids)
        backgrounds = np.zeros((len(viewmats), 3), np.float32)
        backgrounds[:] = 0.0 if background is None else background
        limits = {"near_plane": near, "far_plane": far, "eps2d": eps2d}
        mode = "antialiased" if antialiased else "classic"
        raster = self._draw(
            viewmats, Ks, width, height, index, poses, backgrounds, rasterize_mode=mode, **limits
        )
        if as_torch:
            return raster
        images = {name: value.cpu().numpy() for name, value in vars(raster).items() if value is not None}
        if out is None:
            return Raster(**images)
        for name, image in images.items():
            np.copyto(getattr(out, name), image)
        return out

    def render_bytes(self, *frame: Any, as_torch: bool = False, **settings: Any) -> np.ndarray | torch.Tensor:
        """Draws one frame as pictures, uint8 `[C, H, W, 3]`, converted on the device: a quarter of the way back.

        Args:
            frame: As for `render`.
            as_torch: Leave them on the device.
            settings: As for `render`.
        """
        import torch

        rgb = self.render(*frame, as_torch=True, **settings).rgb
        pictures = (rgb.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
        return pictures if as_torch else pictures.cpu().numpy()

    def render_environments(
        self,
        viewmats: np.ndarray,
        Ks: np.ndarray,
        width: int,
        height: int,
        *,
        instance_poses: np.ndarray,
        **settings,
    ) -> torch.Tensor:
        """Draws the cameras of E environments, each with its own poses of the same instances.

        Args:
            viewmats: World to camera, `[E, C, 4, 4]`.
            Ks: Pinhole intrinsics, `[E, C, 3, 3]` [px].
            width: Image width [px].
            height: Image height [px].
            instance_poses: Node to world, `[E, I, 4, 4]`.
            settings: As for `render`, the same for all.

        Returns:
            uint8 `[E, C, H, W, 3]` on the device.
        """
        import torch

        each = zip(viewmats, Ks, instance_poses, strict=True)
        frames = ((v, K, width, height, {"instance_poses": poses}) for v, K, poses in each)
        return torch.stack(
            [self.render_bytes(*frame, as_torch=True, **own, **settings) for *frame, own in frames]
        )

    def _draw(self, viewmats, Ks, width, height, index, poses, backgrounds, **settings) -> Raster:
        """The call of gsplat; the images are tensors."""
        import torch

        with torch.no_grad():
            cloud = self._gathered(tuple(index.tolist()))
            cameras = (cloud.means.new_tensor(value.astype(np.float32)) for value in (viewmats, Ks))
            behind = cloud.means.new_tensor(backgrounds)
            if not len(cloud.means):  # gsplat divides by their number
                rgb = behind[:, None, None, :].expand(-1, height, width, -1).contiguous()
                nothing = torch.zeros_like(rgb[..., 0])
                return Raster(rgb, nothing, nothing.clone(), 1.0 - nothing)
            means, quats, sh = place(cloud, poses)
            degree = TERMS_BY_DEGREE.index(sh.shape[1])
            images, alphas, drawn = self._gsplat.rasterization(
                means, quats, cloud.scales, cloud.opacities, sh, *cameras, width, height,
                sh_degree=degree, packed=True, backgrounds=behind, render_mode="RGB+ED", **settings,
            )  # fmt: skip
            self._splats = len(drawn["gaussian_ids"])
            alpha = alphas[..., 0]
            return Raster(images[..., :3], alpha, images[..., 3], 1.0 - alpha)

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
            owner = torch.as_tensor(np.repeat(np.arange(len(parts)), counts), device=self._device)
            self._cloud = index, Cloud(**joined, sh=torch.cat(sh), owner=owner, ends=np.cumsum(counts))
        return self._cloud[1]
