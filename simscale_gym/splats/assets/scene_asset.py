"""A trained scene: its background, its sky and one node per track, in one frame that is tied to the world's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.one_line import one_line
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses
from simscale_gym.splats.assets.node_frame import turned, upright
from simscale_gym.splats.gaussians import Gaussians

CAMERA_TO_Z_UP = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Rotation from a frame with x right, y down, z forward to one with x forward, y left, z up."""

_TRACK_PREFIXES = ("rigid_object_", "deformable_node_")


@dataclass(frozen=True)
class Provenance:
    """Origin of an asset.

    Attributes:
        format: Format of the file it was made of: "mtgs", "worldengine", "hugsim", "drivestudio" or another.
        file: Name of that file, without folders.
        sha256: Digest of that file, in hexadecimal digits; empty where there was none.
        note: What a reader should know of the conversion.
    """

    format: str = ""
    file: str = ""
    sha256: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class TrainingViews:
    """The images that a scene was trained on.

    Attributes:
        cam_to_asset: Poses of the cameras, OpenCV axes, `[V, 4, 4]`.
        Ks: Intrinsics, `[V, 3, 3]` [px].
    """

    cam_to_asset: np.ndarray
    Ks: np.ndarray

    __repr__ = one_line


@dataclass(frozen=True, eq=False)
class SceneAsset:
    """What a scene looks like, trained. The frame of an asset has z up.

    Attributes:
        background: All that does not move, in the asset's frame.
        asset_to_world: Rigid transform to the global frame of the log, in which `Scene.origin` stands, `[4, 4]`.
        nodes: What moves, each in a frame of its own (origin in its box, x forward, z up). The name of a node is the
            id of its track. Fixed colours of nodes are given by directions of the asset's frame.
        sky: Far Gaussians behind everything, in the asset's frame, or None.
        cube_map: Sky by direction of the asset's frame, laid out as in `NodeAsset`, `[6, R, R, 3]` float32, or None.
        appearance: Affine colour `[3, 4]` by camera name: shown = A[:, :3] @ rendered + A[:, 3].
        views: What it was trained on, where that is known.
        antialiased: Trained with opacities that make up for the blur of pixels, so drawn in this way too.
        provenance: The file that the asset was made of, and what to know of the conversion.
        near: Gaussians nearer to a camera are left out, as in training [m].
        far: Gaussians farther from a camera are left out, as in training [m].
        brightest: Colours of Gaussians are cut off there before they are blended, as in training.
    """

    background: Gaussians
    asset_to_world: np.ndarray = field(default_factory=lambda: np.eye(4))
    nodes: tuple[NodeAsset, ...] = ()
    sky: Gaussians | None = None
    cube_map: np.ndarray | None = None
    appearance: Mapping[str, np.ndarray] = field(default_factory=dict)
    views: TrainingViews | None = None
    antialiased: bool = False
    provenance: Provenance = field(default_factory=Provenance)
    near: float = 0.01
    far: float = 1e10
    brightest: float = np.inf

    __repr__ = one_line

    def __post_init__(self) -> None:
        checked_rigid("asset_to_world", self.asset_to_world)
        names = [node.name for node in self.nodes]
        double = next((name for name, count in Counter(names).items() if count > 1), None)
        if double is not None:
            raise ArgumentError(f"nodes: two are called {double!r}; the name of a node is its track's id.")
        for node in self.nodes:
            if node.gaussians is None or node.kind in ("background", "sky"):
                raise ArgumentError(
                    f"nodes: {node.name!r} is of kind {node.kind!r}, expected one that moves."
                )
        if not (0.0 < self.near < self.far and self.brightest > 0.0):
            found = f"near, far, brightest are {self.near}, {self.far}, {self.brightest}"
            raise ArgumentError(f"{found}, expected 0 < near < far [m] and brightest above 0.")
        for name, affine in self.appearance.items():
            if np.shape(affine) != (3, 4) or not np.isfinite(affine).all():
                raise ArgumentError(f"appearance[{name!r}] is {affine!r}, expected finite values [3, 4].")
        if self.cube_map is not None and not _is_cube(self.cube_map):
            raise ArgumentError(f"cube_map has shape {self.cube_map.shape}, expected finite [6, R, R, 3].")

    @property
    def count(self) -> int:
        """Gaussians of background, sky and nodes together."""
        parts = [self.background, self.sky, *(node.gaussians for node in self.nodes)]
        return sum(len(part) for part in parts if part is not None)

    @classmethod
    def from_nodes(
        cls,
        nodes: Sequence[NodeAsset],
        *,
        asset_to_world: np.ndarray | None = None,
        camera_axes: bool = False,
        track_ids: Mapping[str, str] | None = None,
        timestamps_us: np.ndarray | None = None,
        antialiased: bool = False,
        views: TrainingViews | None = None,
        provenance: Provenance | None = None,
        **drawing: float,
    ) -> SceneAsset:
        """Puts together what an importer read.

        Args:
            nodes: What `read_mtgs`, `read_worldengine`, `read_hugsim` or `read_drivestudio` gave.
            asset_to_world: Rigid transform from the frame of the reconstruction, once it has z up, to the log's global
                frame, `[4, 4]`; by default the one that the background names, else none.
            camera_axes: The frame of the reconstruction has y down and z forward, as HUGSIM's: it is turned, and
                nodes get frames with x forward.
            track_ids: Id of the track of each node by the node's name; without it, MTGS's prefixes are taken off.
            timestamps_us: Times of the frames, for nodes whose poses have none, `[F]` int64 [us].
            antialiased: Whether the trainer's opacities make up for the blur of pixels.
            views: Images that the scene was trained on, in the frame that the asset will have.
            provenance: The file that was read.
            drawing: `near`, `far` and `brightest` of the class.

        Raises:
            ArgumentError: There is no background, or names, times or transforms do not fit.
        """
        statics = [node for node in nodes if node.kind == "background"]
        skies = [node for node in nodes if node.kind == "sky"]
        moving = [node for node in nodes if node.kind not in ("background", "sky")]
        if not statics:
            raise ArgumentError("nodes: none is a background.")
        turn = CAMERA_TO_Z_UP if camera_axes else None
        moving = [_timed(node, timestamps_us) for node in moving]
        if camera_axes:
            moving = [upright(turned(node, CAMERA_TO_Z_UP)) for node in moving]
        cube = next((node.cube_map for node in skies if node.cube_map is not None), None)
        return cls(
            _joined(statics, turn),
            _placement(statics, turn) if asset_to_world is None else np.asarray(asset_to_world, np.float64),
            tuple(_bare(node, track_ids) for node in moving),
            _joined(skies, turn) if any(node.gaussians is not None for node in skies) else None,
            None if cube is None else np.asarray(cube, np.float32),
            views=views,
            antialiased=antialiased,
            provenance=provenance or Provenance(),
            **drawing,
        )


