"""A scene with a trained asset, at one moment, to the images of its cameras."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.scene import LightStatus, Scene
from simscale_gym.splats.assets.asset_folder import open_asset
from simscale_gym.splats.assets.cube_sky import finish, sky_of
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.assets.node_motion import NodeMotion
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.cpu.pack import LEVELS, pack
from simscale_gym.splats.depth_sweep import LidarConfig, Sweep, depth_sweep
from simscale_gym.splats.gpu.device_sky import cube_map_on, finish_on_device
from simscale_gym.splats.gpu.gsplat_backend import GsplatRasterizer
from simscale_gym.splats.rasterize import Raster
from simscale_gym.splats.rasterizer import make_rasterizer
from simscale_gym.splats.render_validity import TRAINED, KnownViews, RenderJudge, ViewedFrame, recorded_path
from simscale_gym.splats.solid_matter import SolidMatter

Array = NDArray[np.float64]

AHEAD = 10.0
"""The recorded path goes on along the route for this long after the clip's end [m]."""


class AssetRenderer:
    """Draws a scene's cameras from wherever the ego is, with what was trained.

    Built once per scene. Then each call puts the nodes where their tracks are, rasterizes all cameras in one pass,
    and puts the sky behind. It works in the frame that the asset was trained in, where most of it stands still. A
    node whose track is absent is not drawn, nor is a track without a node or a stand-in; black is where there is
    nothing. A node with several shapes, a person who walks, takes that of the logged pose that is nearest: its gait
    goes with the way, not with the time, and beyond the log it keeps its last one. Traffic lights and brake lamps look
    as they were trained.

    Args:
        scene: The scene.
        asset: Its asset, or the asset's folder; `scene.asset` if None.
        stand_ins: Nodes for tracks that the asset has none for, as `simscale_gym.dressing.nodes.stand_ins` makes
            them; they are drawn at several levels of detail.
        backend: "cpu", "gsplat", or "auto", as of `rasterize`. With gsplat, sky and colours are done on the device too.
        threads: Of the CPU's rasteriser; None for one per core.
        levels: Levels of detail, 1 to 6: more than one is faster for wide scenes and small pictures, and merges what
            is smaller than a pixel, which the trainers and gsplat do not.
    """

    def __init__(
        self,
        scene: Scene,
        asset: SceneAsset | str | os.PathLike[str] | None = None,
        *,
        stand_ins: Sequence[NodeAsset] = (),
        backend: str = "cpu",
        threads: int | None = None,
        levels: int = 1,
    ) -> None:
        found = scene.asset if asset is None else asset
        self.asset = found if isinstance(found, SceneAsset) else open_asset(_folder(scene, found))
        self._scene = scene
        self._asset_to_scene = np.array(self.asset.asset_to_world, np.float64)
        self._asset_to_scene[:3, 3] -= scene.origin
        self._scene_to_asset = se3.invert_rigid(self._asset_to_scene)
        rows = {name: row for row, name in enumerate(scene.tracks.ids)}
        trained = [node for node in self.asset.nodes if node.name in rows]
        self._trained = {node.name for node in trained}
        others = [node for node in stand_ins if node.name in rows and node.name not in self._trained]
        self._nodes = [*trained, *others]
        self._rows = np.array([rows[node.name] for node in self._nodes], np.int64)
        self._motions = [self._motion(node, row) for node, row in zip(self._nodes, self._rows, strict=True)]
        statics = [part for part in (self.asset.sky, self.asset.background) if part is not None]
        self._statics = len(self._nodes) + np.arange(len(statics))
        parts = [*(node.gaussians for node in self._nodes), *statics]  # adding one copies those before it
        self._fixed = np.array(
            [*(node.fixed_colors for node in self._nodes), *(False for _ in statics)], bool
        )
        self._shape_at = [
            self._shape_rows(node, motion) for node, motion in zip(self._nodes, self._motions, strict=True)
        ]
        self._shape_now = [-1] * len(self._nodes)
        detail = (
            [1 if node.shapes is not None else levels for node in trained]
            + [LEVELS] * len(others)
            + [levels] * len(statics)
        )
        self._rasterizer = make_rasterizer(parts, backend=backend, levels=detail, threads=threads)
        self._frame: ViewedFrame | None = None

    @property
    def frame(self) -> ViewedFrame | None:
        """What is known of the last pictures beside their colours; None before the first."""
        return self._frame

    @cached_property
    def judge(self) -> RenderJudge:
        """Says how far pictures of this scene can be trusted; known views are those trained on, else the log's."""
        scene, views = self._scene, self.asset.views
        matter = SolidMatter.of(pack(self.asset.background.transformed(self._asset_to_scene)))
        known = (
            KnownViews.of_log(scene)
            if views is None or not len(views.Ks)
            else KnownViews.of_poses(self._asset_to_scene @ views.cam_to_asset)
        )
        return RenderJudge(matter, known, recorded_path(scene, AHEAD), scene.vehicle, TRAINED)

    @property
    def missing_tracks(self) -> tuple[str, ...]:
        """Ids of the scene's tracks that the asset has no node for; they are drawn only where they have stand-ins."""
        return tuple(name for name in self._scene.tracks.ids if name not in self._trained)

    @property
    def unused_nodes(self) -> tuple[str, ...]:
        """Names of the asset's nodes that the scene has no track for; they are not drawn."""
        names = set(self._scene.tracks.ids)
        return tuple(node.name for node in self.asset.nodes if node.name not in names)

    def instances(self, poses: Array, valid: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Array]:
        """Templates to draw, `[I]`, and where, `[I, 4, 4]` to the frame of the asset; first those that stand still.

        Args:
            poses: Of the scene's tracks, `[N, 3]`.
            valid: Which are there, `[N]`.
        """
        present = np.flatnonzero(np.asarray(valid, bool)[self._rows])
        placed = [self._motions[node].at(poses[self._rows[node]]) for node in present]
        still = np.broadcast_to(np.eye(4), (len(self._statics), 4, 4))
        moving = self._scene_to_asset @ np.array(placed).reshape(-1, 4, 4)
        return np.concatenate([self._statics, present]), np.concatenate([still, moving])

    def rasterize(
        self, viewmats: Array, Ks: Array, size: tuple[int, int], poses: Array, valid: NDArray[np.bool_]
    ) -> Raster:
        """Images of any cameras, on black and without a sky that is a cube map.

        Args:
            viewmats: Scene to camera, `[C, 4, 4]`.
            Ks: Intrinsics, `[C, 3, 3]` [px].
            size: Height, width [px].
            poses: Of the scene's tracks, `[N, 3]`.
            valid: Which are there, `[N]`.
        """
        return self._rasterize(viewmats, Ks, size, poses, valid)

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
            ego: Rear axle pose, `[3]`.
            poses: Of the scene's tracks, `[N, 3]`.
            valid: Which are there, `[N]`.
            lights: Not shown: an asset's lights look as they were trained.
            cameras: Names.
            size: Height, width [px].
            braking: Not shown.

        Returns:
            uint8 `[C, H, W, 3]`.
        """
        height, width = size
        rig = self._scene.rig.select(tuple(cameras))
        ego_to_world = self._scene.ego_to_world(ego)
        cam_to_scene = np.stack([ego_to_world @ camera.cam_to_ego for camera in rig])
        Ks = np.stack([camera.scaled_intrinsics(height, width) for camera in rig])
        viewmats = se3.invert_rigid(cam_to_scene)
        stays = {"as_torch": True} if self._on_device else {}
        raster = self._rasterize(viewmats, Ks, size, poses, valid, **stays)
        self._frame = ViewedFrame(viewmats, Ks, raster.alpha, raster.depth)
        cam_to_asset = self._asset_to_scene[:3, :3].T @ cam_to_scene[:, :3, :3]
        affines = np.stack([self.asset.appearance.get(name, np.eye(3, 4)) for name in cameras])
        if self._on_device:
            cube = cube_map_on(self.asset, raster.rgb.device)
            return finish_on_device(raster, cam_to_asset, Ks, cube, affines).cpu().numpy()
        return finish(raster, cam_to_asset, Ks, sky_of(self.asset), affines, self._rasterizer.crew)

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
        index, placed = self.instances(poses, valid)
        self._take_shapes(index[len(self._statics) :], poses)
        ego_to_asset = self._scene_to_asset @ self._scene.ego_to_world(ego)
        return depth_sweep(
            self._rasterizer, ego_to_asset, config, instance_index=index, instance_poses=placed
        )

    def _rasterize(
        self,
        viewmats: Array,
        Ks: Array,
        size: tuple[int, int],
        poses: Array,
        valid: NDArray[np.bool_],
        **settings,
    ) -> Raster:
        index, placed = self.instances(poses, valid)
        self._take_shapes(index[len(self._statics) :], poses)
        asset, fixed = self.asset, self._fixed[index]
        turns = np.where(fixed[:, None, None], placed[:, :3, :3], np.eye(3)) if fixed.any() else None
        return self._rasterizer.render(
            viewmats @ self._asset_to_scene, Ks, size[1], size[0],
            instance_index=index, instance_poses=placed, near=asset.near, far=asset.far,
            antialiased=asset.antialiased, color_turns=turns, brightest=asset.brightest, **settings,
        )  # fmt: skip

    def _take_shapes(self, present: NDArray[np.int64], poses: Array) -> None:
        """Gives the nodes that have several shapes the one of the nearest logged pose."""
        for number in present:
            rows, node = self._shape_at[number], self._nodes[number]
            if rows is None:
                continue
            wanted = int(rows[self._motions[number].nearest(poses[self._rows[number]])])
            if wanted != self._shape_now[number]:
                shape = node.shapes.shaped(node.gaussians, wanted)
                self._rasterizer.reshape(int(number), shape.means, shape.quats, shape.scales)
                self._shape_now[number] = wanted

    @staticmethod
    def _shape_rows(node: NodeAsset, motion: NodeMotion) -> NDArray[np.int64] | None:
        """The shape of each pose of the node's motion, `[F]`; None where it has one for all."""
        if node.shapes is None or node.poses is None or not node.poses.valid.any():
            return None
        rows = node.shapes.nearest(np.flatnonzero(node.poses.valid))
        return rows if len(rows) == len(motion.poses) else None

    @property
    def _on_device(self) -> bool:
        return isinstance(self._rasterizer, GsplatRasterizer)

    def _motion(self, node: NodeAsset, row: int) -> NodeMotion:
        """Of the node's own poses; without any, of its track, whose poses are level."""
        motion = None if node.poses is None else NodeMotion.of(node.poses, self._asset_to_scene)
        if motion is not None:
            return motion
        tracks = self._scene.tracks
        seen = tracks.valid[row] if tracks.valid[row].any() else slice(None)
        return NodeMotion.of_track(tracks.poses[row][seen], tracks.z[row][seen])


def _folder(scene: Scene, folder: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    if folder is None:
        raise ArgumentError(f"scene {scene.id!r} has no asset: give one, or see attach_asset.")
    return folder
