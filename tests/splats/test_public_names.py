"""What the names of `simscale_gym.splats` cost."""

import subprocess
import sys


def test_numba_comes_with_the_names_that_draw():
    code = (
        "import sys; from simscale_gym.splats import Gaussians, open_asset, rasterize;"
        "assert 'numba' not in sys.modules; from simscale_gym.splats import Lens;"
        "assert 'numba' in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
