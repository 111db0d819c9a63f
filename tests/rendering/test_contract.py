"""What holds of every renderer: moments do not meet, whatever is drawn beside them, before them or meanwhile."""

import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from asset_street import along, street, street_asset
from gsplat_stand_in import stand_in
from test_asset_on_device import TINT, bent_nodes, cube_map

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.rendering import AssetRenderer, Frame, make_renderer
from simscale_gym.scene import LightStatus, Moment
from simscale_gym.splats import LidarConfig

SIZE, CAMERAS = (36, 64), ("cam_f0", "cam_l0", "cam_r0")
SENSOR = LidarConfig(channels=8, azimuths=60)


def trained(backend="cpu"):
    asset = street_asset(0.4, nodes=bent_nodes(), cube_map=cube_map(), appearance={"cam_l0": TINT})
    return AssetRenderer(street(), asset, backend=backend, threads=1)


def trained_moments(scene):
    """In both shapes of the car, turned, and without it."""
    first, later = Moment.of_log(scene, 0), Moment.of_log(scene, 9)
    turned = np.stack([np.array([*along(16.0, -1.0)[:2], 2.0]), later.poses[1]])
    return [
        first,
        later,
        replace(later, poses=turned),
        replace(first, valid=np.array([False, True])),
        replace(first, poses=later.poses),
    ]


def dressed_moments(scene):
    """Of one drive and off it: others near, on other headings, braking, gone; every light, and people in mid-stride."""
    walking, driving, waiting = (Moment.of_log(scene, frame) for frame in (20, 60, 100))
    moments = [walking, replace(walking, braking=np.ones(len(walking.valid), bool)), driving]
    moments += [replace(driving, lights=np.full_like(driving.lights, status)) for status in LightStatus]
    moments += [replace(driving, poses=driving.poses + np.array([0.3, -0.2, angle])) for angle in (0.5, 2.5)]
    return [
        *moments,
        replace(waiting, valid=np.zeros_like(waiting.valid)),
        replace(waiting, ego=driving.ego + np.array([1.0, 0.5, 0.2])),
    ]


@pytest.fixture(params=["trained", "dressed", "on a device"])
def drawn(request, monkeypatch):
    """A renderer, and moments that differ in all that can be seen."""
    if request.param == "dressed":
        scene, cache = request.getfixturevalue("town_scene"), request.getfixturevalue("town_cache")
        return make_renderer(scene, cache=cache / "looks", threads=1), dressed_moments(scene)
    if request.param == "on a device":
        stand_in(monkeypatch)
    renderer = trained("gsplat" if request.param == "on a device" else "cpu")
    return renderer, trained_moments(renderer.scene)


def assert_same(frame: Frame, moment: int, alone: Frame):
    np.testing.assert_array_equal(frame.images[moment], alone.images[0])
    several, single = frame.viewed(moment).in_memory(), alone.viewed(0).in_memory()
    for name, value in vars(single).items():
        np.testing.assert_array_equal(getattr(several, name), value)
    np.testing.assert_array_equal(frame.qualities[moment].scores, alone.qualities[0].scores)


def test_several_moments_in_one_call_are_those_of_single_calls(drawn):
    renderer, moments = drawn
    together = renderer.render(moments, CAMERAS, SIZE)
    assert together.images.shape == (len(moments), len(CAMERAS), *SIZE, 3) and len(together) == len(moments)
    singles = [renderer.render([moment], CAMERAS, SIZE) for moment in moments]
    for number, single in enumerate(singles):
        assert_same(together, number, single)
    assert together.splats == sum(single.splats for single in singles) > 0
    pictures = {single.images.tobytes() for single in singles}
    assert len(pictures) > len(moments) / 2  # the moments do differ


def test_a_moment_looks_the_same_whatever_was_drawn_before(drawn):
    renderer, moments = drawn
    before = [renderer.render([moment], CAMERAS, SIZE) for moment in moments]
    backwards = renderer.render(moments[::-1], CAMERAS, SIZE)
    for number, frame in enumerate(before):
        assert_same(backwards, len(moments) - 1 - number, frame)


