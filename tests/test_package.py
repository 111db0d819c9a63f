import re
import subprocess
import sys
from pathlib import Path

import simscale_gym

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "gsplat", "matplotlib", "numba", "scipy", "shapely", "pygame", "imageio", "PIL", "pyproj")


def run(script):
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


def test_importing_it_is_light():
    out = run(f"import sys, simscale_gym; print([m for m in {HEAVY} if m in sys.modules])")
    assert out.strip() == "[]"


def test_importing_the_environment_needs_no_extra():
    out = run("import sys, simscale_gym.envs; print([m for m in ('torch', 'gsplat', 'matplotlib', 'pygame') if m in sys.modules])")  # fmt: skip # noqa: E501
    assert out.strip() == "[]"


def test_importing_it_twice_registers_once():
    out = run(
        "import warnings; warnings.simplefilter('error');"
        "import importlib, simscale_gym; importlib.reload(simscale_gym);"
        "import gymnasium; print(gymnasium.spec('SimScale-v0').entry_point)"
    )
    assert out.strip() == "simscale_gym.envs:SimScaleEnv"


def test_the_version_is_in_the_change_log():
    assert re.search(
        rf"^## \[?{re.escape(simscale_gym.__version__)}", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
