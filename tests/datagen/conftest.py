"""A small data set, written once for all tests that only read it."""

from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.datagen import DataSpec, opened_spec, write_data_set
from simscale_gym.sources import list_scenes


@pytest.fixture(scope="session")
def driving_town(town_cache):
    """The town, of which only two scenes are listed in which the ego drives; other sources are listed whole."""

    def listed(scenes, split, **settings):
        refs = list_scenes(scenes, split, **settings)
        return refs[2:4] if scenes == "town" else refs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opened_spec, "list_scenes", listed)
        yield


@pytest.fixture(scope="session")
def vocabulary_file(vocabulary, tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.npy"
    np.save(path, vocabulary.poses)
    return str(path)


@pytest.fixture(scope="session")
def data_spec(driving_town, vocabulary_file):
    pytest.importorskip("pyarrow")
    return DataSpec(
        experts=("planner",), rounds=2, stride=9.0, vocabulary=vocabulary_file, image_size=(18, 32), history=1,
        future=1, moments_ahead=10,
    )  # fmt: skip


@pytest.fixture(scope="session")
def log_spec(driving_town):
    """The log of the same scenes; needs no vocabulary."""
    pytest.importorskip("pyarrow")
    return DataSpec(
        kind="log", clips=6, stride=5.0, image_size=(9, 16), cameras=("cam_f0",), picture_format="png"
    )


@pytest.fixture(scope="session")
def written(data_spec, one_renderer_per_scene, tmp_path_factory):
    """The folder of the data set; do not change it."""
    folder = tmp_path_factory.mktemp("data_set") / "perturbed"
    assert sum(report.samples for report in write_data_set(folder, data_spec, workers=1)) >= 2
    return folder


@pytest.fixture(scope="session")
def log_written(log_spec, one_renderer_per_scene, tmp_path_factory):
    """The folder of the data set of the log; do not change it."""
    folder = tmp_path_factory.mktemp("log_set") / "log"
    assert sum(report.samples for report in write_data_set(folder, log_spec, workers=1)) == 6
    return folder


@pytest.fixture(scope="session")
def logged(data_spec, written, one_renderer_per_scene, tmp_path_factory):
    """The log of the same clips."""
    folder = tmp_path_factory.mktemp("logged") / "log"
    spec = replace(data_spec, kind="log", stride=2.0, future=0, moments_ahead=8)
    list(write_data_set(folder, spec, workers=1))
    return folder


@pytest.fixture(scope="session")
def perturbed(data_spec, logged, one_renderer_per_scene, tmp_path_factory):
    """Perturbed samples with the stride of the log, by two experts that meet the same perturbations."""
    folder = tmp_path_factory.mktemp("perturbed") / "sim"
    spec = replace(data_spec, stride=2.0, clips=4, future=0, moments_ahead=8, experts=("planner", "unified"))
    assert sum(report.samples for report in write_data_set(folder, spec, workers=1)) >= 2
    return folder
