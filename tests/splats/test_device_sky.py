"""Pictures finished with PyTorch are those that the CPU's kernels finish."""

import numpy as np
import pytest

from simscale_gym.splats.assets.cube_sky import finish, rimmed
from simscale_gym.splats.gpu.device_sky import finish_on_device
from simscale_gym.splats.rasterize import Raster

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

SIZE = (37, 53)
KS = np.tile([[30.0, 0, 26.0], [0, 28.0, 18.5], [0, 0, 1]], (7, 1, 1))


def rotations(rng):
    """Six cameras along the axes and one askew, so that all faces and their borders are seen."""
    q = np.linalg.qr(rng.normal(size=(7, 3, 3)))[0]
    q[:6] = np.stack([np.roll(np.eye(3), k, axis=0) * sign for k in range(3) for sign in (1.0, -1.0)])
    return q * np.sign(np.linalg.det(q))[:, None, None]


def images(rng):
    alpha = rng.choice([0.0, 1.0, 0.5, 0.97], (7, *SIZE)).astype(np.float32)
    rgb = (rng.uniform(-0.2, 1.3, (7, *SIZE, 3)) * alpha[..., None]).astype(np.float32)
    return Raster(rgb, alpha, alpha * 9, 1 - alpha)


def as_tensors(raster):
    return Raster(
        *(torch.as_tensor(image) for image in (raster.rgb, raster.alpha, raster.depth, raster.transmittance))
    )


@pytest.mark.parametrize("edge", [1, 16])
@pytest.mark.parametrize("colored", [False, True])
def test_sky_and_colors(edge, colored):
    rng = np.random.default_rng(edge)
    raster, turns = images(rng), rotations(rng)
    cube = rimmed(rng.uniform(0, 1, (6, edge, edge, 3)))
    affines = np.tile(np.eye(3, 4), (7, 1, 1))
    if colored:
        affines[1:] += rng.normal(scale=0.2, size=(6, 3, 4))
    expected = finish(raster, turns, KS, cube, affines).astype(int)
    made = finish_on_device(as_tensors(raster), turns, KS, torch.as_tensor(cube), affines)
    assert made.dtype == torch.uint8 and expected.std() > 40
    off = np.abs(made.numpy().astype(int) - expected)
    assert np.mean(off > 1) < 1e-3  # where two faces meet, either may be taken


def test_without_a_sky_it_is_black_and_bytes_are_the_same():
    raster = images(np.random.default_rng(3))
    turns, affines = np.tile(np.eye(3), (7, 1, 1)), np.tile(np.eye(3, 4), (7, 1, 1))
    expected = finish(raster, turns, KS, None, affines).astype(int)
    made = finish_on_device(as_tensors(raster), turns, KS, None, affines).numpy()
    assert np.abs(made - expected).max() <= 1 and (made[raster.alpha == 0] == 0).all()
