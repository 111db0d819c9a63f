"""Compiled scenes are the scenes that were read, and are made again where something about them changed."""

import gc
import logging
import pickle
import shutil
import subprocess
import sys
import weakref
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from crossing_scenario import crossing

from simscale_gym.agents.reactive.idm import IDMTraffic
from simscale_gym.agents.reactive.junction import junction_arrays
from simscale_gym.agents.reactive.scene_arrays import scene_arrays
from simscale_gym.files.cache import CACHE_VARIABLE
from simscale_gym.perturbation import PerturbConfig, sample_perturbation
from simscale_gym.scene.derived import shelf_of
from simscale_gym.scoring.lane_search import lanes_touching
from simscale_gym.scoring.scene_ground import map_layers
from simscale_gym.sim import start, state_hash
from simscale_gym.sources import compiled, list_scenes, load_scene

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "scenarios"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and a process that has opened nothing yet."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    forget(monkeypatch)
    return tmp_path / "cache" / "compiled"


@pytest.fixture
def scenario(tmp_path):
    return write(tmp_path / "sd_crossing.pkl", crossing())


def write(path, scenario):
    path.write_bytes(pickle.dumps(scenario))
    return path


def forget(monkeypatch):
    """As if in another process: what is open stays with whoever has it."""
    for name in ("_kept", "_scenes"):
        monkeypatch.setattr(compiled, name, type(getattr(compiled, name))())
    monkeypatch.setattr(compiled, "_maps", type(compiled._maps)())


def loaded(path):
    (ref,) = list_scenes(path)
    return load_scene(ref)


def assert_same(one, other, where="scene"):
    """The same types, numbers and names, however deep."""
    assert type(one) is type(other), where
    if is_dataclass(one):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
    elif isinstance(one, Mapping):
        assert list(one) == list(other), where
        for name in one:
            assert_same(one[name], other[name], f"{where}[{name}]")
    elif isinstance(one, tuple | list):
        assert len(one) == len(other), where
        for row, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}[{row}]")
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.shape == other.shape, where
        np.testing.assert_array_equal(one, other, where)
    else:
        assert one == other, where


