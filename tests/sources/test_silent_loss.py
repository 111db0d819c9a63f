"""Nothing of a log is lost in silence, and nothing is made up: names, clocks, speeds, formats of other years."""

import pickle

import numpy as np
import pytest
from crossing_scenario import FRAMES, OFFSET, crossing

from simscale_gym.errors import DataError
from simscale_gym.scene import StateIndex
from simscale_gym.sources import list_scenes, load_scene, read_scenario_description
from simscale_gym.sources.inferred.motion import Motion, resample, sampling_of


def written(path, record):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(record))
    return path


def test_files_of_one_name_are_scenes_of_two(tmp_path):
    for part in ("part_0", "part_1"):
        written(tmp_path / part / "sd_same.pkl", crossing())
    written(tmp_path / "part_1" / "sd_other.pkl", crossing())
    refs = list_scenes(str(tmp_path))
    assert sorted(ref.id for ref in refs) == ["part_0.sd_same", "part_1.sd_same", "sd_other"]
    assert {load_scene(ref, keep=False).id for ref in refs} == {ref.id for ref in refs}


def test_a_clock_that_leaps_is_refused(tmp_path):
    record = crossing()
    record["metadata"]["ts"] = np.where(np.arange(FRAMES) < 40, 0.0, 600.0) + 0.1 * np.arange(FRAMES)
    with pytest.raises(DataError, match=r"leap of 600\.1 s after frame 39"):
        read_scenario_description(written(tmp_path / "sd_leap.pkl", record))


def test_recorded_speed_is_taken_where_it_agrees(tmp_path):
    """The ego brakes to rest in the last half second, which differences of positions smear."""
    record, t = crossing(), 0.1 * np.arange(FRAMES)
    speed = np.where(t < 5.5, 10.0, np.maximum(10.0 - 8.0 * (t - 5.5), 0.0))
    state = record["tracks"]["7"]["state"]
    state["position"][:, 0] += np.r_[0.0, np.cumsum(0.05 * (speed[1:] + speed[:-1]))] - 10.0 * t
    state["velocity"] = np.column_stack([speed, 0.0 * speed])
    scene = read_scenario_description(written(tmp_path / "sd_speed.pkl", record))
    assert np.abs(scene.ego.states[:, StateIndex.VX] - speed).max() < 0.5
    state["velocity"] = 2.0 * state["velocity"]
    doubled = read_scenario_description(written(tmp_path / "sd_double.pkl", record))
    assert abs(doubled.ego.states[20, StateIndex.VX] - 10.0) < 0.1
    assert any("follow from its positions" in said for said in doubled.inferred)


def test_a_last_velocity_of_zero_is_no_braking(tmp_path):
    record = crossing()
    record["tracks"]["7"]["state"]["velocity"][-1] = 0.0
    scene = read_scenario_description(written(tmp_path / "sd_zero.pkl", record))
    assert np.abs(scene.ego.states[:, StateIndex.VX] - 10.0).max() < 0.1


def test_sizes_of_before_april_2023_are_read(tmp_path):
    record = crossing()
    for track in record["tracks"].values():
        state = track["state"]
        state["size"] = np.column_stack([state.pop(key) for key in ("length", "width", "height")])
    new, old = (
        read_scenario_description(written(tmp_path / name, content))
        for name, content in (("sd_new.pkl", crossing()), ("sd_old.pkl", record))
    )
    assert np.array_equal(new.tracks.sizes, old.tracks.sizes) and new.vehicle == old.vehicle


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({k: v for k, v in crossing().items() if k != "metadata"}),
        b"\x80\x03c__main__\nAgentType\nK\x01\x85R.",
        pickle.dumps(({}, [])),
    ],
)
def test_what_is_older_is_told_its_converter(tmp_path, content):
    file = tmp_path / "sd_old.pkl"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"scenarionet\.convert"):
        read_scenario_description(file)


