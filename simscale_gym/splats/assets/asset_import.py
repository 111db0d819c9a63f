"""Turns the checkpoint of any known trainer into a scene asset."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.digests import file_digest
from simscale_gym.files.stored_archive import BROKEN_ARCHIVE
from simscale_gym.splats.assets.asset_folder import open_asset
from simscale_gym.splats.assets.asset_manifest import MANIFEST
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.assets.scene_asset import Provenance, SceneAsset, TrainingViews
from simscale_gym.splats.checkpoints.drivestudio import read_drivestudio
from simscale_gym.splats.checkpoints.hugsim_scene import read_hugsim
from simscale_gym.splats.checkpoints.mtgs import read_mtgs
from simscale_gym.splats.checkpoints.mtgs_motion import with_shapes
from simscale_gym.splats.checkpoints.torch_archive import is_torch_archive, load_torch_archive
from simscale_gym.splats.checkpoints.worldengine import read_worldengine
from simscale_gym.splats.checkpoints.worldengine_recording import VideoScene, read_video_scene
from simscale_gym.splats.formats.sog import MANIFEST as SOG_MANIFEST
from simscale_gym.splats.formats.sog import is_sog_folder
from simscale_gym.splats.formats.spz_stream import is_antialiased
from simscale_gym.splats.gaussians import Gaussians

RECORDING = "video_scene_dict.pkl"

UNPLACED = "the file does not say where its frame lies in the world"
"""What the note of an asset says that nothing ties to a log."""

FORMATS = ("asset", "worldengine", "mtgs", "hugsim", "drivestudio", "gaussians")


@dataclass(frozen=True)
class _Importer:
    """The reader of a format, and what its trainer does.

    Attributes:
        read: Nodes of a path.
        antialiased: Trained in gsplat's antialiased mode.
        camera_axes: Whether the reconstruction's frame has y down and z forward.
        drawing: Near and far plane [m] and greatest brightness where they differ from gsplat's.
    """

    read: Callable[[Path], list[NodeAsset]]
    antialiased: bool = False
    camera_axes: bool = False
    drawing: Mapping[str, float] = field(default_factory=dict)


_IMPORTERS = {
    "worldengine": _Importer(read_worldengine, antialiased=True, drawing={"brightest": 1.0}),
    "mtgs": _Importer(read_mtgs, antialiased=True, drawing={"brightest": 1.0}),
    "hugsim": _Importer(read_hugsim, camera_axes=True, drawing={"far": 500.0}),
    "drivestudio": _Importer(read_drivestudio, drawing={"near": 0.1, "brightest": 1.0}),
    "gaussians": _Importer(lambda path: [NodeAsset("background", "background", Gaussians.load(path))]),
}


def import_asset(
    path: str | os.PathLike[str],
    *,
    asset_to_world: np.ndarray | None = None,
    track_ids: Mapping[str, str] | None = None,
) -> SceneAsset:
    """Reads a scene of any known format.

    These are a folder of `save_asset`; an asset of WorldEngine (its folder or `.ckpt`), whose recording is read too
    where it lies beside it; a checkpoint of MTGS or drivestudio; a folder of HUGSIM; and whatever `Gaussians.load`
    reads, which becomes a background.

    Args:
        path: File or folder.
        asset_to_world: Rigid transform from the reconstruction's frame, turned to have z up, to the log's global frame,
            `[4, 4]`; by default the one that the file names. For one with a scale see `placed`.
        track_ids: Id of the track of each node by the node's name; see `SceneAsset.from_nodes`.

    Raises:
        DataError: None of these, or damaged.
    """
    path = Path(path)
    kind = format_of(path)
    if kind == "asset":
        return open_asset(path)
    importer = _IMPORTERS[kind]
    nodes = importer.read(path)
    recording = _recording(path) if kind in ("worldengine", "mtgs") else None
    if recording is not None and asset_to_world is None and nodes[0].recon_to_world is None:
        asset_to_world = np.eye(4)
        asset_to_world[:3, 3] = recording.recon_to_world
    times = _frame_times(recording, nodes)
    if kind == "mtgs" and recording is not None and times is not None:
        nodes = with_shapes(path, nodes, recording, times)
    file = _main_file(path)
    try:
        return SceneAsset.from_nodes(
            nodes,
            asset_to_world=asset_to_world,
            camera_axes=importer.camera_axes,
            track_ids=track_ids,
            timestamps_us=times,
            antialiased=importer.antialiased or is_antialiased(file),
            views=None if recording is None else _views(recording),
            provenance=Provenance(kind, file.name, file_digest(file), _note(kind, nodes, recording)),
            **importer.drawing,
        )
    except ArgumentError as error:
        raise DataError(path, found=str(error), expected=f"a scene of {kind}") from error


def format_of(path: Path) -> str:
    """The one of `FORMATS` that a file or folder is.

    Raises:
        DataError: There is nothing, or a folder of none of them.
    """
    if not path.exists():
        raise DataError(
            path, found="nothing", expected="a file of Gaussians or a scene", hint="Check the path."
        )
    if path.is_dir():
        if (path / MANIFEST).is_file():
            return "asset"
        if (path / "scene.pth").is_file():
            return "hugsim"
        if (path / "background").is_dir():
            return "worldengine"
        if is_sog_folder(path):
            return "gaussians"
        expected = f"{MANIFEST}, scene.pth (HUGSIM), background/*.ckpt (WorldEngine) or {SOG_MANIFEST} (SOG)"
        raise DataError(path, found="a folder of none of the known formats", expected=expected)
    return _checkpoint_format(path) if _is_checkpoint(path) else "gaussians"


def _is_checkpoint(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return is_torch_archive(archive.namelist())
    except BROKEN_ARCHIVE:
        return False


def _checkpoint_format(path: Path) -> str:
    """The format that the keys of a checkpoint's tree tell; the tree names tensors without reading them."""
    tree = load_torch_archive(path)
    if not isinstance(tree, dict):
        if path.name == "scene.pth":
            hint = f"Name its folder: {path.parent}"
            raise DataError(
                path, found="one model of a scene of HUGSIM", expected="the whole scene", hint=hint
            )
        raise DataError(
            path, found=type(tree).__name__, expected="a dictionary, as trainers of scenes write it"
        )
    keys = [key for key in tree if isinstance(key, str)]
    if "models" in keys:
        return "drivestudio"
    if "pipeline" in keys or any("gaussian_models." in key for key in keys):
        return "mtgs"
    return "worldengine" if "background" in keys else "gaussians"


