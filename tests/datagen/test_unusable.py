"""A scene that cannot be used costs itself alone, and comes back once it can."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from crossing_scenario import crossing

from simscale_gym import futures_bank
from simscale_gym.datagen import DataSet, DataSpec, collect, make_recipe, repair, skipped_scenes, verify
from simscale_gym.datagen import write_data_set as write
from simscale_gym.datagen.layout import read_rows
from simscale_gym.datagen.regeneration import regenerate
from simscale_gym.errors import ArgumentError, DataError, SceneError, StorageError
from simscale_gym.files.cache import unwritable
from simscale_gym.perturbation import AlgorithmConfig
from simscale_gym.sources import list_scenes, load_scene


@pytest.fixture
def logs(town_cache, one_renderer_per_scene, tmp_path):
    """Three logs, of which the second was cut while it was copied."""
    pytest.importorskip("pyarrow")
    folder = tmp_path / "logs"
    folder.mkdir()
    whole = pickle.dumps(crossing())
    for name in ("sd_a.pkl", "sd_b.pkl", "sd_c.pkl"):
        (folder / name).write_bytes(whole if name != "sd_b.pkl" else whole[:-100])
    return folder


@pytest.fixture
def spec(logs):
    return DataSpec(str(logs), kind="log", cameras=("cam_f0",), image_size=(9, 16), picture_format="png")


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def mend(logs):
    (logs / "sd_b.pkl").write_bytes((logs / "sd_a.pkl").read_bytes())


def test_it_is_skipped_counted_and_named(spec, tmp_path):
    reports = list(write(tmp_path / "a", spec, workers=1))
    assert [bool(report.samples) for report in reports] == [True, False, True]
    flow = [report.head.telemetry.flow("scene") for report in reports]
    assert [f.passed for f in flow] == [1, 0, 1] and flow[1].rejected == {"files cannot be read": 1}
    ((file, told),) = skipped_scenes(tmp_path / "a").items()
    assert (
        file == "rows/000001.parquet" and told.startswith("scene sd_b was skipped: ") and "sd_b.pkl" in told
    )
    assert "## Skipped" in (card := (tmp_path / "a" / "README.md").read_text()) and told in card
    assert len(DataSet(tmp_path / "a")) and not list(verify(tmp_path / "a"))


def test_or_it_stops_the_run(spec, tmp_path):
    with pytest.raises(DataError, match=r"sd_b\.pkl"):
        list(write(tmp_path / "a", spec, workers=1, unusable="stop"))
    assert sorted(path.name for path in (tmp_path / "a" / "rows").iterdir()) == ["000000.parquet"]
    was = content(tmp_path / "a" / "shards")
    list(write(tmp_path / "a", spec, workers=1))  # the same folder goes on with the other choice
    assert was.items() <= content(tmp_path / "a" / "shards").items()
    with pytest.raises(DataError, match=r"sd_b\.pkl"):
        list(write(tmp_path / "a", spec, workers=1, unusable="stop"))
    with pytest.raises(ArgumentError, match="unusable: 'pass', expected one of skip, stop"):
        list(write(tmp_path / "a", spec, workers=1, unusable="pass"))


def test_a_repair_tries_it_again(spec, logs, tmp_path):
    list(write(tmp_path / "a", spec, workers=1))
    list(repair(tmp_path / "a", [], workers=1))
    assert len(skipped_scenes(tmp_path / "a")) == 1
    before = len(DataSet(tmp_path / "a"))
    mend(logs)
    assert len(list(repair(tmp_path / "a", [], workers=1))) == 1
    assert not skipped_scenes(tmp_path / "a") and not list(verify(tmp_path / "a"))
    assert len(DataSet(tmp_path / "a")) == before * 3 // 2
    list(write(tmp_path / "whole", spec, workers=1))
    assert content(tmp_path / "a") == content(tmp_path / "whole")


def test_so_does_the_same_command_once_its_files_are_others(spec, logs, tmp_path):
    list(write(tmp_path / "a", spec, workers=1))
    mend(logs)
    again = {report.index: bool(report.seconds) for report in write(tmp_path / "a", spec, workers=1)}
    assert again == {0: False, 1: True, 2: False}


def test_samples_of_other_files_are_not_mixed_in(spec, logs, tmp_path):
    list(write(tmp_path / "a", spec, workers=1))
    was = content(tmp_path / "a")
    (logs / "sd_a.pkl").write_bytes(pickle.dumps(crossing()) + b" ")
    with pytest.raises(DataError, match="sd_a: found samples that were made from other files"):
        list(write(tmp_path / "a", spec, workers=1))
    assert content(tmp_path / "a") == was


def test_limited_clips_are_taken_from_those_that_can_be_used(spec, tmp_path):
    reports = list(write(tmp_path / "a", replace(spec, clips=2, stride=0.1), workers=1))
    assert sum(report.head.clips for report in reports) == 2


def test_where_none_can_be_used_it_is_said_why(spec, logs, tmp_path):
    for name in ("sd_a.pkl", "sd_c.pkl"):
        (logs / name).write_bytes(b"nothing")
    with pytest.raises(SceneError, match=r"none of 3 scenes.*the first because: .*sd_a\.pkl"):
        list(write(tmp_path / "a", spec, workers=1))


def test_a_full_disk_is_no_fault_of_the_scene(spec, tmp_path, monkeypatch):
    from simscale_gym.datagen import scene_samples

    def full(ref, assets):
        raise unwritable(tmp_path, OSError(28, "No space left on device"))

    monkeypatch.setattr(scene_samples, "open_scene", full)
    with pytest.raises(StorageError, match="No space left"):
        list(write(tmp_path / "a", spec, workers=1))
    assert not (tmp_path / "a" / "rows").exists()


def test_a_search_passes_it_over_and_tells(logs, vocabulary, monkeypatch):
    refs = list_scenes(str(logs))
    recipe = make_recipe(refs, ("planner",), vocabulary=vocabulary, config=AlgorithmConfig(rounds=1))
    told = []
    with pytest.raises(SceneError, match="lasts the"):  # six seconds are too short for a clip
        list(collect(refs, recipe, skip=lambda ref, error: told.append((ref.id, error))))
    assert [(name, type(error)) for name, error in told] == [("sd_b", DataError)]
    with pytest.raises(DataError, match=r"sd_b\.pkl"):
        list(collect(refs, recipe))


def test_a_bank_is_cut_from_those_that_can_be_used(logs):
    refs = list_scenes(str(logs))
    assert len(futures_bank._futures(refs[0].source.bank(refs))) > 0
    with pytest.raises(DataError, match=r"sd_b\.pkl"):
        futures_bank._futures(replace(refs[0].source.bank(refs), refs=(refs[1],)))


def test_scenes_in_memory_are_collected_from(spec, logs, tmp_path):
    scenes = [load_scene(ref) for ref in list_scenes(str(logs)) if ref.id != "sd_b"]
    list(write(tmp_path / "a", spec, workers=1, scenes=scenes))
    data_set = DataSet(tmp_path / "a")
    assert data_set.recipe["spec"]["scenes"] == "memory" and len(set(data_set.rows["scene"].to_pylist())) == 2
    made = regenerate(data_set, data_set.row(0), scenes=scenes)
    np.testing.assert_array_equal(made.arrays.target, data_set[0].arrays.target)
    with pytest.raises(ArgumentError, match="hand them over"):
        list(write(tmp_path / "a", replace(spec, scenes="memory"), workers=1))
    moved = [replace(scene, goal=None if scene.goal is not None else np.zeros(3)) for scene in scenes]
    with pytest.raises(DataError, match="made from other files"):
        list(write(tmp_path / "a", spec, workers=1, scenes=moved))


def test_heads_say_what_scenes_were_made_from(spec, logs, tmp_path):
    list(write(tmp_path / "a", spec, workers=1))
    heads = [read_rows(path)[0] for path in sorted((tmp_path / "a" / "rows").iterdir())]
    assert len({head.made_from for head in heads}) == 3 and all(head.made_from for head in heads)
