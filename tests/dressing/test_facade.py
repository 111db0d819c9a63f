from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from simscale_gym.dressing.buildings.facade import building_occluders, building_surfels, edge_pose
from simscale_gym.dressing.buildings.roof import inset_polygon
from simscale_gym.dressing.buildings.storefront import WORDS
from simscale_gym.dressing.light.bake import Sunlight, bake
from simscale_gym.dressing.light.occluders import sun_visibility
from simscale_gym.dressing.surfels.lettering import GLYPHS, runs, text_bars, text_dots
from simscale_gym.scene.shapes import BUILDING_STYLES, Building
from simscale_gym.splats.rasterize import rasterize

FOOTPRINT = np.array([[0.0, 0.0], [12.0, 0.0], [12.0, 11.0], [0.0, 11.0]])
FRONT_ONLY = np.array([True, False, False, False])
SUN = np.array([0.3, -0.7, 0.6]) / np.linalg.norm([0.3, -0.7, 0.6])


def building(style: str, seed: int = 3, height: float = 13.0) -> Building:
    return Building(FOOTPRINT, height, style, seed)


def view(eye: tuple[float, float, float], width: int, focal: float) -> tuple[np.ndarray, np.ndarray]:
    """A camera at ``eye`` that looks along +y."""
    rotation = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    viewmat = np.eye(4)
    viewmat[:3, :3], viewmat[:3, 3] = rotation, -rotation @ np.array(eye)
    return viewmat[None], np.array([[[focal, 0, width / 2], [0, focal, width / 2], [0, 0, 1]]], float)


@pytest.mark.parametrize("style", BUILDING_STYLES)
def test_surfels_are_well_formed_and_stay_at_the_building(style):
    surfels = building_surfels(building(style), visible_edges=FRONT_ONLY)
    for field in fields(surfels):
        assert np.isfinite(getattr(surfels, field.name)).all(), field.name
    for name in ("u", "v", "normals"):
        np.testing.assert_allclose(np.linalg.norm(getattr(surfels, name), axis=1), 1.0, atol=1e-4)
    assert np.abs((surfels.u * surfels.v).sum(1)).max() < 1e-4
    assert surfels.sigmas.min() > 0.0
    assert surfels.centers[:, 2].min() > -0.1
    assert surfels.centers[:, 2].max() < 13.0 + 8.5
    assert (surfels.centers[:, :2].min(0) > [-1.0, -1.7]).all()
    assert (surfels.centers[:, :2].max(0) < [13.0, 12.0]).all()


@pytest.mark.parametrize("style", BUILDING_STYLES)
def test_counts_fall_with_the_level_of_detail(style):
    counts = [
        len(building_surfels(building(style), lod=lod, visible_edges=FRONT_ONLY))
        for lod in (1.0, 2.0, 4.0, 10.0)
    ]
    assert 1500 < counts[0] < 8500
    assert counts[0] > 1.6 * counts[1] > 1.6 * 1.6 * counts[2]
    assert counts[3] < 600


def test_the_seed_decides_everything():
    first, again, other = (building_surfels(building("plaster", seed)) for seed in (3, 3, 4))
    for field in fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    assert len(first) != len(other) or not np.allclose(first.albedo, other.albedo)


def test_neighbours_differ_in_color():
    walls = [
        np.median(building_surfels(building("plaster", seed), lod=4.0).albedo, axis=0) for seed in range(12)
    ]
    assert np.std(walls, axis=0).max() > 0.03


@pytest.mark.parametrize("style", BUILDING_STYLES)
@pytest.mark.parametrize("lod", [1.0, 3.0])
def test_nothing_shows_through_a_facade(style, lod):
    surfels = building_surfels(building(style), lod=lod, visible_edges=FRONT_ONLY)
    gaussians = bake(surfels, building_occluders(building(style)), Sunlight(tuple(SUN)))
    viewmats, intrinsics = view((6.0, -14.0, 6.0), 96, 100.0)
    raster = rasterize(gaussians, viewmats, intrinsics, 96, 96, antialiased=True)
    wall = raster.transmittance[0, 15:85, 10:86]  # some way inside the outline
    assert wall.mean() < 0.01
    assert wall.max() < 0.06


