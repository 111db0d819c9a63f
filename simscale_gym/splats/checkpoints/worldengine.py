"""Assets of WorldEngine: `<asset>/background/<asset>.ckpt`, MTGS models packed with their configuration.

Layout: OpenDriveLab/WorldEngine, `render/mtgs/mtgs.py` and `gaussian_model/*.py`: a dictionary with one entry per
submodel, `{"config": .., "state_dict": ..}`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError, shown
from simscale_gym.geometry.se3 import rigid
from simscale_gym.splats.assets.node_asset import NodeAsset, NodeKind
from simscale_gym.splats.checkpoints.checkpoint_fields import CheckpointFields, array_of
from simscale_gym.splats.checkpoints.node_fields import as_turned, instance_poses, mirrored, node_gaussians
from simscale_gym.splats.checkpoints.torch_archive import StoredTensor, load_torch_archive

_KINDS: dict[str, NodeKind] = {
    "VanillaGaussianSplattingModel": "background",
    "MultiColorGaussianSplattingModel": "background",
    "SkyboxGaussianSplattingModel": "sky",
    "RigidSubModel": "rigid",
    "MirroredRigidSubModel": "mirrored",
    "DeformableSubModel": "deformable",
}


def read_worldengine(path: str | os.PathLike[str], *, traversal: int | None = None) -> list[NodeAsset]:
    """Reads the nodes of an asset, the background first.

    Args:
        path: The `.ckpt` file, or the folder of the asset.
        traversal: Which traversal's colours to take, see :func:`read_mtgs`; released assets have one traversal.

    Raises:
        DataError: No asset of WorldEngine, damaged, or with values that are no Gaussians.
    """
    path = _checkpoint_of(Path(path))
    tree = CheckpointFields.of(path, "", load_torch_archive(path))
    if "background" not in tree:
        raise DataError(
            path,
            found=f"the keys {', '.join(list(tree)[:6])}"[:200],
            expected="background and other submodels, an asset of WorldEngine",
            hint="Checkpoints of MTGS itself are read by read_mtgs.",
        )
    names = sorted(tree, key=lambda name: (name != "background", name))
    return [_node(tree.branch(name), name, traversal) for name in names]


def _checkpoint_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted((path / "background").glob("*.ckpt"))
    if len(found) != 1:
        raise DataError(path, field="background", found=f"{len(found)} files *.ckpt", expected="one")
    return found[0]


def _node(entry: CheckpointFields, name: str, traversal: int | None) -> NodeAsset:
    config, state = entry.branch("config"), entry.branch("state_dict")
    kind = _KINDS.get(config.value("type")) if isinstance(config.value("type"), str) else None
    if kind is None:
        found = shown(config.value("type"))
        raise DataError(
            entry.path, field=config.at("type"), found=found, expected=f"one of {', '.join(_KINDS)}"
        )
    degree = config.integer("sh_degree", 0, 3) if _given(config, "sh_degree") else None
    tensors = state.branch("gauss_params") if "gauss_params" in state else state.below("gauss_params.")
    if config.value("type") != "MultiColorGaussianSplattingModel":
        tensors = tensors.without("features_adapters")  # as WorldEngine, which shows the base colours
    gaussians = node_gaussians(tensors, degree=degree, traversal=traversal)
    poses = instance_poses(state, _timestamps(config))
    translation = "recon2world_translation"
    return NodeAsset(
        name,
        kind,
        as_turned(state, mirrored(gaussians) if kind == "mirrored" else gaussians, poses),
        poses,
        recon_to_world=_translation(config, translation) if _given(config, translation) else None,
        fixed_colors=kind not in ("background", "sky"),
    )


def _given(config: CheckpointFields, key: str) -> bool:
    return config.values.get(key) is not None


def _timestamps(config: CheckpointFields) -> np.ndarray | None:
    """Times of the poses `[F]` [us], as nuPlan counts them."""
    if not _given(config, "log_timestamps"):
        return None
    times = config.array("log_timestamps", dtype=np.float64).reshape(-1)
    if not np.isfinite(times).all() or (np.abs(times) > 2.0**62).any() or (np.diff(times) <= 0).any():
        expected = "times that rise [us]"
        raise DataError(
            config.path, field=config.at("log_timestamps"), found="other numbers", expected=expected
        )
    return config.array("log_timestamps", dtype=np.int64).reshape(-1)


def _translation(config: CheckpointFields, key: str) -> np.ndarray:
    """The transform `[4, 4]` that shifts by three numbers, a tensor, an array or a sequence."""
    value = config.value(key)
    if isinstance(value, list | tuple) and len(value) == 3 and all(type(n) in (int, float) for n in value):
        value = np.array([float(n) if abs(n) < 1e300 else np.inf for n in value])
    if not isinstance(value, StoredTensor | np.ndarray):
        raise DataError(config.path, field=config.at(key), found=shown(value), expected="x, y, z")
    numbers = array_of(config.path, config.at(key), value, (3,), dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise DataError(config.path, field=config.at(key), found=f"{numbers}", expected="finite x, y, z")
    return rigid(np.eye(3), numbers)
