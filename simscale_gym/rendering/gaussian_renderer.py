"""Moments to pictures by a rasteriser: what scenes that are drawn as Gaussians have in common."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.rendering.renderer import Frame
from simscale_gym.scene import Camera, Moment, Scene
from simscale_gym.splats.cpu.level_choice import choose_levels
from simscale_gym.splats.cpu.pack import PackedGaussians
from simscale_gym.splats.cpu.unpack import unpack
from simscale_gym.splats.depth_sweep import LidarConfig, Sweep, depth_sweep, rays_per_radian
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.gpu.gsplat_backend import GsplatRasterizer
from simscale_gym.splats.instances import Instances
from simscale_gym.splats.rasterize import Raster
from simscale_gym.splats.rasterizer import Rasterizer
from simscale_gym.splats.render_validity import RenderJudge

Array = NDArray[np.float64]


class GaussianRenderer(ABC):
    """A `Renderer` of a scene whose Gaussians a rasteriser holds.

    What there is of a moment, how it is drawn and what becomes of the images is for subclasses to say. Renderers keep
    geometry, and colours and shapes that were drawn before, to be found again; none of it changes, and a picture does
    not depend on it.

    Args:
        scene: The scene.
        rasterizer: Rasteriser that holds the scene's Gaussians, in a frame that may differ from the scene's.
        frame_to_scene: Transform from the rasteriser's frame to the scene's, `[4, 4]`, rigid.
        settings: Arguments of `Rasterizer.render`: near, antialiased and so on.
    """

    def __init__(
        self, scene: Scene, rasterizer: Rasterizer, frame_to_scene: Array, settings: dict[str, Any]
    ) -> None:
        self._scene, self._rasterizer, self._settings = scene, rasterizer, settings
        self._frame_to_scene, self._scene_to_frame = frame_to_scene, se3.invert_rigid(frame_to_scene)
        self._lock = threading.Lock()  # of what instances are made from

    @property
    def scene(self) -> Scene:
        """The scene."""
        return self._scene

    def render(self, moments: Sequence[Moment], cameras: Sequence[str], size: tuple[int, int]) -> Frame:
        """Draws pictures of moments through cameras of the ego (see `Renderer.render`)."""
        self._check(moments)
        names, rig = tuple(cameras), self._scene.rig.select(tuple(cameras))
        if not rig:
            raise ArgumentError(f"cameras: none, expected some of {', '.join(self._scene.rig.cameras)}.")
        # A device draws all at once; on the CPU that would only keep unfinished images of all of them in memory.
        groups = [moments] if self._on_device else [[moment] for moment in moments]
        frames = [self._frame(group, names, rig, size) for group in groups]
        return frames[0] if len(frames) == 1 else Frame.joined(frames)

    def _frame(
        self, moments: Sequence[Moment], names: tuple[str, ...], rig: Sequence[Camera], size: tuple[int, int]
    ) -> Frame:
        ego_to_world = np.stack([self._scene.ego_to_world(moment.ego) for moment in moments])
        cam_to_world = np.stack([[pose @ camera.cam_to_ego for camera in rig] for pose in ego_to_world])
        viewmats = se3.invert_rigid(cam_to_world)
        Ks = np.stack([camera.scaled_intrinsics(*size) for camera in rig])
        every, focal = np.tile(Ks, (len(moments), 1, 1)), np.full(len(moments), Ks[:, 0, 0].max())
        stays = {"as_torch": True} if self._on_device else {}
        raster = self._draw(moments, ego_to_world[:, :3, 3], focal, viewmats, every, size, **stays)
        images = self._developed(raster, cam_to_world.reshape(-1, 4, 4), every, names)
        shape = (len(moments), len(rig), *size)
        return Frame(
            names, images.reshape(*shape, 3), raster.alpha.reshape(shape), raster.depth.reshape(shape), viewmats, Ks,
            ego_to_world, raster.splats, lambda: self._judge,
        )  # fmt: skip

    def rasterize(
        self, moments: Sequence[Moment], viewmats: Array, Ks: Array, size: tuple[int, int]
    ) -> Raster:
        """Draws moments through any cameras (see `Renderer.rasterize`)."""
        self._check(moments)
        cameras = viewmats.shape[:2]
        if viewmats.shape != (len(moments), *cameras[1:], 4, 4) or Ks.shape != (*cameras, 3, 3):
            raise ArgumentError(
                f"viewmats and Ks have shapes {viewmats.shape} and {Ks.shape}, expected [M, C, 4, 4] and "
                f"[M, C, 3, 3] for M = {len(moments)} moments."
            )
        eyes = se3.invert_rigid(viewmats)[..., :3, 3].mean(1)
        focal = Ks[..., 0, 0].max(1)
        return self._draw(moments, eyes, focal, viewmats, Ks.reshape(-1, 3, 3), size)

    def sweep(self, moment: Moment, config: LidarConfig) -> Sweep:
        """Casts a LiDAR's rays around the ego (see `Renderer.sweep`)."""
        self._check([moment])
        ego_to_world = self._scene.ego_to_world(moment.ego)
        with self._lock:
            instances = self._instances(moment, ego_to_world[:3, 3], rays_per_radian(config), rays=True)
        return depth_sweep(self._rasterizer, self._scene_to_frame @ ego_to_world, config, instances)

    def still(self, places: Array, most: int) -> Gaussians:
        """The Gaussians of what stands still, fewer of them far away (see `Renderer.still`)."""
        packed, turn, shift = self._still(), self._scene_to_frame[:3, :3], self._scene_to_frame[:3, 3]
        levels = choose_levels(packed, places @ turn.T + shift, most)
        return unpack(packed, levels).transformed(self._frame_to_scene)

    def _check(self, moments: Sequence[Moment]) -> None:
        if not len(moments):
            raise ArgumentError("moments: none, expected one at least.")
        for moment in moments:
            moment.check(self._scene)

    def _draw(
        self,
        moments: Sequence[Moment],
        eyes: Array,
        focal: Array,
        viewmats: Array,
        Ks: Array,
        size: tuple[int, int],
        **stays: bool,
    ) -> Raster:
        """Images `[M * C]` of moments seen from eyes `[M, 3]` with focal lengths `[M]` [px]."""
        with self._lock:
            frames = [self._instances(*seen) for seen in zip(moments, eyes, focal.tolist(), strict=True)]
        placed = viewmats.reshape(-1, 4, 4) @ self._frame_to_scene
        return self._rasterizer.render(placed, Ks, size, frames, **self._settings, **stays)

    @property
    def _on_device(self) -> bool:
        return isinstance(self._rasterizer, GsplatRasterizer)

    @cached_property
    def _judge(self) -> RenderJudge:
        return self._make_judge()

    @abstractmethod
    def _instances(self, moment: Moment, eye: Array, fineness: float, *, rays: bool = False) -> Instances:
        """What there is of a moment, seen from `eye` `[3]` with so many pixels, or rays, a radian."""

    @abstractmethod
    def _developed(
        self, raster: Raster, cam_to_world: Array, Ks: Array, cameras: tuple[str, ...]
    ) -> NDArray[np.uint8]:
        """Pictures `[M * C, H, W, 3]` of images; `cam_to_world` `[M * C, 4, 4]`, `Ks` `[M * C, 3, 3]`."""

    @abstractmethod
    def _still(self) -> PackedGaussians:
        """What stands still but the sky, at several levels of detail, in the rasteriser's frame."""

    @abstractmethod
    def _make_judge(self) -> RenderJudge:
        """What pictures of the scene are judged by."""