def test_any_cameras_of_several_moments(drawn):
    renderer, moments = drawn
    moments, cameras = moments[:3], renderer.scene.rig.select(CAMERAS[:2])
    mounts = np.stack([camera.cam_to_ego for camera in cameras])
    ego = np.stack([renderer.scene.ego_to_world(moment.ego) for moment in moments])
    viewmats = se3.invert_rigid(ego[:, None] @ mounts)
    Ks = np.tile(np.stack([camera.scaled_intrinsics(*SIZE) for camera in cameras]), (3, 1, 1, 1))
    Ks[1, :, :2, :2] *= 3.0  # how finely one moment is looked at says nothing of another
    together = renderer.rasterize(moments, viewmats, Ks, SIZE)
    for number, moment in enumerate(moments):
        own = slice(number, number + 1)
        alone = renderer.rasterize([moment], viewmats[own], Ks[own], SIZE)
        for name in ("rgb", "alpha", "depth"):
            part = getattr(together, name)[2 * number : 2 * number + 2]
            np.testing.assert_array_equal(part, getattr(alone, name))
    with pytest.raises(ArgumentError, match=r"viewmats and Ks have shapes.*for M = 2 moments"):
        renderer.rasterize(moments[:2], viewmats, Ks, SIZE)


@pytest.mark.parametrize("kind", ["trained", "dressed"])
def test_threads_draw_what_one_after_the_other_draws(kind, town_scene, town_cache):
    """Forks of an environment share a renderer: four threads, each with moments in an order of its own."""
    if kind == "trained":
        renderer, fresh = trained(), trained()
        moments = trained_moments(renderer.scene)
    else:
        renderer, fresh = (make_renderer(town_scene, cache=town_cache / "looks") for _ in range(2))
        moments = dressed_moments(town_scene)
    wanted = [fresh.render([moment], CAMERAS, SIZE).images[0] for moment in moments]
    swept = [fresh.sweep(moment, SENSOR).ranges for moment in moments]
    differ, drawn = [], []

    def draw(seed):
        for number in np.random.default_rng(seed).permutation(np.tile(np.arange(len(moments)), 3)):
            picture = renderer.render([moments[number]], CAMERAS, SIZE).images[0]
            ranges = renderer.sweep(moments[number], SENSOR).ranges
            drawn.append(number)
            if (picture != wanted[number]).any() or (ranges != swept[number]).any():
                differ.append(number)

    workers = [threading.Thread(target=draw, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(drawn) == 12 * len(moments) and differ == []


def test_what_a_renderer_does_not_have_is_named(drawn):
    renderer, (moment, *_) = drawn
    with pytest.raises(ArgumentError, match=r"cameras: 'cam_x' is not on this rig; it has cam_f0"):
        renderer.render([moment], ("cam_f0", "cam_x"), SIZE)
    with pytest.raises(ArgumentError, match=r"cameras: none, expected some of cam_f0"):
        renderer.render([moment], (), SIZE)
    with pytest.raises(ArgumentError, match="moments: none"):
        renderer.render([], CAMERAS, SIZE)
    with pytest.raises(ArgumentError, match="height is 0"):
        renderer.render([moment], CAMERAS, (0, 64))
    other = replace(moment, poses=moment.poses[:-1], valid=moment.valid[:-1], braking=moment.braking[:-1])
    fewer = len(other.valid)
    for call in (
        lambda: renderer.render([moment, other], CAMERAS, SIZE),
        lambda: renderer.sweep(other, SENSOR),
        lambda: renderer.rasterize([other], np.eye(4)[None, None], np.eye(3)[None, None], SIZE),
    ):
        with pytest.raises(ArgumentError, match=f"the moment has {fewer} tracks .*has {fewer + 1} and"):
            call()
    lights = replace(moment, lights=np.zeros(99, np.uint8))
    with pytest.raises(ArgumentError, match="tracks and 99 lights"):
        renderer.render([lights], CAMERAS, SIZE)


def test_a_device_casts_no_rays(monkeypatch):
    stand_in(monkeypatch)
    renderer = trained("gsplat")
    with pytest.raises(ArgumentError, match="casts no rays"):
        renderer.sweep(Moment.of_log(renderer.scene, 0), SENSOR)


def test_pictures_are_judged_when_that_is_asked_for(monkeypatch):
    renderer = trained()
    made, make = [], AssetRenderer._make_judge
    monkeypatch.setattr(AssetRenderer, "_make_judge", lambda self: made.append(1) or make(self))
    frames = [renderer.render([Moment.of_log(renderer.scene, k)], CAMERAS, SIZE) for k in (0, 4)]
    assert not made
    assert all(frame.qualities is frame.qualities for frame in frames) and made == [1]


def test_names_cost_nothing_until_they_are_used():
    code = (
        "import sys; import simscale_gym.rendering as rendering;"
        "assert 'numba' not in sys.modules; assert 'make_renderer' in dir(rendering);"
        "from simscale_gym.rendering import Frame, Renderer, make_renderer; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
