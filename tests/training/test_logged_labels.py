"""Labels that ask no expert: where the human was, or how he moved."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from made_up_set import made_up_samples

pytest.importorskip("torch")

from simscale_gym.training.logged_labels import LoggedLabels

FRAME = 60
ASIDE = 1.5  # [m] to the left of the log


@pytest.fixture
def off_the_log(town_scene):
    """A sample whose ego is beside the log."""
    (sample,) = made_up_samples(1, kind="perturbed")
    ego = town_scene.ego.states[FRAME].astype(float)
    ego[:2] += ASIDE * np.array([-np.sin(ego[2]), np.cos(ego[2])])
    row = sample.row | {"scene": town_scene.id, "present": FRAME}
    return replace(sample, row=row, arrays=replace(sample.arrays, ego_state=ego))


def labels(as_if_there):
    data = SimpleNamespace(recipes=[{"spec": {"scenes": "town", "split": "train"}}])
    return LoggedLabels(data, as_if_there=as_if_there)


def test_the_log_is_where_it_is(off_the_log, town_cache):
    there, moved = labels(False)(off_the_log), labels(True)(off_the_log)
    assert there.shape == (8, 3) and there.dtype == np.float32
    np.testing.assert_allclose(there[:, 1], moved[:, 1] - ASIDE, atol=1e-4)
    np.testing.assert_allclose(there[:, [0, 2]], moved[:, [0, 2]], atol=1e-4)


def test_the_motion_is_the_human_s(off_the_log, town_scene, town_cache):
    moved = labels(True)(off_the_log)
    way = np.linalg.norm(np.diff(town_scene.ego.poses[FRAME : FRAME + 41 : 5, :2], axis=0), axis=1)
    steps = np.diff(np.concatenate([np.zeros((1, 2)), moved[:, :2]]), axis=0)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), way, atol=1e-3)
