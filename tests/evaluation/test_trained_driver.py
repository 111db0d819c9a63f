"""A trained planner is judged by its checkpoint alone, and is shown what it was trained on."""

import numpy as np
import pytest

from simscale_gym.commands.evaluate import planners_named
from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation import TrainedDriver, evaluate


@pytest.fixture
def checkpoint(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from simscale_gym.planners import InputSpec, make_planner, save_planner

    torch.manual_seed(0)
    planner = make_planner("ego_status", inputs=InputSpec(("cam_f0",), (16, 32)))
    save_planner(tmp_path / "planner.safetensors", planner)
    return tmp_path / "planner.safetensors"


def test_it_is_judged_by_its_checkpoint(checkpoint, small_suite, town_scene, one_renderer_per_scene):
    planners = planners_named([f"mine={checkpoint}"])
    assert planners == {"mine": [TrainedDriver(checkpoint)]}
    found = evaluate(planners, small_suite, scenes=[town_scene], calibrate=False)
    assert len(found.plans) == 2 * (small_suite.groups + small_suite.starts) and len(found.drives) == 1
    assert np.isfinite(found.score())


def test_what_is_neither_file_nor_module_is_said(tmp_path):
    with pytest.raises(ArgumentError, match="expected the file of a trained planner, or module:attribute"):
        planners_named([f"mine={tmp_path / 'planner.safetensors'}"])
