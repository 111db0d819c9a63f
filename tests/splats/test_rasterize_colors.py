"""Colours that do not turn with their node, colours that are cut off, and Gaussians that move within a template."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_scenes import HEIGHT, WIDTH, K, decibel, look, random_gaussians
from test_rasterize_instances import SHOT, street_with_two_cars

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.cpu.store import TemplateStore
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.instances import Instances
from simscale_gym.splats.rasterize import images_of
from simscale_gym.splats.spherical_harmonics import SH_C0


def scene(terms):
    static, car, poses = street_with_two_cars(terms)
    return CpuRasterizer([pack(static), pack(car)]), static, car, poses


@pytest.mark.parametrize("terms", [4, 9, 16])
def test_colours_of_the_scene_stay_when_a_node_turns(terms):
    rasterizer, static, car, poses = scene(terms)
    turns = np.stack([np.eye(3), poses[1, :3, :3], poses[2, :3, :3]])
    raster = rasterizer.render(*SHOT, [Instances([0, 1, 1], poses, color_turns=turns)])
    moved = [replace(car.transformed(pose), sh=car.sh) for pose in poses[1:]]
    expected = CpuRasterizer([pack(Gaussians.concatenate([static, *moved]))]).render(*SHOT)
    assert decibel(raster.rgb, expected.rgb) > 70.0
    own = rasterizer.render(*SHOT, [Instances([0, 1, 1], poses)])
    assert decibel(raster.rgb, own.rgb) < 40.0


def test_bright_colours_are_cut_off_before_they_are_blended():
    rng = np.random.default_rng(3)
    bright = random_gaussians(rng, (-4, -2, 4), (4, 2, 9), (0.2, 0.6), count=200)
    bright = replace(bright, sh=bright.sh * np.float32(8.0))
    shot = (look()[None], K[None], (HEIGHT, WIDTH))
    cut = CpuRasterizer([pack(bright)]).render(*shot, brightest=1.0)
    rgb = np.clip(bright.sh[:, 0] * 0.28209479177387814 + 0.5, 0.0, 1.0)
    plain = Gaussians.from_rgb(bright.means, bright.quats, bright.scales, bright.opacities, rgb)
    assert decibel(cut.rgb, CpuRasterizer([pack(plain)]).render(*shot).rgb) > 90.0
    assert cut.rgb.max() <= 1.0 < CpuRasterizer([pack(bright)]).render(*shot).rgb.max()


def other_shape(car):
    rng = np.random.default_rng(5)
    return replace(
        car,
        means=car.means + rng.normal(0, 0.3, car.means.shape).astype(np.float32),
        quats=car.quats[::-1].copy(),
        scales=car.scales * np.float32(1.5),
    )


def test_an_instance_takes_another_shape_and_its_template_does_not():
    rasterizer, static, car, poses = scene(4)
    other = other_shape(car)
    shape = rasterizer.shape(1, other.means, other.quats, other.scales)
    plain, bent = Instances([0, 1], poses[:2]), Instances([0, 1], poses[:2], shapes=[None, shape])
    before = rasterizer.render(*SHOT, [plain])
    expected = CpuRasterizer([pack(static), pack(other)]).render(*SHOT, [plain])
    assert decibel(rasterizer.render(*SHOT, [bent]).rgb, expected.rgb) > 60.0
    assert decibel(before.rgb, expected.rgb) < 40.0
    np.testing.assert_array_equal(rasterizer.render(*SHOT, [plain]).rgb, before.rgb)


def painted(car, rgb):
    """The car in one colour, and its Gaussians' base colours."""
    rgb = np.tile(np.float32(rgb), (len(car), 1))
    return replace(car, sh=np.concatenate([(rgb[:, None] - 0.5) / np.float32(SH_C0), car.sh[:, 1:]], 1)), rgb


def test_instances_of_one_template_have_colours_and_shapes_of_their_own():
    rasterizer, static, car, poses = scene(4)
    other, twice = other_shape(car), replace(car, scales=car.scales * np.float32(2.0))
    bent, wide = (rasterizer.shape(1, each.means, each.quats, each.scales) for each in (other, twice))
    (red_car, red), (blue_car, blue) = painted(other, [1.0, 0.0, 0.0]), painted(twice, [0.0, 0.2, 1.0])
    colors = [rasterizer.colors(1, rgb) for rgb in (red, blue)]
    own = Instances([0, 1, 1], poses, [None, *colors], [None, bent, wide])
    expected = CpuRasterizer([pack(static), pack(red_car), pack(blue_car)]).render(
        *SHOT, [Instances([0, 1, 2], poses)]
    )
    made = rasterizer.render(*SHOT, [own])
    assert decibel(made.rgb, expected.rgb) > 60.0
    swapped = Instances([0, 1, 1], poses, [None, *colors[::-1]], [None, wide, bent])
    assert decibel(rasterizer.render(*SHOT, [swapped]).rgb, expected.rgb) < 40.0
    np.testing.assert_array_equal(rasterizer.render(*SHOT, [own]).rgb, made.rgb)