def track_id(name: str) -> str:
    """Id of the track that a node called `name` stands for: MTGS and WorldEngine put the kind before it."""
    prefix = next((prefix for prefix in _TRACK_PREFIXES if name.startswith(prefix)), "")
    return name[len(prefix) :]


def checked_rigid(name: str, value: np.ndarray) -> np.ndarray:
    """`value` if it is a rigid transform `[4, 4]`.

    Raises:
        ArgumentError: It is none.
    """
    good = (
        np.shape(value) == (4, 4)
        and np.isfinite(value).all()
        and (np.asarray(value)[3] == [0, 0, 0, 1]).all()
    )
    rotation = np.asarray(value)[:3, :3] if good else np.zeros((3, 3))
    rotation = np.clip(rotation, -2.0, 2.0)  # products of any others could be infinite
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4) or np.linalg.det(rotation) < 0.0:
        raise ArgumentError(f"{name} is {value!r}, expected a rigid transform [4, 4].")
    return value


def _is_cube(cube: np.ndarray) -> bool:
    square = (
        cube.ndim == 4 and cube.shape[0] == 6 and cube.shape[1] == cube.shape[2] > 0 and cube.shape[3] == 3
    )
    return square and bool(np.isfinite(cube).all())


def _joined(nodes: Sequence[NodeAsset], turn: np.ndarray | None) -> Gaussians:
    whole = Gaussians.concatenate([node.gaussians for node in nodes if node.gaussians is not None])
    return whole if turn is None else whole.transformed(se3.rigid(turn, np.zeros(3)))


def _placement(statics: Sequence[NodeAsset], turn: np.ndarray | None) -> np.ndarray:
    """Transform `[4, 4]` to the world from the asset's frame, which `turn` leads to from the reconstruction's."""
    named = next((node.recon_to_world for node in statics if node.recon_to_world is not None), np.eye(4))
    back = np.eye(3) if turn is None else turn.T
    return se3.rigid(named[:3, :3] @ back, named[:3, 3])


def _timed(node: NodeAsset, timestamps_us: np.ndarray | None) -> NodeAsset:
    """The node with times of its poses, where they have none yet and move."""
    poses = node.poses
    if timestamps_us is None or poses is None or poses.timestamps_us is not None or poses.is_static:
        return node
    if len(timestamps_us) != len(poses):
        raise ArgumentError(
            f"timestamps_us: {len(timestamps_us)} for {len(poses)} poses of {node.name!r}, expected as many."
        )
    return replace(node, poses=replace(poses, timestamps_us=np.asarray(timestamps_us, np.int64)))


def _bare(node: NodeAsset, track_ids: Mapping[str, str] | None) -> NodeAsset:
    """The node under its track's id, without what only training needs."""
    name = track_id(node.name) if track_ids is None else track_ids.get(node.name, node.name)
    kept = {"shapes": node.shapes, "fixed_colors": node.fixed_colors}
    return NodeAsset(name, node.kind, node.gaussians, node.poses, node.size, **kept)


def renamed(asset: SceneAsset, track_ids: Mapping[str, str]) -> SceneAsset:
    """The asset with other ids for some of its nodes.

    Args:
        asset: The asset.
        track_ids: New id by present one; nodes that it does not name keep theirs.
    """
    nodes = tuple(replace(node, name=track_ids.get(node.name, node.name)) for node in asset.nodes)
    return replace(asset, nodes=nodes)


def pose_matrices(poses: NodePoses) -> np.ndarray:
    """Node to asset, `[F, 4, 4]`, of the poses that are valid."""
    return se3.rigid(se3.quat_to_matrix(poses.quats[poses.valid]), poses.translations[poses.valid])
