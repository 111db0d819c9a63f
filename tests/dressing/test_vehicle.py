from functools import lru_cache

import numpy as np
import pytest

from simscale_gym.dressing.nodes.node import NodeModel
from simscale_gym.dressing.nodes.node_looks import vehicle_kind
from simscale_gym.dressing.vehicles.vehicle import VEHICLE_KINDS, vehicle_size
from simscale_gym.dressing.vehicles.vehicle import vehicle_template as build_template
from simscale_gym.splats.rasterize import rasterize

vehicle_template = lru_cache(build_template)

CAR = 0


def _side_view(width, height, distance, focal, yaw):
    """Looks at (0, 0, 0.7) from ``distance`` at ``yaw``, 1.4 m high."""
    eye = np.array([distance * np.cos(yaw), distance * np.sin(yaw), 1.4])
    forward = np.array([0.0, 0.0, 0.7]) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    view = np.eye(4)
    view[:3, :3] = [right, np.cross(forward, right), forward]
    view[:3, 3] = -view[:3, :3] @ eye
    return view[None], np.array([[[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]]])


@pytest.mark.parametrize("name", VEHICLE_KINDS)
def test_a_template_fills_the_size_that_it_states(name):
    template = vehicle_template(name, 1)
    solid = template.opacity > 0.9
    length, width, height = vehicle_size(name)
    low, high = template.centers[solid].min(0), template.centers[solid].max(0)
    assert max(-low[0], high[0]) == pytest.approx(length / 2, abs=0.10)
    assert high[2] == pytest.approx(height, abs=0.06)
    body = solid & (template.centers[:, 2] < 0.6 * height) & (np.abs(template.centers[:, 0]) < 0.1 * length)
    assert np.abs(template.centers[body, 1]).max() == pytest.approx(width / 2, abs=0.09)
    assert low[2] > -0.02


@pytest.mark.parametrize(
    "size", [(4.0, 1.7, 1.5), (4.9, 1.95, 1.42), (4.6, 1.9, 1.75), (5.4, 2.1, 2.2), (11.0, 2.6, 3.2)]
)
def test_a_vehicle_is_scaled_to_its_box(size):
    surfels = NodeModel.of(CAR, size, 4).level(1).surfels
    solid = surfels.opacity > 0.9
    reach = np.abs(surfels.centers[solid]).max(0)
    assert reach[0] == pytest.approx(size[0] / 2, rel=0.03)
    assert surfels.centers[solid, 2].max() == pytest.approx(size[2], rel=0.03)


def test_wheels_stay_round_and_on_the_road_when_the_box_is_stretched():
    template = vehicle_template("sedan", 0)
    surfels = template.stretched([1.25, 1.0, 0.9], [(0.5, 0.5, 0.5), (0, 0, 0)])
    front = (template.pivot > 0.0) & (template.pivot < 1e8)
    wheel = surfels.centers[front]
    assert np.ptp(wheel[:, 0]) == pytest.approx(np.ptp(wheel[:, 2]), rel=0.02)
    assert wheel[:, 2].min() == pytest.approx(0.0, abs=0.03)
    assert wheel[:, 0].mean() == pytest.approx(1.25 * 1.45, abs=0.02)


def test_normals_point_outwards():
    template = vehicle_template("hatchback", 0)
    body = (template.paint == 0) & (template.opacity > 0.9)
    middle = template.centers[body] - [0.0, 0.0, 0.6]
    outward = (middle * template.normals[body]).sum(1) > -0.05
    assert outward.mean() > 0.98
    np.testing.assert_allclose(np.linalg.norm(template.normals[body], axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("lod", [0, 1])
@pytest.mark.parametrize("yaw", [0.3, 1.57, 2.6, 3.14])
def test_no_background_shines_through_a_car(lod, yaw):
    gaussians = NodeModel.of(CAR, (4.5, 1.85, 1.5), 1).level(lod).gaussians
    views, intrinsics = _side_view(320, 180, 6.0, 266.0, yaw)
    alpha = rasterize(gaussians, views, intrinsics, 320, 180, backend="cpu", antialiased=True).alpha[0]
    solid = alpha > 0.5
    core = solid.copy()
    for axis in (0, 1):
        for shift in (-5, 5):
            core &= np.roll(solid, shift, axis)
    upper = core[:105]  # above the gap between floor and road
    assert upper.sum() > 500
    assert np.percentile(alpha[:105][upper], 1.0) > 0.96


def test_brake_lamps_are_red_and_at_the_rear():
    for name in ("sedan", "van", "bus", "lorry"):
        template = vehicle_template(name, 0)
        assert template.brake.sum() > 10
        assert template.centers[template.brake, 0].max() < -0.2 * vehicle_size(name)[0]
        red, green, _ = template.albedo[template.brake].mean(0)
        assert red > 4 * green


def test_levels_get_coarser_within_their_budgets():
    counts = [len(vehicle_template("suv", lod)) for lod in range(4)]
    assert 12_000 <= counts[0] <= 20_000 and 3_500 <= counts[1] <= 8_500
    assert 900 <= counts[2] <= 1_800 and 200 <= counts[3] <= 700


def test_levels_keep_the_mean_color_of_each_side():
    means = []
    for lod in range(4):
        template = vehicle_template("estate", lod)
        side = (template.normals[:, 1] > 0.7) & (template.opacity > 0.9) & (template.pivot > 1e8)
        area = np.linalg.norm(np.cross(template.first, template.second), axis=1)[side]
        tint = np.where(template.paint[side, None] >= 0, 0.8, 1.0) * template.albedo[side]
        means.append((tint * area[:, None]).sum(0) / area.sum())
    np.testing.assert_allclose(means[1:], np.tile(means[0], (3, 1)), atol=0.07)


@pytest.mark.parametrize(
    ("size", "kinds"),
    [
        ((3.9, 1.7, 1.48), {"hatchback"}),
        ((4.8, 1.85, 1.45), {"sedan", "estate"}),
        ((4.5, 1.9, 1.70), {"suv"}),
        ((5.2, 2.0, 2.1), {"van"}),
        ((7.5, 2.5, 3.1), {"lorry"}),
        ((11.5, 2.6, 3.1), {"bus", "lorry"}),
    ],
)
def test_kinds_follow_the_proportions_of_the_box(size, kinds):
    found = {vehicle_kind(np.array(size), np.random.default_rng(seed)) for seed in range(40)}
    assert found == kinds
