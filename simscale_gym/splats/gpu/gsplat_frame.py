"""Any number of frames through gsplat 1.5.3's functions: place, project, colour, blend.

Apart from the first, the calls are those of `gsplat.rasterization` with packed=True, in its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simscale_gym.geometry import se3
from simscale_gym.splats.instances import Colors, Instances, Shape
from simscale_gym.splats.spherical_harmonics import TERMS_BY_DEGREE

if TYPE_CHECKING:
    import torch

TILE = 16
"""Side of gsplat's image tiles [px], as `gsplat.rasterization` chooses it."""


@dataclass(frozen=True)
class Cloud:
    """The Gaussians of a frame's instances, each in the frame of its own node, on one device.

    Attributes:
        means: Places of the Gaussians, `[N, 3]` [m].
        quats: Rotations, `[N, 4]` wxyz.
        scales: Extents along their axes, `[N, 3]` [m].
        opacities: Opacities, 0 to 1, `[N]`.
        sh: Colour coefficients, `[N, K, 3]`.
        owner: Instance of each, `[N]` int64.
    """

    means: torch.Tensor
    quats: torch.Tensor
    scales: torch.Tensor
    opacities: torch.Tensor
    sh: torch.Tensor
    owner: torch.Tensor


@dataclass(frozen=True)
class Motion:
    """Poses of I instances in each of E frames.

    Attributes:
        poses: Node to world, `[E, I, 4, 4]`.
        turns: Rotations from the world to the frames of the colours, `[E, I, 3, 3]`.
    """

    poses: np.ndarray
    turns: np.ndarray

    @classmethod
    def of(cls, frames: Sequence[Instances], first: int) -> Motion:
        """Reads the poses of the instances of frames from number `first` on, as many in each."""
        poses = np.stack([instances.poses[first:] for instances in frames])
        return cls(poses, np.stack([_to_colors(instances)[first:] for instances in frames]))


def _to_colors(instances: Instances) -> np.ndarray:
    """Rotations from the world to the frames of the colours, `[I, 3, 3]`."""
    turns = np.eye(3) if instances.color_turns is None else instances.color_turns
    return turns @ instances.poses[:, :3, :3].swapaxes(-1, -2)


Name = tuple[int, Colors | None, Shape | None]
"""Instances of the same name look the same: template, own colours, own shape."""


def instance_names(instances: Instances) -> tuple[Name, ...]:
    """What tells whether instances look the same, wherever they are."""
    nothing = (None,) * len(instances)
    return tuple(
        zip(
            instances.templates.tolist(),
            instances.colors or nothing,
            instances.shapes or nothing,
            strict=True,
        )
    )


def standing(instances: Instances) -> int:
    """Number of instances from the first on that stand still in the world, colours included."""
    moves = (instances.poses != np.eye(4)).any(axis=(1, 2)) | (_to_colors(instances) != np.eye(3)).any(
        axis=(1, 2)
    )
    return int(np.argmax(moves)) if moves.any() else len(instances)


