"""3D Gaussians, the files that hold them, and how they become images, in gsplat's conventions."""

from simscale_gym.lazy_names import lazy_names
from simscale_gym.splats.assets.asset_folder import attach_asset, open_asset, save_asset
from simscale_gym.splats.assets.asset_import import import_asset
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses
from simscale_gym.splats.assets.scene_asset import Provenance, SceneAsset, TrainingViews
from simscale_gym.splats.checkpoints.drivestudio import read_drivestudio
from simscale_gym.splats.checkpoints.hugsim_scene import read_hugsim, read_hugsim_vehicle
from simscale_gym.splats.checkpoints.mtgs import read_mtgs
from simscale_gym.splats.checkpoints.worldengine import read_worldengine
from simscale_gym.splats.checkpoints.worldengine_recording import (
    VideoScene,
    read_asset_config,
    read_video_scene,
)
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.instances import Instances
from simscale_gym.splats.rasterize import Raster, rasterize

_DRAWING = {
    "LEAST_SCORE": "render_validity",
    "CameraEffects": "camera_effects",
    "Lens": "lens",
    "LidarConfig": "depth_sweep",
    "RenderQuality": "render_validity",
    "Sweep": "depth_sweep",
    "make_rasterizer": "rasterizer",
    "render_distorted": "lens",
}
"""Names that bring numba: their modules are loaded when they are first asked for."""

__all__ = [
    "LEAST_SCORE",
    "CameraEffects",
    "Gaussians",
    "Instances",
    "Lens",
    "LidarConfig",
    "NodeAsset",
    "NodePoses",
    "Provenance",
    "Raster",
    "RenderQuality",
    "SceneAsset",
    "Sweep",
    "TrainingViews",
    "VideoScene",
    "attach_asset",
    "import_asset",
    "make_rasterizer",
    "open_asset",
    "rasterize",
    "read_asset_config",
    "read_drivestudio",
    "read_hugsim",
    "read_hugsim_vehicle",
    "read_mtgs",
    "read_video_scene",
    "read_worldengine",
    "render_distorted",
    "save_asset",
]

__getattr__, __dir__ = lazy_names(__name__, _DRAWING)
