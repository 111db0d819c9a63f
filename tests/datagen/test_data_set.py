"""What a data set says is what was simulated, and other people's tools read it."""

import pickle
import shutil
import tarfile

import numpy as np
import pytest

from simscale_gym.agents import make_expert
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.datagen import DataSet
from simscale_gym.datagen.layout import RECIPE
from simscale_gym.datagen.opened_spec import OpenSpec
from simscale_gym.errors import DataError
from simscale_gym.geometry import se2
from simscale_gym.perturbation import search_clip
from simscale_gym.rendering import make_renderer
from simscale_gym.scene import StateIndex
from simscale_gym.sim import SimState, moment_of
from simscale_gym.sources import cache_root, find_scene, load_scene


@pytest.fixture(scope="module")
def samples(written):
    return list(DataSet(written))


@pytest.fixture(scope="module")
def simulated(data_spec):
    """The search's own sample that a row stands for, and its scene."""
    opened = OpenSpec.of(data_spec)

    def sample(row):
        scene, recipe = load_scene(find_scene(opened.refs, row["scene"])), opened.recipe
        experts, traffic = [make_expert(row["expert"])], make_traffic(recipe.traffic)
        outcome = search_clip(scene, row["frame"], recipe.vocabulary, experts, traffic, recipe.config)
        return scene, outcome.samples[row["round"]]

    return sample


def test_numbers_are_those_of_the_search(samples, simulated):
    row, arrays = samples[-1].row, samples[-1].arrays
    scene, sample = simulated(row)
    now = sample.label.states[0]
    assert row["vocabulary_index"] == sample.vocabulary_index and row["present"] == row["frame"] + 40
    assert row["offset_across"] == sample.offset[1] and row["label_score"] == np.float32(sample.label.total)
    assert row["perturbation_ep"] == np.float32(sample.perturbation.scores.ep[0])
    driven = np.array([state.ego[:3] for state in sample.label.states[1:]])
    np.testing.assert_allclose(se2.poses_to_world(now.ego[:3], arrays.target_10hz), driven, atol=1e-5)
    np.testing.assert_array_equal(arrays.target, arrays.target_10hz[4::5])
    past = np.array([sample.perturbation.states[k].ego[:3] for k in (25, 30, 35, 40)])
    np.testing.assert_allclose(se2.poses_to_world(now.ego[:3], arrays.history), past, atol=1e-5)
    moving = now.ego[[StateIndex.VX, StateIndex.VY, StateIndex.AX, StateIndex.AY]]
    np.testing.assert_allclose(arrays.status[4:], moving, rtol=1e-6)
    assert arrays.status[:4].sum() == 1 and arrays.status.dtype == np.float32
    np.testing.assert_array_equal(arrays.ego_state, now.ego)
    np.testing.assert_array_equal(arrays.origin, scene.origin)


def test_the_others_are_where_the_simulation_has_them(samples, simulated):
    row, arrays = samples[-1].row, samples[-1].arrays
    scene, sample = simulated(row)
    now, tracks = sample.label.states[0], scene.tracks
    assert len(arrays.boxes) == row["boxes"] == now.traffic.valid.sum() > 0
    rows = [tracks.ids.index(name) for name in arrays.box_ids]
    world = se2.poses_to_world(now.ego[:3], arrays.boxes[:, [0, 1, 6]])
    np.testing.assert_allclose(world[:, :2], now.traffic.poses[rows, :2], atol=1e-3)
    np.testing.assert_allclose(arrays.boxes[:, 3:6], tracks.sizes[rows], rtol=1e-6)
    np.testing.assert_array_equal(arrays.box_types, tracks.types[rows])
    speeds = np.hypot(*now.traffic.velocities[rows].T)
    np.testing.assert_allclose(np.hypot(*arrays.box_velocities.T), speeds, atol=1e-5)
    distances = np.hypot(*arrays.boxes[:, :2].T)
    assert (np.diff(distances) >= -1e-4).all()
    low, high = arrays.boxes[0, 2] - arrays.boxes[0, 5] / 2, arrays.boxes[0, 2] + arrays.boxes[0, 5] / 2
    assert -1.0 < low < 1.0 < high + 1.0  # stands on the ground that the ego stands on


def test_pictures_are_those_of_the_moment(log_written, log_spec):
    """Stored without loss: what the renderer draws, bit for bit."""
    sample = DataSet(log_written)[4]
    scene = load_scene(find_scene(OpenSpec.of(log_spec).refs, sample.row["scene"]))
    states = []
    for frame in (sample.row["frame"] - 1, sample.row["frame"]):
        ego = scene.ego.states[frame]
        states.append(SimState(frame, ego, LogReplay().start(scene, frame, ego)))
    renderer = make_renderer(scene, cache=cache_root() / "looks")
    drawn = renderer.render([moment_of(scene, states[1], states[0])], ["cam_f0"], (9, 16)).images[0, 0]
    np.testing.assert_array_equal(sample.pictures["cam_f0"], drawn)
    assert len(np.unique(drawn)) > 20


