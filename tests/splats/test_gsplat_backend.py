"""The gsplat backend: against the CPU's images where there is a CUDA device, and elsewhere around a plain stand-in.

What is tested with the stand-in (`plain_gsplat`) is everything but gsplat's own code.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest
from random_scenes import HEIGHT, WIDTH, K, decibel, look, random_gaussians

from simscale_gym.errors import ArgumentError, MissingExtraError
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.gpu.gsplat_backend import GsplatRasterizer, gsplat_is_there
from simscale_gym.splats.gpu.gsplat_frame import Cloud, by_motion, place
from simscale_gym.splats.rasterize import Raster, rasterize

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
plain_gsplat = pytest.importorskip("plain_gsplat")
on_gpu = pytest.mark.skipif(not gsplat_is_there(), reason="no CUDA device, or gsplat is not installed")

VIEWMATS = np.stack([look(0.0), look(0.7, (1.0, 0.0, 0.0))])
FRAME = (VIEWMATS, np.stack([K, K]), WIDTH, HEIGHT)
IMAGES = ("rgb", "alpha", "depth", "transmittance")


@pytest.fixture
def stand_in(monkeypatch):
    """A module gsplat that needs no device."""
    modules = {name: ModuleType(name) for name in ("gsplat", "gsplat.cuda", "gsplat.cuda._backend")}
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    for name in plain_gsplat.__all__:
        setattr(modules["gsplat"], name, getattr(plain_gsplat, name))
    modules["gsplat.cuda._backend"]._C = object()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    return modules


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
    owner = torch.as_tensor(np.repeat(np.arange(len(parts)), counts))
    return Cloud(**tensors, owner=owner, ends=np.cumsum(counts))


def test_nodes_are_placed_as_gaussians_are_transformed():
    (static, car), poses = street_with_two_cars()
    environments = np.stack([poses[[0, 1, 0, 2]], poses[[2, 1, 1, 0]]])
    parts = [static, car, static, car]
    means, quats = place(cloud_of(parts), environments)
    for e, own in enumerate(environments):
        expected = Gaussians.concatenate([part.transformed(at) for part, at in zip(parts, own, strict=True)])
        np.testing.assert_allclose(means[e].numpy(), expected.means, atol=1e-5)
        same_side = np.sign(np.sum(quats[e].numpy() * expected.quats, axis=1, keepdims=True))
        np.testing.assert_allclose(quats[e].numpy() * same_side, expected.quats, atol=1e-5)


def test_what_stands_still_in_all_environments_is_neither_copied_nor_placed():
    (static, car), poses = street_with_two_cars()
    cloud = cloud_of([static, car, car])
    moved = poses.copy()
    poses[1] = np.eye(4)
    for environments, count in ((poses[None], 230), (np.stack([poses, moved]), 150)):
        turns = environments[..., :3, :3].swapaxes(-1, -2)
        (still, none), (rest, motion) = by_motion(cloud, environments, turns)
        assert (
            none is None and motion == (environments, turns) and len(still.means) == len(still.owner) == count
        )
        assert len(rest.means) == 310 - count and rest.owner[0] == (1 if count == 150 else 2)
        assert all(getattr(still, n).data_ptr() == getattr(cloud, n).data_ptr() for n in ("means", "sh"))
    nowhere, unturned = np.tile(np.eye(4), (1, 3, 1, 1)), np.tile(np.eye(3), (1, 3, 1, 1))
    (still, _), (rest, _) = by_motion(cloud, nowhere, unturned)
    assert len(still.means) == 310 and not len(rest.means)
    unturned[0, 2] = rotation(0)
    assert len(by_motion(cloud, nowhere, unturned)[1][0].means) == 80


@pytest.mark.parametrize(
    "settings",
    [{}, {"antialiased": True, "background": [0.1, 0.5, 0.9]}, {"near": 5.0, "far": 9.0, "eps2d": 1.0}],
)
def test_draws_what_the_cpu_draws(stand_in, settings):
    templates, poses = street_with_two_cars(terms=9)
    instances = {"instance_index": [0, 1, 1], "instance_poses": poses}
    expected = CpuRasterizer([pack(part) for part in templates]).render(*FRAME, **instances, **settings)
    rasterizer = GsplatRasterizer(templates, device="cpu")
    assert_alike(rasterizer.render(*FRAME, **instances, **settings), expected, 100.0)
    assert 50 < rasterizer.splats < 620
    out = Raster.empty(2, WIDTH, HEIGHT)
    assert rasterizer.render(*FRAME, **instances, **settings, out=out) is out
    assert_alike(out, expected, 100.0)


@pytest.mark.parametrize("terms", [4, 16])
def test_colours_of_the_scene_and_limits_of_colours_are_those_of_the_cpu(stand_in, terms):
    templates, poses = street_with_two_cars(terms)
    still = np.stack([np.eye(4), poses[1], np.eye(4)])
    for own in (poses, still):
        settings = {"instance_index": [0, 1, 1], "instance_poses": own, "brightest": 0.7}
        settings["color_turns"] = np.stack([np.eye(3), poses[1, :3, :3], poses[2, :3, :3]])
        expected = CpuRasterizer([pack(part) for part in templates]).render(*FRAME, **settings)
        rasterizer = GsplatRasterizer(templates, device="cpu")
        raster = rasterizer.render(*FRAME, **settings)
        assert_alike(raster, expected, 90.0)
        assert (
            np.abs(rasterizer.render(*FRAME, **settings | {"color_turns": None}).rgb - raster.rgb).max()
            > 0.05
        )
        assert raster.rgb.max() <= 0.7001
        both = rasterizer.render_environments(
            VIEWMATS[None], FRAME[1][None], WIDTH, HEIGHT, **settings
            | {name: settings[name][None] for name in ("instance_poses", "color_turns")},
        )  # fmt: skip
        np.testing.assert_array_equal(both[0].numpy(), rasterizer.render_bytes(*FRAME, **settings))
    with pytest.raises(ArgumentError, match="brightest is 0"):
        rasterizer.render(*FRAME, brightest=0.0)


def test_a_template_takes_another_shape(stand_in):
    (static, car), poses = street_with_two_cars()
    rasterizer, cpu = GsplatRasterizer([static, car], device="cpu"), CpuRasterizer([pack(static), pack(car)])
    instances = {"instance_index": [0, 1], "instance_poses": poses[:2]}
    before = rasterizer.render(*FRAME, **instances)
    for each in (rasterizer, cpu):
        each.reshape(1, car.means[::-1] * 1.3, car.quats, car.scales * 1.5)
    after = rasterizer.render(*FRAME, **instances)
    assert_alike(after, cpu.render(*FRAME, **instances), 90.0)
    assert np.abs(after.rgb - before.rgb).max() > 0.1
    with pytest.raises(ArgumentError, match=r"quats.*template 1"):
        rasterizer.reshape(1, car.means, car.quats[:5], car.scales)
    np.testing.assert_array_equal(rasterizer.render(*FRAME, **instances).rgb, after.rgb)


def test_tensors_and_bytes_stay_on_the_device_when_asked(stand_in):
    templates, poses = street_with_two_cars()
    rasterizer = GsplatRasterizer(templates, device="cpu")
    instances = {"instance_index": [0, 1, 1], "instance_poses": poses, "background": [2.0, 0.5, -1.0]}
    tensors = rasterizer.render(*FRAME, **instances, as_torch=True)
    assert all(torch.is_tensor(getattr(tensors, name)) for name in IMAGES)
    pictures = rasterizer.render_bytes(*FRAME, **instances)
    assert pictures.dtype == np.uint8 and pictures.shape == (2, HEIGHT, WIDTH, 3)
    expected = np.clip(tensors.rgb.numpy(), 0.0, 1.0) * np.float32(255.0) + np.float32(0.5)
    np.testing.assert_array_equal(pictures, expected.astype(np.uint8))
    kept = rasterizer.render_bytes(*FRAME, **instances, as_torch=True)
    assert kept.dtype == torch.uint8 and (kept.numpy() == pictures).all()


def test_environments_see_their_own_nodes_only(stand_in):
    templates, poses = street_with_two_cars()
    rasterizer = GsplatRasterizer(templates, device="cpu")
    moved = poses.copy()
    moved[1:, :3, 3] += [0.0, 0.0, 5.0]
    both = rasterizer.render_environments(
        np.stack([VIEWMATS, VIEWMATS]), np.stack([FRAME[1]] * 2), WIDTH, HEIGHT,
        instance_index=[0, 1, 1], instance_poses=np.stack([poses, moved]),
    )  # fmt: skip
    assert both.shape == (2, 2, HEIGHT, WIDTH, 3) and (both[0] != both[1]).any()
    for one, own in zip(both, (poses, moved), strict=True):
        alone = rasterizer.render_bytes(*FRAME, instance_index=[0, 1, 1], instance_poses=own)
        np.testing.assert_array_equal(one.numpy(), alone)


def test_templates_come_and_change(stand_in):
    (static, car), poses = street_with_two_cars(terms=1)
    rasterizer = GsplatRasterizer([static], device="cpu")
    first = rasterizer.render(*FRAME)
    assert rasterizer.add(car) == 1
    instances = {"instance_index": [0, 1], "instance_poses": poses[:2]}
    assert np.abs(rasterizer.render(*FRAME, **instances).rgb - first.rgb).max() > 0.1
    red = np.tile(np.float32([1.0, 0.0, 0.0]), (len(car), 1))
    rasterizer.recolor(1, red)
    cpu = CpuRasterizer([pack(static), pack(car)])
    cpu.recolor(1, red)
    assert_alike(rasterizer.render(*FRAME, **instances), cpu.render(*FRAME, **instances), 100.0)


@pytest.mark.parametrize("instances", [[], [0], [0, 1]], ids=["nobody", "behind", "nodes behind too"])
def test_nothing_to_draw(stand_in, instances):
    templates, _ = street_with_two_cars()
    away = np.tile(np.eye(4), (len(instances), 1, 1))
    away[:, 2, 3] = -100.0
    raster = GsplatRasterizer(templates, device="cpu").render(
        *FRAME, instance_index=instances, instance_poses=away, background=[0.1, 0.2, 0.3]
    )
    assert (raster.rgb == np.float32([0.1, 0.2, 0.3])).all() and (raster.transmittance == 1.0).all()
    assert not raster.alpha.any() and not raster.depth.any()


def test_a_background_for_each_camera_and_environments_that_do_not_match(stand_in):
    templates, poses = street_with_two_cars()
    rasterizer = GsplatRasterizer(templates, device="cpu")
    settings = {"instance_index": [0, 1, 1], "background": np.eye(3)[:2]}
    expected = CpuRasterizer([pack(part) for part in templates]).render(
        *FRAME, instance_poses=poses, **settings
    )
    assert_alike(rasterizer.render(*FRAME, instance_poses=poses, **settings), expected, 100.0)
    with pytest.raises(ArgumentError, match="1, 1, 2 and 1 environments"):
        rasterizer.render_environments(
            VIEWMATS[None], FRAME[1][None], WIDTH, HEIGHT, instance_poses=np.stack([poses, poses]), **settings
        )


def test_one_call_picks_the_backend(stand_in, monkeypatch):
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


def test_what_is_missing_is_named(stand_in, monkeypatch):
    (static, _), _ = street_with_two_cars()
    stand_in["gsplat.cuda._backend"]._C = None
    with pytest.raises(ArgumentError, match="no CUDA toolkit"):
        rasterize(static, *FRAME, backend="gsplat")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ArgumentError, match="no CUDA device"):
        rasterize(static, *FRAME, backend="gsplat")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"simscale-gym\[gpu\]"):
        rasterize(static, *FRAME, backend="gsplat")
    assert not gsplat_is_there()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ids": True}, "no ids"),
        ({"as_torch": True, "out": Raster.empty(2, WIDTH, HEIGHT)}, "no place for tensors"),
        ({"instance_index": [3]}, r"instance_index.*0\.\.1"),
        ({"near": 2.0, "far": 1.0}, "near, far"),
        ({"out": Raster.empty(1, WIDTH, HEIGHT)}, r"out\.rgb"),
    ],
)
def test_wrong_arguments_are_named(stand_in, settings, message):
    templates, _ = street_with_two_cars()
    with pytest.raises(ArgumentError, match=message):
        GsplatRasterizer(templates, device="cpu").render(*FRAME, **settings)
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
    instances = {"instance_index": [0, 1, 1], "instance_poses": poses}
    expected = CpuRasterizer([pack(part) for part in templates]).render(*FRAME, **instances)
    rasterizer = GsplatRasterizer(templates)
    assert_alike(rasterizer.render(*FRAME, **instances), expected, 45.0)
    kept = rasterizer.render_bytes(*FRAME, **instances, as_torch=True)
    assert kept.is_cuda and (kept.cpu().numpy() == rasterizer.render_bytes(*FRAME, **instances)).all()
    away = np.tile(np.eye(4), (1, 1, 1))
    away[0, 2, 3] = -100.0
    assert not rasterizer.render(*FRAME, instance_poses=away).alpha.any()


@on_gpu
def test_the_device_draws_environments_and_colours_of_the_scene_in_one_call():
    templates, poses = street_with_two_cars(terms=16)
    rasterizer, cpu = GsplatRasterizer(templates), CpuRasterizer([pack(part) for part in templates])
    away = poses.copy()
    away[1:, 2, 3] += 4.0
    environments, turns = np.stack([poses, away, poses]), np.tile(np.eye(3), (3, 3, 1, 1))
    turns[2, 1:] = poses[1:, :3, :3]
    views = np.stack([VIEWMATS, VIEWMATS[::-1], VIEWMATS])
    settings = {"instance_index": [0, 1, 1], "background": [0.2, 0.4, 0.6], "antialiased": True}
    pictures = rasterizer.render_environments(
        views,
        np.stack([FRAME[1]] * 3),
        WIDTH,
        HEIGHT,
        instance_poses=environments,
        color_turns=turns,
        **settings,
    )
    for e, picture in enumerate(pictures.cpu().numpy()):
        own = {"instance_poses": environments[e], "color_turns": turns[e]}
        rgb = cpu.render(views[e], *FRAME[1:], **own, **settings).rgb
        assert decibel(picture / 255.0, np.clip(rgb, 0.0, 1.0)) > 45.0
