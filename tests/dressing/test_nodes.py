import numpy as np
import pytest

from simscale_gym.dressing.light.bake import Sunlight, shade
from simscale_gym.dressing.nodes.node import FOCAL, NODE_LODS, NodeModel, lod_at, node_surfels, shaded_rgb
from simscale_gym.errors import ArgumentError
from simscale_gym.scene import TrackType
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.rasterize import rasterize

LIGHT = Sunlight.at(2.4, 0.7)
SIZES = {
    TrackType.VEHICLE: (4.6, 1.85, 1.5), TrackType.BICYCLE: (1.8, 0.6, 1.75), TrackType.PEDESTRIAN: (0.6, 0.6, 1.75),
    TrackType.TRAFFIC_CONE: (0.35, 0.35, 0.7), TrackType.BARRIER: (0.5, 2.0, 1.0),
    TrackType.CZONE_SIGN: (0.5, 0.9, 1.5), TrackType.GENERIC_OBJECT: (0.6, 0.6, 1.1),
}  # fmt: skip


@pytest.mark.parametrize("track_type", list(TrackType))
@pytest.mark.parametrize("lod", range(4))
def test_every_kind_of_track_has_valid_gaussians_at_every_level(track_type, lod):
    level = NodeModel.of(track_type, SIZES[track_type], 7).level(lod)
    gaussians = level.gaussians.validate()
    assert 20 < len(gaussians) < 20_000 and len(level.brake) == len(gaussians)
    length, width, height = SIZES[track_type]
    solid = gaussians.opacities > 0.9
    reach = np.abs(gaussians.means[solid])
    assert reach[:, 0].max() < 0.5 * length + 0.45  # a walker's stride may leave the box
    assert reach[:, 1].max() < 0.5 * width + 0.30  # mirrors too
    assert gaussians.means[solid, 2].min() > -0.03 and reach[:, 2].max() < height + 0.12


def test_the_same_seed_gives_the_same_node_and_others_differ():
    a, b = (node_surfels(TrackType.VEHICLE, (4.6, 1.85, 1.5), 3, lod=1) for _ in range(2))
    np.testing.assert_array_equal(a.albedo, b.albedo)
    np.testing.assert_array_equal(a.centers, b.centers)
    paints = {tuple(NodeModel.of(0, (4.6, 1.85, 1.5), seed).look.paints[0].round(2)) for seed in range(40)}
    assert len(paints) > 10


def test_three_quarters_of_the_cars_are_white_black_grey_or_silver():
    paints = np.array([NodeModel.of(0, (4.8, 1.85, 1.45), seed).look.paints[0] for seed in range(400)])
    colorless = np.ptp(paints, axis=1) < 0.05
    assert 0.62 < colorless.mean() < 0.82
    assert (paints[colorless].mean(1) > 0.75).any() and (paints[colorless].mean(1) < 0.12).any()


def test_tracks_of_a_kind_share_their_geometry():
    a = NodeModel.of(0, (4.0, 1.75, 1.45), 1).level(2).surfels
    b = NodeModel.of(0, (4.2, 1.75, 1.50), 2).level(2).surfels
    assert len(a) == len(b)
    wheels = np.ptp(b.centers[:, 0]) / np.ptp(a.centers[:, 0])
    assert wheels == pytest.approx(4.2 / 4.0, rel=0.01)


@pytest.mark.parametrize("heading", [0.0, 0.7, -2.9])
def test_relighting_says_what_baking_says(heading):
    model = NodeModel.of(0, (4.6, 1.85, 1.5), 5)
    s = model.level(1).surfels
    cos, sin = np.cos(heading), np.sin(heading)
    turned = s.normals @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]]).T
    visible = np.linspace(0.0, 1.0, len(s)).astype(np.float32)
    plain = shade(s.albedo, turned, s.occlusion, s.emissive, s.gloss, visible, LIGHT)
    np.testing.assert_allclose(shaded_rgb(model, 1, heading, visible, LIGHT), plain, atol=1.0 / 510)


