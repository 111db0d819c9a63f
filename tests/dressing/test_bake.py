import numpy as np
import pytest

from simscale_gym.dressing.light.bake import Sunlight, bake, frame_quats, shade
from simscale_gym.dressing.light.occluders import Occluders, sun_visibility
from simscale_gym.dressing.surfels.surfels import SurfelBuilder, unit
from simscale_gym.geometry import se3

UP = np.array([[0.0, 0.0, 1.0]])


def lit(points, occluders, sun, size=0.02):
    points = np.asarray(points, float).reshape(-1, 3)
    count = len(points)
    axes = [np.tile(row, (count, 1)) for row in np.eye(3)]
    return sun_visibility(points, *axes, np.full((count, 3), size), occluders, sun)


def test_a_prism_throws_a_shadow_of_the_right_length():
    tower = Occluders.prism([[0, 0], [2, 0], [2, 2], [0, 2]], 0.0, 10.0)
    sun = (1.0, 0.0, 1.0)  # 45 degrees from +x: the shadow reaches 10 m towards -x
    points = [[-9.5, 1, 0], [-10.5, 1, 0], [-5, 2.5, 0], [-5, -0.5, 0], [3, 1, 0], [-5, 1, 5.5], [-5, 1, 4.5]]
    assert lit(points, tower, sun) == pytest.approx([0, 1, 1, 1, 1, 1, 0], abs=0.05)


def test_a_hovering_box_shades_what_lies_under_it():
    roof = Occluders.box((0, 0, 3), 0.6, 2.0, 2.0, 0.2)
    assert lit([[0, 0, 0], [0, 0, 2.5], [0, 0, 3.3], [3, 0, 0]], roof, (0, 0, 1)) == pytest.approx(
        [0, 0, 1, 1]
    )


def test_a_turned_box_is_turned():
    plank = Occluders.box((0, 0, 2), np.pi / 4, 6.0, 0.4, 0.1)
    along, across = np.array([2.0, 2.0, 0]), np.array([2.0, -2.0, 0])
    assert lit([along, -along, across], plank, (0, 0, 1)) == pytest.approx([0, 0, 1])


def test_a_crown_dims_by_the_path_through_it():
    crown = Occluders.crown([[0, 0, 5]], 2.0, 0.5)
    through = lit([[0, 0, 0], [0, 0, 5], [3, 0, 0]], crown, (0, 0, 1))
    assert through == pytest.approx([np.exp(-0.5 * 4.0), 1.0, 1.0], rel=0.02)


def test_shadow_edges_are_as_soft_as_the_surfels():
    tower = Occluders.prism([[0, -5], [2, -5], [2, 5], [0, 5]], 0.0, 4.0)
    line = np.stack([np.linspace(-5.5, -2.5, 200), np.linspace(-1, 1, 200), np.zeros(200)], 1)
    soft, hard = (lit(line, tower, (1, 0, 1), size) for size in (0.5, 0.005))
    partly = [((v > 0.05) & (v < 0.95)).sum() for v in (soft, hard)]
    assert partly[0] > 3 * partly[1]
    assert np.corrcoef(np.sort(soft)[::-1], soft)[0, 1] > 0.9  # from lit, far away, to dark


def test_visibility_agrees_with_a_plain_ray_test():
    rng = np.random.default_rng(4)
    boxes = [
        (rng.uniform(-20, 20, 2), rng.uniform(0, 3), rng.uniform(1, 6, 2), rng.uniform(2, 9))
        for _ in range(12)
    ]
    occluders = Occluders.concatenate([Occluders.box((*c, h / 2), a, *s, h) for c, a, s, h in boxes])
    sun = unit([0.5, -0.6, 0.8])
    points = np.column_stack([rng.uniform(-25, 25, (400, 2)), np.zeros(400)])
    plain = np.zeros(400, bool)
    for center, angle, size, height in boxes:
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        start, step = (points[:, :2] - center) @ turn.T, turn @ sun[:2]
        t = np.linspace(0.03, height / sun[2], 4000)[:, None, None]
        inside = np.abs(start[None] + t * step) < size / 2
        plain |= inside.all(-1).any(0)
    found = lit(points, occluders, sun, size=1e-4) < 0.5
    assert (found != plain).mean() < 0.02  # the rays' spread moves edges a little


def test_shade_orders_sun_shade_and_facing():
    light = Sunlight.at(0.0, np.pi / 2)
    albedo, one = np.full((4, 3), 0.5), np.ones(4)
    normals = np.array([[0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, -1]], float)
    rgb = shade(albedo, normals, one, 0 * one, 0 * one, np.array([1, 0, 1, 1.0]), light)
    mean = rgb.mean(1)
    assert mean[0] > mean[1] > mean[2] > mean[3] > 0.0
    assert rgb[1, 2] > rgb[1, 0]  # shade is blue


def test_emissive_shows_its_albedo_and_closed_places_are_darker():
    light = Sunlight.at(1.0, 0.7)
    albedo = np.array([[0.9, 0.1, 0.2]] * 3)
    rgb = shade(
        albedo, UP.repeat(3, 0), np.array([1.0, 1.0, 0.2]), np.array([1.0, 0.0, 0.0]), 0.0, 1.0, light
    )
    assert rgb[0] == pytest.approx(albedo[0], abs=1e-6)
    assert rgb[2].sum() < rgb[1].sum()


def test_gloss_mirrors_the_sky_upward():
    light = Sunlight.at(1.0, 0.7)
    normals = np.array([[0, 0, 1], [0, 0, 1], [0, 0, -1], [0, 0, -1.0]])
    rgb = shade(np.full((4, 3), 0.05), normals, 1.0, 0.0, np.array([0, 0.5, 0, 0.5]), 0.0, light)
    assert rgb[1].sum() - rgb[0].sum() > 2.0 * (rgb[3].sum() - rgb[2].sum()) > 0.0


def test_quats_turn_axes_into_tangents():
    rng = np.random.default_rng(1)
    u = unit(rng.normal(size=(300, 3)))
    v = unit(np.cross(u, rng.normal(size=(300, 3))))
    matrices = se3.quat_to_matrix(frame_quats(u, v))
    assert np.allclose(matrices[..., 0], u, atol=1e-5) and np.allclose(matrices[..., 1], v, atol=1e-5)


def test_bake_makes_one_valid_gaussian_of_each_surfel():
    b = SurfelBuilder(np.random.default_rng(0))
    b.box((0, 0, 0), (1, 1, 1), 0.25, (0.5, 0.4, 0.3))
    surfels = b.build()
    gaussians = bake(surfels, Occluders.prism([[3, 0], [4, 0], [4, 1], [3, 1]], 0, 5), Sunlight.at(0.0, 0.5))
    assert len(gaussians) == len(surfels)
    gaussians.validate()
    assert np.allclose(gaussians.scales, surfels.sigmas) and np.allclose(gaussians.means, surfels.centers)
