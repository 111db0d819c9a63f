"""The gsplat backend: against the CPU's images where there is a CUDA device, and elsewhere around a plain stand-in.

What is tested with the stand-in (`plain_gsplat`) is everything but gsplat's own code.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from gsplat_stand_in import stand_in
from random_scenes import HEIGHT, WIDTH, K, decibel, look, random_gaussians

from simscale_gym.errors import ArgumentError, MissingExtraError
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.gpu.gsplat_backend import GsplatRasterizer, gsplat_is_there
from simscale_gym.splats.gpu.gsplat_frame import Cloud, place
from simscale_gym.splats.instances import Instances
from simscale_gym.splats.rasterize import Raster, images_of, rasterize

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
on_gpu = pytest.mark.skipif(not gsplat_is_there(), reason="no CUDA device, or gsplat is not installed")

VIEWMATS = np.stack([look(0.0), look(0.7, (1.0, 0.0, 0.0))])
FRAME = (VIEWMATS, np.stack([K, K]), WIDTH, HEIGHT)
SHOT = (*FRAME[:2], (HEIGHT, WIDTH))
IMAGES = ("rgb", "alpha", "depth", "transmittance")


@pytest.fixture
def device(monkeypatch):
    """A module gsplat that needs no device; gives the means `[N, 3]` of each frame that it draws."""
    return stand_in(monkeypatch)


def rotation(seed):
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def pose(seed, position):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation(seed), position
    return matrix


def street_with_two_cars(terms=4):
    rng = np.random.default_rng(terms)
    static = random_gaussians(rng, (-9, -6, -3), (9, 6, 20), (0.05, 1.0), count=150)
    car = random_gaussians(rng, (-2, -1, -1), (2, 1, 1), (0.05, 0.3), count=80, terms=terms)
    poses = np.stack([np.eye(4), pose(1, (1.0, 0.5, 7.0)), pose(2, (-3.0, 0.0, 9.0))])
    return [static, car], poses


def assert_alike(raster, expected, least):
    for name in IMAGES:
        image, other = getattr(raster, name), getattr(expected, name)
        peak = other.max() if name == "depth" else 1.0
        assert image.dtype == np.float32 and decibel(image, other, peak=peak) > least, name


def cloud_of(parts):
    counts = [len(part) for part in parts]
    tensors = {name: torch.as_tensor(value) for name, value in vars(Gaussians.concatenate(parts)).items()}
    return Cloud(**tensors, owner=torch.as_tensor(np.repeat(np.arange(len(parts)), counts)))


def several(frames):
    """Cameras for so many frames, the second through others than the first."""
    views = [VIEWMATS[:: 1 - 2 * (k % 2)] for k in range(frames)]
    return np.concatenate(views), np.tile(FRAME[1], (frames, 1, 1)), SHOT[2]


def on_cpu(templates):
    return CpuRasterizer([pack(part) for part in templates])


def test_nodes_are_placed_as_gaussians_are_transformed():
    (static, car), poses = street_with_two_cars()
    frames = np.stack([poses[[0, 1, 0, 2]], poses[[2, 1, 1, 0]]])
    parts = [static, car, static, car]
    means, quats = place(cloud_of(parts), frames)
    for e, own in enumerate(frames):
        expected = Gaussians.concatenate([part.transformed(at) for part, at in zip(parts, own, strict=True)])
        np.testing.assert_allclose(means[e].numpy(), expected.means, atol=1e-5)
        same_side = np.sign(np.sum(quats[e].numpy() * expected.quats, axis=1, keepdims=True))
        np.testing.assert_allclose(quats[e].numpy() * same_side, expected.quats, atol=1e-5)


def test_what_stands_still_in_all_frames_is_placed_once(device):
    """The first car stands still in the first frame only; the second has colours that do not turn with it."""
    (static, car), poses = street_with_two_cars()
    rasterizer = GsplatRasterizer([static, car], device="cpu")
    still, moved = poses.copy(), poses
    still[1] = np.eye(4)
    first, second = Instances([0, 1, 1], still), Instances([0, 1, 1], moved)
    turned = Instances([0, 1], still[:2], color_turns=np.stack([np.eye(3), rotation(0)]))
    for frames, counts in (
        ([first], [230, 80]),
        ([first, second], [150, 160]),  # the cars of both frames in one batch
        ([first, Instances([0, 1], still[:2])], [230, 80, 0]),
        ([turned], [150, 80]),
        ([Instances([0, 1], still[:2])], [230, 0]),
    ):
        parts = rasterizer._parts(frames)
        assert [len(cloud.means) for cloud, _, _ in parts] == counts
        assert [motion is None for _, motion, _ in parts] == [True] + [False] * (len(parts) - 1)
        assert (parts[0][0].means[:150] == torch.as_tensor(static.means)).all()


def test_the_static_scene_is_not_copied_again_when_others_come_and_go(device):
    templates, poses = street_with_two_cars()
    rasterizer = GsplatRasterizer(templates, device="cpu")
    first = rasterizer._parts([Instances([0, 1], poses[:2])])[0][0]
    colors = rasterizer.colors(1, np.zeros((80, 3)))
    assert rasterizer._parts([Instances([0, 1, 1], poses, [None, colors, None])])[0][0] is first
    assert len(rasterizer._clouds) == 2  # of the last call alone


@pytest.mark.parametrize(
    "settings",
    [{}, {"antialiased": True, "background": [0.1, 0.5, 0.9]}, {"near": 5.0, "far": 9.0, "eps2d": 1.0}],
)
def test_draws_what_the_cpu_draws(device, settings):
    templates, poses = street_with_two_cars(terms=9)
    frames = [Instances([0, 1, 1], poses)]
    expected = on_cpu(templates).render(*SHOT, frames, **settings)
    rasterizer = GsplatRasterizer(templates, device="cpu")
    made = rasterizer.render(*SHOT, frames, **settings)
    assert_alike(made, expected, 100.0)
    assert 50 < made.splats < 620
    out = Raster.empty(2, SHOT[2])
    assert rasterizer.render(*SHOT, frames, **settings, out=out).rgb is out.rgb
    assert_alike(out, expected, 100.0)


@pytest.mark.parametrize("terms", [4, 16])
def test_colours_of_the_scene_and_limits_of_colours_are_those_of_the_cpu(device, terms):
    templates, poses = street_with_two_cars(terms)
    still = np.stack([np.eye(4), poses[1], np.eye(4)])
    turns = np.stack([np.eye(3), poses[1, :3, :3], poses[2, :3, :3]])
    for own in (poses, still):
        frame = Instances([0, 1, 1], own, color_turns=turns)
        expected = on_cpu(templates).render(*SHOT, [frame], brightest=0.7)
        rasterizer = GsplatRasterizer(templates, device="cpu")
        raster = rasterizer.render(*SHOT, [frame], brightest=0.7)
        assert_alike(raster, expected, 90.0)
        plain = rasterizer.render(*SHOT, [replace(frame, color_turns=None)], brightest=0.7)
        assert np.abs(plain.rgb - raster.rgb).max() > 0.05
        assert raster.rgb.max() <= 0.7001
    with pytest.raises(ArgumentError, match="brightest is 0"):
        rasterizer.render(*SHOT, brightest=0.0)


def varied(rasterizer, templates, poses):
    """Frames with other instances, poses, colours, shapes and turns of colours."""
    _, car = templates
    shape = rasterizer.shape(1, car.means[::-1] * np.float32(1.3), car.quats, car.scales * np.float32(1.5))
    red = rasterizer.colors(1, np.tile(np.float32([1.0, 0.0, 0.0]), (len(car), 1)))
    moved = poses.copy()
    moved[1:, :3, 3] += [0.0, 0.0, 5.0]
    turns = np.stack([np.eye(3), poses[1, :3, :3], np.eye(3)])
    return [
        Instances([0, 1, 1], poses),
        Instances([0, 1, 1], moved, [None, red, None], [None, None, shape]),
        Instances([0, 1], poses[:2], [None, None], [None, shape]),
        Instances([0, 1, 1], moved, color_turns=turns),
        Instances([0], poses[:1]),
        Instances([1, 0], poses[:2], [red, None]),
    ]


def test_colours_and_shapes_of_an_instance_are_those_of_the_cpu(device):
    templates, poses = street_with_two_cars(terms=4)
    rasterizer, cpu = GsplatRasterizer(templates, device="cpu"), on_cpu(templates)
    pairs = zip(varied(rasterizer, templates, poses), varied(cpu, templates, poses), strict=True)
    pictures = []
    for made, wanted in pairs:
        pictures.append(rasterizer.render(*SHOT, [made]))
        assert_alike(pictures[-1], cpu.render(*SHOT, [wanted]), 90.0)
    for other in pictures[1:]:
        assert np.abs(other.rgb - pictures[0].rgb).max() > 0.05
    car = templates[1]
    with pytest.raises(ArgumentError, match=r"quats.*template 1"):
        rasterizer.shape(1, car.means, car.quats[:5], car.scales)
    with pytest.raises(ArgumentError, match=r"rgb.*template 1"):
        rasterizer.colors(1, np.zeros((5, 3)))
    with pytest.raises(ArgumentError, match=r"template is 2.*0\.\.1"):
        rasterizer.colors(2, np.zeros((5, 3)))


def test_several_frames_in_one_call_are_those_of_single_calls(device):
    templates, poses = street_with_two_cars(terms=4)
    rasterizer = GsplatRasterizer(templates, device="cpu")
    frames = varied(rasterizer, templates, poses)
    viewmats, Ks, size = several(len(frames))
    behind = np.random.default_rng(0).uniform(size=(len(viewmats), 3))
    together = rasterizer.render(viewmats, Ks, size, frames, background=behind)
    for number, frame in enumerate(frames):
        own = slice(2 * number, 2 * number + 2)
        alone = rasterizer.render(viewmats[own], Ks[own], size, [frame], background=behind[own])
        for image, other in zip(images_of(together)[:4], images_of(alone)[:4], strict=True):
            np.testing.assert_array_equal(image[own], other)


def test_tensors_stay_on_the_device_when_asked(device):
    templates, poses = street_with_two_cars()
    rasterizer = GsplatRasterizer(templates, device="cpu")
    settings = {"frames": [Instances([0, 1, 1], poses)], "background": [2.0, 0.5, -1.0]}
    tensors = rasterizer.render(*SHOT, **settings, as_torch=True)
    assert all(torch.is_tensor(getattr(tensors, name)) for name in IMAGES)
    np.testing.assert_array_equal(rasterizer.render(*SHOT, **settings).rgb, tensors.rgb.numpy())


def test_templates_come_later(device):
    (static, car), poses = street_with_two_cars(terms=1)
    rasterizer = GsplatRasterizer([static], device="cpu")
    first = rasterizer.render(*SHOT)
    assert rasterizer.add(car) == 1
    frames = [Instances([0, 1], poses[:2])]
    made = rasterizer.render(*SHOT, frames)
    assert np.abs(made.rgb - first.rgb).max() > 0.1
    assert_alike(made, on_cpu([static, car]).render(*SHOT, frames), 100.0)


@pytest.mark.parametrize("instances", [[], [0], [0, 1]], ids=["nobody", "behind", "nodes behind too"])
def test_nothing_to_draw(device, instances):
    templates, _ = street_with_two_cars()
    away = np.tile(np.eye(4), (len(instances), 1, 1))
    away[:, 2, 3] = -100.0
    raster = GsplatRasterizer(templates, device="cpu").render(
        *SHOT, [Instances(instances, away)], background=[0.1, 0.2, 0.3]
    )
    assert (raster.rgb == np.float32([0.1, 0.2, 0.3])).all() and (raster.transmittance == 1.0).all()
    assert not raster.alpha.any() and not raster.depth.any()


def test_a_background_for_each_camera(device):
    templates, poses = street_with_two_cars()
    frames, behind = [Instances([0, 1, 1], poses)], np.eye(3)[:2]
    expected = on_cpu(templates).render(*SHOT, frames, background=behind)
    made = GsplatRasterizer(templates, device="cpu").render(*SHOT, frames, background=behind)
    assert_alike(made, expected, 100.0)


def test_one_call_picks_the_backend(device, monkeypatch):
    (static, _), _ = street_with_two_cars()
    drawn = []
    monkeypatch.setattr(GsplatRasterizer, "__init__", lambda self, templates: drawn.append(templates))
    monkeypatch.setattr(GsplatRasterizer, "render", lambda self, *frame, **settings: "images of gsplat")
    assert rasterize(static, *FRAME) == rasterize(static, *FRAME, backend="gsplat") == "images of gsplat"
    assert isinstance(rasterize(static, *FRAME, backend="cpu"), Raster)
    assert rasterize(static, *FRAME, ids=True).ids is not None  # gsplat draws none
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert isinstance(rasterize(static, *FRAME), Raster)
    assert len(drawn) == 2


def test_what_is_missing_is_named(device, monkeypatch):
    (static, _), _ = street_with_two_cars()
    monkeypatch.setattr(sys.modules["gsplat.cuda._backend"], "_C", None)
    with pytest.raises(ArgumentError, match="no CUDA toolkit"):
        rasterize(static, *FRAME, backend="gsplat")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ArgumentError, match="no CUDA device"):
        rasterize(static, *FRAME, backend="gsplat")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"install .*\[gpu\]"):
        rasterize(static, *FRAME, backend="gsplat")
    assert not gsplat_is_there()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ids": True}, "no ids"),
        ({"as_torch": True, "out": Raster.empty(2, SHOT[2])}, "no place for tensors"),
        ({"frames": [Instances([3], np.eye(4)[None])]}, r"instances\.templates.*0\.\.1"),
        ({"frames": [Instances([0], np.eye(4)[None])] * 3}, "viewmats are 2, expected as many for each of 3"),
        ({"near": 2.0, "far": 1.0}, "near, far"),
        ({"out": Raster.empty(1, SHOT[2])}, r"out\.rgb"),
    ],
)
def test_wrong_arguments_are_named(device, settings, message):
    templates, _ = street_with_two_cars()
    with pytest.raises(ArgumentError, match=message):
        GsplatRasterizer(templates, device="cpu").render(*SHOT, **settings)
    with pytest.raises(ArgumentError, match="templates is empty"):
        GsplatRasterizer([], device="cpu")


def test_torch_is_not_loaded_before_it_is_used():
    code = "import sys, simscale_gym.splats.gpu.gsplat_backend as b; b.gsplat_is_there(); "
    code += "sys.exit('torch' in sys.modules)"
    if importlib.util.find_spec("gsplat") is not None:  # then it has to look for a device
        code = code.replace("b.gsplat_is_there(); ", "")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


GPU_SCENES = {
    "ordinary": ((-6, -4, 2), (6, 4, 20), (0.05, 1.0)),
    "huge ones beside the frustum": ((-30, -30, -5), (30, 30, 20), (0.5, 20.0)),
    "around and behind the camera": ((-3, -3, -3), (3, 3, 3), (0.05, 1.0)),
    "tiny": ((-2, -1, 2), (2, 1, 6), (3e-3, 2e-2)),
}


@on_gpu
@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("name", GPU_SCENES)
def test_the_device_draws_what_the_cpu_draws(name, antialiased):
    gaussians = random_gaussians(np.random.default_rng(7), *GPU_SCENES[name], terms=16)
    settings = {"antialiased": antialiased, "background": [0.2, 0.4, 0.6]}
    expected = rasterize(gaussians, *FRAME, backend="cpu", **settings)
    assert_alike(rasterize(gaussians, *FRAME, backend="gsplat", **settings), expected, 45.0)


@on_gpu
def test_the_device_draws_moving_nodes_and_nothing_at_all():
    templates, poses = street_with_two_cars(terms=16)
    frames = [Instances([0, 1, 1], poses)]
    rasterizer = GsplatRasterizer(templates)
    assert_alike(rasterizer.render(*SHOT, frames), on_cpu(templates).render(*SHOT, frames), 45.0)
    kept = rasterizer.render(*SHOT, frames, as_torch=True).rgb
    assert kept.is_cuda and (kept.cpu().numpy() == rasterizer.render(*SHOT, frames).rgb).all()
    away = np.eye(4)[None].copy()
    away[0, 2, 3] = -100.0
    assert not rasterizer.render(*SHOT, [Instances([0], away)]).alpha.any()


@on_gpu
def test_the_device_draws_frames_colours_and_shapes_in_one_call():
    templates, poses = street_with_two_cars(terms=16)
    rasterizer, cpu = GsplatRasterizer(templates), on_cpu(templates)
    settings = {"background": [0.2, 0.4, 0.6], "antialiased": True}
    shots = several(6)
    made = rasterizer.render(*shots, varied(rasterizer, templates, poses), **settings)
    assert_alike(made, cpu.render(*shots, varied(cpu, templates, poses), **settings), 45.0)