def place(cloud: Cloud, poses: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Means `[E, N, 3]` and quaternions `[E, N, 4]` in the world of each frame.

    Args:
        cloud: Gaussians of I instances.
        poses: Node to world, `[E, I, 4, 4]`.
    """

    def by_gaussian(values: np.ndarray) -> torch.Tensor:
        return cloud.means.new_tensor(np.asarray(values, np.float32))[:, cloud.owner]

    means = (by_gaussian(poses[..., :3, :3]) * cloud.means[:, None, :]).sum(-1) + by_gaussian(
        poses[..., :3, 3]
    )
    return means, _multiply(by_gaussian(se3.matrix_to_quat(poses[..., :3, :3])), cloud.quats)


def _multiply(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Hamilton products of quaternions `[..., N, 4]`, wxyz."""
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


def project(
    gsplat: Any,
    cloud: Cloud,
    motion: Motion | None,
    numbers: np.ndarray,
    viewmats: np.ndarray,
    Ks: np.ndarray,
    size: tuple[int, int],
    *,
    brightest: float,
    **limits: Any,
) -> tuple[torch.Tensor, ...]:
    """Projects Gaussians to the cameras of E frames and colours the S of them that reach an image.

    The colours of what turned are looked up in the frame in which they are given: directions are turned back, not
    coefficients forth, so that these are neither changed nor copied.

    Args:
        gsplat: The module.
        cloud: Gaussians of I instances; N > 0.
        motion: Places of the instances in each frame; None if all stand in the world already.
        numbers: The frames' among all that are drawn, `[E]`.
        viewmats: World to camera, `[E, C, 4, 4]`.
        Ks: Pinhole intrinsics, `[E, C, 3, 3]` [px].
        size: Height, width [px].
        brightest: Colours are cut off there.
        limits: Further arguments of `gsplat.fully_fused_projection`.

    Returns:
        Image (number of the frame * C + camera) `[S]`, Gaussian `[S]`, radii `[S, 2]`, means `[S, 2]` [px], depths
        `[S]`, conics `[S, 3]`, opacities `[S]`, and red, green, blue and depth `[S, 4]`.
    """
    import torch

    images = numbers[:, None] * viewmats.shape[1] + np.arange(viewmats.shape[1])
    if motion is None:
        means, quats = cloud.means[None], cloud.quats[None]
        viewmats, Ks, images = viewmats.reshape(1, -1, 4, 4), Ks.reshape(1, -1, 3, 3), images.reshape(1, -1)
    else:
        means, quats = place(cloud, motion.poses)
    eyes = -np.einsum("ecnm,ecn->ecm", viewmats[..., :3, :3], viewmats[..., :3, 3])
    eyes, views, Ks = (means.new_tensor(value.astype(np.float32)) for value in (eyes, viewmats, Ks))
    scales, opacities = (v.expand(len(means), *v.shape) for v in (cloud.scales, cloud.opacities))
    # The kernel takes the first batch's opacities for all of them: here they are the same.
    batch, camera, gaussian, radii, means2d, depths, conics, kept = gsplat.fully_fused_projection(
        means, None, quats, scales, views, Ks, *size[::-1], packed=True, opacities=opacities, **limits
    )
    towards = means[batch, gaussian] - eyes[batch, camera]
    if motion is not None:
        turns = means.new_tensor(motion.turns.astype(np.float32))[batch, cloud.owner[gaussian]]
        towards = (turns * towards[:, None, :]).sum(-1)
    degree = TERMS_BY_DEGREE.index(cloud.sh.shape[1])
    rgb = gsplat.spherical_harmonics(degree, towards, cloud.sh[gaussian])
    opacities = cloud.opacities[gaussian] if kept is None else cloud.opacities[gaussian] * kept
    channels = torch.cat([(rgb + 0.5).clamp(0.0, brightest), depths[:, None]], dim=-1)
    image = torch.as_tensor(images, device=means.device)[batch, camera]
    return image, gaussian, radii, means2d, depths, conics, opacities, channels


def blend(
    gsplat: Any, splats: Sequence[torch.Tensor], images: int, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blends what `project` returns into images `[images, H, W, 4]` and their alphas `[images, H, W, 1]`."""
    image, gaussian, radii, means2d, depths, conics, opacities, channels = splats
    height, width = size
    columns, rows = -(-width // TILE), -(-height // TILE)
    _, keys, order = gsplat.isect_tiles(
        means2d, radii, depths, TILE, columns, rows,
        packed=True, n_images=images, image_ids=image, gaussian_ids=gaussian,
    )  # fmt: skip
    starts = gsplat.isect_offset_encode(keys, images, columns, rows)
    return gsplat.rasterize_to_pixels(
        means2d, conics, channels, opacities, width, height, TILE, starts, order, packed=True
    )
