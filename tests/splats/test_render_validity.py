"""How far pictures can be trusted: each measure on cases worked by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simscale_gym.geometry import polyline, se3
from simscale_gym.scene import Vehicle
from simscale_gym.splats.cpu.pack import LEVELS, pack
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.picture_measures import picture_measures
from simscale_gym.splats.render_validity import (
    DRESSED,
    TRAINED,
    KnownViews,
    RenderJudge,
    RenderQuality,
    ViewedFrame,
    can_be_trusted,
    nearest_views,
    obstruction,
    quality_factors,
    recorded_path,
)
from simscale_gym.splats.solid_matter import SolidMatter

LOOKING_AHEAD = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
K = np.array([[64.0, 0.0, 64.0], [0.0, 64.0, 48.0], [0.0, 0.0, 1.0]])
NARROW = np.array([[640.0, 0.0, 64.0], [0.0, 640.0, 48.0], [0.0, 0.0, 1.0]])
GOOD = {
    "coverage": 1.0,
    "in_body": 0.0,
    "near_share": 0.0,
    "blocked": 0.0,
    "coarseness": 0.0,
    "view_distance": 0.0,
    "extrapolation": 0.0,
}


def discs(means, scale=0.1, opacity=1.0):
    """Gaussians that are flat along x."""
    means = np.atleast_2d(np.asarray(means, float))
    scales = np.tile([1e-4, scale, scale], (len(means), 1))
    quats = np.tile([1.0, 0, 0, 0], (len(means), 1))
    return Gaussians.from_rgb(
        means, quats, scales, np.full(len(means), opacity), np.full((len(means), 3), 0.5)
    )


def wall(x, scale=0.1):
    """Discs on the plane at x, 0.2 m apart, 8 m wide, from the road to 4 m above."""
    y, z = np.meshgrid(np.arange(-4.0, 4.0, 0.2), np.arange(0.0, 4.0, 0.2))
    return np.column_stack([np.full(y.size, x), y.ravel(), z.ravel()]), scale


def matter(gaussians, levels=1):
    return SolidMatter.of(pack(gaussians, levels=levels))


def camera(height=1.5, pitch=0.0, yaw=0.0):
    return se3.rigid(se3.rpy_to_matrix(0.0, pitch, yaw) @ LOOKING_AHEAD, [0.0, 0.0, height])


def frame(alpha, depth, pose, K=K):
    alpha, depth = (np.broadcast_to(np.asarray(a, np.float32), (96, 128)) for a in (alpha, depth))
    return ViewedFrame(se3.invert_rigid(pose[None]), K[None], alpha[None].copy(), depth[None].copy())


def measures(alpha, depth, pose, stuff=None, K=K):
    """Of a camera of an ego at the origin."""
    stuff = stuff or matter(discs([100.0, 0, 0]))
    found = picture_measures(frame(alpha, depth, pose, K), pose[None], pose[None], Vehicle(), stuff)
    return [float(m[0]) for m in found]


def test_holes_in_the_sky_do_not_count():
    alpha = np.ones((96, 128))
    alpha[:48] = 0.0
    assert measures(alpha, 10.0, camera())[0] == 1.0


def test_holes_in_the_ground_count_by_their_share():
    alpha = np.ones((96, 128))
    alpha[:, :64] = 0.0
    assert measures(alpha, 10.0, camera())[0] == pytest.approx(0.5)


def test_the_horizon_moves_with_the_camera():
    alpha = np.ones((96, 128))
    alpha[64:] = 0.0  # seen level, this is ground; seen 40 degrees upwards, it is sky
    assert measures(alpha, 10.0, camera())[0] < 0.4
    assert measures(alpha, 10.0, camera(pitch=-np.radians(40)))[0] == 1.0


def test_pixels_inside_the_ego_count_where_there_is_something():
    depth = np.full((96, 128), 5.0)
    depth[:72, :32] = 0.9
    assert measures(1.0, depth, camera(height=1.0))[1] == pytest.approx(0.25 * 0.75, abs=0.01)
    assert measures(0.1, depth, camera(height=1.0))[1] == 0.0


@pytest.mark.parametrize(("clearance", "share"), [(-0.1, 1.0), (0.1, 0.0), (0.4, 0.0)])
def test_a_bus_close_beside_is_no_fault_of_the_picture(clearance, share):
    """The lens of a camera that looks aside lies half a metre from the ego's flank."""
    pose = se3.rigid(np.eye(3), [1.0, 0.65, 0.0]) @ camera(height=1.0, yaw=np.pi / 2)
    depth = np.full((1, 96, 128), Vehicle().width / 2 - 0.65 + clearance, np.float32)
    seen = ViewedFrame(se3.invert_rigid(pose[None]), NARROW[None], np.ones_like(depth), depth)
    nothing = matter(discs([100.0, 0, 0]))
    assert picture_measures(seen, pose[None], pose[None], Vehicle(), nothing)[1][0] == share


