"""Deformable nodes of MTGS get their shapes with the help of the recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_deform_network import EMBEDDING, TENTHS, network

from simscale_gym.errors import DataError
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses
from simscale_gym.splats.checkpoints.deform_network import bent_shapes
from simscale_gym.splats.checkpoints.mtgs_motion import with_shapes
from simscale_gym.splats.checkpoints.worldengine_recording import VideoCamera, VideoScene
from simscale_gym.splats.gaussians import Gaussians

TIMES = 1_630_000_000_000_000 + 50_000 * np.arange(4)


def recording():
    """Boxes 1.7 m high; the first frame was skipped, one camera went on after the last."""
    boxes = [np.array([[0, 0, 0, 1, 1, height, 0.0]]) for height in (9.0, 1.7, 1.8, 1.9)]
    frames = tuple({"track_tokens": ["ab12"], "gt_boxes": box} for box in boxes)
    camera = VideoCamera(TIMES + 50_000, ("a",) * 4, np.tile(np.eye(4), (4, 1, 1)), np.eye(3), np.zeros(5))
    valid = np.array([False, True, True, True])
    return VideoScene(
        "t", "log", "city", TIMES, np.tile(np.eye(4), (4, 1, 1)), valid, np.zeros(3), {"a": camera}, frames
    )


def walker(name="deformable_node_ab12"):
    rng = np.random.default_rng(0)
    gaussians = Gaussians.from_rgb(
        rng.normal(size=(5, 3)),
        rng.normal(size=(5, 4)),
        np.full((5, 3), 0.1),
        np.full(5, 0.5),
        np.ones((5, 3)),
    )
    poses = NodePoses(np.tile([1.0, 0, 0, 0], (3, 1)), np.zeros((3, 3)), np.array([True, False, True]))
    weights = {f"deform_network.{key}": np.float32(value) / np.float32(10) for key, value in TENTHS.items()}
    parameters = {"instances_embedding": EMBEDDING[None], **weights}
    return NodeAsset(name, "deformable", gaussians, poses, parameters=parameters)


def test_shapes_take_height_and_clock_of_the_recording():
    (made,) = with_shapes(Path("a.ckpt"), [walker()], recording(), TIMES[1:])
    wanted = bent_shapes(
        network(), walker().gaussians, EMBEDDING, 1.7, np.array([0, 2]), np.float32([1 / 4, 3 / 4])
    )
    for name, value in vars(wanted).items():
        np.testing.assert_allclose(getattr(made.shapes, name), value, atol=1e-6, err_msg=name)
    assert made.parameters == {}


def test_nodes_that_were_not_recorded_stay_at_rest():
    others = [walker("deformable_node_cd34"), replace(walker(), parameters={})]
    assert all(made.shapes is None for made in with_shapes(Path("a.ckpt"), others, recording(), TIMES[1:]))
    (made,) = with_shapes(Path("a.ckpt"), [walker()], recording(), TIMES)  # as many frames as poses, or none
    assert made.shapes is None


def test_damaged_networks_are_named():
    node = walker()
    node.parameters["deform_network.linear.2.bias"] = np.zeros(7, np.float32)
    with pytest.raises(DataError, match=r"deformable_node_ab12.*linear\.2\.bias: found shape"):
        with_shapes(Path("a.ckpt"), [node], recording(), TIMES[1:])


@pytest.mark.parametrize("tokens", [7, None, "ab12", [np.zeros(2), ["ab12"]], np.complex128(1)])
def test_frames_that_name_no_tracks_are_passed_over(tokens):
    told = recording()
    frames = ({"track_tokens": tokens, "gt_boxes": told.frames[1]["gt_boxes"]},) * 4
    (made,) = with_shapes(Path("a.ckpt"), [walker()], replace(told, frames=frames), TIMES[1:])
    assert made.shapes is None


def test_shapes_beyond_all_memory_are_refused(monkeypatch):
    monkeypatch.setattr("simscale_gym.splats.checkpoints.node_fields.MOST_SHAPED", 9)
    with pytest.raises(DataError, match="found 2 frames of 5 Gaussians, expected 9 together at most"):
        with_shapes(Path("a.ckpt"), [walker()], recording(), TIMES[1:])
