"""Deformable nodes of MTGS in motion: their checkpoints leave boxes and clock to the recording.

Layout: OpenDriveLab/MTGS, `dataset/nuplan_dataparser.py` (sizes of boxes; times from 0 to 1 over all that was recorded)
and `gaussian_model/deformable_node.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from simscale_gym.files.fields import Fields
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.assets.scene_asset import track_id
from simscale_gym.splats.checkpoints.deform_network import DeformNetwork, bent_shapes
from simscale_gym.splats.checkpoints.node_fields import check_room, checked_shapes
from simscale_gym.splats.checkpoints.state_fields import below
from simscale_gym.splats.checkpoints.worldengine_recording import VideoScene


def with_shapes(
    path: Path, nodes: Sequence[NodeAsset], recording: VideoScene, times_us: np.ndarray
) -> list[NodeAsset]:
    """The nodes, deformable ones with the shapes that their networks give them in each frame.

    Args:
        path: The checkpoint, for errors.
        nodes: What `read_mtgs` gave.
        recording: What was trained on.
        times_us: Times of the poses' frames, `[F]` [us].

    Raises:
        DataError: A network is damaged.
    """
    clock = [recording.timestamps_us, *(camera.timestamps_us for camera in recording.cameras.values())]
    first, last = min(times.min() for times in clock), max(times.max() for times in clock)
    times = np.clip((times_us - first) / max(last - first, 1), 0.0, 1.0).astype(np.float32)
    return [_bent(path, node, _height(recording, track_id(node.name)), times) for node in nodes]


def _bent(path: Path, node: NodeAsset, height: float | None, times: np.ndarray) -> NodeAsset:
    poses, known = node.poses, "instances_embedding" in node.parameters
    if not known or height is None or poses is None or poses.is_static or len(poses) != len(times):
        return node
    fields = Fields(path, node.name, node.parameters)
    embedding = fields.array("instances_embedding", (1, None), dtype=np.float32)[0]
    network = DeformNetwork.of(below(fields, "deform_network."), len(embedding))
    present = np.flatnonzero(poses.valid)
    if not len(present):
        return node
    check_room(fields, "instance_quats", len(present), len(node.gaussians))
    shapes = bent_shapes(network, node.gaussians, embedding, height, present, times[present])
    return replace(checked_shapes(fields, node, shapes), parameters={})


def _height(recording: VideoScene, track: str) -> float | None:
    """Height of a track's box where it is first seen [m]; None where it never is."""
    for frame, used in zip(recording.frames, recording.valid, strict=True):
        tokens, boxes = frame.get("track_tokens"), frame.get("gt_boxes")
        if not used or not isinstance(tokens, list | tuple | np.ndarray) or not isinstance(boxes, np.ndarray):
            continue
        rows = [row for row, token in enumerate(tokens) if isinstance(token, str) and token == track]
        if rows:
            row = rows[0]
            if boxes.dtype.kind in "fiu" and boxes.ndim == 2 and boxes.shape[1] >= 6 and row < len(boxes):
                height = float(boxes[row, 5])
                return height if 0.0 < height < 1e3 else None
    return None
