from dataclasses import replace

import numpy as np
import pytest
from street import street_map, street_scene, street_shapes, turned

from simscale_gym.dressing.dress import dress_static, facing_edges, street_axis, thinned, weather
from simscale_gym.dressing.ground.terrain import Terrain
from simscale_gym.dressing.surfels.surfels import SurfelBuilder
from simscale_gym.scene import nuplan_rig
from simscale_gym.splats.rasterize import rasterize


@pytest.fixture(scope="module")
def look():
    return dress_static(street_scene(), street_shapes())


def front_view(look, height=72, width=128):
    scene, camera = street_scene(), nuplan_rig().cameras["cam_f0"]
    pose = scene.ego_to_world(scene.ego.poses[5]) @ camera.cam_to_ego
    K = camera.scaled_intrinsics(height, width)
    return rasterize(look.gaussians, np.linalg.inv(pose)[None], K[None], width, height, antialiased=True)


def test_the_street_is_valid_and_of_a_bearable_size(look):
    look.gaussians.validate()
    assert 30_000 < len(look.gaussians) < 200_000


def test_nothing_below_the_horizon_is_open(look):
    image = front_view(look)
    assert image.alpha[0, 40:].min() > 0.97
    assert image.alpha[0, :6].max() < 1.0 or image.alpha[0].mean() > 0.5


def test_the_zebra_is_seen_from_the_drivers_place(look):
    """Over the row of pixels that crosses the zebra, white stripes and gray gaps alternate."""
    scene, camera = street_scene(), nuplan_rig().cameras["cam_f0"]
    pose = scene.ego_to_world(scene.ego.poses[5]) @ camera.cam_to_ego
    height, width = 288, 512
    K = camera.scaled_intrinsics(height, width)
    image = rasterize(
        look.gaussians, np.linalg.inv(pose)[None], K[None], width, height, antialiased=True
    ).rgb[0]
    stripes = np.array([[6.0, y] for y in np.arange(-1.0, -4.6, -0.5)])  # crossing the lane, stripe by stripe
    points = np.column_stack([turned(stripes), np.zeros(len(stripes)), np.ones(len(stripes))])
    local = points @ np.linalg.inv(pose).T
    u, v = (local[:, 0] / local[:, 2] * K[0, 0] + K[0, 2]), (local[:, 1] / local[:, 2] * K[1, 1] + K[1, 2])
    tone = image[v.astype(int), u.astype(int)].mean(1)
    assert (np.abs(np.diff(tone)) > 0.15).mean() > 0.7


def test_the_same_scene_gives_the_same_look(look):
    again = dress_static(street_scene(), street_shapes())
    assert np.array_equal(again.gaussians.means, look.gaussians.means)
    assert np.array_equal(again.gaussians.sh, look.gaussians.sh) and again.light == look.light
    assert np.array_equal(again.sky.table, look.sky.table)


def test_logs_have_their_own_weather_with_the_sun_aslant_to_the_streets():
    suns = [weather(street_map(), seed)[0].direction for seed in range(12)]
    assert len({round(s[0], 3) for s in suns}) == 12
    axis = street_axis(street_map())
    assert axis == pytest.approx(0.45, abs=0.14)
    for x, y, z in suns:
        slant = (np.arctan2(y, x) - axis) % (np.pi / 2)
        assert np.radians(24) < slant < np.radians(66) and 0.6 < z < 0.8


def test_only_walls_that_are_seen_become_facades():
    terrain = Terrain.of(street_scene(), street_shapes())
    front, behind = street_shapes().buildings[1:]
    assert facing_edges(front.footprint, terrain)[0] and not facing_edges(front.footprint, terrain)[2]
    assert not facing_edges(front.footprint, terrain)[3]  # leans on its neighbour
    assert not facing_edges(behind.footprint, terrain)[[0, 2, 3]].any()  # one side is seen down the gap


def test_sun_at_is_dark_inside_a_shadow(look):
    inside = np.array([[*turned([[-5.0, 14.0]])[0], 1.0]])
    above = np.array([[0.0, 0.0, 60.0]])
    assert look.sun_at(inside)[0] < 0.2 and look.sun_at(above)[0] == 1.0


def test_the_whole_street_stands_on_the_height_of_the_log(look):
    shapes = replace(street_shapes(), trees=(), fixtures=())
    high = dress_static(street_scene(z=2.0), shapes)
    low = dress_static(street_scene(), shapes)
    assert np.allclose(high.gaussians.means[:, 2] - low.gaussians.means[:, 2], 2.0, atol=1e-3)


def test_a_parked_ego_and_an_empty_surrounding_still_give_a_ground():
    scene = street_scene()
    still = replace(scene, ego=replace(scene.ego, states=scene.ego.states[:1].repeat(40, 0)))
    look = dress_static(still, replace(street_shapes(), buildings=(), trees=(), fixtures=(), grounds=()))
    assert front_view(look).alpha[0, 40:].min() > 0.97


def test_thinning_keeps_the_covered_area():
    b = SurfelBuilder(np.random.default_rng(0))
    b.rect((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 3), (0, 3), 0.1, (0.5, 0.5, 0.5))
    full, half = b.build(), thinned(b.build(), 2)
    area = [(s.sigmas[:, 0] * s.sigmas[:, 1]).sum() for s in (full, half)]
    assert len(half) == 450 and area[0] == pytest.approx(area[1], rel=0.01)
