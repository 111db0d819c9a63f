"""One frame of any number of environments through gsplat 1.5.3's functions: place, project, colour, blend.

Apart from the first, the calls are those of `gsplat.rasterization` with packed=True, in its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simscale_gym.geometry import se3
from simscale_gym.splats.spherical_harmonics import TERMS_BY_DEGREE

if TYPE_CHECKING:
    import torch

TILE = 16
"""Side of gsplat's image tiles [px], as `gsplat.rasterization` chooses it."""


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


def place(cloud: Cloud, poses: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Means `[E, N, 3]` and quaternions `[E, N, 4]` in the world of each environment.

    Args:
        cloud: Of I instances.
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
    motion: tuple[np.ndarray, np.ndarray] | None,
    viewmats: np.ndarray,
    Ks: np.ndarray,
    width: int,
    height: int,
    *,
    brightest: float,
    **limits: Any,
) -> tuple[torch.Tensor, ...]:
    """Projects Gaussians to the cameras of E environments and colours the S of them that reach an image.

    The colours of what turned are looked up in the frame in which they are given: directions are turned back, not
    coefficients forth, so that these are neither changed nor copied.

    Args:
        gsplat: The module.
        cloud: Of I instances; N > 0.
        motion: Of the instances in each environment: node to world, `[E, I, 4, 4]`, and the rotations from the world to
            the frames of the colours, `[E, I, 3, 3]`; None if all stand in the world already.
        viewmats: World to camera, `[E, C, 4, 4]`.
        Ks: Pinhole intrinsics, `[E, C, 3, 3]` [px].
        width: Image width [px].
        height: Image height [px].
        brightest: Colours are cut off there.
        limits: Further arguments of `gsplat.fully_fused_projection`.

    Returns:
        Image (environment * C + camera) `[S]`, Gaussian `[S]`, radii `[S, 2]`, means `[S, 2]` [px], depths `[S]`,
        conics `[S, 3]`, opacities `[S]`, and red, green, blue and depth `[S, 4]`.
    """
    import torch

    if motion is None:
        means, quats = cloud.means[None], cloud.quats[None]
        viewmats, Ks = viewmats.reshape(1, -1, 4, 4), Ks.reshape(1, -1, 3, 3)
    else:
        means, quats = place(cloud, motion[0])
    eyes = -np.einsum("ecnm,ecn->ecm", viewmats[..., :3, :3], viewmats[..., :3, 3])
    eyes, views, Ks = (means.new_tensor(value.astype(np.float32)) for value in (eyes, viewmats, Ks))
    scales, opacities = (v.expand(len(means), *v.shape) for v in (cloud.scales, cloud.opacities))
    # The kernel takes the first batch's opacities for all of them: here they are the same.
    batch, camera, gaussian, radii, means2d, depths, conics, kept = gsplat.fully_fused_projection(
        means, None, quats, scales, views, Ks, width, height, packed=True, opacities=opacities, **limits
    )
    towards = means[batch, gaussian] - eyes[batch, camera]
    if motion is not None:
        turns = means.new_tensor(motion[1].astype(np.float32))[batch, cloud.owner[gaussian]]
        towards = (turns * towards[:, None, :]).sum(-1)
    degree = TERMS_BY_DEGREE.index(cloud.sh.shape[1])
    rgb = gsplat.spherical_harmonics(degree, towards, cloud.sh[gaussian])
    opacities = cloud.opacities[gaussian] if kept is None else cloud.opacities[gaussian] * kept
    channels = torch.cat([(rgb + 0.5).clamp(0.0, brightest), depths[:, None]], dim=-1)
    image = batch * views.shape[1] + camera
    return image, gaussian, radii, means2d, depths, conics, opacities, channels


def blend(
    gsplat: Any, splats: Sequence[torch.Tensor], images: int, width: int, height: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blends what `project` returns into images `[images, H, W, 4]` and their alphas `[images, H, W, 1]`."""
    image, gaussian, radii, means2d, depths, conics, opacities, channels = splats
    columns, rows = -(-width // TILE), -(-height // TILE)
    _, keys, order = gsplat.isect_tiles(
        means2d, radii, depths, TILE, columns, rows,
        packed=True, n_images=images, image_ids=image, gaussian_ids=gaussian,
    )  # fmt: skip
    starts = gsplat.isect_offset_encode(keys, images, columns, rows)
    return gsplat.rasterize_to_pixels(
        means2d, conics, channels, opacities, width, height, TILE, starts, order, packed=True
    )


def by_motion(
    cloud: Cloud, poses: np.ndarray, turns: np.ndarray
) -> list[tuple[Cloud, tuple[np.ndarray, np.ndarray] | None]]:
    """Splits at the first instance that moves in any environment: what is before it is the same in all of them.

    Args:
        cloud: Of I instances.
        poses: Node to world, `[E, I, 4, 4]`.
        turns: From the world to the frames of the colours, `[E, I, 3, 3]`.

    Returns:
        Both parts, each a view of the cloud (it may be empty) that counts instances and their ends as the whole does,
        with what `project` has to know of their motion.
    """
    moves = (poses != np.eye(4)).any(axis=(0, 2, 3)) | (turns != np.eye(3)).any(axis=(0, 2, 3))
    starts = np.concatenate([[0], cloud.ends])
    cut = int(starts[np.argmax(moves)] if moves.any() else starts[-1])
    tensors = {name: value for name, value in vars(cloud).items() if name != "ends"}
    still, rest = ({name: v[part] for name, v in tensors.items()} for part in (slice(cut), slice(cut, None)))
    return [(Cloud(**still, ends=cloud.ends), None), (Cloud(**rest, ends=cloud.ends), (poses, turns))]
