"""3D Gaussians and how they become images, in gsplat's conventions."""

from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.rasterize import Raster, rasterize

__all__ = ["Gaussians", "Raster", "rasterize"]
