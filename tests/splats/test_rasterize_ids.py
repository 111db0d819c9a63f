"""Whose each pixel is, against a plain account of every Gaussian's weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_scenes import HEIGHT, WIDTH, K, look, random_gaussians
from reference_rasterizer import reference_rasterize

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.instances import Instances
from simscale_gym.splats.rasterize import Raster

VIEWMATS = np.stack([look(0.0), look(0.5, (1.0, 0.0, 0.0))])
FRAME = (VIEWMATS, np.stack([K, K]), WIDTH, HEIGHT)
SHOT = (*FRAME[:2], (HEIGHT, WIDTH))


def shifted(x, z):
    pose = np.eye(4)
    pose[[0, 2], 3] = x, z
    return pose


def test_ids_name_the_instance_of_the_heaviest_gaussian():
    """The weight of a single Gaussian is what the reference's alpha lacks when its colour alone is white."""
    rng = np.random.default_rng(0)
    near, wall = (
        random_gaussians(rng, (-2, -1, -0.5), (2, 1, 0.5), (0.2, 0.8), count=count) for count in (7, 20)
    )
    poses = np.stack([shifted(0.0, 9.0), shifted(-1.5, 5.0), shifted(1.5, 6.0)])
    index = [1, 0, 0]
    raster = CpuRasterizer([pack(near), pack(wall)]).render(*SHOT, [Instances(index, poses)], ids=True)
    parts = [[near, wall][template].transformed(pose) for template, pose in zip(index, poses, strict=True)]
    owner = np.repeat(np.arange(3), [len(part) for part in parts])
    weights = weight_images(Gaussians.concatenate(parts))
    best = weights.max(0)
    expected = np.where(best > 0.0, owner[weights.argmax(0)], -1)
    runner_up = np.sort(weights, axis=0)[-2]
    clear = (best - runner_up > 1e-4) | (best == 0.0)  # no near tie, which rounding decides
    assert clear.mean() > 0.95 and set(np.unique(expected)) == {-1, 0, 1, 2}
    np.testing.assert_array_equal(raster.ids[clear], expected[clear])


def weight_images(gaussians):
    """Weight of each Gaussian in each pixel, `[N, C, H, W]`: draw it white and all others black."""
    white, black = 0.5 / 0.28209479177387814, -10.0
    images = []
    for g in range(len(gaussians)):
        sh = np.full_like(gaussians.sh, black)
        sh[g] = white
        images.append(reference_rasterize(replace(gaussians, sh=sh), *FRAME)[0][..., 0])
    return np.stack(images)


@pytest.mark.parametrize("antialiased", [False, True])
def test_ids_change_nothing_else(antialiased):
    scene = pack(
        random_gaussians(np.random.default_rng(1), (-15, -10, -5), (15, 10, 25), (0.05, 3.0), count=2000)
    )
    rasterizer = CpuRasterizer([scene])
    plain = rasterizer.render(*SHOT, antialiased=antialiased)
    named = rasterizer.render(*SHOT, antialiased=antialiased, ids=True)
    assert plain.ids is None and named.ids.dtype == np.int32
    for name in ("rgb", "alpha", "depth", "transmittance"):
        np.testing.assert_array_equal(getattr(named, name), getattr(plain, name))
    np.testing.assert_array_equal(named.ids, np.where(named.alpha > 0.0, 0, -1))


def test_many_instances_keep_their_numbers_on_any_number_of_threads():
    speck = pack(Gaussians.from_rgb([[0, 0, 0]], [[1, 0, 0, 0]], [[0.02] * 3], [1.0], [[1, 1, 1]]))
    columns, rows = np.meshgrid(np.arange(60), np.arange(30))
    places = np.tile(np.eye(4), (columns.size, 1, 1))
    places[:, 0, 3] = (columns.ravel() + 2.5 - 32.0) / 50.0 * 4.0
    places[:, 1, 3] = (rows.ravel() + 2.5 - 18.0) / 50.0 * 4.0
    places[:, 2, 3] = 4.0
    for threads in (1, 3):
        rasterizer = CpuRasterizer([speck], threads=threads)
        specks = [Instances([0] * len(places), places)]
        ids = rasterizer.render(VIEWMATS[:1], K[None], (HEIGHT, WIDTH), specks, ids=True).ids
        np.testing.assert_array_equal(ids[0, 2:32, 2:62], np.arange(len(places)).reshape(30, 60))


def test_classes_of_instances():
    raster = replace(Raster.empty(1, (1, 3), ids=True), ids=np.array([[[0, -1, 2]]], np.int32))
    np.testing.assert_array_equal(raster.classes([7, 8, 9]), [[[7, -1, 9]]])
    np.testing.assert_array_equal(raster.classes([7, 8, 9], nothing=255), [[[7, 255, 9]]])
    with pytest.raises(ArgumentError, match="has 2 classes"):
        raster.classes([7, 8])
    with pytest.raises(ArgumentError, match="ids=True"):
        Raster.empty(1, (1, 3)).classes([7])


def test_out_with_and_without_ids():
    rasterizer = CpuRasterizer(
        [pack(random_gaussians(np.random.default_rng(2), (-3, -2, 2), (3, 2, 9), (0.1, 1.0)))]
    )
    out = Raster.empty(2, (HEIGHT, WIDTH), ids=True)
    assert rasterizer.render(*SHOT, out=out, ids=True).ids is out.ids
    out.ids[:] = 77
    rasterizer.render(*SHOT, out=out)
    assert (out.ids == 77).all()
    with pytest.raises(ArgumentError, match=r"out\.ids is None"):
        rasterizer.render(*SHOT, out=Raster.empty(2, (HEIGHT, WIDTH)), ids=True)
