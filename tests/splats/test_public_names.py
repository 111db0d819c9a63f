"""What `simscale_gym.splats` offers by name, and what that costs."""

import subprocess
import sys

import pytest

from simscale_gym import splats


def test_every_name_is_there():
    assert len(set(splats.__all__)) == len(splats.__all__)
    assert all(hasattr(splats, name) for name in splats.__all__)
    from simscale_gym.splats import CameraEffects, Lens, render_distorted

    assert CameraEffects().gamma == 1.0 and callable(render_distorted) and Lens.__name__ == "Lens"


def test_other_names_are_no_attributes():
    with pytest.raises(AttributeError, match=r"'simscale_gym.splats' has no attribute 'nothing'"):
        splats.nothing  # noqa: B018


def test_numba_comes_with_the_names_that_draw():
    code = (
        "import sys; from simscale_gym.splats import Gaussians, open_asset, rasterize;"
        "assert 'numba' not in sys.modules; from simscale_gym.splats import Lens;"
        "assert 'numba' in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
