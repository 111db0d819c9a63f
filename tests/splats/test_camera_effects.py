"""What cameras do to pictures, by values that theory gives."""

from itertools import pairwise

import numpy as np
import pytest

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.scene import nuplan_rig
from simscale_gym.splats.camera_effects import (
    MOST_LOST,
    CameraEffects,
    apply_effects,
    camera_look,
    decoded,
    encoded,
    shown_frame,
    with_noise,
)
from simscale_gym.splats.shutter import CameraMotion, expose_rows
from simscale_gym.splats.viewed_frame import ViewedFrame

CAMERAS = ("cam_f0", "cam_l0")
HEIGHT, WIDTH, FOCAL = 48, 96, 100.0
K = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1.0]])
STILL = np.zeros((1, 3))


def picture(seed=0, cameras=2):
    return np.random.default_rng(seed).integers(0, 256, (cameras, HEIGHT, WIDTH, 3), dtype=np.uint8)


def gray(value, cameras=2):
    return np.full((cameras, HEIGHT, WIDTH, 3), value, np.uint8)


def viewed(depth, cameras=1):
    alpha = np.full((cameras, HEIGHT, WIDTH), 0.0 if depth is None else 1.0, np.float32)
    far = np.full((cameras, HEIGHT, WIDTH), depth or 0.0, np.float32)
    return ViewedFrame(np.tile(np.eye(4), (cameras, 1, 1)), np.tile(K, (cameras, 1, 1)), alpha, far)


def taken(pictures, effects, seed=5, frame=7, cameras=CAMERAS, **more):
    return apply_effects(pictures, effects, cameras=cameras[: len(pictures)], seed=seed, frame=frame, **more)


def linear(pictures):
    return decoded(pictures / 255.0)


def edge(column):
    """White right of ``column``, with a soft edge of one pixel, so that places between pixels can be read off."""
    light = np.clip(np.arange(WIDTH) + 0.5 - column + 0.5, 0, 1)
    return np.tile(light[None, None, :, None], (1, HEIGHT, 1, 3)).astype(np.float32)


def edge_columns(light):
    """Where the edge lies in each row `[H]`."""
    return WIDTH - light[0, :, :, 0].sum(1)


def test_off_is_off():
    pictures = picture()
    np.testing.assert_array_equal(taken(pictures, CameraEffects()), pictures)


@pytest.mark.parametrize("stops", [1.0, -1.0, 0.5])
def test_exposure_multiplies_linear_light(stops):
    out = taken(gray(120), CameraEffects(exposure=stops))
    assert linear(out).mean() / linear(gray(120)).mean() == pytest.approx(2.0**stops, rel=0.02)


def test_overexposure_clips():
    assert (taken(gray(200), CameraEffects(exposure=3.0)) == 255).all()


def test_gamma_bends_encoded_values():
    out = taken(gray(128), CameraEffects(gamma=2.0))
    assert out[0, 0, 0, 0] == pytest.approx(255 * (128 / 255) ** 2, abs=1)
    np.testing.assert_array_equal(np.unique(taken(gray(255), CameraEffects(gamma=2.0))), [255])


def test_white_balance_gains_each_color():
    out = taken(gray(120), CameraEffects(white_balance=(1.5, 1.0, 0.5)))
    gains = linear(out)[0].mean((0, 1)) / linear(gray(120)).mean()
    np.testing.assert_allclose(gains, [1.5, 1.0, 0.5], rtol=0.02)


def test_spreads_are_drawn_for_each_camera_and_episode():
    effects = CameraEffects(exposure_spread=0.5, gamma_spread=0.1, white_balance_spread=0.2)
    gains = np.array([camera_look(effects, seed, camera)[0] for seed in range(300) for camera in CAMERAS])
    assert len(np.unique(gains)) == 600
    assert np.log2(gains).std() == pytest.approx(0.5, rel=0.1)
    looks = [camera_look(effects, seed, "cam_f0") for seed in range(300)]
    assert np.log([gamma for _, _, gamma in looks]).std() == pytest.approx(0.1, rel=0.15)
    tints = np.log([gains for _, gains, _ in looks])
    np.testing.assert_allclose(tints.std(0), [0.2, 0.0, 0.2], rtol=0.15, atol=1e-9)


def test_a_cameras_look_lasts_the_episode():
    effects = CameraEffects(exposure_spread=0.5)
    np.testing.assert_array_equal(taken(gray(100), effects, frame=1), taken(gray(100), effects, frame=2))
    assert (taken(gray(100), effects, seed=1) != taken(gray(100), effects, seed=2)).any()


