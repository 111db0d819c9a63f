"""Assets that lie somewhere else than their log are refused before anybody drives in the dark."""

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from asset_street import street, street_asset

from simscale_gym.commands.settings import Convert
from simscale_gym.commands.splats import convert_splats
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.rendering.make import make_renderer
from simscale_gym.splats.assets.asset_folder import save_asset
from simscale_gym.splats.assets.log_distance import FARTHEST, check_on_log


def moved(metres):
    asset = street_asset()
    away = se3.rigid(np.eye(3), np.array([0.0, 0.0, metres])) @ asset.asset_to_world
    return replace(asset, asset_to_world=away)


def test_the_nearest_gaussian_counts():
    scene, asset = street(), street_asset()
    check_on_log(asset, scene)
    path = np.column_stack([scene.ego.poses[:, :2], scene.ego.z]) + scene.origin
    means = asset.background.means @ asset.asset_to_world[:3, :3].T + asset.asset_to_world[:3, 3]
    expected = np.linalg.norm(means[:, None] + [0.0, 0.0, 200.0] - path, axis=-1).min()
    with pytest.raises(ArgumentError, match=r"expected at most 50 m.*--transform") as refusal:
        check_on_log(moved(200.0), scene)
    told = float(re.search(r"Gaussian is (\d+) m", str(refusal.value)).group(1))
    assert told == pytest.approx(expected, abs=1.0)
    check_on_log(moved(0.9 * FARTHEST), scene)


def test_nobody_drives_in_or_converts_what_lies_elsewhere(tmp_path):
    folder = save_asset(tmp_path / "a", replace(street_asset(), asset_to_world=np.eye(4), nodes=()))
    with pytest.raises(ArgumentError, match="belongs to another log, or has no frame"):
        make_renderer(replace(street(), asset=folder))
    with pytest.raises(ArgumentError, match="belongs to another log, or has no frame"):
        convert_splats(Convert(folder, tmp_path / "b"), street())
    assert not (tmp_path / "b").exists()


def test_the_package_runs_as_a_module():
    told = subprocess.run(
        [sys.executable, "-m", "simscale_gym", "--help"], capture_output=True, text=True, check=True
    )
    assert "collect" in told.stdout
