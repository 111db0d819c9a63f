"""Checkpoints of drivestudio (OmniRe): `checkpoint_final.pth`.

Layout: ziyc/drivestudio, `models/trainers/base.py`, `models/nodes/*.py` and `models/modules.py`: a dictionary of
models; the instances of a class share their tensors, each Gaussian says whose it is. Poses go by frame.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.files.fields import Fields
from simscale_gym.splats.assets.node_asset import NodeAsset, NodeKind
from simscale_gym.splats.checkpoints.body_skinning import Body, dressed
from simscale_gym.splats.checkpoints.deform_network import DeformNetwork, bent_shapes
from simscale_gym.splats.checkpoints.node_fields import (
    check_room,
    checked_shapes,
    node_gaussians,
    node_poses,
)
from simscale_gym.splats.checkpoints.state_fields import below
from simscale_gym.splats.checkpoints.torch_archive import load_torch_archive

_INSTANCED: dict[str, NodeKind] = {
    "RigidNodes": "rigid",
    "DeformableNodes": "deformable",
    "SMPLNodes": "deformable",
}

MOST_HIDDEN = 2**25
"""Numbers between the layers of the exposures' network, of all images together; the trainer has 64 an image."""

BENT_AFTER = 3000
"""Step of training after which deformable nodes are bent (`use_deformgs_after` of drivestudio's configurations)."""


def read_drivestudio(path: str | os.PathLike[str]) -> list[NodeAsset]:
    """Reads the nodes of a checkpoint: the background, then the sky's cube map, then every instance.

    Deformable nodes and people get the shapes that their networks and joints give them in each frame. Colours of
    moving nodes are fixed, as the trainer has them.

    Raises:
        DataError: No checkpoint of drivestudio, damaged, or with values that are no Gaussians.
    """
    path = Path(path)
    tree = Fields.of(path, "", load_torch_archive(path))
    models = tree.child("models")
    background = models.child("Background")
    nodes = [
        NodeAsset(
            "Background",
            "background",
            node_gaussians(below(background, "_")),
            exposure=_exposure(models.child("Affine")) if "Affine" in models else None,
        )
    ]
    if "Sky" in models and "base" in models.child("Sky"):
        nodes.append(_sky(models.child("Sky")))
    step = tree.integer("step", 0, 2**40) if "step" in tree else BENT_AFTER + 1
    for name, kind in _INSTANCED.items():
        if name in models:
            nodes += _instances(models.child(name), name, kind, step)
    return nodes


def _sky(fields: Fields) -> NodeAsset:
    cube = fields.array("base", (6, None, None, 3), dtype=np.float32)
    if cube.shape[1] != cube.shape[2] or not np.isfinite(cube).all():
        found = f"shape {cube.shape}, finite {np.isfinite(cube).all()}"
        raise DataError(fields.path, field=fields.at("base"), found=found, expected="six finite squares")
    return NodeAsset("Sky", "sky", None, cube_map=cube)


def _exposure(fields: Fields) -> np.ndarray | None:
    """Affine colours `[C, 3, 4]` of the training images: their embeddings through a network of two layers."""
    embedding = fields.array("embedding.weight", (None, None), dtype=np.float32)
    first = fields.array("decoder.0.weight", (None, None), dtype=np.float32)
    if first.shape[1] != embedding.shape[1]:  # the pixel's place is an input too: no affine for a whole image
        return None
    bias = fields.array("decoder.0.bias", (len(first),), dtype=np.float32)
    second = fields.array("decoder.2.weight", (12, len(first)), dtype=np.float32)
    if len(embedding) * len(first) > MOST_HIDDEN:
        found = f"{len(embedding)} images, {len(first)} hidden"
        expected = f"a product of {MOST_HIDDEN} at most"
        raise DataError(fields.path, field=fields.at("decoder.0.weight"), found=found, expected=expected)
    with np.errstate(all="ignore"):
        hidden = np.maximum(embedding @ first.T + bias, 0.0)
        affine = hidden @ second.T + fields.array("decoder.2.bias", (12,), dtype=np.float32)
    if not np.isfinite(affine).all():
        raise DataError(fields.path, field=fields.place, found="infinite values", expected="finite weights")
    return affine.reshape(-1, 3, 4) + np.eye(3, 4, dtype=np.float32)