@pytest.mark.parametrize(
    ("shot", "read", "light"), [(0.02, 0.0, 0.5), (0.02, 0.0, 0.1), (0.0, 0.01, 0.3), (0.03, 0.02, 0.7)]
)
def test_noise_has_its_variance(shot, read, light):
    rng = np.random.default_rng(0)
    noisy = with_noise(np.full((200, 200, 3), light, np.float32), shot, read, rng)
    assert noisy.mean() == pytest.approx(light, abs=1e-3)
    assert noisy.var() == pytest.approx(shot**2 * light + read**2, rel=0.03)


def test_noise_in_pictures_changes_by_frame_camera_and_seed_alone():
    effects = CameraEffects(shot_noise=0.03, read_noise=0.01)
    first = taken(gray(120), effects)
    np.testing.assert_array_equal(first, taken(gray(120), effects))
    assert linear(first).std() == pytest.approx(np.sqrt(0.03**2 * 0.188 + 0.01**2), rel=0.1)
    for other in (taken(gray(120), effects, frame=8), taken(gray(120), effects, seed=6), first[::-1]):
        assert (other != first).mean() > 0.5
    alone = taken(gray(120, 1), effects, cameras=("cam_l0",))
    np.testing.assert_array_equal(alone[0], first[1])


@pytest.mark.parametrize("value", range(0, 256, 5))
def test_encoding_inverts_decoding(value):
    assert encoded(np.float32([decoded(value / 255)]))[0] == value


def test_motion_of_cameras_on_a_turning_vehicle_is_that_of_their_poses():
    cameras = np.stack([camera.cam_to_ego for camera in nuplan_rig().cameras.values()])
    velocity, yaw_rate, dt = np.array([7.0, 0.4]), 0.3, 1e-5
    motion = CameraMotion.of_ego(cameras, velocity, yaw_rate)
    later = se3.rigid(se3.rpy_to_matrix(0.0, 0.0, yaw_rate * dt), [*(velocity * dt), 0.0])
    moved = se3.invert_rigid(cameras) @ later @ cameras  # from the camera later to the camera now
    np.testing.assert_allclose(motion.velocities, moved[:, :3, 3] / dt, atol=1e-3)
    skew = (moved[:, :3, :3] - np.swapaxes(moved[:, :3, :3], 1, 2)) / (2 * dt)
    np.testing.assert_allclose(
        motion.rates, np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], 1), atol=1e-4
    )


@pytest.mark.parametrize("yaw_rate", [0.4, -0.8])
@pytest.mark.parametrize("depth", [5.0, None])
def test_rolling_shutter_leans_an_edge_by_yaw(yaw_rate, depth):
    """An edge in the middle moves by focal length times angle, to the right when turning left, at any depth."""
    readout = 0.05
    motion = CameraMotion(STILL, np.array([[0.0, -yaw_rate, 0.0]]))  # y is down
    out = expose_rows(edge(WIDTH / 2), viewed(depth), motion, 0.0, readout)
    rows = (np.arange(HEIGHT) + 0.5) / HEIGHT - 0.5
    expected = WIDTH / 2 + FOCAL * np.tan(yaw_rate * rows * readout)
    np.testing.assert_allclose(edge_columns(out), expected, atol=0.1)


def test_rolling_shutter_leans_an_edge_by_depth_when_driving_past():
    motion = CameraMotion(np.array([[10.0, 0.0, 0.0]]), STILL)  # a side camera: driving to the right
    out = expose_rows(edge(WIDTH / 2), viewed(8.0), motion, 0.0, 0.04)
    rows = (np.arange(HEIGHT) + 0.5) / HEIGHT - 0.5
    np.testing.assert_allclose(edge_columns(out), WIDTH / 2 - FOCAL * 10.0 / 8.0 * rows * 0.04, atol=0.05)
    far = expose_rows(edge(WIDTH / 2), viewed(None), motion, 0.0, 0.04)
    np.testing.assert_allclose(edge_columns(far), WIDTH / 2, atol=1e-3)