def test_what_lies_on_the_road_is_not_in_the_ego():
    """A camera that looks straight down, through the floor of the ego, at the road."""
    pose = camera(height=1.5, pitch=np.pi / 2)
    assert measures(1.0, 1.45, pose)[1] == 0.0 and measures(1.0, 1.0, pose)[1] > 0.5


@pytest.mark.parametrize("size", [(18, 32), (27, 48), (45, 80), (270, 480)])
def test_small_pictures_measure_what_large_ones_do(size):
    """A hole in the lower left quarter, and something in the ego in the upper right one."""
    height, width = size
    K = np.array([[width / 2, 0.0, width / 2], [0.0, width / 2, height / 2], [0.0, 0.0, 1.0]])
    alpha, depth = np.ones((1, *size), np.float32), np.full((1, *size), 5.0, np.float32)
    alpha[0, height // 2 :, : width // 2] = 0.0
    depth[0, : height // 2, width // 2 :] = 0.3
    seen, pose = ViewedFrame(se3.invert_rigid(camera()[None]), K[None], alpha, depth), camera()[None]
    coverage, in_body, _ = picture_measures(seen, pose, pose, Vehicle(), matter(discs([100.0, 0, 0])))
    assert coverage[0] == pytest.approx(0.5, abs=0.02) and in_body[0] == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(("distance", "scale"), [(10.0, 0.1), (10.0, 0.4), (40.0, 0.4)])
@pytest.mark.parametrize("yaw", [0.0, 2.0])
def test_coarseness_is_the_angle_of_what_is_seen(distance, scale, yaw):
    means, scale = wall(distance, scale)
    pose, turn = camera(yaw=yaw), se3.rigid(se3.rpy_to_matrix(0.0, 0.0, yaw), np.zeros(3))
    seen = ViewedFrame(
        se3.invert_rigid(pose[None]),
        NARROW[None],
        np.ones((1, 96, 128), np.float32),
        np.full((1, 96, 128), distance, np.float32),
    )
    stuff = matter(discs(means, scale).transformed(turn))
    found = picture_measures(seen, pose[None], pose[None], Vehicle(), stuff)[2][0]
    assert found == pytest.approx(scale / distance, rel=0.02)


@pytest.mark.parametrize(("scale", "drawn", "seen"), [(1.0, 9.0, True), (1.0, 6.0, True), (0.1, 9.0, False)])
def test_coarse_surfaces_are_known_where_their_depth_falls_short(scale, drawn, seen):
    """A wall at 10 m that is drawn nearer: as far as its Gaussians are wide it is that wall, else something moves."""
    found = measures(1.0, drawn, camera(), matter(discs(*wall(10.0, scale))), NARROW)[2]
    assert found == (pytest.approx(scale / 10.5, rel=0.1) if seen else 0.0)


def test_area_of_a_disc():
    found = matter(discs([1.0, 0.0, 1.0], scale=0.2, opacity=0.5))
    assert found.areas.sum() == pytest.approx(2 * np.pi * 0.2**2 * 0.5, rel=1e-4)
    turned = discs([1.0, 0.0, 1.0], scale=0.2, opacity=0.5).transformed(
        se3.rigid(se3.rpy_to_matrix(0.4, 1.0, -2.0), np.ones(3))
    )
    assert matter(turned).areas.sum() == pytest.approx(found.areas.sum(), rel=1e-4)


def test_levels_of_detail_change_nothing():
    gaussians = discs(np.random.default_rng(0).uniform(-20, 20, (3000, 3)))
    plain, leveled = matter(gaussians), matter(gaussians, LEVELS)
    for centre in np.random.default_rng(1).uniform(-20, 20, (5, 3)):
        a, b = (np.sort(m.near(centre, 4.0)[0], axis=0) for m in (plain, leveled))
        inside = np.linalg.norm(gaussians.means - centre, axis=1) < 4.0
        assert len(a) == inside.sum() > 0
        np.testing.assert_array_equal(a, b)


def test_only_what_stands_in_the_body_blocks_it():
    vehicle, eye = Vehicle(), np.array([[50.0, 0.0, 1.5]])
    places = [
        [2.0, 0.0, 1.0],
        [2.0, 0.0, 0.1],
        [2.0, 3.0, 1.0],
        [5.0, 0.0, 1.0],
        [-2.0, 0.0, 1.0],
        [2.0, 0, 3],
    ]
    blocked = [obstruction(matter(discs(p)), np.eye(4), eye, vehicle)[0] for p in places]
    np.testing.assert_allclose(blocked, [2 * np.pi * 0.01, 0, 0, 0, 0, 0], rtol=1e-3)


def test_what_blocks_turns_and_moves_with_the_ego():
    ego = se3.rigid(se3.rpy_to_matrix(0.0, 0.0, 1.9), [300.0, -200.0, 12.0])
    stuff = matter(discs([3.9, 1.0, 1.0]).transformed(ego))
    assert obstruction(stuff, ego, ego[None, :3, 3], Vehicle())[0] == pytest.approx(
        2 * np.pi * 0.01, rel=1e-3
    )


def test_a_wall_before_the_lens_hides_half_of_all_directions():
    eye = np.array([[1.0, 0.0, 1.5]])
    means, scale = wall(1.1, 0.08)
    near = obstruction(matter(discs(means, scale)), np.eye(4), eye, Vehicle())[1][0]
    far = obstruction(matter(discs(np.add(means, [2.0, 0, 0]), scale)), np.eye(4), eye, Vehicle())[1][0]
    assert near > 0.4 and far == 0.0


def test_nearest_view_weighs_distance_and_angle():
    ahead, left = np.array([1.0, 0, 0]), np.array([0.0, 1, 0])
    views = KnownViews(np.array([[1.0, 0, 0], [3.0, 0, 0]]), np.stack([left, ahead]))
    distance, angle = nearest_views(views, np.zeros((2, 3)), np.stack([ahead, left]))
    np.testing.assert_allclose(distance, [3.0, 1.0])  # 3 m beats 1 m and a quarter of a turn, 6.3 m
    np.testing.assert_allclose(angle, [0.0, 0.0], atol=1e-7)


@pytest.mark.parametrize("spacing", [1.0, 60.0])
def test_the_recorded_path_ends_where_it_should_however_far_apart_the_points_of_the_route_are(
    spacing, town_scene
):
    total = town_scene.route_lengths[-1]
    route = polyline.at_arc_length(town_scene.route_path, np.arange(0.0, total + spacing, spacing))
    scene = replace(town_scene)
    vars(scene).update(route_path=route, route_lengths=polyline.arc_lengths(route))
    end = polyline.project(route, scene.ego.poses[-1, :2])[0][0]
    for ahead in (10.0, 1e4):
        path = recorded_path(scene, ahead)
        assert len(path) >= 2 and np.array_equal(path[0], route[0, :2])
        wanted = min(end + ahead, scene.route_lengths[-1])
        assert polyline.arc_lengths(path)[-1] == pytest.approx(wanted)
        assert (np.diff(polyline.arc_lengths(path)) > 0.0).all()


def quality_scores(measures, limits):
    factors = quality_factors(measures, limits)
    return RenderQuality(("a",), view_angle=np.zeros(1), factors=factors, **measures).scores


def test_a_good_picture_has_a_score_of_one():
    np.testing.assert_array_equal(quality_scores(GOOD, TRAINED), [1.0])


@pytest.mark.parametrize("name", GOOD)
def test_each_measure_alone_can_spoil_the_score(name):
    good, bad = getattr(TRAINED, name)
    assert quality_scores({**GOOD, name: bad}, TRAINED) == 0.0
    assert quality_scores({**GOOD, name: (good + bad) / 2}, TRAINED) == pytest.approx(0.5)


@given(st.sampled_from(sorted(GOOD)), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_scores_never_rise_with_a_worse_measure(name, other, a, b):
    better, worse = sorted((a, b))
    good, bad = getattr(DRESSED, name)
    values = [good + share * 1.2 * (bad - good) for share in (better, worse)]
    rest = {**GOOD, "coverage": 1.0 - 0.4 * other}
    high, low = (quality_scores({**rest, name: v}, DRESSED)[0] for v in values)
    assert 0.0 <= low <= high <= 1.0


def test_judge_tells_a_street_from_a_wall():
    ground = np.stack(np.meshgrid(np.arange(-5, 30, 0.3), np.arange(-8, 8, 0.3), [0.0]), -1).reshape(-1, 3)
    means = np.concatenate([ground, wall(20.0)[0]])
    path = np.array([[0.0, 0.0], [15.0, 0.0]])
    judge = RenderJudge(matter(discs(means)), None, path, Vehicle())
    seen = frame(1.0, 10.0, camera())
    street = judge.judge(seen, np.eye(4), ["cam_f0"])
    inside = se3.rigid(np.eye(3), [18.5, 0.0, 0.0])
    broken = judge.judge(frame(1.0, 0.5, inside @ camera()), inside, ["cam_f0"])
    assert street.score > 0.9 and can_be_trusted(street)
    assert broken.score == 0.0 and not can_be_trusted(broken)
    assert broken.blocked > 4.0 and broken.extrapolation == pytest.approx(3.5)
    for quality in (street, broken):
        assert set(quality.factors) == set(GOOD)
        np.testing.assert_allclose(np.prod([f[0] for f in quality.factors.values()]), quality.score)
    assert street.by_camera() == {"cam_f0": street.score, "score": street.score}


def test_the_worst_camera_decides():
    zeros = np.zeros(2)
    quality = RenderQuality(("a", "b"), *(zeros,) * 6, 0.0, 0.0, {"coverage": np.array([0.9, 0.3])})
    assert quality.score == 0.3
    assert can_be_trusted(quality, 0.3) and not can_be_trusted(quality, 0.31)


def test_nothing_at_all_is_no_error():
    empty = matter(discs(np.zeros((0, 3))))
    judge = RenderJudge(empty, None, np.array([[0.0, 0.0], [1.0, 0.0]]), Vehicle())
    quality = judge.judge(frame(0.0, 0.0, camera()), np.eye(4), ["cam_f0"])
    assert quality.coverage == 0.0 and quality.score == 0.0
