"""One list over all sources; the town is written once, however many ask for it at the same time."""

import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from simscale_gym.errors import ArgumentError, DataError, SceneError
from simscale_gym.files.cache import CACHE_VARIABLE
from simscale_gym.files.digests import SEAL, damage
from simscale_gym.sources import catalog
from simscale_gym.sources.catalog import find_scene, list_scenes, load_scene, register_source
from simscale_gym.sources.nuplan.dataset import NuPlanRoot
from simscale_gym.sources.source import SceneRef, Source
from simscale_gym.sources.town import dataset as town_dataset
from simscale_gym.sources.town.dataset import town_log_name, write_town_dataset
from simscale_gym.town.town import build_town, simulate_log, town_scenes


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of its own, filled with the first log of the first town."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = str(folder)
    yield folder
    if before is None:
        del os.environ[CACHE_VARIABLE]
    else:
        os.environ[CACHE_VARIABLE] = before


@pytest.fixture(scope="module")
def first_drive():
    """The drive that both the cache and the tests below are made from; simulated once."""
    town = build_town(0)
    return town, simulate_log(town, 0)


@pytest.fixture
def driven(first_drive, monkeypatch):
    monkeypatch.setattr(town_dataset, "build_town", lambda seed: first_drive[0])
    monkeypatch.setattr(town_dataset, "simulate_log", lambda town, index, duration: first_drive[1])


def test_more_towns_of_a_split_can_be_named():
    refs = list_scenes("town:100")
    assert len(refs) == 1000 and refs[:200] == list_scenes("town") and len(set(refs)) == 1000
    assert list_scenes("town:1", "val") == list_scenes("town", "val")[:10]


@pytest.mark.parametrize("scenes", ["town:0", "town:10001"])
def test_a_split_has_only_so_many_towns(scenes):
    with pytest.raises(ArgumentError, match="expected 1 to 10000 towns of split val"):
        list_scenes(scenes, "val")


@pytest.mark.parametrize("scenes", ["town:", "town:-1", "town:1 ", "towns"])
def test_what_only_looks_like_the_town_is_no_source(scenes):
    with pytest.raises(DataError, match='the name "town"'):
        list_scenes(scenes)


@pytest.mark.parametrize("split", ["train", "val", "test", "hard"])
def test_every_split_lists_a_hundred_town_scenes_and_none_twice(split):
    refs = list_scenes("town", split)
    assert len(refs) >= 100 and len({ref.id for ref in refs}) == len(refs)
    assert refs == list_scenes("town", split) and all(ref.id.startswith(f"town-{split}-") for ref in refs)
    others = {
        ref.place
        for name in ("train", "val", "test", "hard")
        if name != split
        for ref in list_scenes("town", name)
    }
    assert not others & {ref.place for ref in refs}


def test_a_ref_is_light_and_travels():
    ref = list_scenes("town")[3]
    assert pickle.loads(pickle.dumps(ref)) == ref and len(pickle.dumps(ref)) < 1000
    assert ref in {ref}


def test_the_town_through_nuplans_files_is_the_town(cache, first_drive, driven):
    """What the reader makes of the files equals the scene cut from the simulation without any file."""
    ref = list_scenes("town")[1]
    read = load_scene(ref)
    direct = town_scenes(*first_drive)[1]
    assert (read.id, read.source, read.log_id) == (ref.id, "town", ref.id[:-10])
    move = town_dataset._PLACE - read.origin
    exact = [0, 1, 2, 3, 4, 5, 6, 9]  # all but steering and the derivatives, which nuPlan does not store
    wanted = direct.ego.states + np.r_[move[:2], np.zeros(9)]
    np.testing.assert_allclose(read.ego.states[:, exact], wanted[:, exact], atol=1e-8)
    fast = np.abs(read.ego.states[:, 3]) > 1.0
    np.testing.assert_allclose(read.ego.states[fast, 7], direct.ego.states[fast, 7], atol=1e-9)
    rows = [read.tracks.ids.index(i) for i in direct.tracks.ids]
    assert len(read.tracks) == len(direct.tracks)
    np.testing.assert_array_equal(read.tracks.valid[rows], direct.tracks.valid)
    seen = direct.tracks.valid
    np.testing.assert_allclose(
        read.tracks.poses[rows][seen][:, :2], direct.tracks.poses[seen][:, :2] + move[:2], atol=1e-8
    )
    np.testing.assert_array_equal(read.tracks.types[rows], direct.tracks.types)
    row = {lane: k for k, lane in enumerate(direct.lights.lane_ids)}
    assert read.lights.lane_ids
    for lane, status in zip(read.lights.lane_ids, read.lights.status, strict=True):
        np.testing.assert_array_equal(status, direct.lights.status[row[lane]])
    assert read.route == direct.route
    np.testing.assert_allclose(read.goal[:2], direct.goal[:2] + move[:2], atol=1e-8)
    for lane_id, lane in read.map.lanes.items():
        np.testing.assert_allclose(
            lane.centerline[:, :2], direct.map.lanes[lane_id].centerline[:, :2] + move[:2], atol=1e-6
        )
    assert read.shapes.buildings and all(
        set(f.lane_ids) <= set(direct.map.lanes) for f in read.shapes.fixtures if f.kind == "signal"
    )


