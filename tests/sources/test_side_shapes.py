"""Side shapes survive the file; a malformed file names the field."""

import json
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.errors import DataError
from simscale_gym.sources.nuplan.dataset import NuPlanRoot, load_log_scene
from simscale_gym.sources.nuplan.side_shapes import near_shapes, read_shapes, write_shapes

ORIGIN = np.array([586_123.25, 4_475_456.5])
LANES = {"over-left": 5, "over-right": 6}


@pytest.fixture
def path(tmp_path, small_shapes):
    write_shapes(tmp_path / "shapes.json", small_shapes, ORIGIN, LANES)
    return tmp_path / "shapes.json"


def test_shapes_come_back_to_a_tenth_of_a_millimetre(path, small_shapes):
    read = near_shapes(read_shapes(path), ORIGIN[None], ORIGIN, 500.0)
    (house,), (wanted,) = read.buildings, small_shapes.buildings
    np.testing.assert_allclose(house.footprint, wanted.footprint, atol=1e-4)
    assert (house.height, house.style, house.seed) == (wanted.height, wanted.style, wanted.seed)
    (tree,), (wanted,) = read.trees, small_shapes.trees
    np.testing.assert_allclose([tree.x, tree.y], [wanted.x, wanted.y], atol=1e-4)
    assert (tree.height, tree.radius, tree.seed) == (wanted.height, wanted.radius, wanted.seed)
    signal, sign = read.fixtures
    assert signal.lane_ids == ("5", "6") and (signal.kind, signal.reach) == ("signal", 3.0)
    assert sign.label == "50" and signal.heading == small_shapes.fixtures[0].heading
    (ground,) = read.grounds
    assert ground.kind == "grass"
    np.testing.assert_allclose(ground.polygon, small_shapes.grounds[0].polygon, atol=1e-4)


def test_only_what_is_near_is_kept(path):
    near = near_shapes(read_shapes(path), ORIGIN[None] + [200.0, 0.0], ORIGIN, 110.0)
    assert (len(near.buildings), len(near.trees), len(near.fixtures), len(near.grounds)) == (0, 0, 1, 0)


def test_a_scene_has_the_shapes_beside_its_map_or_none(small_root, tmp_path):
    root = NuPlanRoot.open(small_root)
    assert len(load_log_scene(root.logs[0], root.maps, "scene-000").shapes.fixtures) == 2
    bare = tmp_path / "bare"
    shutil.copytree(small_root, bare)
    for side in bare.rglob("shapes.json"):
        side.unlink()
    root = NuPlanRoot.open(bare)
    assert load_log_scene(root.logs[0], root.maps, "scene-000").shapes is None


def test_shapes_are_read_when_somebody_asks_for_them(small_root, tmp_path):
    shutil.copytree(small_root, tmp_path / "copy")
    root = NuPlanRoot.open(tmp_path / "copy")
    scene = load_log_scene(root.logs[0], root.maps, "scene-000")
    sent = pickle.loads(pickle.dumps(scene))
    (side,) = (tmp_path / "copy").rglob("shapes.json")
    whole = side.read_text()
    side.write_text(whole[:100])
    with pytest.raises(DataError, match=r"shapes\.json"):
        _ = scene.shapes
    side.write_text(whole)
    assert len(scene.shapes.fixtures) == 2 and scene.shapes is scene.shapes
    assert len(sent.shapes.fixtures) == len(replace(scene, id="other").shapes.fixtures) == 2


def set_at(content, keys, value):
    *steps, last = keys
    for key in steps:
        content = content[key]
    content[last] = value


@pytest.mark.parametrize(
    ("keys", "value", "field"),
    [
        (["format"], "other", "format"),
        (["version"], 99, "version"),
        (["trees"], {}, "trees"),
        (["trees", 0], 3, "trees[0]"),
        (["trees", 0, "x"], "far", "trees[0].x"),
        (["trees", 0, "x"], True, "trees[0].x"),
        (["trees", 0, "x"], 10**400, "trees[0].x"),
        (["trees", 0, "y"], 1e300, "trees[0].y"),
        (["trees", 0, "seed"], 10**400, "trees[0].seed"),
        (["buildings", 0, "footprint"], [[0, 1], [10**400, 2], [3, 4]], "buildings[0].footprint"),
        (["trees", 0, "height"], -1.0, "trees[0].height"),
        (["trees", 0, "height"], 1e9, "trees[0].height"),
        (["trees", 0, "seed"], 0.5, "trees[0].seed"),
        (["buildings", 0, "style"], "candy", "buildings[0].style"),
        (["buildings", 0, "style"], ["brick"], "buildings[0].style"),
        (["buildings", 0, "footprint"], [[0, 1], [2, 3]], "buildings[0].footprint"),
        (["buildings", 0, "footprint"], [[0, 1], [2], [3, 4]], "buildings[0].footprint"),
        (["buildings", 0, "footprint"], [[0, 1], [2, None], [3, 4]], "buildings[0].footprint"),
        (["fixtures", 0, "kind"], "rocket", "fixtures[0].kind"),
        (["fixtures", 0, "lane_ids"], [1], "fixtures[0].lane_ids"),
        (["fixtures", 0, "label"], None, "fixtures[0].label"),
        (["fixtures", 1, "heading"], float("nan"), "fixtures[1].heading"),
        (["grounds", 0, "kind"], None, "grounds[0].kind"),
    ],
)
def test_a_wrong_value_is_named(path, keys, value, field):
    content = json.loads(path.read_text())
    set_at(content, keys, value)
    path.write_text(json.dumps(content))
    with pytest.raises(DataError) as caught:
        read_shapes(path)
    assert caught.value.field == field


def test_a_missing_key_is_named(path):
    content = json.loads(path.read_text())
    del content["trees"][0]["radius"]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"trees\[0\]\.radius"):
        read_shapes(path)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", '{"format": ', "\x00" * 50, "[" * 100_000])
def test_what_is_no_side_file_is_one_error(path, text):
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_shapes(path)
    assert str(path) in str(caught.value)


def test_a_truncated_file_is_one_error(path):
    whole = path.read_bytes()
    for size in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError):
            read_shapes(path)
