import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_what_users_need_is_found_at_the_top():
    out = run(
        "import simscale_gym as s, sys; heavy = 'numba' in sys.modules;"
        "print(heavy, s.envs.SimScaleEnv is s.SimScaleEnv, s.PerturbConfig.__module__, s.CameraEffects, s.Scene, s.LidarConfig);"  # noqa: E501
        "print(set(s.__all__) <= set(dir(s)))"
    )
    assert out.startswith("False True simscale_gym.perturbation") and out.endswith("True\n")


def test_every_name_at_the_top_loads():
    needs_extra = {"planners"}
    for name in set(simscale_gym.__all__) - needs_extra:
        assert getattr(simscale_gym, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'PerturbConfg'"):
        _ = simscale_gym.PerturbConfg


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
