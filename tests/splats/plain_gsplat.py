"""A stand-in for gsplat on the CPU: the five functions that the backend calls, plainly in float64.

Parameters, shapes and packed results are those of gsplat 1.5.3, which checks its arguments in the same way.
"""

from __future__ import annotations

import numpy as np
import torch
from reference_rasterizer import sh_colour

__all__ = [
    "fully_fused_projection",
    "isect_offset_encode",
    "isect_tiles",
    "rasterize_to_pixels",
    "spherical_harmonics",
]


def fully_fused_projection(
    means, covars, quats, scales, viewmats, Ks, width, height, eps2d=0.3, near_plane=0.01, far_plane=1e10,
    packed=False, calc_compensations=False, opacities=None,
):  # fmt: skip
    batches, count = means.shape[:2]
    shapes = [(batches, count, 3), (batches, count, 4), (batches, count, 3), (batches, count)]
    shapes += [(batches, viewmats.shape[1], *matrix) for matrix in ((4, 4), (3, 3))]
    given = (means, quats, scales, opacities, viewmats, Ks)
    assert [tuple(value.shape) for value in given] == shapes and count > 0
    assert all(value.dtype == torch.float32 for value in given) and packed and covars is None
    means, quats, scales, opacities, viewmats, Ks = (value.numpy().astype(np.float64) for value in given)
    places = [(b, c) for b in range(batches) for c in range(viewmats.shape[1])]
    limits = (width, height, eps2d, near_plane, far_plane)
    seen = [
        _project(means[b], quats[b], scales[b], opacities[b], viewmats[b, c], Ks[b, c], *limits)
        for b, c in places
    ]
    batch, camera = (
        torch.as_tensor(np.repeat(at, [len(own[0]) for own in seen])) for at in np.transpose(places)
    )
    gaussian, *values = (torch.as_tensor(np.concatenate(value)) for value in zip(*seen, strict=True))
    radii, means2d, depths, conics, kept = (value.float() for value in values)
    return batch, camera, gaussian, radii.int(), means2d, depths, conics, kept if calc_compensations else None


def _project(means, quats, scales, opacities, view, K, width, height, eps2d, near, far):
    """What one camera sees: Gaussian, radii, means, depths, conics, and what is left of the opacities."""
    x, y, z = (means @ view[:3, :3].T + view[:3, 3]).T
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.clip(x / z, -cx / fx - 0.15 * width / fx, (width - cx) / fx + 0.15 * width / fx)
        v = np.clip(y / z, -cy / fy - 0.15 * height / fy, (height - cy) / fy + 0.15 * height / fy)
        zero = np.zeros_like(z)
        jacobian = np.array([[fx / z, zero, -fx * u / z], [zero, fy / z, -fy * v / z]]).transpose(2, 0, 1)
        half = jacobian @ view[:3, :3] @ _rotations(quats) * scales[:, None, :]
        sharp = half @ half.transpose(0, 2, 1)
        blurred = sharp + eps2d * np.eye(2)
        areas = np.linalg.det(sharp), np.linalg.det(blurred)
        kept = np.sqrt(np.maximum(areas[0], 0.0) / areas[1])
        reach = 3.33 * np.sqrt(np.diagonal(blurred, axis1=1, axis2=2))
        mean = np.stack([fx * x / z + cx, fy * y / z + cy], axis=1)
    near_image = ((mean + reach > 0.0) & (mean - reach < [width, height])).all(axis=1)
    shown = np.flatnonzero((z >= near) & (z <= far) & near_image & (opacities >= 1.0 / 255.0))
    conics = np.linalg.inv(blurred[shown]).reshape(-1, 4)[:, [0, 1, 3]]
    return shown, np.ceil(reach[shown]), mean[shown], z[shown], conics, kept[shown]


def _rotations(quats):
    w, x, y, z = (quats / np.linalg.norm(quats, axis=1, keepdims=True)).T
    zero = np.zeros_like(x)
    cross = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
    return np.eye(3) + 2.0 * w[:, None, None] * cross + 2.0 * cross @ cross


def spherical_harmonics(degrees_to_use, dirs, coeffs):
    assert dirs.shape == (len(coeffs), 3) and (degrees_to_use + 1) ** 2 <= coeffs.shape[1]
    return torch.as_tensor(np.float32(sh_colour(dirs.numpy().astype(np.float64), coeffs.numpy())))


def isect_tiles(
    means2d, radii, depths, tile_size, tile_width, tile_height, packed=False, n_images=None, image_ids=None,
    gaussian_ids=None,
):  # fmt: skip
    """Every splat is listed once for its image: keys are image ids."""
    assert packed and means2d.shape == radii.shape == (len(depths), 2) and radii.dtype == torch.int32
    assert image_ids.shape == gaussian_ids.shape == depths.shape and image_ids.max() < n_images
    order = np.lexsort((depths.numpy(), image_ids.numpy()))
    return None, image_ids[order], torch.as_tensor(order, dtype=torch.int32)


def isect_offset_encode(isect_ids, n_images, tile_width, tile_height):
    starts = torch.searchsorted(isect_ids, torch.arange(n_images))
    return starts.int()[:, None, None].expand(-1, tile_height, tile_width)


def rasterize_to_pixels(
    means2d, conics, colors, opacities, image_width, image_height, tile_size, isect_offsets, flatten_ids,
    backgrounds=None, packed=False,
):  # fmt: skip
    assert packed and backgrounds is None  # gsplat 1.5.3 takes none when packed
    assert isect_offsets.shape[1:] == (-(-image_height // tile_size), -(-image_width // tile_size))
    splats = [value.numpy().astype(np.float64) for value in (means2d, conics, colors, opacities)]
    ends = [*isect_offsets[1:, 0, 0].tolist(), len(flatten_ids)]
    images = [
        _blended(*(value[flatten_ids[start:end].numpy()] for value in splats), image_width, image_height)
        for start, end in zip(isect_offsets[:, 0, 0].tolist(), ends, strict=True)
    ]
    colors, alphas = (torch.as_tensor(np.float32(np.stack(image))) for image in zip(*images, strict=True))
    return colors, alphas[..., None]


def _blended(means2d, conics, colors, opacities, width, height):
    y, x = np.mgrid[:height, :width] + 0.5
    image, left = np.zeros((height, width, colors.shape[1])), np.ones((height, width))
    finished = np.zeros((height, width), bool)
    for mean, (a, b, c), color, opacity in zip(means2d, conics, colors, opacities, strict=True):
        dx, dy = mean[0] - x, mean[1] - y
        sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
        alpha = np.minimum(0.999, opacity * np.exp(-sigma))
        hit = (sigma >= 0.0) & (alpha >= 1.0 / 255.0) & ~finished
        following = left * (1.0 - alpha)
        finished |= hit & (following <= 1e-4)
        hit &= following > 1e-4
        image += np.where(hit, alpha * left, 0.0)[..., None] * color
        left = np.where(hit, following, left)
    return image, 1.0 - left
