"""Pictures developed with PyTorch are those that the CPU's kernels develop."""

import numpy as np
import pytest

from simscale_gym.dressing.light.sky import make_sky, table_directions
from simscale_gym.dressing.looks.camera_look import CameraLook, develop, to_bytes
from simscale_gym.dressing.looks.device_look import develop_on_device, sky_lookup
from simscale_gym.splats.rasterize import Raster

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

LOOKS = {
    "usual": None,
    "plain": CameraLook(haze=np.inf, contrast=0.0, sharpness=0.0),
    "strong": CameraLook(haze=60.0, clear=2.0, contrast=0.9, sharpness=2.0),
}


@pytest.fixture(scope="module")
def sky():
    return make_sky([0.4, 0.3, 0.6], np.random.default_rng(2))


def cameras(count, rng):
    q, _ = np.linalg.qr(rng.normal(size=(count, 3, 3)))
    viewmats = np.tile(np.eye(4), (count, 1, 1))
    viewmats[:, :3, :3] = q * np.sign(np.linalg.det(q))[:, None, None]
    return viewmats, np.tile([[50.0, 0, 31.0], [0, 52.0, 20.5], [0, 0, 1]], (count, 1, 1))


@pytest.mark.parametrize("size", [(8, 8), (41, 63), (9, 1400)])
@pytest.mark.parametrize("name", LOOKS)
def test_the_same_picture(sky, name, size):
    rng = np.random.default_rng(0)
    alpha = rng.choice([0.0, 0.4, 1.0], (3, *size)).astype(np.float32)
    depth = (rng.uniform(0.1, 300, (3, *size)) * (alpha > 0)).astype(np.float32)
    rgb = (rng.uniform(0, 1.1, (3, *size, 3)) * alpha[..., None]).astype(np.float32)
    viewmats, Ks = cameras(3, rng)
    expected = to_bytes(develop(rgb, alpha, depth, viewmats, Ks, sky, LOOKS[name])).astype(int)
    raster = Raster(*(torch.as_tensor(image) for image in (rgb, alpha, depth, 1 - alpha)))
    made = develop_on_device(raster, viewmats, Ks, sky, LOOKS[name])
    assert made.dtype == torch.uint8 and expected.std() > 30
    assert np.abs(made.numpy().astype(int) - expected).max() <= 1


def test_the_sky_is_looked_up_where_it_was_drawn(sky):
    directions = np.concatenate([table_directions(512)[::7, ::7].reshape(-1, 3), [[0, 0, -1], [1, 0, -0.5]]])
    found = sky_lookup(torch.as_tensor(sky.table), torch.as_tensor(directions[None, None].astype(np.float32)))
    np.testing.assert_allclose(found[0, 0].numpy(), sky.radiance(directions), atol=2e-3)
