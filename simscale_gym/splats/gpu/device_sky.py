"""`cube_sky.finish` on the device that drew: a trained scene's pictures leave it as bytes. Needs the extra gpu."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simscale_gym.scene import derived
from simscale_gym.splats.assets.cube_sky import rimmed
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.rasterize import Raster

if TYPE_CHECKING:
    import torch


@derived
def cube_map_on(asset: SceneAsset, device: torch.device) -> torch.Tensor | None:
    """An asset's cube map with its rim on a device, kept there for as long as the asset is."""
    import torch

    return None if asset.cube_map is None else torch.as_tensor(rimmed(asset.cube_map), device=device)


def finish_on_device(
    raster: Raster,
    cam_to_asset: np.ndarray,
    Ks: np.ndarray,
    cube_map: torch.Tensor | None,
    affines: np.ndarray,
) -> torch.Tensor:
    """Pictures of rasterised images on black.

    Args:
        raster: Tensors, `C` images.
        cam_to_asset: Rotations of the cameras to the frame of the sky, z up, `[C, 3, 3]`.
        Ks: Intrinsics, `[C, 3, 3]` [px].
        cube_map: Sky as of `cube_map_on`, `[6, R + 2, R + 2, 3]`; black if None.
        affines: Colour of each camera, `[C, 3, 4]`.

    Returns:
        uint8 `[C, H, W, 3]`.
    """
    rgb = raster.rgb
    if cube_map is not None:
        directions = turned(pixel_rays(Ks, raster.alpha), cam_to_asset)
        rgb = rgb + raster.transmittance[..., None] * cube_lookup(cube_map, directions)
    if (affines != np.eye(3, 4)).any():
        affine = rgb.new_tensor(np.asarray(affines, np.float32))
        rgb = (rgb.unsqueeze(-2) * affine[:, None, None, :, :3]).sum(-1) + affine[:, None, None, :, 3]
    return as_bytes(rgb)


def as_bytes(rgb: torch.Tensor) -> torch.Tensor:
    """Colours 0..1, limited to that, as uint8 of the same shape."""
    import torch

    return (rgb.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)


def pixel_rays(Ks: np.ndarray, images: torch.Tensor) -> torch.Tensor:
    """Directions `[C, H, W, 3]` to the pixels of `images` `[C, H, W]`, in the axes of their cameras, z = 1."""
    import torch

    K = images.new_tensor(np.asarray(Ks, np.float32))[:, None, None]
    _, height, width = images.shape
    y, x = torch.meshgrid(
        torch.arange(height, device=images.device) + 0.5,
        torch.arange(width, device=images.device) + 0.5,
        indexing="ij",
    )
    u, v = (x - K[..., 0, 2]) / K[..., 0, 0], (y - K[..., 1, 2]) / K[..., 1, 1]
    return torch.stack([u, v, torch.ones_like(u)], dim=-1)


def turned(rays: torch.Tensor, rotations: np.ndarray) -> torch.Tensor:
    """Vectors `[C, H, W, 3]` turned by `rotations` `[C, 3, 3]`."""
    matrices = rays.new_tensor(np.asarray(rotations, np.float32))
    return (rays.unsqueeze(-2) * matrices[:, None, None]).sum(-1)


def cube_lookup(cube_map: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Bilinear colours `[C, H, W, 3]` of a cube map `[6, R + 2, R + 2, 3]` (see `cube_sky.cube_lookup`)."""
    import torch

    x, y, z = directions[..., 0], directions[..., 2], -directions[..., 1]  # OpenGL's axes
    ax, ay, az = x.abs(), y.abs(), z.abs()
    deep, high = (az > ax) & (az > ay), ay > ax

    def chosen(along_z: torch.Tensor, along_y: torch.Tensor, along_x: torch.Tensor) -> torch.Tensor:
        return torch.where(deep, along_z, torch.where(high, along_y, along_x))

    front, up, right = z > 0.0, y > 0.0, x > 0.0
    face = chosen(5.0 - front.float(), 3.0 - up.float(), 1.0 - right.float())
    s = chosen(torch.where(front, x, -x), x, torch.where(right, -z, z))
    t = chosen(-y, torch.where(up, z, -z), -y)
    major = chosen(az, ay, ax).clamp(min=1e-20) * (
        cube_map.shape[1] / (cube_map.shape[1] - 2.0)
    )  # without the rim
    places = torch.stack([s / major, t / major, (2.0 * face + 1.0) / 6.0 - 1.0], dim=-1)
    return sampled(cube_map.movedim(-1, 0), places)


def sampled(table: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Values `[..., A]` of a table `[A, (D,) H, W]`, linear between the centres of its texels, its edges continued.

    Args:
        table: Table to look up in.
        places: Places in the table: x, y and, where there is a D, z, -1 to 1 from edge to edge, `[..., 2 or 3]`.
    """
    from torch.nn.functional import grid_sample

    flat = places.reshape(1, *[1] * (places.shape[-1] - 1), -1, places.shape[-1])
    found = grid_sample(table[None], flat, padding_mode="border", align_corners=False)
    return found.reshape(len(table), -1).T.reshape(*places.shape[:-1], len(table))
