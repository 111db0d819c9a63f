"""The log's own pictures in a data set: NAVSIM's files in, samples with what its cameras took out."""

import navsim_files as files
import numpy as np
import pytest

from simscale_gym.datagen import DataSet, DataSpec, regenerate, write_data_set
from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.sources.town.dataset import LOCATION, cached_town_log
from simscale_gym.town.config import SPLIT_SEEDS

LOG = "2024.01.01.08.00.00_veh-00_00000_00100"
CAMERAS = ("cam_f0", "cam_l0")


@pytest.fixture(scope="module")
def root(tmp_path_factory, town_log):
    """A log of 20 s; the pictures of its first 12 frames are there."""
    pytest.importorskip("pyarrow")
    root = tmp_path_factory.mktemp("navsim")
    (root / "maps").symlink_to(cached_town_log(SPLIT_SEEDS["train"].start, 0).maps)
    frames = files.log_frames(town_log[2:3], LOG, LOCATION)
    files.write_pickle(root / "navsim_logs" / "mini" / f"{LOG}.pkl", frames)
    files.write_pictures(root / "sensor_blobs" / "mini", frames[:12], CAMERAS)
    return root


def spec(root, **changes):
    settings = {
        "kind": "log",
        "camera_source": "log",
        "cameras": CAMERAS,
        "image_size": (27, 48),
        "stride": 0.5,
    }
    return DataSpec(scenes=str(root), history=1, **{**settings, **changes})


def test_samples_show_what_was_recorded(root, tmp_path):
    (report,) = write_data_set(tmp_path / "set", spec(root), workers=1)
    samples = list(DataSet(tmp_path / "set"))
    assert [sample.row["frame"] for sample in samples] == list(range(15, 60, 5))
    assert report.spent["dress"] == 0.0
    for sample in samples:
        number = sample.row["frame"] // 5
        assert np.abs(sample.pictures["cam_l0"] - (10.0 + 5 * number)).max() <= 2
        assert np.abs(sample.pictures["cam_l0.1"] - (10.0 + 5 * (number - 1))).max() <= 2
    assert "recorded through" in (tmp_path / "set" / "README.md").read_text()
    again = regenerate(DataSet(tmp_path / "set"), samples[3].row)
    np.testing.assert_array_equal(again.pictures["cam_f0"], samples[3].pictures["cam_f0"])


def test_without_pictures_the_error_says_of_which(root, tmp_path):
    with pytest.raises(SceneError, match=r"none of 1 scenes has the recorded pictures.*cam_r0"):
        list(write_data_set(tmp_path / "set", spec(root, cameras=("cam_r0",)), workers=1))


@pytest.mark.parametrize(
    "changes", [{"kind": "perturbed"}, {"min_render_quality": 0.2}, {"camera_source": "film"}]
)
def test_what_cannot_be_is_refused(root, changes):
    with pytest.raises(ArgumentError, match="camera_source"):
        spec(root, **changes)