def test_the_second_time_nothing_is_built(cache, driven, monkeypatch):
    load_scene(list_scenes("town")[0])
    monkeypatch.setattr(town_dataset, "build_town", lambda seed: pytest.fail("built again"))
    town_dataset._town.cache_clear()
    assert load_scene(list_scenes("town")[4]).num_frames == 200
    left = [path.name for path in cache.rglob(".*")]
    assert left == []


def test_two_processes_that_start_at_once_make_one_whole_data_set(tmp_path):
    code = (
        "from simscale_gym.sources import list_scenes, load_scene\n"
        "from simscale_gym.sources.town import dataset as town_dataset\n"
        "town_dataset.LOG_DURATION = 20.0\n"
        "scene = load_scene(list_scenes('town', 'val')[0])\n"
        "print(scene.num_frames, len(scene.tracks), scene.ego.states.sum().hex())"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, CACHE_VARIABLE: str(tmp_path)},
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    outputs = {run.communicate(timeout=300)[0] for run in runs}
    assert [run.returncode for run in runs] == [0, 0]
    assert len(outputs) == 1 and outputs.pop().startswith(b"200 ")
    assert len(list(tmp_path.rglob("*.db"))) == 1 and not list(tmp_path.rglob(".*"))


def test_a_cache_that_cannot_be_written_names_the_variable(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(DataError, match=CACHE_VARIABLE):
        load_scene(list_scenes("town", "test")[0])


def test_a_town_that_was_damaged_is_made_again_and_that_is_said(cache, driven, caplog):
    """One flipped bit anywhere in map, side shapes or log; a file that is gone; a torn list of digests."""
    ref = list_scenes("town")[0]
    whole = ref.source.load(ref)
    folder = town_dataset.cached_town_log(0, 0).maps.parent
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    suffixes = {path.suffix for path in before}
    assert suffixes == {".db", ".gpkg", ".json"} and SEAL in {path.name for path in before}
    for path, content in {path.suffix: (path, before[path]) for path in before}.values():
        path.write_bytes(content[:-200] + bytes([content[-200] ^ 1]) + content[-199:])
        caplog.clear()
        again = ref.source.load(ref)
        same = {p.name: p.read_bytes() == content for p, content in before.items()}
        assert not damage(folder) and all(same[name] for name in same if name not in (SEAL, "map.gpkg"))
        (line,) = caplog.messages
        assert line.startswith(f"{folder} is damaged (") and path.name in line
        np.testing.assert_array_equal(again.ego.states, whole.ego.states)
        for name, lane in whole.map.lanes.items():
            np.testing.assert_array_equal(again.map.lanes[name].centerline, lane.centerline)
    next(path for path in before if path.suffix == ".gpkg").unlink()
    caplog.clear()
    ref.source.load(ref)
    assert caplog.messages == [
        f"{folder} is damaged (map.gpkg: No such file or directory): it is made again."
    ]


@dataclass(frozen=True)
class Pairs(Source):
    """Somebody's own format: a name and how many copies of a scene there are."""

    name = "pairs"
    expects = "pairs:<count>"

    def matches(self, scenes):
        return isinstance(scenes, str) and scenes.startswith("pairs:")

    def list(self, scenes, split):
        return [SceneRef(f"{split}-{k}", self, k) for k in range(int(scenes[6:]))]

    def load(self, ref):
        return ("loaded", ref.place)


def test_a_source_of_ones_own(monkeypatch):
    monkeypatch.setattr(catalog, "_SOURCES", list(catalog._SOURCES))
    with pytest.raises(DataError, match="pairs:3: found nothing"):
        list_scenes("pairs:3")
    register_source(Pairs())
    register_source(Pairs())
    refs = list_scenes("pairs:3", "val")
    assert [ref.id for ref in refs] == ["val-0", "val-1", "val-2"] and refs[0].source.bank(
        refs
    ).refs == tuple(refs)
    assert load_scene(pickle.loads(pickle.dumps(refs[2]))) == ("loaded", 2)
    with pytest.raises(DataError, match="one of: pairs:<count>; the name") as raised:
        list_scenes("/nowhere")
    assert str(raised.value).count("pairs:<count>") == 1
    assert list_scenes("town")[0].source.name == "town"


def test_a_data_set_with_pictures(tmp_path, driven):
    """Files and table ``image`` agree, and the cameras have the size of the pictures."""
    frames = []

    def render(scene, frame):
        frames.append((scene.id, frame))
        if frame:
            return {}
        return {"cam_f0": np.full((9, 16, 3), len(frames) % 200, np.uint8)}

    root = write_town_dataset(tmp_path / "set", 0, 1, image_size=(9, 16), render=render)
    refs = list_scenes(tmp_path / "set")
    assert len(refs) == 5 and [ref.id for ref in refs] == [
        f"{town_log_name(0, 0)}/scene-{k:03d}" for k in range(5)
    ]
    camera = load_scene(refs[0]).rig.cameras["cam_f0"]
    assert (camera.height, camera.width) == (9, 16) and camera.K[0, 0] == pytest.approx(1545 * 16 / 1920)
    assert len(frames) == 1000
    files = sorted((root.path / "nuplan-v1.1" / "sensor_blobs").rglob("*.jpg"))
    with sqlite3.connect(root.logs[0]) as database:
        named = dict(database.execute("SELECT filename_jpg, timestamp FROM image"))
    times = sorted(named[str(file.relative_to(root.path / "nuplan-v1.1" / "sensor_blobs"))] for file in files)
    assert times == [load_scene(ref).timestamps_us[0] for ref in refs]
    with pytest.raises(ArgumentError, match="not empty"):
        write_town_dataset(tmp_path / "set")


def test_paths_are_told_apart(small_root, tmp_path):
    refs = list_scenes(small_root)
    assert [ref.source.name for ref in refs] == ["nuplan", "nuplan"]
    assert list_scenes(str(refs[0].place.log), "val") == refs
    assert load_scene(refs[1]).id == refs[1].id
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("")
    expected = r"other: found a folder in which no source finds scenes \(notes.txt\), expected"
    with pytest.raises(
        DataError, match=f'{expected} one of: the name "town".*nuPlan logs.*ScenarioDescription files'
    ):
        list_scenes(tmp_path / "other")
    with pytest.raises(DataError, match=r"notes\.txt: found a file \.txt, which no source reads"):
        list_scenes(tmp_path / "other" / "notes.txt")
    with pytest.raises(DataError, match="Did you mean 'town'"):
        list_scenes("twon")


def test_a_split_picks_the_folder_of_its_name(small_root, tmp_path):
    shutil.copytree(small_root, tmp_path / "set")
    splits = tmp_path / "set" / "nuplan-v1.1" / "splits"
    (splits / "trainval").mkdir()
    (log,) = (splits / "mini").iterdir()
    shutil.copyfile(log, splits / "trainval" / "2022.01.01.00.00.00_veh-01_00000_00036.db")
    root = NuPlanRoot.open(tmp_path / "set")
    assert [path.parent.name for path in root.split("train")] == ["trainval"]
    assert len(root.split("test")) == 2


def test_scenes_in_memory(small_root):
    scenes = [load_scene(ref) for ref in list_scenes(small_root)]
    refs = list_scenes(scenes)
    assert load_scene(refs[1]) is scenes[1]
    for wrong, said in (
        ([], "the list is empty"),
        (scenes * 2, "two are called"),
        ([1], "1 in the list, expected objects of type Scene"),
        (3.5, r"3\.5, expected one of: the name .*a list of Scene"),
    ):
        with pytest.raises(ArgumentError, match=said):
            list_scenes(wrong)


def test_names_that_match_nothing_list_the_nearest():
    refs = list_scenes("town")
    assert find_scene(refs, refs[7].id) is refs[7]
    with pytest.raises(SceneError, match=r"Nearest: town-train-000001/log-01/scene-00"):
        find_scene(refs, "town-train-000001/log-01/scene-09")
    with pytest.raises(ArgumentError, match="train, val, test, hard"):
        list_scenes("town", "trian")


def test_a_log_that_cannot_be_read_is_named_or_listed_as_such(small_root, tmp_path):
    """Also where all of them cannot be read: there is nothing to pass them over for."""
    root = tmp_path / "root"
    shutil.copytree(small_root, root)
    whole = list_scenes(root)
    log = whole[0].place.log
    (broken := log.with_name("0000.db")).write_bytes(log.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"0000\.db"):
        list_scenes(root)
    refs = list_scenes(root, unreadable=True)
    assert [ref.readable for ref in refs] == [False] + [True] * len(whole) and refs[1:] == whole
    with pytest.raises(DataError, match=r"0000\.db"):
        load_scene(refs[0])
    for ref in whole:
        ref.place.log.unlink(missing_ok=True)
    with pytest.raises(DataError, match=r"0000\.db"):
        list_scenes(broken.parent.parent, unreadable=True)