def test_the_middle_row_is_taken_at_the_pictures_time():
    motion = CameraMotion(np.array([[3.0, 1.0, 9.0]]), np.array([[0.1, 0.5, 0.2]]))
    out = expose_rows(edge(30.0), viewed(6.0), motion, 0.0, 0.05)
    middle = edge_columns(out)[HEIGHT // 2 - 1 : HEIGHT // 2 + 1].mean()
    assert middle == pytest.approx(30.0, abs=0.1)


@pytest.mark.parametrize("speed", [10.0, -20.0])
def test_motion_blur_smears_by_its_length(speed):
    """A line that crosses the picture while the shutter is open leaves a ramp as long as its way."""
    motion = CameraMotion(np.array([[speed, 0.0, 0.0]]), STILL)
    out = expose_rows(edge(WIDTH / 2), viewed(8.0), motion, 0.1, 0.0)[0, 10, :, 0]
    ramp = (out > 0.02) & (out < 0.98)
    assert ramp.sum() == pytest.approx(FOCAL * abs(speed) / 8.0 * 0.1, abs=2.5)
    assert out.sum() == pytest.approx(WIDTH / 2, abs=0.1)


def test_motion_blur_runs_along_the_motion():
    stripes = np.zeros((1, HEIGHT, WIDTH, 3), np.float32)
    stripes[:, ::4] = 1.0  # rows
    sideways = CameraMotion(np.array([[20.0, 0.0, 0.0]]), STILL)
    down = CameraMotion(np.array([[0.0, 20.0, 0.0]]), STILL)
    kept = expose_rows(stripes, viewed(8.0), sideways, 0.05, 0.0)[0, 8:40]
    smeared = expose_rows(stripes, viewed(8.0), down, 0.05, 0.0)[0, 8:40]
    np.testing.assert_allclose(kept, stripes[0, 8:40], atol=1e-5)
    assert smeared.std() < 0.2 * kept.std()


def test_driving_ahead_blurs_the_margins_and_not_the_middle():
    noise = np.random.default_rng(0).random((1, HEIGHT, WIDTH, 3)).astype(np.float32)
    motion = CameraMotion(np.array([[0.0, 0.0, 20.0]]), STILL)
    out = expose_rows(noise, viewed(8.0), motion, 0.05, 0.0)[0]
    assert out[20:28, 44:52].std() > 0.8 * noise[0, 20:28, 44:52].std()
    assert out[:, :12].std() < 0.6 * noise[0, :, :12].std()


def test_who_stands_blurs_nothing():
    pictures = picture(cameras=1)
    motion = CameraMotion(STILL, STILL)
    effects = CameraEffects(shutter_time=0.05, readout_time=0.05)
    np.testing.assert_array_equal(taken(pictures, effects, viewed=viewed(4.0), motion=motion), pictures)


def test_light_is_averaged_linearly():
    """Half a second black, half white is half the light: 188 of 255, not 128."""
    bars = np.zeros((1, HEIGHT, WIDTH, 3), np.uint8)
    bars[:, :, ::2] = 255
    motion = CameraMotion(np.array([[16.0, 0.0, 0.0]]), STILL)
    out = taken(bars, CameraEffects(shutter_time=0.08), viewed=viewed(8.0), motion=motion)
    assert out[0, :, 30:60].mean() == pytest.approx(188, abs=3)


def test_frames_are_lost_at_their_rate_and_the_last_is_shown_again():
    effects = CameraEffects(drop_rate=0.3)
    shown = [shown_frame(effects, 3, "cam_f0", frame, 0) for frame in range(2000)]
    lost = [at != frame for frame, at in enumerate(shown)]
    assert np.mean(lost) == pytest.approx(0.3, abs=0.04)
    assert not lost[0]
    for frame in range(1, 2000):
        assert shown[frame] == (shown[frame - 1] if lost[frame] else frame)
    others = [shown_frame(effects, 3, "cam_l0", frame, 0) for frame in range(2000)]
    assert others != shown


def test_the_first_frame_is_never_lost():
    effects = CameraEffects(drop_rate=0.99)
    assert all(shown_frame(effects, seed, "cam_f0", 40, 40) == 40 for seed in range(50))
    assert shown_frame(effects, 0, "cam_f0", 45, 40) >= 40


def test_no_picture_is_older_than_the_most_frames_that_are_lost():
    effects = CameraEffects(drop_rate=0.95)
    ages = [frame - shown_frame(effects, 3, "cam_f0", frame, 0) for frame in range(200)]
    assert max(ages) == MOST_LOST
    assert all(age in (0, before + 1) for before, age in pairwise(ages))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"drop_rate": 1.0}, "drop_rate"),
        ({"drop_rate": -0.1}, "drop_rate"),
        ({"shot_noise": float("nan")}, "shot_noise"),
        ({"gamma": 0.0}, "gamma"),
        ({"white_balance": (1.0, 1.0)}, "white_balance"),
        ({"shutter_time": 0.2}, "shutter_time"),
        ({"readout_time": -0.01}, "readout_time"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings, told):
    with pytest.raises(ArgumentError, match=told):
        CameraEffects(**settings)


def test_a_moving_shutter_needs_motion():
    with pytest.raises(ArgumentError, match="motion"):
        taken(picture(), CameraEffects(shutter_time=0.01))
