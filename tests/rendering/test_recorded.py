"""Recorded pictures: freed from their lens, resized, and shown only where a moment is the log's."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from simscale_gym.errors import DataError, SceneError
from simscale_gym.rendering.recorded import check_recorded, is_of_log, recorded_images
from simscale_gym.scene import CameraRig, Moment, RecordedPictures, names_at
from simscale_gym.splats.lens import undistort

NUPLAN_LENS = np.array([-0.356123, 0.172545, -0.00213, 0.000464, -0.05231])
SIZE = (108, 192)


def seen(rays):
    """Colours of the world by direction ``[..., 2]``, smooth, so that sampling loses little."""
    x, y = np.moveaxis(rays, -1, 0)
    return 128 + 100 * np.stack([np.sin(6 * x), np.sin(6 * y), np.sin(5 * (x + y))], -1)


def rays_of(K, height, width):
    rows, columns = np.mgrid[:height, :width] + 0.5
    return (np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(K).T)[..., :2]


@pytest.fixture(scope="module")
def camera(town_scene):
    return replace(town_scene.rig.cameras["cam_f0"], distortion=NUPLAN_LENS)


@pytest.fixture
def taken(tmp_path, town_scene, camera):
    """The scene with a picture at frame 5, as the lens takes the world; ``taken(image)`` writes another picture."""

    def scene(image):
        Image.fromarray(image).save(tmp_path / "5.png")
        names = {"cam_f0": ("", "", "", "", "", "5.png", "gone.png")}
        recorded = RecordedPictures((tmp_path / "nowhere", tmp_path), names, "a folder of pictures")
        return replace(town_scene, rig=CameraRig({"cam_f0": camera}), recorded=recorded)

    return scene


@pytest.fixture(scope="module")
def bent(camera):
    rays, exist = undistort(rays_of(camera.K, camera.height, camera.width), camera.distortion)
    return np.where(exist[..., None], seen(rays), 0).astype(np.uint8)


def test_the_lens_bends_nothing_any_more(taken, bent, camera):
    (image,) = recorded_images(taken(bent), 5, ("cam_f0",), SIZE)
    expected = seen(rays_of(camera.scaled_intrinsics(*SIZE), *SIZE))
    assert np.abs(image - expected).max() < 3
    plain = np.asarray(Image.fromarray(bent).resize(SIZE[::-1]))
    assert np.abs(plain - expected).max() > 50  # what it would be off by


def test_a_lens_without_distortion_is_only_resized(taken, bent, town_scene):
    scene = replace(taken(bent), rig=town_scene.rig)
    (image,) = recorded_images(scene, 5, ("cam_f0",), SIZE)
    blocks = bent.reshape(108, 10, 192, 10, 3).mean((1, 3))
    assert np.abs(image - blocks).max() < 4


def test_frames_without_all_pictures_have_none(taken, bent):
    scene = taken(bent)
    assert recorded_images(scene, 4, ("cam_f0",), SIZE) is None
    assert recorded_images(scene, 6, ("cam_f0",), SIZE) is None
    assert recorded_images(scene, 5, ("cam_f0", "cam_l0"), SIZE) is None
    assert recorded_images(scene, scene.num_frames + 5, ("cam_f0",), SIZE) is None
    check_recorded(scene, ("cam_f0",))
    with pytest.raises(SceneError, match=r"none of cam_l0.*a folder of pictures"):
        check_recorded(scene, ("cam_f0", "cam_l0"))


def test_a_source_without_pictures_is_named(town_scene):
    with pytest.raises(SceneError, match=r"camera_source 'log' needs recorded pictures.*none of cam_f0"):
        check_recorded(town_scene, ("cam_f0",))


@pytest.mark.parametrize("broken", ["size", "half", "text"])
def test_broken_pictures_are_named(taken, bent, tmp_path, broken):
    scene = taken(bent[:100] if broken == "size" else bent)
    path = tmp_path / "5.png"
    if broken != "size":
        path.write_bytes(path.read_bytes()[:5000] if broken == "half" else b"no picture")
    with pytest.raises(DataError, match=r"5\.png.*1920 x 1080 pixels"):
        recorded_images(scene, 5, ("cam_f0",), SIZE)


def test_a_moment_is_the_logs_where_everybody_is_in_place(town_scene):
    moment = Moment.of_log(town_scene, 30)
    there = np.flatnonzero(moment.valid)[0]

    def moved(ego=(0, 0, 0), other=0.0, gone=False):
        poses, valid = moment.poses.copy(), moment.valid.copy()
        poses[there, 1] += other
        valid[there] &= not gone
        return replace(moment, ego=moment.ego + np.array(ego), poses=poses, valid=valid)

    assert is_of_log(town_scene, moment, 30)
    assert is_of_log(town_scene, moved((0.05, 0.05, 0.01), other=0.4), 30)
    assert is_of_log(town_scene, moved((0, 0, 2 * np.pi)), 30)
    for other in (moved((0.08, 0.08, 0)), moved((0, 0, 0.03)), moved(other=0.6), moved(gone=True)):
        assert not is_of_log(town_scene, other, 30)
    assert not is_of_log(town_scene, moment, 31)
    assert not is_of_log(town_scene, moment, town_scene.num_frames)


def test_a_frame_has_the_picture_nearest_to_it():
    frames, taken = np.arange(5) * 100_000, np.array([-10_000, 120_000, 180_000, 260_000])
    assert names_at(frames, taken, "abcd", 25_000) == ("a", "b", "c", "", "")
    assert names_at(frames, taken, "abcd", 60_000) == ("a", "b", "c", "d", "")
    assert names_at(frames, taken[:1], "a", 10_000) == ("a", "", "", "", "")
    assert names_at(frames, taken[:0], "", 10_000) == ("",) * 5
