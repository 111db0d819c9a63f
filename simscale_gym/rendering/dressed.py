"""A scene at one moment to the images of its cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.furniture.signal_set import SignalSet
from simscale_gym.dressing.ground.terrain import AHEAD
from simscale_gym.dressing.looks.camera_look import CameraLook, develop, to_bytes
from simscale_gym.dressing.looks.device_look import develop_on_device
from simscale_gym.dressing.looks.look_cache import LookCache
from simscale_gym.dressing.looks.packed_look import PackedLook
from simscale_gym.dressing.nodes.node_set import NodeSet
from simscale_gym.dressing.surroundings.infer_shapes import infer_shapes
from simscale_gym.geometry import se3
from simscale_gym.scene import LightStatus, Scene
from simscale_gym.splats.depth_sweep import LidarConfig, Sweep, depth_sweep, rays_per_radian
from simscale_gym.splats.gpu.gsplat_backend import GsplatRasterizer
from simscale_gym.splats.rasterize import Raster
from simscale_gym.splats.rasterizer import make_rasterizer
from simscale_gym.splats.render_validity import DRESSED, KnownViews, RenderJudge, ViewedFrame, recorded_path
from simscale_gym.splats.solid_matter import SolidMatter

Array = NDArray[np.float64]


class SceneRenderer:
    """Draws a scene's cameras from wherever the ego is.

    Built once per scene: a few seconds to dress and light the street, a fraction of one from the cache. Then each
    call moves the nodes, relights those that turned, rasterizes all cameras in one pass, and puts sky and air
    behind. gsplat draws everything at its finest, the CPU what is small merged.

    Args:
        scene: The scene.
        backend: "cpu", "gsplat", or "auto", as of `rasterize`. With gsplat, sky and air are done on the device too.
        threads: Of the CPU's rasteriser; None for one per core.
        camera_look: Haze, contrast, sharpness, grain.
        cache: Folder that keeps finished looks for the next time; None keeps none.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        backend: str = "cpu",
        threads: int | None = None,
        camera_look: CameraLook | None = None,
        cache: Path | None = None,
    ) -> None:
        shapes = scene.shapes if scene.shapes is not None else infer_shapes(scene)
        self._scene, self._camera_look = scene, camera_look
        kept = LookCache(cache)
        self._look = PackedLook.of(scene, shapes, kept)
        self._rasterizer = make_rasterizer([self._look.packed], backend=backend, threads=threads)
        self._nodes = NodeSet(scene, self._look, self._rasterizer, kept)
        self._nodes_near = 0
        self._frame: ViewedFrame | None = None
        self._signals = SignalSet(shapes.fixtures, self._look.light, self._rasterizer)

    @property
    def drawn(self) -> tuple[int, int]:
        """Splats in the last pictures, all cameras together, and nodes within reach of them."""
        return self._rasterizer.splats, self._nodes_near

    @property
    def frame(self) -> ViewedFrame | None:
        """What is known of the last pictures beside their colours; None before the first."""
        return self._frame

    @cached_property
    def judge(self) -> RenderJudge:
        """Says how far pictures of this scene can be trusted."""
        scene = self._scene
        matter, views = SolidMatter.of(self._look.packed), KnownViews.of_log(scene)
        return RenderJudge(matter, views, recorded_path(scene, AHEAD), scene.vehicle, DRESSED)

    def render(
        self,
        ego: Array,
        poses: Array,
        valid: NDArray[np.bool_],
        lights: Mapping[str, LightStatus],
        cameras: Sequence[str],
        size: tuple[int, int],
        *,
        braking: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.uint8]:
        """Pictures of the named cameras.

        Args:
            ego: ``[3]`` rear axle pose.
            poses: ``[N, 3]`` of the scene's tracks.
            valid: ``[N]`` present.
            lights: Status by lane connector.
            cameras: Names.
            size: Height, width [px].
            braking: ``[N]`` show brake lamps; none if None.

        Returns:
            uint8 ``[C, H, W, 3]``.
        """
        height, width = size
        rig = self._scene.rig.select(tuple(cameras))
        ego_to_world = self._scene.ego_to_world(ego)
        viewmats = np.stack([se3.invert_rigid(ego_to_world @ camera.cam_to_ego) for camera in rig])
        Ks = np.stack([camera.scaled_intrinsics(height, width) for camera in rig])
        stays = {"as_torch": True} if self._on_device else {}
        instances = self._instances(
            ego_to_world[:3, 3], float(Ks[:, 0, 0].max()), poses, valid, lights, braking
        )
        raster = self._rasterize(viewmats, Ks, size, instances, **stays)
        self._frame = ViewedFrame(viewmats, Ks, raster.alpha, raster.depth)
        return self._developed(raster, viewmats, Ks)

    def rasterize(
        self,
        viewmats: Array,
        Ks: Array,
        size: tuple[int, int],
        poses: Array,
        valid: NDArray[np.bool_],
        lights: Mapping[str, LightStatus],
        *,
        braking: NDArray[np.bool_] | None = None,
        eye: Array | None = None,
    ) -> Raster:
        """Images of any cameras, without sky and air.

        Args:
            viewmats: ``[C, 4, 4]`` world to camera.
            Ks: ``[C, 3, 3]`` [px].
            size: Height, width [px].
            poses: ``[N, 3]`` of the scene's tracks.
            valid: ``[N]`` present.
            lights: Status by lane connector.
            braking: ``[N]`` show brake lamps; none if None.
            eye: ``[3]`` from where nodes choose their detail; the middle of the cameras if None.
        """
        if eye is None:
            eye = se3.invert_rigid(viewmats)[:, :3, 3].mean(0)
        return self._rasterize(
            viewmats, Ks, size, self._instances(eye, float(Ks[:, 0, 0].max()), poses, valid, lights, braking)
        )

    def sweep(
        self,
        ego: Array,
        poses: Array,
        valid: NDArray[np.bool_],
        lights: Mapping[str, LightStatus],
        config: LidarConfig,
        *,
        braking: NDArray[np.bool_] | None = None,
    ) -> Sweep:
        """Ranges around the ego, without noise; arguments as of `render`."""
        ego_to_world = self._scene.ego_to_world(ego)
        eye, fineness = ego_to_world[:3, 3], rays_per_radian(config)
        index, placed = self._instances(eye, fineness, poses, valid, lights, braking)
        return depth_sweep(
            self._rasterizer, ego_to_world, config, instance_index=index, instance_poses=placed
        )

    def _instances(
        self,
        eye: Array,
        focal: float,
        poses: Array,
        valid: NDArray[np.bool_],
        lights: Mapping[str, LightStatus],
        braking: NDArray[np.bool_] | None,
    ) -> tuple[NDArray[np.int64], Array]:
        """Templates ``[I]`` to draw and where ``[I, 4, 4]``."""
        nodes, node_poses = self._nodes.instances(eye, focal, poses, valid, braking)
        lamps = self._signals.instances(eye, lights)
        self._nodes_near = len(nodes)
        fixed = np.eye(4)[None]
        placed = np.concatenate([fixed, node_poses, np.repeat(fixed, len(lamps), axis=0)])
        return np.array([0, *nodes, *lamps]), placed

    def _rasterize(
        self, viewmats: Array, Ks: Array, size: tuple[int, int], instances: tuple[NDArray, Array], **settings
    ) -> Raster:
        index, placed = instances
        height, width = size
        return self._rasterizer.render(
            viewmats, Ks, width, height,
            instance_index=index, instance_poses=placed, antialiased=True, near=0.1, **settings,
        )  # fmt: skip

    def _developed(self, raster: Raster, viewmats: Array, Ks: Array) -> NDArray[np.uint8]:
        """Sky and air behind the images, where they are; bytes."""
        sky, look = self._look.sky, self._camera_look
        if self._on_device:
            return develop_on_device(raster, viewmats, Ks, sky, look).cpu().numpy()
        crew = self._rasterizer.crew
        picture = develop(raster.rgb, raster.alpha, raster.depth, viewmats, Ks, sky, look, crew=crew)
        return to_bytes(picture, crew)

    @property
    def _on_device(self) -> bool:
        return isinstance(self._rasterizer, GsplatRasterizer)
