"""Assets of unknown frame and clock are laid on the tracks of a log, or refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from asset_street import ORIGIN, START_US, street, street_asset

from simscale_gym.commands.settings import Convert
from simscale_gym.commands.splats import convert_splats
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.scene import EgoLog, Tracks
from simscale_gym.splats.assets.asset_folder import open_asset, save_asset
from simscale_gym.splats.assets.asset_import import UNPLACED
from simscale_gym.splats.assets.log_alignment import align_to_log, aligned
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses
from simscale_gym.splats.assets.scene_asset import Provenance
from simscale_gym.splats.assets.track_matching import match_tracks

FRAMES, TRACKS = 120, 7


def traffic(seed=0):
    """A scene of 12 s with tracks that drive at changing speeds on arcs of their own."""
    rng, plain = np.random.default_rng(seed), street()
    times = 0.1 * np.arange(FRAMES)
    poses = np.zeros((TRACKS, FRAMES, 3))
    for row in range(TRACKS):
        speed = rng.uniform(3, 9) + rng.uniform(1, 3) * np.sin(
            times * rng.uniform(0.5, 1.2) + rng.uniform(0, 6)
        )
        heading = rng.uniform(-3, 3) + rng.normal(0, 0.15) * times
        steps = 0.1 * speed[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1)
        poses[row, :, :2] = rng.uniform(-40, 40, 2) + np.cumsum(steps, axis=0)
        poses[row, :, 2] = heading
    valid = np.ones((TRACKS, FRAMES), bool)
    valid[1, :30] = valid[2, 80:] = False
    z = np.tile(rng.uniform(0.5, 1.0, (TRACKS, 1)), (1, FRAMES))
    tracks = Tracks(
        tuple(f"track-{row}" for row in range(TRACKS)), np.zeros(TRACKS, np.uint8), poses,
        np.zeros((TRACKS, FRAMES, 2)), z, np.tile([4.4, 1.8, 1.4], (TRACKS, 1)), valid,
    )  # fmt: skip
    log = EgoLog(np.zeros((FRAMES, 11)), np.zeros(FRAMES), np.zeros(FRAMES), np.zeros(FRAMES))
    clock = START_US + 100_000 * np.arange(FRAMES)
    lights = replace(plain.lights, status=np.zeros((0, FRAMES), np.uint8))
    return replace(plain, timestamps_us=clock, ego=log, tracks=tracks, lights=lights)


PLACED = se3.rigid(se3.rpy_to_matrix(0.0, 0.0, 2.2), ORIGIN + np.array([12.0, -7.0, 1.5]))


def trained(scene, first=25, step=1, noise=0.02, clock=None, count=5):
    """The scene's tracks as nodes of a trainer that began at frame `first`, numbered and in a frame of its own."""
    rng = np.random.default_rng(9)
    to_asset = se3.invert_rigid(PLACED) @ se3.rigid(np.eye(3), ORIGIN)
    frames = np.arange(first, FRAMES, step)
    nodes, car = [], street_asset().nodes[0].gaussians
    for number, row in enumerate(rng.permutation(TRACKS)[:count]):
        there = se3.planar_to_rigid(scene.tracks.poses[row, frames], scene.tracks.z[row, frames])
        placed = to_asset @ there
        valid = scene.tracks.valid[row, frames]
        places = placed[:, :3, 3] + rng.normal(0, noise, (len(frames), 3))
        times = None if clock is None else clock + 100_000 * step * np.arange(len(frames))
        poses = NodePoses(
            np.where(valid[:, None], se3.matrix_to_quat(placed[:, :3, :3]), [1.0, 0, 0, 0]),
            np.where(valid[:, None], places, 0.0),
            valid,
            times,
        )
        nodes.append(NodeAsset(f"RigidNodes_{number}", "rigid", car, poses))
    return street_asset(nodes=tuple(nodes), asset_to_world=np.eye(4))


def names(count=5):
    rows = np.random.default_rng(9).permutation(TRACKS)[:count]
    return {f"RigidNodes_{number}": f"track-{row}" for number, row in enumerate(rows)}


@pytest.mark.parametrize(("step", "clock"), [(1, None), (5, None), (1, 0), (5, 40_000)])
def test_frame_and_clock_are_found(step, clock):
    scene = traffic()
    asset = trained(scene, step=step, clock=clock)
    found = align_to_log(asset, scene)
    np.testing.assert_allclose(found.asset_to_world[:3, :3], PLACED[:3, :3], atol=2e-3)
    np.testing.assert_allclose(found.asset_to_world[:3, 3], PLACED[:3, 3], atol=0.05)
    assert found.residual < 0.06 and found.tracks == names()
    assert found.interval_us == (0 if clock is not None else 100_000 * step)
    began = START_US + 2_500_000 - (clock or 0)
    assert abs(found.start_us - began) < 10_000
    made = aligned(asset, found)
    assert match_tracks(made, scene) == names()
    shift = made.nodes[0].poses.timestamps_us[0] - (START_US + 2_500_000)
    assert abs(int(shift)) < 10_000


def test_other_scenes_are_refused():
    asset = trained(traffic())
    with pytest.raises(
        ArgumentError, match=r"of its 5 moving nodes fall on tracks of street at once, expected at least 3"
    ):
        align_to_log(asset, traffic(seed=5))


def test_too_few_nodes_tell_nothing():
    scene = traffic()
    with pytest.raises(ArgumentError, match="0 of its 2 moving nodes"):
        align_to_log(trained(scene, count=2), scene)
    with pytest.raises(ArgumentError, match="0 of its 0 moving nodes"):
        align_to_log(street_asset(nodes=()), scene)


def test_clocks_that_run_for_hours_are_refused():
    scene = traffic()
    asset = trained(scene)

    def slowed(node):
        own = np.arange(len(node.poses), dtype=np.int64) * 3_600_000_000
        return replace(node, poses=replace(node.poses, timestamps_us=own))

    with pytest.raises(ArgumentError, match="expected 600 s at most"):
        align_to_log(replace(asset, nodes=tuple(slowed(node) for node in asset.nodes)), scene)


def test_the_command_lays_an_asset_on_a_log(tmp_path, capsys):
    scene = traffic()
    source = Provenance("drivestudio", "checkpoint_final.pth", "", UNPLACED)
    save_asset(tmp_path / "in", replace(trained(scene), provenance=source), encoding="npz")
    convert_splats(Convert(tmp_path / "in", tmp_path / "out", "npz"), scene)
    told = " ".join(capsys.readouterr().out.split())
    assert "laid on the log of street by 5 nodes, 0.0" in told and "5 of 5 nodes are tracks of street" in told
    made = open_asset(tmp_path / "out")
    np.testing.assert_allclose(made.asset_to_world[:3, 3], PLACED[:3, 3], atol=0.05)
    assert {node.name for node in made.nodes} == set(names().values())
    assert made.provenance.note.startswith("laid on the log of street by 5 nodes")
    with pytest.raises(ArgumentError, match="give the transform of its frame"):
        convert_splats(Convert(tmp_path / "in", tmp_path / "other", "npz"), traffic(seed=5))
    assert not (tmp_path / "other").exists()