def test_a_turning_car_is_lit_on_the_side_that_faces_the_sun():
    model = NodeModel.of(0, (4.6, 1.85, 1.5), 5)
    left = model.level(1).surfels.normals[:, 1] > 0.8
    sun_from_left = Sunlight.at(np.pi / 2, 0.4)
    facing = shaded_rgb(model, 1, 0.0, 1.0, sun_from_left)[left].mean()
    away = shaded_rgb(model, 1, np.pi, 1.0, sun_from_left)[left].mean()
    in_shade = shaded_rgb(model, 1, 0.0, 0.0, sun_from_left)[left].mean()
    assert facing > 1.2 * away and facing > 1.2 * in_shade


def test_braking_lights_the_tail_lamps_and_nothing_else():
    model = NodeModel.of(0, (4.6, 1.85, 1.5), 5)
    for lod in range(3):
        off, on = (shaded_rgb(model, lod, 0.3, 0.4, LIGHT, braking=b) for b in (False, True))
        brake = model.level(lod).brake
        assert brake.any() and (on[brake, 0] > off[brake, 0] + 0.1).all()
        np.testing.assert_array_equal(on[~brake], off[~brake])


def test_levels_change_at_their_distances_scaled_by_the_focal_length():
    assert lod_at([0.0, 7.9, 8.1, 24.0, 26.0, 59.0, 61.0]).tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert lod_at(3 * 8.1, focal=3 * FOCAL) == 1 and lod_at(3 * 7.9, focal=3 * FOCAL) == 0


def _seen(model, lod, distance, yaw):
    level = model.level(lod)
    gaussians = level.gaussians
    rgb = shaded_rgb(model, lod, 0.0, 1.0, LIGHT)
    lit = Gaussians.from_rgb(gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, rgb)
    eye = np.array([distance * np.cos(yaw), distance * np.sin(yaw), 1.5])
    forward = np.array([0.0, 0.0, 0.7]) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    view = np.eye(4)
    view[:3, :3] = [right, np.cross(forward, right), forward]
    view[:3, 3] = -view[:3, :3] @ eye
    intrinsics = np.array([[FOCAL, 0, 200.0], [0, FOCAL, 100.0], [0, 0, 1.0]])
    background = np.array([0.6, 0.6, 0.6])
    options = {"backend": "cpu", "antialiased": True, "background": background}
    image = rasterize(lit, view[None], intrinsics[None], 400, 200, **options)
    return image.rgb[0], image.alpha[0]


@pytest.mark.parametrize("track_type", [TrackType.VEHICLE, TrackType.PEDESTRIAN, TrackType.BICYCLE])
@pytest.mark.parametrize("lod", range(3))
def test_levels_do_not_pop_where_they_change(track_type, lod):
    model = NodeModel.of(track_type, SIZES[track_type], 5)
    (fine, fine_alpha), (coarse, coarse_alpha) = (
        _seen(model, i, NODE_LODS[lod], 3.6) for i in (lod, lod + 1)
    )
    body = (fine_alpha > 0.5) | (coarse_alpha > 0.5)
    assert body.sum() > 12
    assert np.abs(fine - coarse)[body].mean() < 0.06
    np.testing.assert_allclose(fine[body].mean(0), coarse[body].mean(0), atol=0.03)
    assert fine_alpha.sum() == pytest.approx(coarse_alpha.sum(), rel=0.12)


def test_wrong_arguments_are_named():
    with pytest.raises(ArgumentError, match="track_type is 9"):
        NodeModel.of(9, (1, 1, 1), 0)
    with pytest.raises(ArgumentError, match="size is"):
        NodeModel.of(0, (4.0, 0.0, 1.5), 0)
    with pytest.raises(ArgumentError, match="lod is 4"):
        NodeModel.of(0, (4.0, 1.8, 1.5), 0).level(4)
