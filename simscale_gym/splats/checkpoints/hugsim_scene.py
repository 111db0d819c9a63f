"""Scenes of HUGSIM: a folder with `scene.pth`, `dynamic_<id>.pth` for every recorded vehicle and `meta_data.json`.

Layout: hyzhou404/HUGSIM, `scene/gaussian_model.py`, `ground_model.py`, `obj_model.py` (`capture`) and
`dataset_readers.py`. The frame of the reconstruction is a camera's: x right, y down, z forward.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simscale_gym.errors import DataError, shown
from simscale_gym.files.fields import Fields
from simscale_gym.geometry.se3 import invert_rigid, matrix_to_quat, rigid
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses
from simscale_gym.splats.checkpoints.hugsim_motion import Unicycle, read_unicycle
from simscale_gym.splats.checkpoints.node_fields import node_poses
from simscale_gym.splats.checkpoints.torch_archive import load_torch_archive
from simscale_gym.splats.formats.activation import activate
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import TERMS_BY_DEGREE

GROUND_THICKNESS = 0.001
"""Standard deviation of ground Gaussians across the ground [m] (`ground_model.py`, `get_scaling`)."""

VEHICLE_TO_NODE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Rotation from the frame of HUGSIM's vehicles, x forward, y down, z left, to a node's."""

MAX_METADATA_BYTES = 2**28

_FIELDS = ("degree", "means", "features_dc", "features_rest", "semantics", "scales", "quats", "opacities")


def read_hugsim(folder: str | os.PathLike[str]) -> list[NodeAsset]:
    """Reads the background, the ground where it has a model of its own, and the recorded vehicles.

    Vehicles are there when they were recorded (`dynamics` of `meta_data.json`). They follow the smoothed motion of
    `unicycle_<id>.pth` where there is one, as in training, else the recorded boxes. Where `meta_data.json` says how
    the frame of the reconstruction lies in the data set's (`inv_pose`), the background has it as `recon_to_world`.

    Raises:
        DataError: Not such a folder, damaged, or with values that are no Gaussians.
    """
    folder = Path(folder)
    scene = _captured(folder / "scene.pth", (11, 10))
    gaussians, semantics = _gaussians(scene)
    appearance = scene.child("appearance")
    parameters = {f"appearance.{key}": appearance.array(key, dtype=np.float32) for key in appearance}
    metadata = folder / "meta_data.json"
    data = _json(metadata) if metadata.is_file() else {}
    nodes = [
        NodeAsset(
            "background",
            "background",
            gaussians,
            semantics=semantics,
            parameters=parameters,
            recon_to_world=_recon_to_world(metadata, data),
        )
    ]
    if scene.values["ground"] is not None:
        ground, semantics = _gaussians(_named(scene.path, "ground", scene.values["ground"]), is_ground=True)
        nodes.append(NodeAsset("ground", "background", ground, semantics=semantics))
    tracks = sorted(folder.glob("dynamic_*.pth"))
    names = {file.stem.removeprefix("dynamic_") for file in tracks}
    poses = _recorded_poses(metadata, data if data else _json(metadata), names) if tracks else {}
    for file in tracks:
        name = file.stem.removeprefix("dynamic_")
        gaussians, semantics = _gaussians(_captured(file, (9,)))
        own, motion = poses.get(name), folder / f"unicycle_{name}.pth"
        if own is not None and motion.is_file():
            own = _smoothed(motion, own, read_unicycle(motion))
        nodes.append(NodeAsset(name, "rigid", gaussians, own, semantics=semantics, fixed_colors=True))
    return nodes


def read_hugsim_vehicle(folder: str | os.PathLike[str]) -> NodeAsset:
    """Reads one vehicle of HUGSIM's garage (3DRealCar): `gs.pth` and `wlh.json` with width, length, height [m].

    Its frame is turned to x forward and z up from HUGSIM's x forward and y down (`sim/utils/plan.py`, `plan_traj`).
    Its colours turn with it: it was trained elsewhere.

    Raises:
        DataError: Not such a folder, damaged, or with values that are no Gaussians.
    """
    folder = Path(folder)
    gaussians, semantics = _gaussians(_captured(folder / "gs.pth", (9,)))
    measures = _json(folder / "wlh.json")
    good = (
        isinstance(measures, list)
        and len(measures) == 3
        and all(isinstance(n, int | float) for n in measures)
    )
    if not good or not all(0.0 < n < 1e3 for n in measures):
        raise DataError(folder / "wlh.json", found=shown(measures), expected="width, length and height [m]")
    width, length, height = measures
    size = np.array([length, width, height], np.float64)
    gaussians = gaussians.transformed(rigid(VEHICLE_TO_NODE, np.zeros(3)))
    return NodeAsset(folder.name, "rigid", gaussians, size=size, semantics=semantics)


def _captured(path: Path, lengths: tuple[int, ...]) -> Fields:
    """The tuple that a model's `capture` gave, by name."""
    tree = load_torch_archive(path)
    if not isinstance(tree, list | tuple) or len(tree) != 2 or not isinstance(tree[0], list | tuple):
        raise DataError(
            path, found=type(tree).__name__, expected="a pair of a model's tuple and the iteration"
        )
    if len(tree[0]) not in lengths:
        raise DataError(
            path,
            found=f"a tuple of {len(tree[0])}",
            expected=f"a tuple of {lengths[0]}",
            hint="Scenes from before HUGSIM's export script go through eval_render/export_scene.py first.",
        )
    return _named(path, "", tree[0])


