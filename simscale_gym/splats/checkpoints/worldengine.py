"""Assets of WorldEngine: `<asset>/background/<asset>.ckpt`, MTGS models packed with their configuration.

Layout: OpenDriveLab/WorldEngine, `render/mtgs/mtgs.py` and `gaussian_model/*.py`: a dictionary with one entry per
submodel, `{"config": .., "state_dict": ..}`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.files.fields import Fields
from simscale_gym.geometry.se3 import rigid
from simscale_gym.splats.assets.node_asset import NodeAsset, NodeKind
from simscale_gym.splats.checkpoints.node_fields import as_turned, instance_poses, mirrored, node_gaussians
from simscale_gym.splats.checkpoints.state_fields import below, without
from simscale_gym.splats.checkpoints.torch_archive import load_torch_archive

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
        traversal: Traversal whose colours to take, see :func:`read_mtgs`; released assets have one traversal.

    Raises:
        DataError: No asset of WorldEngine, damaged, or with values that are no Gaussians.
    """
    path = _checkpoint_of(Path(path))
    tree = Fields.of(path, "", load_torch_archive(path))
    if "background" not in tree:
        raise DataError(
            path,
            found=f"the keys {', '.join(list(tree)[:6])}"[:200],
            expected="background and other submodels, an asset of WorldEngine",
            hint="Checkpoints of MTGS itself are read by read_mtgs.",
        )
    names = sorted(tree, key=lambda name: (name != "background", name))
    return [_node(tree.child(name), name, traversal) for name in names]


def _checkpoint_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted((path / "background").glob("*.ckpt"))
    if len(found) != 1:
        raise DataError(path, field="background", found=f"{len(found)} files *.ckpt", expected="one")
    return found[0]


def _node(entry: Fields, name: str, traversal: int | None) -> NodeAsset:
    config, state = entry.child("config"), entry.child("state_dict")
    kind = _KINDS[config.text("type", tuple(_KINDS))]
    degree = config.integer("sh_degree", 0, 3) if config.has("sh_degree") else None
    tensors = state.child("gauss_params") if "gauss_params" in state else below(state, "gauss_params.")
    if config.text("type") != "MultiColorGaussianSplattingModel":
        tensors = without(tensors, "features_adapters")  # as WorldEngine, which shows the base colours
    gaussians = node_gaussians(tensors, degree=degree, traversal=traversal)
    poses = instance_poses(state, _timestamps(config))
    translation = "recon2world_translation"
    return NodeAsset(
        name,
        kind,
        as_turned(state, mirrored(gaussians) if kind == "mirrored" else gaussians, poses),
        poses,
        recon_to_world=_translation(config, translation) if config.has(translation) else None,
        fixed_colors=kind not in ("background", "sky"),
    )


def _timestamps(config: Fields) -> np.ndarray | None:
    """Times of the poses `[F]` [us], as nuPlan counts them."""
    if not config.has("log_timestamps"):
        return None
    times = config.array("log_timestamps").reshape(-1)
    if not np.isfinite(times).all() or (np.abs(times) > 2.0**62).any() or (np.diff(times) <= 0).any():
        raise config.error("log_timestamps", "other numbers", "times that rise [us]")
    return config.array("log_timestamps", dtype=np.int64).reshape(-1)


def _translation(config: Fields, key: str) -> np.ndarray:
    """The transform `[4, 4]` that shifts by three numbers, a tensor, an array or a sequence."""
    return rigid(np.eye(3), config.array(key, (3,), finite=True))