def _instances(fields: Fields, name: str, kind: NodeKind, step: int) -> list[NodeAsset]:
    """One node per instance that has Gaussians."""
    gaussians = node_gaussians(below(fields, "_"))
    ids = fields.array("points_ids", (len(gaussians), 1), (len(gaussians),), dtype=np.int64).reshape(-1)
    valid = fields.array("instances_fv", (None, None), dtype=bool)
    frames, count = valid.shape
    quats = fields.array("instances_quats", (frames, count, 4), (frames, count, 1, 4)).reshape(
        frames, count, 4
    )
    translations = fields.array("instances_trans", (frames, count, 3))
    sizes = fields.array("instances_size", (count, 3))
    if not np.isfinite(sizes).all():
        expected = "finite sizes [m]"
        raise DataError(
            fields.path, field=fields.at("instances_size"), found="infinite ones", expected=expected
        )
    if len(ids) and not 0 <= ids.min() <= ids.max() < count:
        found = f"{ids.min()}..{ids.max()}"
        raise DataError(fields.path, field=fields.at("points_ids"), found=found, expected=f"0..{count - 1}")
    order = np.argsort(ids, kind="stable")
    there, starts = np.unique(ids[order], return_index=True)
    nodes = {
        int(index): NodeAsset(
            f"{name}_{index}",
            kind,
            gaussians.subset(rows),
            node_poses(fields, quats[:, index], translations[:, index], valid=valid[:, index]),
            size=sizes[index],
            fixed_colors=True,
        )
        for index, rows in zip(there, np.split(order, starts[1:]) if len(there) else (), strict=True)
    }
    if "smpl_qauts" in fields:  # misspelt in the file
        return _people(fields, nodes, (frames, count))
    if "instances_embedding" in fields and step > BENT_AFTER:
        return _bent(fields, nodes, count)
    return list(nodes.values())


def _bent(fields: Fields, nodes: dict[int, NodeAsset], count: int) -> list[NodeAsset]:
    """Nodes with the shapes that their network gives them."""
    embeddings = fields.array("instances_embedding", (count, None), dtype=np.float32)
    network = DeformNetwork.of(below(fields, "deform_network."), embeddings.shape[1])
    bent = []
    for index, node in nodes.items():
        height, present = float(node.size[2]), np.flatnonzero(node.poses.valid)
        if not height > 0.0 or not np.isfinite(embeddings[index]).all():
            found = f"height {height}, embedding {embeddings[index][:4]}"
            expected = "a positive height and finite numbers"
            raise DataError(
                fields.path, field=fields.at(f"instances_size[{index}]"), found=found, expected=expected
            )
        if not len(present):
            bent.append(node)
            continue
        times = np.linspace(0.0, 1.0, len(node.poses), dtype=np.float32)[present]
        check_room(fields, node.name, len(present), len(node.gaussians))
        shapes = bent_shapes(network, node.gaussians, embeddings[index], height, present, times)
        bent.append(checked_shapes(fields, node, shapes))
    return bent


def _people(fields: Fields, nodes: dict[int, NodeAsset], counts: tuple[int, int]) -> list[NodeAsset]:
    """Nodes with the shapes that their joints give them."""
    template = below(fields, "template.")
    quats = fields.array("smpl_qauts", (*counts, None, 4))
    dressed_nodes = []
    for index, node in nodes.items():
        check_room(fields, node.name, int(node.poses.valid.sum()), len(node.gaussians))
        body = Body.of(template, index, node.gaussians.means)
        own = quats[:, index]
        good = np.isfinite(own).all((1, 2)) & (np.abs(own).max(2, initial=0.0) > 0.0).all(1)
        if own.shape[1] != len(body.joints) - 1 or not good[node.poses.valid].all():
            found, expected = (
                f"rotations {own.shape[1:]}",
                f"{len(body.joints) - 1} rotations, finite and not zero",
            )
            raise DataError(fields.path, field=fields.at("smpl_qauts"), found=found, expected=expected)
        with np.errstate(all="ignore"):  # what becomes infinite is named below
            person = dressed(node, body, own)
        dressed_nodes.append(
            person if person.shapes is None else checked_shapes(fields, person, person.shapes)
        )
    return dressed_nodes
