"""A scene with a trained asset to pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.progress import waiting
from simscale_gym.rendering.gaussian_renderer import GaussianRenderer
from simscale_gym.scene import Moment, Scene
from simscale_gym.splats.assets.asset_folder import open_asset
from simscale_gym.splats.assets.cube_sky import finish, sky_of
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.assets.node_motion import NodeMotion
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.cpu.pack import LEVELS, PackedGaussians, pack
from simscale_gym.splats.gpu.device_sky import cube_map_on, finish_on_device
from simscale_gym.splats.instances import Instances, Shape
from simscale_gym.splats.rasterize import Raster
from simscale_gym.splats.rasterizer import Rasterizer, make_rasterizer
from simscale_gym.splats.render_validity import TRAINED, KnownViews, RenderJudge, recorded_path
from simscale_gym.splats.solid_matter import SolidMatter

Array = NDArray[np.float64]

AHEAD = 10.0
"""The recorded path goes on along the route for this long after the clip's end [m]."""

KEPT_SHAPES = 256
"""Shapes of nodes that are kept for the next picture: of a person of 3000 Gaussians 120 kB."""


class AssetRenderer(GaussianRenderer):
    """Draws a scene's cameras from wherever the ego is, with what was trained.

    Built once per scene. Then each call puts the nodes where their tracks are, rasterizes all cameras in one pass,
    and puts the sky behind. It works in the frame that the asset was trained in, where most of it stands still. A
    node whose track is absent is not drawn, nor is a track without a node or a stand-in; black is where there is
    nothing. A node with several shapes, a person who walks, takes that of the logged pose that is nearest: its gait
    goes with the way, not with the time, and beyond the log it keeps its last one. Traffic lights and brake lamps look
    as they were trained, whatever a moment says.

    Args:
        scene: The scene.
        asset: Asset of the scene, or the asset's folder; `scene.asset` if None.
        stand_ins: Nodes for tracks that the asset has none for, as `simscale_gym.dressing.nodes.stand_ins` makes
            them; they are drawn at several levels of detail.
        backend: "cpu", "gsplat", or "auto", see `rasterize`. With gsplat, sky and colours are done on the device too.
        threads: Number of threads of the CPU's rasteriser; None for one per core.
        levels: Number of levels of detail, 1 to 6: more than one is faster for wide scenes and small pictures, and
            merges what is smaller than a pixel, which the trainers and gsplat do not.
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
        self.asset = asset = found if isinstance(found, SceneAsset) else open_asset(_folder(scene, found))
        rows = {name: row for row, name in enumerate(scene.tracks.ids)}
        trained = [node for node in asset.nodes if node.name in rows]
        self._trained = {node.name for node in trained}
        others = [node for node in stand_ins if node.name in rows and node.name not in self._trained]
        self._nodes = [*trained, *others]
        self._rows = np.array([rows[node.name] for node in self._nodes], np.int64)
        statics = [part for part in (asset.sky, asset.background) if part is not None]
        self._statics = len(self._nodes) + np.arange(len(statics))
        parts = [*(node.gaussians for node in self._nodes), *statics]  # adding one copies those before it
        detail = [1 if node.shapes is not None else levels for node in trained]
        detail += [LEVELS] * len(others) + [levels] * len(statics)
        rasterizer = make_rasterizer(parts, backend=backend, levels=detail, threads=threads)
        to_scene = np.array(asset.asset_to_world, np.float64)
        to_scene[:3, 3] -= scene.origin
        settings = {
            "near": asset.near, "far": asset.far, "antialiased": asset.antialiased, "brightest": asset.brightest
        }  # fmt: skip
        super().__init__(scene, rasterizer, to_scene, settings)
        fixed = [*(node.fixed_colors for node in self._nodes), *(False for _ in statics)]
        self._fixed = np.array(fixed, bool)
        self._motions = [self._motion(node, row) for node, row in zip(self._nodes, self._rows, strict=True)]
        self._shape_at = [
            _shape_rows(node, motion) for node, motion in zip(self._nodes, self._motions, strict=True)
        ]
        self._shapes = lru_cache(KEPT_SHAPES)(partial(_shape, self._nodes, rasterizer))

    @property
    def missing_tracks(self) -> tuple[str, ...]:
        """Ids of the scene's tracks that the asset has no node for; they are drawn only where they have stand-ins."""
        return tuple(name for name in self._scene.tracks.ids if name not in self._trained)

    @property
    def unused_nodes(self) -> tuple[str, ...]:
        """Names of the asset's nodes that the scene has no track for; they are not drawn."""
        names = set(self._scene.tracks.ids)
        return tuple(node.name for node in self.asset.nodes if node.name not in names)

    def _instances(self, moment: Moment, eye: Array, fineness: float, *, rays: bool = False) -> Instances:
        """What stands still, then the nodes whose tracks are there, in the frame of the asset."""
        present = np.flatnonzero(moment.valid[self._rows])
        at = moment.poses[self._rows]
        placed = [self._motions[node].at(at[node]) for node in present]
        still = np.broadcast_to(np.eye(4), (len(self._statics), 4, 4))
        poses = np.concatenate([still, self._scene_to_frame @ np.array(placed).reshape(-1, 4, 4)])
        index = np.concatenate([self._statics, present])
        fixed = self._fixed[index]
        turns = np.where(fixed[:, None, None], poses[:, :3, :3], np.eye(3)) if fixed.any() else None
        shapes = [*(None for _ in self._statics), *(self._shape(int(node), at[node]) for node in present)]
        return Instances(index, poses, (), shapes, turns)

    def _shape(self, node: int, pose: Array) -> Shape | None:
        """The shape of the nearest logged pose, of nodes that have several."""
        rows = self._shape_at[node]
        return None if rows is None else self._shapes(node, int(rows[self._motions[node].nearest(pose)]))

    def _developed(
        self, raster: Raster, cam_to_world: Array, Ks: Array, cameras: tuple[str, ...]
    ) -> NDArray[np.uint8]:
        """Sky behind the images, where they are; the colours of their cameras; bytes."""
        cam_to_asset = self._frame_to_scene[:3, :3].T @ cam_to_world[:, :3, :3]
        affines = np.stack([self.asset.appearance.get(name, np.eye(3, 4)) for name in cameras])
        affines = np.tile(affines, (len(cam_to_world) // len(cameras), 1, 1))
        if self._on_device:
            cube = cube_map_on(self.asset, raster.rgb.device)
            return finish_on_device(raster, cam_to_asset, Ks, cube, affines).cpu().numpy()
        return finish(raster, cam_to_asset, Ks, sky_of(self.asset), affines, self._rasterizer.crew)

    def _still(self) -> PackedGaussians:
        with waiting("merging what is small and far away"):
            return pack(self.asset.background, levels=LEVELS)

    def _make_judge(self) -> RenderJudge:
        """Known views are those trained on, else the log's."""
        scene, views = self._scene, self.asset.views
        matter = SolidMatter.of(pack(self.asset.background.transformed(self._frame_to_scene)))
        known = (
            KnownViews.of_log(scene)
            if views is None or not len(views.Ks)
            else KnownViews.of_poses(self._frame_to_scene @ views.cam_to_asset)
        )
        return RenderJudge(matter, known, recorded_path(scene, AHEAD), scene.vehicle, TRAINED)

    def _motion(self, node: NodeAsset, row: int) -> NodeMotion:
        """The motion of the node's own poses; without any, of its track, whose poses are level."""
        motion = None if node.poses is None else NodeMotion.of(node.poses, self._frame_to_scene)
        if motion is not None:
            return motion
        tracks = self._scene.tracks
        seen = tracks.valid[row] if tracks.valid[row].any() else slice(None)
        return NodeMotion.of_track(tracks.poses[row][seen], tracks.z[row][seen])


def _shape_rows(node: NodeAsset, motion: NodeMotion) -> NDArray[np.int64] | None:
    """The shape of each pose of the node's motion, `[F]`; None where it has one for all."""
    if node.shapes is None or node.poses is None or not node.poses.valid.any():
        return None
    rows = node.shapes.nearest(np.flatnonzero(node.poses.valid))
    return rows if len(rows) == len(motion.poses) else None


def _shape(nodes: Sequence[NodeAsset], rasterizer: Rasterizer, number: int, shape: int) -> Shape:
    """One of the shapes of a node, whose template has the node's number."""
    shaped = nodes[number].shapes.shaped(nodes[number].gaussians, shape)
    return rasterizer.shape(number, shaped.means, shaped.quats, shaped.scales)


def _folder(scene: Scene, folder: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    if folder is None:
        raise ArgumentError(f"scene {scene.id!r} has no asset: give one, or see attach_asset.")
    return folder
