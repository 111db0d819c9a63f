"""Vehicles that stand beside the road have ground under them, and those that jitter stand."""

import pickle

import numpy as np
import pytest
import shapely
from crossing_scenario import FRAMES, OFFSET, crossing, track

from simscale_gym.dressing.ground.terrain import Surface, Terrain
from simscale_gym.dressing.surroundings.infer_shapes import infer_shapes
from simscale_gym.sources import read_scenario_description

PLACE = np.array([40.0, -14.0])  # 7 m beside the southern lane


@pytest.fixture
def scene(tmp_path):
    record, rng = crossing(), np.random.default_rng(0)
    parked = track("VEHICLE", PLACE, (0.0, 0.0), (4.5, 1.9, 1.5))
    parked["state"]["position"][:, :2] += rng.uniform(-0.2, 0.2, (FRAMES, 2))
    parked["state"]["velocity"] = rng.uniform(-1.0, 1.0, (FRAMES, 2))
    record["tracks"]["parked"] = parked
    file = tmp_path / "sd_parked.pkl"
    file.write_bytes(pickle.dumps(record))
    return read_scenario_description(file)


def place(scene):
    return PLACE + OFFSET - scene.origin[:2]


def test_the_ground_under_a_parked_vehicle_is_a_car_park(scene):
    assert scene.map.carparks and scene.map.drivable_region.contains(shapely.Point(place(scene)))
    assert not scene.map.drivable_region.contains(shapely.Point(np.add(place(scene), (0.0, -6.0))))
    terrain = Terrain.of(scene, infer_shapes(scene))
    assert terrain.surfaces.at(place(scene)[None])[0] == Surface.ROAD


def test_a_jittering_annotation_stands_still(scene):
    row = scene.tracks.ids.index("parked")
    assert (scene.tracks.poses[row] == scene.tracks.poses[row, 0]).all()
    assert not scene.tracks.velocities[row].any()
    assert np.linalg.norm(scene.tracks.poses[row, 0, :2] - place(scene)) < 0.1
    assert np.ptp(scene.tracks.poses[scene.tracks.ids.index("8"), :, 0]) > 40.0