def test_long_logs_take_memory_in_proportion():
    frames = 36_000
    valid = np.random.default_rng(0).random(frames) > 0.3
    valid[[0, -1]] = True
    places = np.cumsum(np.ones((frames, 3)), axis=0)
    motion = Motion(places, np.zeros(frames), np.zeros((frames, 2)), np.ones(3), valid)
    sampling = sampling_of(0.1 * np.arange(frames), valid, snap=0.01, wrong=DataError)
    positions, _, _, seen = resample(motion, sampling)
    assert np.array_equal(positions[valid[: len(seen)], 0], places[valid][:, 0]) and seen.sum() == valid.sum()
    gap = np.flatnonzero(~valid)[0]
    nearest = np.flatnonzero(valid)[np.abs(np.flatnonzero(valid) - gap).argmin()]
    assert positions[gap, 0] == places[nearest, 0]


@pytest.mark.parametrize(
    ("key", "points"),
    [
        ("10", np.outer(np.linspace(0.0, 1.0, 9), [1e6, 1e6])),
        ("10", np.outer(np.linspace(-1.0, 1.0, 2), [1e300, 0.0])),
        ("60", np.array([[0.0, 0.0], [1e9, 0.0], [1e9, 1e9]])),
    ],
)
def test_a_map_that_reaches_to_the_horizon_is_refused(tmp_path, key, points):
    record = crossing()
    feature = record["map_features"][key]
    name = "polyline" if "polyline" in feature else "polygon"
    feature[name] = points + OFFSET
    with pytest.raises(DataError, match=rf"map_features\.{key}\.{name}: .* expected points within 5000 m"):
        read_scenario_description(written(tmp_path / "sd_far.pkl", record))


def test_what_lies_beyond_is_left_out(tmp_path):
    record = crossing()
    far = dict(record["map_features"]["10"])
    far["polyline"] = far["polyline"] + 1e5
    far.pop("polygon", None)
    scene = read_scenario_description(written(tmp_path / "sd_near.pkl", record))
    record["map_features"]["far"] = far
    assert (
        read_scenario_description(written(tmp_path / "sd_far.pkl", record)).map.lanes.keys()
        == scene.map.lanes.keys()
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("length", 1e9, "numbers up to 100"),
        ("position", 1e300, "numbers up to 1e"),
        ("width", -1e4, "up to 100"),
    ],
)
def test_sizes_and_places_of_no_road_user_are_refused(tmp_path, key, value, said):
    record = crossing()
    record["tracks"]["8"]["state"][key][3] = value
    with pytest.raises(DataError, match=rf"tracks\.8\.state\.{key}: .*{said}"):
        read_scenario_description(written(tmp_path / "sd_big.pkl", record))


def test_an_ego_faster_than_anything_is_refused(tmp_path):
    record = crossing()
    record["tracks"]["7"]["state"]["position"][:, 0] += np.linspace(0.0, 1e6, FRAMES)
    with pytest.raises(DataError, match=r"tracks\.7\.state\.position: found an ego at 1\.67e\+05 m/s"):
        read_scenario_description(written(tmp_path / "sd_fast.pkl", record))


@pytest.mark.parametrize(
    ("summary", "mapping", "said"),
    [
        ({"../sd_a.pkl": {}}, {}, "the name of a file"),
        ({"/etc/passwd": {}}, {}, "the name of a file"),
        ({"x" * 5000: {}}, {}, "no such file"),
        ({"sd_\0.pkl": {}}, {}, "no such file"),
        ({"sd_a.pkl": {}}, {"sd_a.pkl": "x" * 5000}, "no such file"),
        ({"sd_a.pkl": {}}, {"sd_a.pkl": ["part"]}, "text or a number"),
    ],
)
def test_summaries_name_files(tmp_path, summary, mapping, said):
    written(tmp_path / "dataset_summary.pkl", summary)
    written(tmp_path / "dataset_mapping.pkl", mapping)
    with pytest.raises(DataError, match=said):
        list_scenes(str(tmp_path))
