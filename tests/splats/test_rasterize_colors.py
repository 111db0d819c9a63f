"""Colours that do not turn with their node, colours that are cut off, and Gaussians that move within a template."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_scenes import HEIGHT, WIDTH, K, decibel, look, random_gaussians
from test_rasterize_instances import FRAME, street_with_two_cars

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.cpu.store import TemplateStore
from simscale_gym.splats.gaussians import Gaussians


def scene(terms):
    static, car, poses = street_with_two_cars(terms)
    return CpuRasterizer([pack(static), pack(car)]), static, car, poses


@pytest.mark.parametrize("terms", [4, 9, 16])
def test_colours_of_the_scene_stay_when_a_node_turns(terms):
    rasterizer, static, car, poses = scene(terms)
    turns = np.stack([np.eye(3), poses[1, :3, :3], poses[2, :3, :3]])
    raster = rasterizer.render(*FRAME, instance_index=[0, 1, 1], instance_poses=poses, color_turns=turns)
    moved = [replace(car.transformed(pose), sh=car.sh) for pose in poses[1:]]
    expected = CpuRasterizer([pack(Gaussians.concatenate([static, *moved]))]).render(*FRAME)
    assert decibel(raster.rgb, expected.rgb) > 70.0
    own = rasterizer.render(*FRAME, instance_index=[0, 1, 1], instance_poses=poses)
    assert decibel(raster.rgb, own.rgb) < 40.0


def test_bright_colours_are_cut_off_before_they_are_blended():
    rng = np.random.default_rng(3)
    bright = random_gaussians(rng, (-4, -2, 4), (4, 2, 9), (0.2, 0.6), count=200)
    bright = replace(bright, sh=bright.sh * np.float32(8.0))
    frame = (look()[None], K[None], WIDTH, HEIGHT)
    cut = CpuRasterizer([pack(bright)]).render(*frame, brightest=1.0)
    rgb = np.clip(bright.sh[:, 0] * 0.28209479177387814 + 0.5, 0.0, 1.0)
    plain = Gaussians.from_rgb(bright.means, bright.quats, bright.scales, bright.opacities, rgb)
    assert decibel(cut.rgb, CpuRasterizer([pack(plain)]).render(*frame).rgb) > 90.0
    assert cut.rgb.max() <= 1.0 < CpuRasterizer([pack(bright)]).render(*frame).rgb.max()


def test_a_template_takes_another_shape():
    rasterizer, static, car, poses = scene(4)
    rng = np.random.default_rng(5)
    other = replace(
        car,
        means=car.means + rng.normal(0, 0.3, car.means.shape).astype(np.float32),
        quats=car.quats[::-1].copy(),
        scales=car.scales * np.float32(1.5),
    )
    rasterizer.reshape(1, other.means, other.quats, other.scales)
    settings = {"instance_index": [0, 1], "instance_poses": poses[:2]}
    expected = CpuRasterizer([pack(static), pack(other)]).render(*FRAME, **settings)
    assert decibel(rasterizer.render(*FRAME, **settings).rgb, expected.rgb) > 60.0
    before = scene(4)[0].render(*FRAME, **settings)
    assert decibel(before.rgb, expected.rgb) < 40.0
    rasterizer.reshape(1, car.means, car.quats, car.scales)
    assert decibel(rasterizer.render(*FRAME, **settings).rgb, before.rgb) > 100.0


def test_shapes_are_written_as_they_are_packed():
    _, _, car, _ = scene(4)
    store, wide = TemplateStore([pack(car)]), replace(car, means=car.means * np.float32(2.0))
    flat = replace(wide, scales=wide.scales * np.float32([1.0, 0.0, 1.0]))  # a factor of a flat one has zeros
    for shape in (wide, flat):
        store.reshape(0, shape.means, shape.quats * np.float32(3.0), shape.scales)
        rows = np.argsort(pack(shape).order), np.argsort(pack(car).order)
        here, there = (
            lanes.swapaxes(0, 1).reshape(13, -1)[:, own]
            for lanes, own in ((store.lanes, rows[1]), (pack(shape).lanes, rows[0]))
        )
        np.testing.assert_allclose(here, there, atol=1e-6)
        own = store.spheres[0]
        assert (np.linalg.norm(shape.means - own[:3], axis=1) <= own[3] + 1e-6).all()
    np.testing.assert_allclose(store.bounds[:, 4].max(), pack(flat).bounds[:, 4].max(), rtol=1e-6)


def test_wrong_colours_and_shapes_are_named():
    rasterizer, _, car, poses = scene(4)
    with pytest.raises(ArgumentError, match=r"color_turns has shape \(2, 3, 3\)"):
        rasterizer.render(
            *FRAME, instance_index=[0, 1, 1], instance_poses=poses, color_turns=np.ones((2, 3, 3))
        )
    with pytest.raises(ArgumentError, match="brightest is 0"):
        rasterizer.render(*FRAME, brightest=0.0)
    levels = CpuRasterizer([pack(car, levels=3)])
    with pytest.raises(ArgumentError, match="keep the shape"):
        levels.reshape(0, car.means, car.quats, car.scales)
