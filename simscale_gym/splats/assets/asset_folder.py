"""The open folder format of scene assets: `asset.json`, one file of Gaussians per node, poses as `.npz`.

::

    asset.json            format, version, asset_to_world, antialiased, nodes, appearance, provenance, files
    background.ply        Gaussians in the frame of the asset
    sky_gaussians.ply     Gaussians of the sky
    sky.npz               or its cube map [6, R, R, 3]
    nodes/0000.ply        Gaussians of one node in its own frame
    nodes/0000.poses.npz  its poses: quats [F, 4], translations [F, 3], valid [F], timestamps_us [F] where known
    nodes/0000.shapes.npz where its Gaussians are at some poses (see `asset_shapes`)
    views.npz             training views: cam_to_asset [V, 4, 4], Ks [V, 3, 3]

`files` names the SHA-256 of each. Gaussians are PLY as gsplat writes it, SPZ, or exact `.npz`.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simscale_gym.errors import ArgumentError, DataError, shown
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.digests import file_digest
from simscale_gym.files.fields import Fields
from simscale_gym.files.stored_arrays import load_arrays, save_arrays
from simscale_gym.splats.assets.asset_manifest import (
    FORMAT,
    MANIFEST,
    VERSION,
    file_of,
    read_manifest,
    rigid_of,
)
from simscale_gym.splats.assets.asset_shapes import read_shapes, write_shapes
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses
from simscale_gym.splats.assets.scene_asset import Provenance, SceneAsset, TrainingViews
from simscale_gym.splats.gaussians import Gaussians

if TYPE_CHECKING:
    from simscale_gym.scene import Scene

ENCODINGS = ("ply", "spz", "npz")

_DRAWING = ("near", "far", "brightest")
_KINDS = ("rigid", "mirrored", "deformable")
_POSES = {
    "quats": ("<f8", (None, 4)),
    "translations": ("<f8", (None, 3)),
    "valid": ("|b1", (None,)),
    "timestamps_us": ("<i8", (None,)),
}
_VIEWS = {"cam_to_asset": ("<f8", (None, 4, 4)), "Ks": ("<f8", (None, 3, 3))}


def save_asset(folder: str | os.PathLike[str], asset: SceneAsset, *, encoding: str = "ply") -> Path:
    """Writes an asset, whole or not at all.

    Args:
        folder: Folder to write to; must not exist, or be empty.
        asset: What to write.
        encoding: "ply" keeps all but rounding, "npz" everything, "spz" a tenth of the size (see `save_spz`).

    Returns:
        The folder.

    Raises:
        ArgumentError: There is no such encoding.
        DataError: The folder holds something already, or cannot be written.
    """
    if encoding not in ENCODINGS:
        raise ArgumentError(f"encoding is {encoding!r}, expected one of {', '.join(ENCODINGS)}.")
    folder = Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            folder, found="something already", expected="a folder to be made", hint="Name another."
        )
    with atomic_write(folder) as built:
        built.mkdir()
        _write(built, asset, encoding)
    return folder


def open_asset(folder: str | os.PathLike[str]) -> SceneAsset:
    """Reads an asset that :func:`save_asset` wrote.

    Raises:
        DataError: No such folder, a file is missing or damaged, or a field is wrong.
    """
    fields = read_manifest(Path(folder))
    sky = fields.child("sky") if fields.has("sky") else None
    source = fields.child("provenance")
    appearance = fields.child("appearance")
    _check_files(fields)
    try:
        return SceneAsset(
            _gaussians(fields.child("background")),
            rigid_of(fields, "asset_to_world"),
            tuple(_node(part) for _, part in fields.children("nodes")),
            _gaussians(sky) if sky is not None and sky.has("file") else None,
            _cube_map(sky) if sky is not None and sky.has("cube_map") else None,
            {name: appearance.array(name, (3, 4), finite=True) for name in appearance.values},
            _views(fields) if fields.has("views") else None,
            fields.flag("antialiased"),
            Provenance(*(source.text(name) for name in ("format", "file", "sha256", "note"))),
            **{name: float(fields.array(name, (), finite=True)) for name in _DRAWING if fields.has(name)},
        )
    except ArgumentError as error:
        raise DataError(fields.path, found=str(error), expected="a scene asset") from error


def damaged_files(folder: str | os.PathLike[str]) -> list[str]:
    """Names of the files of an asset that are not as they were written.

    Raises:
        DataError: The manifest cannot be read.
    """
    fields = read_manifest(Path(folder))
    digests = fields.child("files")
    names = [
        str(path.relative_to(folder).as_posix()) for path in sorted(Path(folder).rglob("*")) if path.is_file()
    ]
    listed = {name: digests.text(name) for name in digests.values}
    strange = [name for name in names if name != MANIFEST and name not in listed]
    gone = [name for name in listed if name not in names]
    changed = [name for name in names if name in listed and file_digest(Path(folder) / name) != listed[name]]
    return sorted(strange + gone + changed)


def checked_assets(folder: str | os.PathLike[str]) -> Path:
    """`folder` if it is an asset or has one somewhere below it.

    Raises:
        DataError: There is none.
    """
    path = Path(folder).expanduser().absolute()
    if not path.is_dir() or next(path.rglob(MANIFEST), None) is None:
        hint = "Make one with: simscale-gym splats convert FILE FOLDER"
        raise DataError(path, found=f"no {MANIFEST}", expected="a scene asset or a folder of them", hint=hint)
    return path


def asset_of(folder: str | os.PathLike[str], scene: Scene) -> Path | None:
    """Folder of the asset of `scene` in `folder`; None where there is none.

    That is `folder` itself if it is an asset, else the one in it that is named by the scene's id, or by its log's.
    """
    folder = Path(folder).expanduser().absolute()
    if (folder / MANIFEST).is_file():
        return folder
    for name in (scene.id, scene.log_id):
        path = (folder / name).resolve()
        if path.is_relative_to(folder.resolve()) and (path / MANIFEST).is_file():
            return path
    return None


def attach_asset(scene: Scene, folder: str | os.PathLike[str]) -> Scene:
    """The scene with its asset from `folder`, found as :func:`asset_of` says.

    Raises:
        DataError: There is none.
    """
    path = asset_of(folder, scene)
    if path is None:
        expected = f"{MANIFEST}, or a folder {scene.id} or {scene.log_id} with one"
        hint = "Make one with: simscale-gym splats convert FILE FOLDER"
        raise DataError(folder, found="no asset of this scene", expected=expected, hint=hint)
    return scene.with_asset(path)


def _write(folder: Path, asset: SceneAsset, encoding: str) -> None:
    def gaussians(name: str, value: Gaussians) -> dict:
        value.save(folder / f"{name}.{encoding}")
        return {
            "file": f"{name}.{encoding}",
            "count": len(value),
            "sh_degree": int(np.sqrt(value.sh.shape[1])) - 1,
        }

    (folder / "nodes").mkdir()
    sky = {} if asset.sky is None else gaussians("sky_gaussians", asset.sky)
    if asset.cube_map is not None:
        save_arrays(folder / "sky.npz", {"cube_map": np.asarray(asset.cube_map, "<f4")})
        sky |= {"cube_map": "sky.npz"}
    if asset.views is not None:
        arrays = {"cam_to_asset": asset.views.cam_to_asset, "Ks": asset.views.Ks}
        save_arrays(folder / "views.npz", {name: np.asarray(value, "<f8") for name, value in arrays.items()})
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "asset_to_world": np.asarray(asset.asset_to_world, float).tolist(),
        "antialiased": bool(asset.antialiased),
        **{name: float(getattr(asset, name)) for name in _DRAWING if np.isfinite(getattr(asset, name))},
        "background": gaussians("background", asset.background),
        "sky": sky or None,
        "nodes": [
            {"track": node.name, "kind": node.kind, **gaussians(f"nodes/{index:04d}", node.gaussians)}
            | _written_poses(folder, f"nodes/{index:04d}", node)
            | {"fixed_colors": bool(node.fixed_colors)}
            | write_shapes(folder, f"nodes/{index:04d}.shapes.npz", node.shapes, exact=encoding == "npz")
            for index, node in enumerate(asset.nodes)
        ],
        "appearance": {name: np.asarray(affine, float).tolist() for name, affine in asset.appearance.items()},
        "views": None if asset.views is None else "views.npz",
        "provenance": asdict(asset.provenance),
    }
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    manifest["files"] = {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _written_poses(folder: Path, name: str, node: NodeAsset) -> dict:
    """Writes the poses of a node; what the manifest says of them and of its size."""
    size = None if node.size is None else np.asarray(node.size, float).tolist()
    if node.poses is None:
        return {"size": size, "poses": None, "static": False}
    poses = f"{name}.poses.npz"
    arrays = {
        "quats": np.asarray(node.poses.quats, "<f8"),
        "translations": np.asarray(node.poses.translations, "<f8"),
    }
    arrays["valid"] = np.asarray(node.poses.valid, bool)
    if node.poses.timestamps_us is not None:
        arrays["timestamps_us"] = np.asarray(node.poses.timestamps_us, "<i8")
    save_arrays(folder / poses, arrays)
    return {"size": size, "poses": poses, "static": bool(node.poses.is_static)}


def _gaussians(fields: Fields) -> Gaussians:
    path = file_of(fields, "file")
    value = Gaussians.load(path)
    if len(value) != fields.integer("count"):
        expected = f"{fields.integer('count')}, as {MANIFEST}, {fields.at('count')} says"
        raise DataError(path, found=f"{len(value)} Gaussians", expected=expected)
    return value


def _check_files(fields: Fields) -> None:
    """Checks that each node has a file of its own: one that is named many times would take many times its size."""
    names = [part.text("file") for _, part in fields.children("nodes")]
    double = next((name for name, count in Counter(names).items() if count > 1), None)
    if double is not None:
        expected = "a file for each node"
        raise DataError(fields.path, field="nodes", found=f"{shown(double)} twice", expected=expected)


def _node(fields: Fields) -> NodeAsset:
    size = fields.array("size", (3,), finite=True) if fields.has("size") else None
    kind = fields.text("kind", _KINDS)
    gaussians, poses = _gaussians(fields), _poses(fields)
    return NodeAsset(
        fields.text("track"),
        kind,
        gaussians,
        poses,
        size,
        shapes=read_shapes(fields, len(gaussians), 0 if poses is None else len(poses)),
        fixed_colors=fields.has("fixed_colors") and fields.flag("fixed_colors"),
    )


def _poses(fields: Fields) -> NodePoses | None:
    if not fields.has("poses"):
        return None
    path = file_of(fields, "poses")
    arrays = load_arrays(path, _POSES, optional=("timestamps_us",))
    counts = {name: len(value) for name, value in arrays.items()}
    if len(set(counts.values())) != 1:
        raise DataError(path, found=f"lengths {counts}", expected="arrays of one length")
    quats, places, valid = arrays["quats"], arrays["translations"], arrays["valid"]
    with np.errstate(all="ignore"):
        unit = np.isfinite(quats).all(1) & (np.abs(np.linalg.norm(quats, axis=1) - 1.0) < 1e-3)
    for name, good in (("quats", unit), ("translations", np.isfinite(places).all(1))):
        if not good.all():
            row = int(np.argmin(good))
            expected = "unit length, wxyz" if name == "quats" else "finite numbers"
            raise DataError(path, field=f"{name}[{row}]", found=f"{arrays[name][row]}", expected=expected)
    times = arrays.get("timestamps_us")
    if times is not None and (times[1:] <= times[:-1]).any():
        raise DataError(
            path, field="timestamps_us", found="times that do not rise", expected="times that rise [us]"
        )
    return NodePoses(quats, places, valid, times, fields.flag("static"))


def _cube_map(fields: Fields) -> np.ndarray:
    return load_arrays(file_of(fields, "cube_map"), {"cube_map": ("<f4", (6, None, None, 3))})["cube_map"]


def _views(fields: Fields) -> TrainingViews:
    path = file_of(fields, "views")
    arrays = load_arrays(path, _VIEWS)
    if len(arrays["Ks"]) != len(arrays["cam_to_asset"]):
        raise DataError(path, found=f"{len(arrays['Ks'])} Ks", expected=f"{len(arrays['cam_to_asset'])}")
    for name, value in arrays.items():
        if not np.isfinite(value).all():
            raise DataError(path, field=name, found="infinite numbers", expected="finite ones")
    return TrainingViews(**arrays)
