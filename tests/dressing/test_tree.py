from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from simscale_gym.dressing.furniture.tree import tree_occluders, tree_surfels
from simscale_gym.dressing.light.bake import Sunlight, bake
from simscale_gym.dressing.light.occluders import Occluders
from simscale_gym.scene.shapes import Tree
from simscale_gym.splats.rasterize import rasterize

LINDEN = Tree(4.0, -2.0, 7.5, 2.3, 5)
SPRUCE = Tree(0.0, 0.0, 9.0, 1.4, 6)
BUSH = Tree(0.0, 0.0, 1.4, 0.9, 7)


@pytest.mark.parametrize("tree", [LINDEN, SPRUCE, BUSH, *(replace(LINDEN, seed=seed) for seed in range(8))])
def test_a_tree_keeps_its_size_and_stands_on_the_ground(tree):
    surfels = tree_surfels(tree)
    for field in fields(surfels):
        assert np.isfinite(getattr(surfels, field.name)).all(), field.name
    assert np.abs((surfels.u * surfels.v).sum(1)).max() < 1e-4
    np.testing.assert_allclose(np.linalg.norm(surfels.normals, axis=1), 1.0, atol=1e-4)
    reach = np.linalg.norm(surfels.centers[:, :2] - [tree.x, tree.y], axis=1)
    assert np.percentile(reach, 99) < 1.35 * tree.radius
    assert reach.max() > 0.8 * tree.radius
    assert 0.85 * tree.height < np.percentile(surfels.centers[:, 2], 99.8) < 1.1 * tree.height
    assert surfels.centers[:, 2].min() < 0.25


def test_the_seed_decides_every_leaf():
    first, again, other = tree_surfels(LINDEN), tree_surfels(LINDEN), tree_surfels(replace(LINDEN, seed=6))
    np.testing.assert_array_equal(first.centers, again.centers)
    np.testing.assert_array_equal(first.albedo, again.albedo)
    assert len(first) != len(other) or not np.allclose(first.centers, other.centers)


def test_counts_fall_with_the_level_of_detail():
    counts = [len(tree_surfels(LINDEN, lod=lod)) for lod in (1.0, 2.0, 4.0, 10.0)]
    assert 3000 < counts[0] < 5000
    assert counts[0] > counts[1] > counts[2] > counts[3]
    assert counts[3] < 600


@pytest.mark.parametrize("lod", [1.0, 4.0])
@pytest.mark.parametrize("tree", [replace(LINDEN, x=0.0, y=0.0), SPRUCE])
def test_the_crown_is_closed_and_trunk_and_sky_are_where_they_belong(tree, lod):
    gaussians = bake(tree_surfels(tree, lod=lod), Occluders(), Sunlight((0.0, 0.6, 0.8)))
    viewmat = np.eye(4)
    viewmat[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    viewmat[:3, 3] = -viewmat[:3, :3] @ [0.0, -16.0, 1.5]
    intrinsics = np.array([[[120.0, 0, 64], [0, 120.0, 80], [0, 0, 1]]])
    raster = rasterize(gaussians, viewmat[None], intrinsics, 128, 96, antialiased=True)

    def through(x: float, z: float) -> float:
        column, row = 64 + 120 * x / 16, 80 - 120 * (z - 1.5) / 16
        return float(
            raster.transmittance[0, int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2].mean()
        )

    assert through(0.0, 0.6 * tree.height) < 0.08
    assert through(0.0, 0.08 * tree.height) < 0.5
    assert through(2.0 * tree.radius, 0.6 * tree.height) > 0.95


def test_shade_comes_from_spheres_inside_the_crown():
    spheres = tree_occluders(LINDEN)
    assert spheres.shape[1] == 5
    assert (spheres[:, 3:] > 0.0).all()
    flat = np.linalg.norm(spheres[:, :2] - [LINDEN.x, LINDEN.y], axis=1) + spheres[:, 3]
    assert flat.max() < 1.3 * LINDEN.radius
    assert (spheres[:, 2] + spheres[:, 3]).max() < 1.1 * LINDEN.height
    middle = spheres[:, 3] * spheres[:, 4] * 2.0
    assert (np.exp(-middle) < 0.4).all()


def test_a_bush_has_no_trunk():
    surfels = tree_surfels(BUSH)
    bark = surfels.albedo[:, 0] > surfels.albedo[:, 1]
    assert bark.mean() < 0.02
    assert (tree_surfels(LINDEN).albedo[:, 0] > tree_surfels(LINDEN).albedo[:, 1]).sum() > 100
