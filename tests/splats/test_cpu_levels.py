"""Merged levels of detail: what they keep, and what they look like from where they are used."""

from __future__ import annotations

import numpy as np
import pytest

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.cpu.levels import Moments, merge
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.gaussians import Gaussians


def wall(side: int = 90, cell: float = 0.05, x: float = 0.0) -> Gaussians:
    """A wall in the plane x, `side` times `side` cells, red on one half and green on the other."""
    y, z = (a.ravel() * cell for a in np.meshgrid(np.arange(side), np.arange(side)))
    means = np.stack([np.full(side * side, x), y - side * cell / 2, z - side * cell / 2], 1)
    scales = np.tile([0.004, 0.56 * cell, 0.56 * cell], (len(means), 1))
    quats = np.tile([1.0, 0.0, 0.0, 0.0], (len(means), 1))
    rgb = np.where((means[:, 1] < 0.0)[:, None], [0.8, 0.2, 0.1], [0.1, 0.7, 0.3])
    return Gaussians.from_rgb(means, quats, scales, np.full(len(means), 0.95), rgb)


def view(distance: float) -> tuple[np.ndarray, np.ndarray]:
    """From -x towards x, with a focal length of 100 px."""
    viewmat = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, distance], [0, 0, 0, 1]])
    return viewmat[None], np.array([[[100.0, 0, 32], [0, 100, 32], [0, 0, 1]]])


def drawn(gaussians: Gaussians, levels: int, distance: float, threads: int = 1) -> np.ndarray:
    rasterizer = CpuRasterizer([pack(gaussians, levels=levels)], threads=threads)
    return rasterizer.render(*view(distance), (64, 64), antialiased=True).rgb[0]


def moments_of(gaussians: Gaussians) -> Moments:
    flat = gaussians.sh.reshape(len(gaussians), -1)
    return Moments.of(gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, flat)


def test_two_become_the_gaussian_of_their_moments():
    quats, scales = np.tile([1.0, 0, 0, 0], (2, 1)), np.tile([0.1, 0.1, 0.001], (2, 1))
    means, colors = np.array([[0.0, 0, 0], [0.2, 0, 0]]), np.array([[1.0, 0, 0], [0.9, 0.1, 0]])
    merged, ends = merge(Moments.of(means, quats, scales, np.full(2, 0.4), colors), np.array([2]))
    assert len(merged) == 1 and ends.tolist() == [1]
    assert merged.means[0] == pytest.approx([0.1, 0.0, 0.0])
    enlarged = np.sqrt(2.0)  # by which their opacity times area asks for more than their opacity
    assert merged.opacities[0] == pytest.approx(0.4)
    assert merged.covariances[0, [0, 2]] == pytest.approx([enlarged * 0.02, enlarged * 0.01], rel=1e-3)
    assert merged.colors[0] == pytest.approx([0.95, 0.05, 0.0])
    assert merged.spreads[0] == pytest.approx(0.1**2)


def test_layers_and_clusters_stay_apart():
    one = wall(2)
    far = Gaussians.concatenate([one.subset(np.array([0])), wall(2, x=0.5).subset(np.array([0]))])
    assert len(merge(moments_of(far), np.array([2]))[0]) == 2
    near = one.subset(np.array([0, 2]))
    assert len(merge(moments_of(near), np.array([1, 2]))[0]) == 2
    assert len(merge(moments_of(near), np.array([2]))[0]) == 1


def test_levels_shrink_and_their_grain_grows():
    packed = pack(wall(), levels=4)
    lengths = np.diff(packed.level_chunks[:, :5], axis=1).sum(0)
    assert (np.diff(lengths) < 0).all()
    assert (np.diff(packed.grains[:, :4], axis=1) > 0).all() and np.isinf(packed.grains[:, 4:]).all()


def test_near_all_is_drawn_and_far_the_picture_stays():
    gaussians = wall()
    assert np.array_equal(drawn(gaussians, 4, 3.0), drawn(gaussians, 1, 3.0))
    fine, merged = drawn(gaussians, 1, 30.0), drawn(gaussians, 4, 30.0)
    assert not np.array_equal(fine, merged)
    assert np.abs(fine - merged).mean() < 0.01 and np.abs(fine - merged).max() < 0.15


def test_threads_draw_the_same():
    assert np.array_equal(drawn(wall(), 4, 20.0), drawn(wall(), 4, 20.0, threads=3))


def test_nothing_has_levels_too():
    """As an asset of nodes alone, which has no background."""
    assert not drawn(wall().subset(slice(0, 0)), 3, 10.0).any()


def test_misuse():
    with pytest.raises(ArgumentError, match="levels"):
        pack(wall(4), levels=9)
    rasterizer = CpuRasterizer([pack(wall(), levels=2)])
    with pytest.raises(ArgumentError, match="levels"):
        rasterizer.colors(0, np.zeros((8100, 3)))