def test_earlier_and_later_pictures_show_something_else(samples):
    sample = samples[-1]
    assert set(sample.pictures) == {f"cam_{c}0{k}" for c in "flr" for k in ("", ".1", ".plus1")}
    assert all(picture.shape == (18, 32, 3) for picture in sample.pictures.values())
    assert (sample.pictures["cam_f0"] != sample.pictures["cam_f0.1"]).any()
    assert (sample.pictures["cam_f0"] != sample.pictures["cam_f0.plus1"]).any()


def test_labels_on_the_log_are_the_humans(log_written, log_spec):
    refs = OpenSpec.of(log_spec).refs
    for sample in DataSet(log_written):
        row, arrays = sample.row, sample.arrays
        scene = load_scene(find_scene(refs, row["scene"]))
        logged = scene.ego.poses[row["frame"] + 1 : row["frame"] + 41]
        here = scene.ego.poses[row["frame"]]
        np.testing.assert_allclose(se2.poses_to_world(here, arrays.target_10hz), logged, atol=1e-4)
        assert row["present"] == row["frame"] and row["expert"] == row["kind"] == "log"
        assert row["perturbation_score"] is None and row["vocabulary_index"] is None
        assert 0.0 <= row["label_score"] <= 1.0


def test_webdataset_reads_the_shards(written, samples):
    webdataset = pytest.importorskip("webdataset")
    shards = sorted(map(str, (written / "shards").glob("*.tar")))
    read = list(webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"))
    assert [item["__key__"] for item in read] == [sample.row["key"] for sample in samples]
    for item, sample in zip(read, samples, strict=True):
        np.testing.assert_array_equal(item["cam_f0.jpg"], sample.pictures["cam_f0"])
        np.testing.assert_array_equal(item["arrays.npz"]["target"], sample.arrays.target)
        assert item["row.json"]["label_score"] == pytest.approx(sample.row["label_score"])


def test_any_sample_can_be_asked_for(written, samples):
    data_set = DataSet(written)
    assert len(data_set) == len(samples)
    assert data_set[-1].row == samples[-1].row == data_set.row(len(samples) - 1)
    assert data_set[np.int64(0)].row["key"] == samples[0].row["key"]
    for index in (len(samples), -len(samples) - 1):
        with pytest.raises(IndexError, match=rf"sample {index} of {len(samples)}"):
            data_set[index]


def test_a_data_set_goes_to_other_processes_without_its_rows(written):
    data_set = DataSet(written)
    assert len(data_set)
    again = pickle.dumps(data_set)
    assert len(again) < 2000 and pickle.loads(again).row(0) == data_set.row(0)


def test_shards_are_plain_tar_files_without_traces_of_the_machine(written):
    path = sorted((written / "shards").glob("*.tar"))[0]
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    assert {(m.mtime, m.uid, m.uname, m.mode) for m in members} == {(0, 0, "", 0o644)}
    assert path.stat().st_size % tarfile.RECORDSIZE == 0


def test_what_is_no_data_set_is_named(tmp_path):
    with pytest.raises(DataError, match=r"recipe\.json: found no such file.*collect --out"):
        DataSet(tmp_path)
    (tmp_path / RECIPE).write_text('{"format": 99}')
    with pytest.raises(DataError, match="format: found 99, expected 2"):
        DataSet(tmp_path)
    (tmp_path / RECIPE).write_bytes(b"\xff{")
    with pytest.raises(DataError, match="found no JSON"):
        DataSet(tmp_path)


def test_the_card_says_what_it_is(written, samples):
    card = (written / "README.md").read_text()
    assert card.startswith(f"# {len(samples)} perturbed driving samples")
    assert "| planner | 1 |" in card and "(card/0.jpg)" in card and '"seed": 0' in card
    assert (written / "card" / "0.jpg").stat().st_size > 500


def test_its_digest_is_that_of_its_samples_wherever_they_lie(written, tmp_path):
    found = DataSet(written).digest
    copied = shutil.copytree(written, tmp_path / "copy")
    assert DataSet(copied).digest == found and len(found) == 16
    manifest = copied / "manifest.json"
    shard = next(line for line in manifest.read_text().splitlines() if "shards/" in line)
    manifest.write_text(manifest.read_text().replace(shard, shard.replace("shards/", "shards/9")))
    assert DataSet(copied).digest != found
    manifest.unlink()
    with pytest.raises(DataError, match=r"no manifest\.json, expected a finished data set"):
        DataSet(copied).digest  # noqa: B018
