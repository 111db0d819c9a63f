"""A scene at one moment to the images of its cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.camera_look import CameraLook, develop, to_bytes
from simscale_gym.dressing.infer_shapes import infer_shapes
from simscale_gym.dressing.look_cache import LookCache
from simscale_gym.dressing.node_set import NodeSet
from simscale_gym.dressing.packed_look import PackedLook
from simscale_gym.dressing.signal_set import SignalSet
from simscale_gym.dressing.terrain import AHEAD
from simscale_gym.geometry import polyline, se3
from simscale_gym.scene import LightStatus, Scene
from simscale_gym.splats.cpu_rasterizer import CpuRasterizer
from simscale_gym.splats.rasterize import Raster
from simscale_gym.splats.render_validity import DRESSED, KnownViews, RenderJudge, ViewedFrame
from simscale_gym.splats.solid_matter import SolidMatter

Array = NDArray[np.float64]


class SceneRenderer:
    """Draws a scene's cameras from wherever the ego is.

    Built once per scene: a few seconds to dress and light the street, a fraction of one from the cache. Then each
    call moves the nodes, relights those that turned, rasterizes all cameras in one pass, and puts sky and air
    behind.

    Args:
        scene: The scene.
        threads: Of the rasteriser; None for one per core.
        camera_look: Haze, contrast, sharpness, grain.
        cache: Folder that keeps finished looks for the next time; None keeps none.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        threads: int | None = None,
        camera_look: CameraLook | None = None,
        cache: Path | None = None,
    ) -> None:
        shapes = scene.shapes if scene.shapes is not None else infer_shapes(scene)
        self._scene, self._camera_look = scene, camera_look
        kept = LookCache(cache)
        self._look = PackedLook.of(scene, shapes, kept)
        self._rasterizer = CpuRasterizer([self._look.packed], threads=threads)
        self._nodes = NodeSet(scene, self._look, self._rasterizer, kept)
        self._drawn = (0, 0)
        self._frame: ViewedFrame | None = None
        self._signals = SignalSet(shapes.fixtures, self._look.light, self._rasterizer)

    @property
    def drawn(self) -> tuple[int, int]:
        """Splats in the last pictures, all cameras together, and nodes within reach of them."""
        return self._drawn

    @property
    def frame(self) -> ViewedFrame | None:
        """What is known of the last pictures beside their colours; None before the first."""
        return self._frame

    @cached_property
    def judge(self) -> RenderJudge:
        """Says how far pictures of this scene can be trusted."""
        scene = self._scene
        matter, views = SolidMatter.of(self._look.packed), KnownViews.of_log(scene)
        end = polyline.project(scene.route_path, scene.ego.poses[-1, :2], scene.route_lengths)[0][0]
        path = scene.route_path[scene.route_lengths <= end + AHEAD, :2]
        return RenderJudge(matter, views, path, scene.vehicle, DRESSED)

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
        raster = self.rasterize(
            viewmats, Ks, size, poses, valid, lights, braking=braking, eye=ego_to_world[:3, 3]
        )
        self._frame = ViewedFrame(viewmats, Ks, raster.alpha, raster.depth)
        crew = self._rasterizer.crew
        picture = develop(
            raster.rgb, raster.alpha, raster.depth, viewmats, Ks, self._look.sky, self._camera_look, crew=crew
        )
        return to_bytes(picture, crew)

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
        nodes, node_poses = self._nodes.instances(eye, float(Ks[:, 0, 0].max()), poses, valid, braking)
        lamps = self._signals.instances(eye, lights)
        fixed = np.eye(4)[None]
        raster = self._rasterizer.render(
            viewmats,
            Ks,
            size[1],
            size[0],
            instance_index=np.array([0, *nodes, *lamps]),
            instance_poses=np.concatenate([fixed, node_poses, np.repeat(fixed, len(lamps), axis=0)]),
            antialiased=True,
            near=0.1,
        )
        self._drawn = (self._rasterizer.splats, len(nodes))
        return raster