@pytest.mark.parametrize("threads", [1, 2])
def test_several_frames_in_one_call_are_those_of_single_calls(threads):
    """Of other instances, poses, colours and shapes, to the byte."""
    static, car, poses = street_with_two_cars(4)
    rasterizer = CpuRasterizer([pack(static), pack(car)], threads=threads)
    other, red = other_shape(car), np.tile(np.float32([1.0, 0.0, 0.0]), (len(car), 1))
    shape, colors = rasterizer.shape(1, other.means, other.quats, other.scales), rasterizer.colors(1, red)
    turns = np.stack([np.eye(3), poses[1, :3, :3]])
    frames = [
        Instances([0, 1, 1], poses, [None, colors, None], [None, None, shape]),
        Instances([0], poses[:1]),
        Instances([0, 1], poses[[0, 2]], [None, colors], [None, shape], turns),
        Instances([], np.empty((0, 4, 4))),
    ]
    viewmats, Ks, size = SHOT
    behind = np.random.default_rng(0).uniform(size=(4, 2, 3))
    several = rasterizer.render(
        np.tile(viewmats, (4, 1, 1)),
        np.tile(Ks, (4, 1, 1)),
        size,
        frames,
        background=behind.reshape(8, 3),
        ids=True,
    )
    splats = 0
    for number, (instances, own) in enumerate(zip(frames, behind, strict=True)):
        single = rasterizer.render(viewmats, Ks, size, [instances], background=own, ids=True)
        for image, alone in zip(images_of(several), images_of(single), strict=True):
            np.testing.assert_array_equal(image[2 * number : 2 * number + 2], alone)
        splats += single.splats
    assert several.splats == splats > 0


def test_shapes_are_written_as_they_are_packed():
    _, _, car, _ = scene(4)
    store, wide = TemplateStore([pack(car)]), replace(car, means=car.means * np.float32(2.0))
    flat = replace(wide, scales=wide.scales * np.float32([1.0, 0.0, 1.0]))  # a factor of a flat one has zeros
    for shape in (wide, flat):
        lanes, bounds = store.shape(0, shape.means, shape.quats * np.float32(3.0), shape.scales).values
        rows = np.argsort(pack(shape).order), np.argsort(pack(car).order)
        here, there = (
            value[:, :10].swapaxes(0, 1).reshape(10, -1)[:, own]
            for value, own in ((lanes, rows[1]), (pack(shape).lanes, rows[0]))
        )
        np.testing.assert_allclose(here, there, atol=1e-6)
        first = bounds[0]
        inside = lanes[0, :3, : min(256, len(car))].T
        assert (np.linalg.norm(inside - first[:3], axis=1) <= first[3] + 1e-6).all()
    np.testing.assert_allclose(bounds[:, 4].max(), pack(flat).bounds[:, 4].max(), rtol=1e-6)


def test_wrong_colours_and_shapes_are_named():
    rasterizer, static, car, poses = scene(4)
    with pytest.raises(ArgumentError, match=r"color_turns has shape \(2, 3, 3\)"):
        rasterizer.render(*SHOT, [Instances([0, 1, 1], poses, color_turns=np.ones((2, 3, 3)))])
    with pytest.raises(ArgumentError, match="brightest is 0"):
        rasterizer.render(*SHOT, brightest=0.0)
    levels = CpuRasterizer([pack(car, levels=3)])
    with pytest.raises(ArgumentError, match="keep the shape"):
        levels.shape(0, car.means, car.quats, car.scales)
    with pytest.raises(ArgumentError, match="keep the colours"):
        levels.colors(0, np.zeros((len(car), 3)))
    colors = rasterizer.colors(0, np.zeros((len(static), 3)))
    with pytest.raises(ArgumentError, match="made for template 0, given to template 1"):
        rasterizer.render(*SHOT, [Instances([0, 1], poses[:2], [None, colors])])
    with pytest.raises(ArgumentError, match="colors are 1, expected one of each of 2"):
        rasterizer.render(*SHOT, [Instances([0, 1], poses[:2], [colors])])
    with pytest.raises(ArgumentError, match="viewmats are 2, expected as many for each of 3 frames"):
        rasterizer.render(*SHOT, [Instances([0], poses[:1])] * 3)