def derivations(scene):
    """Whatever of a scene is compiled, by name."""
    layers, lanes = map_layers(scene.map), list(scene.map.lanes.values())
    return {
        "path": (scene.way, scene.route_path, scene.route_lane_ids, scene.lights_on_route),
        "map": (scene.map.graph, scene.map.lane_polygons),
        "layers": (layers, layers.polygons, layers.index, layers.flags),
        "traffic": (scene_arrays(scene), junction_arrays(scene.map)),
        "lanes": [
            lanes_touching(scene.map, lane.centerline[len(lane.centerline) // 2]) for lane in lanes[:40]
        ],
    }


def assert_compiles(ref, monkeypatch):
    read = ref.source.load(ref)
    expected = derivations(read)
    load_scene(ref)  # compiles
    derivations(load_scene(ref))
    for _ in range(2):
        found = load_scene(ref)
        assert shelf_of(found) is not None and shelf_of(found.map) is not None
        assert_same(found, read)
        assert_same(derivations(found), expected)
        forget(monkeypatch)
        gc.collect()


def test_a_scenario(cache, scenario, monkeypatch):
    assert_compiles(list_scenes(scenario)[0], monkeypatch)


def test_nuplan_logs_share_their_map(cache, small_root, monkeypatch):
    refs = list_scenes(small_root)
    for ref in refs:
        assert_compiles(ref, monkeypatch)
    one, other = map(load_scene, refs)
    assert one.map is other.map and len(list((cache / "maps").iterdir())) == 1


@pytest.mark.parametrize("row", [0, 2, 4])
def test_the_town(town_cache, row, monkeypatch):
    forget(monkeypatch)
    assert_compiles(list_scenes("town")[row], monkeypatch)


@pytest.mark.parametrize("path", sorted(REAL.glob("*.pkl")), ids=lambda path: path.stem)
def test_recorded_scenes(cache, path, monkeypatch):
    assert_compiles(list_scenes(path)[0], monkeypatch)


def test_states_are_the_same_read_and_compiled(town_cache, vocabulary, monkeypatch):
    forget(monkeypatch)
    ref = list_scenes("town")[2]

    def states(scene):
        traffic, rng = IDMTraffic(), np.random.default_rng(3)
        found = sample_perturbation(
            scene, start(scene, traffic, 60), vocabulary, traffic, PerturbConfig(attempts=99), rng
        )
        assert found.found
        return [state_hash(state) for state in found.states], found.attempts, found.rejections

    expected = states(ref.source.load(ref))
    for _ in range(2):
        assert states(load_scene(ref)) == expected
        forget(monkeypatch)


def test_a_scene_is_opened_once_and_the_oldest_dropped_unless_it_is_in_use(
    cache, scenario, tmp_path, monkeypatch
):
    monkeypatch.setattr(compiled, "KEPT_SCENES", 1)
    other = write(tmp_path / "sd_other.pkl", crossing(graph=False))
    scene, dropped = loaded(scenario), weakref.ref(loaded(scenario))
    loaded(other)
    gc.collect()
    assert loaded(scenario) is scene
    del scene
    gc.collect()
    assert dropped() is not None  # kept, as the one that was asked for last
    loaded(other)
    gc.collect()
    assert dropped() is None


def test_a_file_that_changed_is_read_again(cache, scenario):
    before = loaded(scenario)
    changed = crossing()
    del changed["tracks"]["11"]
    write(scenario, changed)
    assert len(loaded(scenario).tracks) == len(before.tracks) - 1


@pytest.mark.parametrize("part", ["scenes/*/scene", "maps/*/map", "maps/*/*layers", "scenes/*/*arrays"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-500], lambda data: data[:-9] + bytes([data[-9] ^ 8]) + data[-8:]]
)
def test_damage_is_found_and_said_in_one_line(cache, scenario, part, damage, monkeypatch, caplog):
    expected = loaded(scenario)
    derivations(expected)
    forget(monkeypatch)
    (path,) = cache.glob(f"{part}.arrays")
    data = path.read_bytes()
    path.unlink()  # who has it open keeps it
    path.write_bytes(damage(data))
    with caplog.at_level(logging.WARNING, "simscale_gym"):
        found = loaded(scenario)
        assert_same(derivations(found), derivations(expected))
    assert_same(found, expected)
    assert len(caplog.records) == 1 and str(path) in caplog.text and "made again" in caplog.text
    forget(monkeypatch)
    caplog.clear()
    derivations(loaded(scenario))
    assert not caplog.records


def test_a_map_that_is_gone_is_made_again(cache, scenario, monkeypatch):
    expected = loaded(scenario)
    forget(monkeypatch)
    shutil.rmtree(cache / "maps")
    assert_same(loaded(scenario), expected)


def test_processes_at_once_agree(cache, scenario):
    code = (
        "import sys; from simscale_gym.sources import list_scenes, load_scene\n"
        "from simscale_gym.files.shelf import content_key\n"
        "from simscale_gym.scoring.scene_ground import map_layers\n"
        "scene = load_scene(list_scenes(sys.argv[1])[0])\n"
        "print(content_key((scene.map, scene.tracks, map_layers(scene.map))))"
    )
    command = [sys.executable, "-c", code, str(scenario)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    outputs = [process.communicate() for process in running]
    said = {line for _, errors in outputs for line in errors.splitlines()}
    assert all(line.startswith("simscale_gym: reading a scene") for line in said)  # where that took a while
    assert len({printed for printed, _ in outputs}) == 1


def test_a_changed_copy_is_no_longer_compiled(cache, scenario):
    scene = loaded(scenario)
    parked = replace(scene.tracks, velocities=np.zeros_like(scene.tracks.velocities))
    changed = replace(scene, tracks=parked)
    assert shelf_of(changed) is None and not scene_arrays(changed).moves.any()
    assert scene_arrays(scene).moves.any()


def test_a_scene_with_an_asset_keeps_what_was_compiled(cache, scenario, tmp_path):
    scene = loaded(scenario)
    scene_arrays(scene)
    twin = scene.with_asset(tmp_path)
    assert twin.asset == tmp_path and scene.asset is None and shelf_of(twin) == shelf_of(scene)
    assert_same(scene_arrays(twin), scene_arrays(scene))


def test_shapes_wait_until_they_are_asked_for(cache, small_root, monkeypatch):
    ref = list_scenes(small_root)[0]
    assert not list(cache.glob("scenes/*/shapes.arrays"))
    expected = ref.source.load(ref).shapes
    assert_same(load_scene(ref).shapes, expected)
    forget(monkeypatch)
    monkeypatch.setattr(type(ref.source), "load", lambda self, ref: pytest.fail("read from its source"))
    assert_same(load_scene(ref).shapes, expected)


def test_compiled_scenes_can_be_sent_to_another_process(cache, small_root):
    scene = load_scene(list_scenes(small_root)[0])
    assert_same(pickle.loads(pickle.dumps(scene)), scene)


def test_what_decides_about_a_scene_decides_about_its_name(cache, scenario, tmp_path):
    elsewhere = write(tmp_path / "elsewhere.pkl", crossing())
    names = {shelf_of(loaded(path)).folder.name for path in (scenario, elsewhere)}
    assert len(names) == 2
