"""What was packed comes back."""

import numpy as np
import pytest
from random_scenes import random_gaussians

from simscale_gym.geometry import se3
from simscale_gym.splats.cpu.pack import LEVELS, pack
from simscale_gym.splats.cpu.unpack import unpack
from simscale_gym.splats.gaussians import Gaussians


def covariances(gaussians):
    factors = se3.quat_to_matrix(gaussians.quats) * gaussians.scales[:, None].astype(float)
    return factors @ factors.swapaxes(1, 2)


@pytest.mark.parametrize("levels", [1, LEVELS])
@pytest.mark.parametrize("terms", [1, 4, 16])
def test_the_same_gaussians_in_the_packed_order(levels, terms):
    rng = np.random.default_rng(terms)
    gaussians = random_gaussians(rng, (-9, -9, 0), (9, 9, 9), (1e-3, 2.0), count=9000, terms=terms)
    packed = pack(gaussians, levels=levels)
    assert len(packed.spheres) > 1 or levels == 1
    found, expected = unpack(packed).validate(), gaussians.subset(packed.order)
    np.testing.assert_array_equal(found.means, expected.means)
    np.testing.assert_allclose(found.opacities, expected.opacities, rtol=1e-5)
    np.testing.assert_allclose(found.sh, expected.sh, atol=1e-5)
    scales = np.sort(expected.scales, axis=1)
    np.testing.assert_allclose(np.sort(found.scales, axis=1), scales, rtol=1e-4, atol=1e-6)
    size = (scales[:, 2] ** 2)[:, None, None]
    np.testing.assert_allclose(covariances(found) / size, covariances(expected) / size, atol=2e-6)


def test_what_can_never_be_seen_stays_away():
    gaussians = random_gaussians(np.random.default_rng(0), (-1, -1, 0), (1, 1, 1), (0.1, 0.2), count=300)
    faint = Gaussians(*vars(gaussians).values())
    faint.opacities[::3] = 0.003
    assert len(unpack(pack(faint))) == 200
    assert len(unpack(pack(faint.subset(slice(0, 0))))) == 0
