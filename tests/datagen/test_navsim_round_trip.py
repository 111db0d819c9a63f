"""A data set exported to NAVSIM's files and read back by our reader of them: the same drives among the same others."""

import numpy as np
import pytest

from simscale_gym.datagen.navsim import export_navsim
from simscale_gym.datagen.navsim.work import Samples
from simscale_gym.geometry import polyline, se2
from simscale_gym.scene import StateIndex
from simscale_gym.sources import list_scenes, load_scene

NOW = 15  # frame of the present in a log of 12 frames


@pytest.fixture(scope="module")
def pairs(log_written, tmp_path_factory):
    """Scenes read from the export, each with the scene that it was made of and the frame of its present there."""
    out = tmp_path_factory.mktemp("navsim") / "x"
    items = [item for items in export_navsim(log_written, out, workers=1) for item in items]
    refs = {ref.place.file.stem: ref for ref in list_scenes(out)}
    assert set(refs) == {item.log_name for item in items}
    samples = Samples.of(log_written)
    rows = {row["key"]: row for rows in samples.rows.values() for row in rows}
    return [
        (load_scene(refs[i.log_name]), samples.scene(rows[i.key]["scene"]), rows[i.key]["present"])
        for i in items
    ]


def test_the_ego_drives_as_it_did(pairs):
    for scene, original, present in pairs:
        window = slice(present - NOW, present + 41)
        assert scene.num_frames == 56
        there = se2.poses_to_local(scene.ego.poses[NOW], scene.ego.poses)
        here = se2.poses_to_local(original.ego.poses[present], original.ego.poses[window])
        assert np.abs(there[:, :2] - here[:, :2]).max() < 0.005
        assert np.abs(np.angle(np.exp(1j * (there[:, 2] - here[:, 2])))).max() < 0.003
        speeds = original.ego.states[window, StateIndex.VX]
        assert np.abs(scene.ego.states[:, StateIndex.VX] - speeds).max() < 0.06


def test_it_drives_on_the_same_road(pairs):
    for scene, original, present in pairs:
        ends = [
            scene.ego.poses[[0, NOW, -1], :2],
            original.ego.poses[[present - NOW, present, present + 40], :2],
        ]
        offsets = [
            polyline.project(one.route_path, places, one.route_lengths)[1]
            for one, places in zip((scene, original), ends, strict=True)
        ]
        np.testing.assert_allclose(*offsets, atol=0.1)
        assert scene.route


def test_the_others_are_where_they_were(pairs):
    for scene, original, present in pairs:
        now = se2.poses_to_local(scene.ego.poses[NOW], scene.tracks.poses[scene.tracks.valid[:, NOW], NOW])
        then = se2.poses_to_local(
            original.ego.poses[present], original.tracks.poses[original.tracks.valid[:, present], present]
        )
        gaps = np.linalg.norm(now[:, None, :2] - then[None, :, :2], axis=-1)
        assert gaps.min(1).max() < 0.01  # each of them is one of the scene's
        near = np.linalg.norm(then[:, :2], axis=1) < 60.0  # data sets leave out who is far away
        assert gaps[:, near].min(0).max() < 0.01
