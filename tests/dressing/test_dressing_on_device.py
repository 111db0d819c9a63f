"""Dressed streets drawn by gsplat: the pictures are those of the CPU without levels of detail."""

from dataclasses import replace

import numpy as np
import pytest
from gsplat_stand_in import decibel, stand_in
from placed_tracks import with_tracks
from street import TURN, street_scene, street_shapes, turned

from simscale_gym.dressing.looks import packed_look
from simscale_gym.geometry import se3
from simscale_gym.rendering import SceneRenderer
from simscale_gym.scene import Moment, TrackType
from simscale_gym.splats.gpu.gsplat_backend import gsplat_is_there

FRAME, SIZE = 10, (108, 192)
CAMERAS = ("cam_l0", "cam_f0", "cam_r0")
on_gpu = pytest.mark.skipif(not gsplat_is_there(), reason="no CUDA device, or gsplat is not installed")


def pose_at(x, y, heading=0.0):
    return np.array([*turned([[x, y]])[0], TURN + heading])


@pytest.fixture(scope="module")
def scene():
    tracks = [
        (pose_at(6.0, -1.6), 2.0, TrackType.VEHICLE),
        (pose_at(9.0, 1.7, np.pi), 3.0, TrackType.VEHICLE),
        (pose_at(7.0, -4.0, 1.0), 0.0, TrackType.PEDESTRIAN),
    ]
    return with_tracks(replace(street_scene(), shapes=street_shapes()), *tracks)


@pytest.fixture(scope="module")
def looks(tmp_path_factory):
    return tmp_path_factory.mktemp("looks")


@pytest.fixture(scope="module")
def cpu(scene, looks):
    return SceneRenderer(scene, threads=1, cache=looks)


@pytest.fixture(scope="module")
def exact(scene):
    """On the CPU without levels of detail, which gsplat has not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_look, "LEVELS", 1)
        return SceneRenderer(scene, threads=1)


def moments(scene):
    """On the log, and off it with the tracks turned and brake lamps lit: then they are colored anew."""
    logged = Moment.of_log(scene, FRAME)
    moved = logged.poses + np.array([0.3, 0.1, 0.4])
    return [
        logged,
        replace(logged, ego=logged.ego + np.array([1.0, 0.5, 0.1]), poses=moved, braking=np.ones(3, bool)),
        replace(logged, valid=np.zeros(3, bool)),
    ]


def assert_the_same_pictures(scene, device, cpu, exact):
    singles = []
    for moment in moments(scene):
        made, merged, wanted = (r.render([moment], CAMERAS, SIZE) for r in (device, cpu, exact))
        assert made.images.dtype == np.uint8 and wanted.images.std() > 30
        assert decibel(made.images, wanted.images) > 50 and decibel(made.images, merged.images) > 45
        np.testing.assert_allclose(made.qualities[0].scores, merged.qualities[0].scores, atol=0.01)
        singles.append(made.images)
    together = device.render(moments(scene), CAMERAS, SIZE)
    np.testing.assert_array_equal(together.images, np.concatenate(singles))


def test_long_lenses_see_the_finer_street_on_a_device_too(scene, cpu, looks, monkeypatch):
    frames = stand_in(monkeypatch)
    device, moment, camera = (
        SceneRenderer(scene, backend="gsplat", cache=looks),
        moments(scene)[0],
        scene.rig.cameras["cam_f0"],
    )
    viewmats = se3.invert_rigid(scene.ego_to_world(moment.ego) @ camera.cam_to_ego)[None, None]
    drawn = {}
    for focal in (150.0, 450.0):
        Ks = np.array([[focal, 0.0, 32.0], [0.0, focal, 18.0], [0.0, 0.0, 1.0]])[None, None]
        wanted, made = (r.rasterize([moment], viewmats, Ks, (36, 64)).rgb for r in (cpu, device))
        assert np.abs(made - wanted).mean() < 0.01 and wanted.std() > 0.05
        drawn[focal] = len(frames[-1])
    assert drawn[450.0] > 1.2 * drawn[150.0]


def test_the_same_pictures(scene, cpu, exact, looks, monkeypatch):
    frames = stand_in(monkeypatch)
    device = SceneRenderer(scene, backend="gsplat", cache=looks)
    assert_the_same_pictures(scene, device, cpu, exact)
    static = len(cpu._look.packed.order)
    assert len(frames) == 4 and len(frames[2]) >= static
    assert all((means[:static] == frames[0][:static]).all() for means in frames)


@on_gpu
def test_the_same_pictures_on_a_device(scene, cpu, exact, looks):
    assert_the_same_pictures(scene, SceneRenderer(scene, backend="gsplat", cache=looks), cpu, exact)
