"""Checkpoints of MTGS (nerfstudio): `<experiment>/nerfstudio_models/step-*.ckpt`.

Layout: OpenDriveLab/MTGS, `mtgs_scene_graph.py` and `gaussian_model/*.py`. Poses go by frame; their times are those of
the recording that was trained on, which the checkpoint does not repeat.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.files.fields import Fields
from simscale_gym.splats.assets.node_asset import NodeAsset, NodeKind
from simscale_gym.splats.checkpoints.node_fields import as_turned, instance_poses, node_gaussians
from simscale_gym.splats.checkpoints.state_fields import below
from simscale_gym.splats.checkpoints.torch_archive import load_torch_archive

_MEANS = re.compile(r"(?P<model>.*?)gaussian_models\.(?P<name>[^.]+)\.gauss_params\.means")
_KINDS: dict[str, NodeKind] = {
    "background": "background",
    "skybox": "sky",
    "rigid_object": "rigid",
    "deformable_node": "deformable",
}
_OTHER = ("instances_embedding", "deform_network.")


def read_mtgs(path: str | os.PathLike[str], *, traversal: int | None = None) -> list[NodeAsset]:
    """Reads the nodes of an MTGS checkpoint, the background first.

    Args:
        path: The `.ckpt` file.
        traversal: Index of the traversal whose colours background and sky take; None for the mean of all.

    Raises:
        DataError: No checkpoint of MTGS, damaged, or with values that are no Gaussians.
        ArgumentError: There is no such traversal.
    """
    path = Path(path)
    tree = Fields.of(path, "", load_torch_archive(path))
    state = tree.child("pipeline") if "pipeline" in tree else tree
    found = [match for match in map(_MEANS.fullmatch, state) if match]
    if not found:
        raise DataError(
            path,
            field=state.place,
            found="no key gaussian_models.<name>.gauss_params.means",
            expected="a checkpoint of MTGS",
            hint="Assets of WorldEngine are read by read_worldengine, gsplat's checkpoints by Gaussians.load.",
        )
    model = found[0]["model"]
    if any(match["model"] != model for match in found):
        raise DataError(path, field=state.place, found="two models", expected="one set of gaussian_models")
    names = sorted((match["name"] for match in found), key=lambda name: (name != "background", name))
    exposure = _exposure(state, f"{model}appearance_model.exposure_factor")
    return [
        _node(below(state, f"{model}gaussian_models.{name}."), name, traversal, exposure) for name in names
    ]


def _node(fields: Fields, name: str, traversal: int | None, exposure: np.ndarray | None) -> NodeAsset:
    kind = next((kind for prefix, kind in _KINDS.items() if name.startswith(prefix)), None)
    if kind is None:
        raise DataError(fields.path, field=fields.place, found=name, expected=f"one of {', '.join(_KINDS)}")
    gaussians = node_gaussians(below(fields, "gauss_params."), traversal=traversal)
    poses = instance_poses(fields)
    return NodeAsset(
        name,
        kind,
        as_turned(fields, gaussians, poses),
        poses,
        exposure=exposure if kind == "background" else None,
        parameters={key: fields.array(key, dtype=np.float32) for key in fields if key.startswith(_OTHER)},
        fixed_colors=kind not in ("background", "sky"),
    )


def _exposure(state: Fields, key: str) -> np.ndarray | None:
    """Affine colours `[C, 3, 4]`; MTGS multiplies rows of rgb from the left, this package columns."""
    if key not in state:
        return None
    affine = state.array(key, (None, 3, 4), dtype=np.float32)
    return np.concatenate([affine[:, :, :3].transpose(0, 2, 1), affine[:, :, 3:]], axis=2)
