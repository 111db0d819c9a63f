"""Streets are made around any map: turned, in coordinates of a country, larger or smaller, drawn by a shaky hand."""

import copy
import pickle

import numpy as np
import pytest
import shapely
from crossing_scenario import crossing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simscale_gym.dressing.dress import dress_static
from simscale_gym.dressing.ground.terrain import Surface, Terrain
from simscale_gym.dressing.surroundings.infer_shapes import infer_shapes
from simscale_gym.scoring.fitness import off_road
from simscale_gym.sources import read_scenario_description

UTM = np.array([5e5, 4e6])
ONLY_MOVED = [(0.7, UTM, 1.0, 0.0, np.float64), (-2.0, -UTM, 1.0, 0.0, np.float64)]


def changed(turn, shift, scale, noise, kind, seed=0):
    """The crossing's record, turned [rad], scaled, shaken [m] and shifted [m], in coordinates of ``kind``."""
    record, rng = copy.deepcopy(crossing()), np.random.default_rng(seed)
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.array([[cos, -sin], [sin, cos]])

    def moved(points, shake=0.0):
        points = np.array(points, np.float64)
        middle = np.array([1000.0, -2000.0])  # of the crossing
        plan = scale * (points[..., :2] - middle) @ rotation.T + rng.normal(0.0, shake, points[..., :2].shape)
        return np.concatenate([plan + shift, points[..., 2:]], -1).astype(kind)

    for feature in record["map_features"].values():
        for name in ("polyline", "polygon", "position"):
            if name in feature:
                feature[name] = moved(feature[name], noise)
    for track in record["tracks"].values():
        state = track["state"]
        state["position"] = moved(state["position"])
        state["heading"] = state["heading"] + turn
        state["velocity"] = scale * np.asarray(state["velocity"], float) @ rotation.T
    return record


def read(tmp_path, *how):
    file = tmp_path / "sd_any.pkl"
    file.write_bytes(pickle.dumps(changed(*how)))
    return read_scenario_description(file)


def check_street(scene):
    shapes = infer_shapes(scene)
    terrain = Terrain.of(scene, shapes)
    assert terrain.road.is_valid and terrain.road.area > 500.0
    on_way = terrain.surfaces.at(scene.ego.poses[:, :2])
    assert (on_way == Surface.ROAD).mean() > 0.95
    areas = [shapely.Polygon(b.footprint) for b in shapes.buildings]
    assert all(area.is_valid and area.intersection(terrain.road).area < 0.2 for area in areas)
    for ground in shapes.grounds:
        assert np.isfinite(ground.polygon).all() and shapely.Polygon(ground.polygon).is_valid
    things = np.array([(thing.x, thing.y) for thing in (*shapes.trees, *shapes.fixtures)]).reshape(-1, 2)
    assert np.isfinite(things).all()
    assert not shapely.contains_xy(terrain.road.buffer(-0.2), things).any()
    return shapes


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    turn=st.floats(-np.pi, np.pi),
    shift=st.sampled_from([0.0, 1.0, -1.0]),
    scale=st.floats(0.8, 1.3),
    noise=st.sampled_from([0.0, 0.02, 0.1, 0.3]),
    kind=st.sampled_from([np.float64, np.float32]),
    seed=st.integers(0, 2**31),
)
def test_a_street_is_made_of_any_map(tmp_path, turn, shift, scale, noise, kind, seed):
    """32 bits hold coordinates of a country to a quarter of a metre: some files have no more."""
    check_street(read(tmp_path, turn, shift * UTM, scale, noise, kind, seed))


@pytest.mark.parametrize("how", ONLY_MOVED)
def test_a_map_that_is_only_elsewhere_has_the_same_road(tmp_path, how):
    here, there = (read(tmp_path, *these) for these in ((0.0, np.zeros(2), 1.0, 0.0, np.float64), how))
    assert there.map.drivable_region.area == pytest.approx(here.map.drivable_region.area, rel=2e-3)
    assert set(there.map.intersections) == set(here.map.intersections) and there.route == here.route
    assert not off_road(there, there.ego.states).any()


def test_the_whole_look_of_a_shaken_map(tmp_path):
    scene = read(tmp_path, 1.0, UTM, 1.1, 0.3, np.float32, 3)
    look = dress_static(scene, infer_shapes(scene), detail=0.3)
    assert len(look.gaussians) > 10_000 and np.isfinite(look.gaussians.means).all()