def test_windows_break_up_the_wall():
    surfels = building_surfels(building("plaster", seed=5), visible_edges=FRONT_ONLY)
    glass = (surfels.gloss > 0.2) & (surfels.centers[:, 1] < 1.0)
    front = (np.abs(surfels.centers[:, 1]) < 0.01) & (surfels.normals[:, 1] < -0.9)
    assert glass.sum() > 400
    assert surfels.albedo[glass].mean() < 0.6 * surfels.albedo[front].mean()
    assert surfels.centers[glass, 1].min() > 0.0  # recessed


def test_edges_without_a_street_are_plain():
    plain = building_surfels(Building(FOOTPRINT, 13.0, "concrete", 3), visible_edges=np.zeros(4, bool))
    full = building_surfels(Building(FOOTPRINT, 13.0, "concrete", 3))
    assert not (plain.gloss > 0.0).any()
    assert len(plain) < 0.25 * len(full)


def test_any_polygon_turns_into_a_building():
    angle = np.linspace(0.0, 2.0 * np.pi, 6)[:-1]
    pentagon = np.stack([9.0 * np.cos(angle), 7.0 * np.sin(angle)], 1)
    surfels = building_surfels(Building(pentagon, 10.0, "stone", 1))
    assert len(surfels) > 3000
    assert np.linalg.norm(surfels.centers[:, :2], axis=1).max() < 11.0


def test_edge_pose_puts_the_facade_on_the_edge_facing_out():
    pose = edge_pose(np.array([12.0, 0.0]), np.array([12.0, 11.0]))
    np.testing.assert_allclose(pose @ [5.0, 0.0, 2.0, 1.0], [12.0, 5.0, 2.0, 1.0])
    np.testing.assert_allclose(pose @ [5.0, -1.0, 2.0, 1.0], [13.0, 5.0, 2.0, 1.0])


@pytest.mark.parametrize("style", ["brick", "glass", "house", "stone"])
def test_the_sunny_side_is_lit_and_the_yard_lies_in_shade(style):
    occluders = building_occluders(building(style))
    surfels = building_surfels(building(style), visible_edges=FRONT_ONLY)
    front = surfels.subset(
        (surfels.normals[:, 1] < -0.9) & (surfels.centers[:, 1] < 0.2) & (surfels.emissive == 0)
    )
    seen = sun_visibility(front.centers, front.u, front.v, front.normals, front.sigmas, occluders, SUN)
    assert seen.mean() > 0.9
    yard = np.array([[6.0, 14.0, 0.05]], np.float32)
    flat = [np.array([row], np.float32) for row in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [0.1, 0.1, 0.01])]
    assert sun_visibility(yard, *flat, occluders, SUN)[0] == 0.0


def test_inset_of_a_rectangle_moves_every_edge():
    np.testing.assert_allclose(inset_polygon(FOOTPRINT, 1.0), [[1, 1], [11, 1], [11, 10], [1, 10]])


def test_letters_are_spelt_left_to_right():
    dots = text_dots("L1")
    assert dots.shape == (7, 11)
    assert dots[:, 0].all() and dots[6, :5].all() and not dots[0, 1:5].any()
    assert all(letter in GLYPHS for word in WORDS for letter in word)


def test_runs_cover_the_image_once():
    image = np.random.default_rng(0).integers(0, 2, (7, 23))
    found = runs(image, 3)
    again = np.full_like(image, -1)
    for row, first, end, value in found:
        assert 1 <= end - first <= 3
        assert (again[row, first:end] == -1).all()
        again[row, first:end] = value
    np.testing.assert_array_equal(again, image)


def test_text_bars_fill_the_rectangle_of_the_text():
    bars, ink, width = text_bars("CAFE", 0.35)
    area = (bars[:, 1] - bars[:, 0]) * (bars[:, 3] - bars[:, 2])
    assert area.sum() == pytest.approx(width * 0.35)
    assert area[ink].sum() == pytest.approx(text_dots("CAFE").sum() * 0.05**2)