def _named(path: Path, place: str, values: Any) -> Fields:
    if not isinstance(values, list | tuple) or len(values) < len(_FIELDS):
        raise DataError(path, field=place, found=f"{type(values).__name__}", expected="a model's tuple")
    further = values[len(_FIELDS) + 1 :]
    named = dict(zip(_FIELDS, values[: len(_FIELDS)], strict=True))
    named["appearance"] = further[0] if len(further) == 2 else {}
    named["ground"] = further[-1] if further else None
    return Fields(path, place, named)


def _gaussians(fields: Fields, *, is_ground: bool = False) -> tuple[Gaussians, np.ndarray]:
    """Gaussians and class scores; those of the ground have two scales and lie flat in y."""
    means = fields.array("means", (None, 3), dtype=np.float32)
    count, terms = len(means), TERMS_BY_DEGREE[fields.integer("degree", 0, 3)]
    rest = fields.array("features_rest", (count, None, 3), dtype=np.float32)
    if rest.shape[1] < terms - 1:
        found = f"{rest.shape[1]} coefficients"
        raise DataError(fields.path, field=fields.at("features_rest"), found=found, expected=f"{terms - 1}")
    scales = fields.array("scales", (count, 2) if is_ground else (count, 3), dtype=np.float32)
    if is_ground:
        scales = np.insert(scales, 1, np.log(GROUND_THICKNESS), axis=1)
    gaussians = activate(
        fields.path,
        means=means,
        quats=fields.array("quats", (count, 4), dtype=np.float32),
        log_scales=scales,
        opacity_logits=fields.array("opacities", (count, 1), dtype=np.float32).reshape(count),
        sh=np.concatenate(
            [fields.array("features_dc", (count, 1, 3), dtype=np.float32), rest[:, : terms - 1]], axis=1
        ),
        field=fields.place,
    )
    return gaussians, fields.array("semantics", (count, None), dtype=np.float32)


def _recon_to_world(path: Path, data: Any) -> np.ndarray | None:
    """Transform from the frame of the reconstruction to the data set's, `[4, 4]`; None where the file names none."""
    if not isinstance(data, dict) or data.get("inv_pose") is None:
        return None
    return invert_rigid(_rigid(path, "inv_pose", data["inv_pose"]))


def _smoothed(path: Path, poses: NodePoses, motion: Unicycle) -> NodePoses:
    """The poses of `motion` at the times at which the vehicle was recorded."""
    with np.errstate(all="ignore"):
        moved = np.stack([motion.pose(time / 1e6) for time in poses.timestamps_us])
    if not np.isfinite(moved).all():
        raise DataError(path, found="motion without end", expected="finite poses")
    quats = np.where(poses.valid[:, None], matrix_to_quat(moved[:, :3, :3]), poses.quats)
    return replace(poses, quats=quats, translations=np.where(poses.valid[:, None], moved[:, :3, 3], 0.0))


def _recorded_poses(path: Path, data: Any, names: Collection[str]) -> dict[str, NodePoses]:
    """Poses of each vehicle among `names` over all times at which some camera recorded."""
    frames = data.get("frames") if isinstance(data, dict) else None
    if not isinstance(frames, list):
        raise DataError(path, field="frames", found=type(frames).__name__, expected="a list of frames")
    seen: dict[str, dict[int, np.ndarray]] = {}
    times = set()
    for index, frame in enumerate(frames):
        place = f"frames[{index}]"
        time = _timestamp_us(path, place, frame)
        times.add(time)
        dynamics = frame.get("dynamics", {})
        if not isinstance(dynamics, dict):
            raise DataError(
                path, field=f"{place}.dynamics", found=type(dynamics).__name__, expected="boxes by id"
            )
        for name, matrix in dynamics.items():
            seen.setdefault(name, {})[time] = _rigid(path, f"{place}.dynamics.{name}", matrix)
    clock = np.array(sorted(times), np.int64)
    fields = Fields(path, "frames", {})
    return {name: _poses(fields, clock, poses) for name, poses in seen.items() if name in names}


def _poses(fields: Fields, clock: np.ndarray, seen: dict[int, np.ndarray]) -> NodePoses:
    matrices = np.stack([seen.get(int(time), np.eye(4)) for time in clock])
    valid = np.array([int(time) in seen for time in clock])
    quats = matrix_to_quat(matrices[:, :3, :3])
    return node_poses(fields, quats, matrices[:, :3, 3], valid=valid, timestamps_us=clock)


def _timestamp_us(path: Path, place: str, frame: Any) -> int:
    """Time of a frame, which the file gives in seconds [us]."""
    time = frame.get("timestamp") if isinstance(frame, dict) else None
    if isinstance(time, bool) or not isinstance(time, int | float) or not abs(time) < 1e12:
        expected = "a number of seconds"
        raise DataError(path, field=f"{place}.timestamp", found=shown(time, 40), expected=expected)
    return round(time * 1e6)


def _rigid(path: Path, place: str, value: Any) -> np.ndarray:
    """A rigid transform `[4, 4]` of nested lists."""
    try:
        matrix = np.array(value, np.float64)
    except (ValueError, TypeError, OverflowError):
        matrix = np.zeros(0)
    good = matrix.shape == (4, 4) and np.isfinite(matrix).all() and np.abs(matrix).max() < 1e9
    rotation = matrix[:3, :3] if good else np.zeros((3, 3))
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0.0:
        raise DataError(path, field=place, found=shown(value), expected="a rigid transform, 4 by 4")
    return matrix


def _json(path: Path) -> Any:
    if not path.is_file():
        raise DataError(path, found="no file", expected="a file of JSON")
    if path.stat().st_size > MAX_METADATA_BYTES:
        found = f"{path.stat().st_size} bytes"
        raise DataError(path, found=found, expected=f"at most {MAX_METADATA_BYTES} bytes")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(path, found=f"no JSON ({error})"[:120], expected="a file of JSON") from None
