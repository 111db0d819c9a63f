"""Checkpoints of drivestudio (OmniRe): `checkpoint_final.pth`.

Layout: ziyc/drivestudio, `models/trainers/base.py`, `models/nodes/*.py` and `models/modules.py`: a dictionary of
models; the instances of a class share their tensors, each Gaussian says whose it is. Poses go by frame.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.splats.checkpoint_fields import CheckpointFields
from simscale_gym.splats.node_asset import NodeAsset, NodeKind
from simscale_gym.splats.node_fields import node_gaussians, node_poses
from simscale_gym.splats.torch_archive import load_torch_archive

_INSTANCED: dict[str, NodeKind] = {
    "RigidNodes": "rigid",
    "DeformableNodes": "deformable",
    "SMPLNodes": "deformable",
}
_OTHER = ("deform_network.", "template.")


def read_drivestudio(path: str | os.PathLike[str]) -> list[NodeAsset]:
    """Reads the nodes of a checkpoint: the background, then the sky's cube map, then every instance.

    Deformable nodes and people stand in their rest pose; what bends them is in `parameters`.

    Raises:
        DataError: No checkpoint of drivestudio, damaged, or with values that are no Gaussians.
    """
    path = Path(path)
    tree = CheckpointFields.of(path, "", load_torch_archive(path))
    models = tree.branch("models")
    background = models.branch("Background")
    nodes = [
        NodeAsset(
            "Background",
            "background",
            node_gaussians(background.below("_")),
            exposure=_exposure(models.branch("Affine")) if "Affine" in models else None,
        )
    ]
    if "Sky" in models and "base" in models.branch("Sky"):
        nodes.append(_sky(models.branch("Sky")))
    for name, kind in _INSTANCED.items():
        if name in models:
            nodes += _instances(models.branch(name), name, kind)
    return nodes


def _sky(fields: CheckpointFields) -> NodeAsset:
    cube = fields.array("base", (6, None, None, 3))
    if cube.shape[1] != cube.shape[2] or not np.isfinite(cube).all():
        found = f"shape {cube.shape}, finite {np.isfinite(cube).all()}"
        raise DataError(fields.path, field=fields.at("base"), found=found, expected="six finite squares")
    return NodeAsset("Sky", "sky", None, cube_map=cube)


def _exposure(fields: CheckpointFields) -> np.ndarray | None:
    """Affine colours `[C, 3, 4]` of the training images: their embeddings through a network of two layers."""
    embedding = fields.array("embedding.weight", (None, None))
    first = fields.array("decoder.0.weight", (None, None))
    if first.shape[1] != embedding.shape[1]:  # the pixel's place is an input too: no affine for a whole image
        return None
    bias = fields.array("decoder.0.bias", (len(first),))
    second = fields.array("decoder.2.weight", (12, len(first)))
    with np.errstate(all="ignore"):
        hidden = np.maximum(embedding @ first.T + bias, 0.0)
        affine = hidden @ second.T + fields.array("decoder.2.bias", (12,))
    if not np.isfinite(affine).all():
        raise DataError(fields.path, field=fields.place, found="infinite values", expected="finite weights")
    return affine.reshape(-1, 3, 4) + np.eye(3, 4, dtype=np.float32)


def _instances(fields: CheckpointFields, name: str, kind: NodeKind) -> list[NodeAsset]:
    """One node per instance that has Gaussians."""
    gaussians = node_gaussians(fields.below("_"))
    ids = fields.array("points_ids", (len(gaussians), 1), (len(gaussians),), dtype=np.int64).reshape(-1)
    valid = fields.array("instances_fv", (None, None), dtype=bool)
    frames, count = valid.shape
    quats = fields.array(
        "instances_quats", (frames, count, 4), (frames, count, 1, 4), dtype=np.float64
    ).reshape(frames, count, 4)
    translations = fields.array("instances_trans", (frames, count, 3), dtype=np.float64)
    sizes = fields.array("instances_size", (count, 3), dtype=np.float64)
    if len(ids) and not 0 <= ids.min() <= ids.max() < count:
        found = f"{ids.min()}..{ids.max()}"
        raise DataError(fields.path, field=fields.at("points_ids"), found=found, expected=f"0..{count - 1}")
    shared = {key: fields.array(key) for key in fields if key.startswith(_OTHER)}
    return [
        NodeAsset(
            f"{name}_{index}",
            kind,
            gaussians.subset(ids == index),
            node_poses(fields, quats[:, index], translations[:, index], valid=valid[:, index]),
            size=sizes[index],
            parameters={**shared, **_own(fields, index, frames, count)},
        )
        for index in np.unique(ids)
    ]


def _own(fields: CheckpointFields, index: int, frames: int, count: int) -> dict[str, np.ndarray]:
    """The embedding and the joint rotations of one instance (the name of these is misspelt in the file)."""
    own = {}
    if "instances_embedding" in fields:
        own["instances_embedding"] = fields.array("instances_embedding", (count, None))[index]
    if "smpl_qauts" in fields:
        own["smpl_quats"] = fields.array("smpl_qauts", (frames, count, None, 4))[:, index]
    return own
