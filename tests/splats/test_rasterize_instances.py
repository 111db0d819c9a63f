"""The rasteriser that is kept between frames: instances at poses, threads, buffers."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from random_scenes import HEIGHT, WIDTH, K, decibel, look, random_gaussians
from reference_rasterizer import reference_rasterize

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.instances import Instances
from simscale_gym.splats.rasterize import Raster, images_of, rasterize

VIEWMATS = np.stack([look(0.0), look(0.7, (1.0, 0.0, 0.0))])
KS = np.stack([K, K])
FRAME = (VIEWMATS, KS, WIDTH, HEIGHT)
SHOT = (VIEWMATS, KS, (HEIGHT, WIDTH))


def pose(angles, position):
    """Rigid transform from rotations about z, y and x [rad] and a position [m]."""
    (cz, cy, cx), (sz, sy, sx) = np.cos(angles), np.sin(angles)
    matrix = np.eye(4)
    matrix[:3, :3] = (
        np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
        @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        @ np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    )
    matrix[:3, 3] = position
    return matrix


def street_with_two_cars(terms=4):
    rng = np.random.default_rng(terms)
    static = random_gaussians(rng, (-15, -10, -5), (15, 10, 25), (0.05, 1.0), count=700)
    car = random_gaussians(rng, (-2, -1, -1), (2, 1, 1), (0.05, 0.3), count=300, terms=terms)
    poses = np.stack(
        [np.eye(4), pose((0.4, -1.0, 2.0), (1.0, 0.5, 7.0)), pose((3.0, 0.2, 0.0), (-3.0, 0.0, 9.0))]
    )
    return static, car, poses


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("terms", [1, 4, 9, 16])
def test_instances_look_like_transformed_gaussians(terms, antialiased):
    static, car, poses = street_with_two_cars(terms)
    rasterizer = CpuRasterizer([pack(static), pack(car)])
    settings = {"antialiased": antialiased}
    raster = rasterizer.render(*SHOT, [Instances([0, 1, 1], poses)], **settings)
    together = Gaussians.concatenate([static, car.transformed(poses[1]), car.transformed(poses[2])])
    rgb, alpha, _ = reference_rasterize(together, *FRAME, **settings)
    assert decibel(raster.rgb, rgb) > 60.0
    assert decibel(raster.alpha, alpha) > 60.0
    without = rasterizer.render(*SHOT, **settings)
    assert np.abs(without.rgb - raster.rgb).max() > 0.2


HARD_NODES = {
    "huge, beside the frustum": ((-8, -8, -8), (8, 8, 8), (0.5, 20.0)),
    "around the camera": ((-2, -2, -9), (2, 2, -5), (0.05, 1.0)),
    "tiny": ((-1, -1, -1), (1, 1, 1), (3e-3, 2e-2)),
    "needles and flakes": ((-3, -3, -3), (3, 3, 3), (1e-5, 3.0)),
}


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("name", HARD_NODES)
def test_hard_nodes_at_turned_poses(name, antialiased):
    node = random_gaussians(
        np.random.default_rng(5), *HARD_NODES[name], count=200, opacity=(0.3, 1.0), terms=16
    )
    poses = np.stack([pose((0.4, -1.0, 2.0), (1.0, 0.5, 7.0)), pose((3.0, 0.2, 0.1), (-1.0, 0.0, 6.0))])
    raster = CpuRasterizer([pack(node)]).render(*SHOT, [Instances([0, 0], poses)], antialiased=antialiased)
    together = Gaussians.concatenate([node.transformed(place) for place in poses])
    rgb, alpha, depth = reference_rasterize(together, *FRAME, antialiased=antialiased)
    assert alpha.max() > 0.05, "the case shows nothing"
    figures = decibel(raster.rgb, rgb), decibel(raster.alpha, alpha)
    figures += (decibel(raster.accumulated_depth, depth * alpha, peak=depth.max()),)
    assert min(figures) > 45.0, figures


def test_the_number_of_threads_changes_no_bit():
    static, car, poses = street_with_two_cars()
    templates = [pack(static), pack(car)]
    many = [Instances([0, 1, 1], poses)]
    first = CpuRasterizer(templates, threads=1).render(*SHOT, many)
    for threads in (1, 2, 3, 5):
        rasterizer = CpuRasterizer(templates, threads=threads)
        for _ in range(3):
            again = rasterizer.render(*SHOT, many)
            for image, other in zip(images_of(first), images_of(again), strict=True):
                np.testing.assert_array_equal(other, image)


def test_a_later_frame_is_not_touched_by_an_earlier_one():
    static, car, poses = street_with_two_cars()
    rasterizer = CpuRasterizer([pack(static), pack(car)])
    fresh = rasterizer.render(*SHOT)
    rasterizer.render(VIEWMATS[:1], KS[:1], (100, 200), [Instances([0, 1, 1], poses)], background=[1, 0, 0])
    again = rasterizer.render(*SHOT)
    np.testing.assert_array_equal(again.rgb, fresh.rgb)


def test_huge_gaussians_of_a_far_chunk_are_not_culled():
    rng = np.random.default_rng(0)
    near = random_gaussians(rng, (-3, -3, 3), (3, 3, 9), (0.05, 0.3), count=600)
    aside = random_gaussians(rng, (400, -3, 3), (420, 3, 9), (0.05, 60.0), count=600)
    both = Gaussians.concatenate([near, aside])
    raster = rasterize(both, *FRAME)
    rgb, alpha, _ = reference_rasterize(both, *FRAME)
    assert np.abs(alpha - reference_rasterize(near, *FRAME)[1]).max() > 0.05, "the case shows nothing"
    assert decibel(raster.rgb, rgb) > 45.0


def test_calls_from_several_threads_queue():
    static, _, _ = street_with_two_cars()
    rasterizer = CpuRasterizer([pack(static)], threads=2)
    expected, results = rasterizer.render(*SHOT).rgb, []

    def draw():
        results.extend(np.array_equal(rasterizer.render(*SHOT).rgb, expected) for _ in range(20))

    workers = [threading.Thread(target=draw) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [True] * 80


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_can_render():
    static, _, _ = street_with_two_cars()
    rasterizer = CpuRasterizer([pack(static)], threads=2)
    expected = float(rasterizer.render(*SHOT).rgb.sum())
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=lambda: queue.put(float(rasterizer.render(*SHOT).rgb.sum())), daemon=True)
    child.start()
    assert queue.get(timeout=30) == expected
    child.join(timeout=30)
    assert child.exitcode == 0


def test_out_is_written_and_returned():
    static, _, _ = street_with_two_cars()
    rasterizer = CpuRasterizer([pack(static)])
    out = Raster.empty(2, (HEIGHT, WIDTH))
    assert rasterizer.render(*SHOT, out=out).rgb is out.rgb
    np.testing.assert_array_equal(out.rgb, rasterizer.render(*SHOT).rgb)
    with pytest.raises(ArgumentError, match=r"out\.rgb"):
        rasterizer.render(*SHOT, out=Raster.empty(1, (HEIGHT, WIDTH)))


def test_no_instances_and_empty_templates():
    nothing = pack(random_gaussians(np.random.default_rng(0), 0, 1, (0.1, 1.0), count=0))
    for index in ([], [0, 0]):
        poses = np.tile(np.eye(4), (len(index), 1, 1))
        raster = CpuRasterizer([nothing]).render(*SHOT, [Instances(index, poses)])
        assert not raster.rgb.any() and (raster.transmittance == 1.0).all()


def test_unknown_templates_are_named():
    nothing = pack(random_gaussians(np.random.default_rng(0), 0, 1, (0.1, 1.0), count=0))
    with pytest.raises(ArgumentError, match=r"instances\.templates.*0\.\.0"):
        CpuRasterizer([nothing]).render(*SHOT, [Instances([1], np.eye(4)[None])])
    with pytest.raises(ArgumentError, match="templates is empty"):
        CpuRasterizer([])
    with pytest.raises(ArgumentError, match="threads is 0"):
        CpuRasterizer([nothing], threads=0)


def test_gaussians_load_without_numba():
    code = "import sys, simscale_gym.splats.gaussians, simscale_gym.splats.rasterize; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
