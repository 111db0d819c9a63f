"""`camera_look.develop` on the device that drew: a dressed street's pictures leave it as bytes. Needs the extra gpu."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simscale_gym.dressing.light.sky import Sky
from simscale_gym.dressing.looks.camera_look import CameraLook
from simscale_gym.scene import derived
from simscale_gym.splats.gpu.device_sky import as_bytes, pixel_rays, sampled, turned
from simscale_gym.splats.rasterize import Raster

if TYPE_CHECKING:
    import torch


def develop_on_device(
    raster: Raster, viewmats: np.ndarray, Ks: np.ndarray, sky: Sky, look: CameraLook | None = None
) -> torch.Tensor:
    """Turns rasterised images into pictures, without grain.

    Args:
        raster: Tensors, ``C`` images on black.
        viewmats: ``[C, 4, 4]`` world to camera.
        Ks: ``[C, 3, 3]`` [px].
        sky: Behind everything.
        look: Strengths; the usual ones where None.

    Returns:
        uint8 ``[C, H, W, 3]``.
    """
    look = look or CameraLook()
    rays = pixel_rays(Ks, raster.alpha)
    distance = raster.depth * rays.norm(dim=-1) - look.clear
    kept = (-distance.clamp(min=0.0) / look.haze).exp()
    table, haze = _sky_on(sky, raster.rgb.device)
    air = (raster.alpha * (1.0 - kept))[..., None] * haze
    behind = sky_lookup(table, turned(rays, np.asarray(viewmats)[:, :3, :3].swapaxes(1, 2)))
    light = raster.rgb * kept[..., None] + air + (1.0 - raster.alpha)[..., None] * behind
    light = light.clamp(0.0, 1.0)
    toned = light + look.contrast * (light * light * (3.0 - 2.0 * light) - light)
    return as_bytes(_sharpened(toned, max(1, round(light.shape[2] / 640)), look.sharpness))


@derived
def _sky_on(sky: Sky, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """A sky's table and haze on a device, kept there for as long as the sky is."""
    import torch

    return tuple(
        torch.as_tensor(value, dtype=torch.float32, device=device) for value in (sky.table, sky.haze)
    )


def sky_lookup(table: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Bilinear colours ``[C, H, W, 3]`` of a sky (see :func:`simscale_gym.dressing.light.sky.sky_lookup`)."""
    import torch

    x, y, z = directions[..., 0], directions[..., 1], directions[..., 2].clamp(min=0.0)
    norm = 1.0 / (x.abs() + y.abs() + z).clamp(min=1e-9)
    return sampled(table.movedim(-1, 0), torch.stack([(x - y) * norm, (x + y) * norm], dim=-1))


def _sharpened(picture: torch.Tensor, radius: int, weight: float) -> torch.Tensor:
    """Unsharp mask with a 1-2-1 kernel of ``radius`` pixels; columns nearer to an edge stay as they are."""
    import torch

    height, width = picture.shape[1:3]
    rows = torch.arange(height, device=picture.device)
    above, below = picture[:, (rows - radius).clamp(min=0)], picture[:, (rows + radius).clamp(max=height - 1)]
    blurred = 0.25 * (above + picture + picture + below)
    inner = slice(radius, width - radius)
    soft = (
        blurred[:, :, : -2 * radius]
        + blurred[:, :, inner]
        + blurred[:, :, inner]
        + blurred[:, :, 2 * radius :]
    )
    out, here = picture.clone(), picture[:, :, inner]
    out[:, :, inner] = (here + weight * (here - 0.25 * soft)).clamp(0.0, 1.0)
    return out