def _main_file(path: Path) -> Path:
    if path.is_file():
        return path
    files = [path / "scene.pth", *(path / "background").glob("*.ckpt"), path / SOG_MANIFEST]
    return next(file for file in files if file.is_file())


def _recording(path: Path) -> VideoScene | None:
    """The recording that lies in the folder of the asset, or up to two folders above its checkpoint."""
    start = path if path.is_dir() else path.parent
    files = [folder / RECORDING for folder in (start, start.parent)]
    file = next((file for file in files if file.is_file()), None)
    return None if file is None else read_video_scene(file)


def _frame_times(recording: VideoScene | None, nodes: list[NodeAsset]) -> np.ndarray | None:
    """Times of the recording's frames, if the poses that lack times are as many."""
    if recording is None:
        return None
    lengths = {
        len(node.poses)
        for node in nodes
        if node.poses is not None and not node.poses.is_static and node.poses.timestamps_us is None
    }
    choices = (recording.timestamps_us[recording.valid], recording.timestamps_us)
    return next((times for times in choices if lengths == {len(times)} and (np.diff(times) > 0).all()), None)


def _views(recording: VideoScene) -> TrainingViews:
    poses, Ks = [], []
    for camera in recording.cameras.values():
        poses.append(recording.ego_to_recon[recording.valid] @ camera.camera_to_ego[recording.valid])
        Ks.append(np.broadcast_to(camera.K, (len(poses[-1]), 3, 3)))
    return TrainingViews(np.concatenate(poses), np.concatenate(Ks))


def _note(kind: str, nodes: list[NodeAsset], recording: VideoScene | None) -> str:
    told = []
    if any(node.exposure is not None for node in nodes):
        told.append("colors are as rendered: the exposures of training images are left out")
    if any(node.kind == "deformable" and node.shapes is None for node in nodes):
        told.append("deformable nodes stand in their rest pose")
    if (
        nodes[0].recon_to_world is None
        and kind in ("mtgs", "hugsim", "drivestudio", "gaussians")
        and recording is None
    ):
        told.append(UNPLACED)
    return "; ".join(told)
