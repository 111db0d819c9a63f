"""nuplan-devkit itself, unchanged, reads what the writers write.

Runs where ``nuplan`` can be imported (nuplan-devkit at v1.1 or later, SQLAlchemy 1.4); skipped elsewhere.
"""

import shutil

import numpy as np
import pytest

pytest.importorskip("nuplan.database", reason="nuplan-devkit is not installed")
pytest.importorskip("geopandas", reason="nuplan-devkit needs geopandas")

from nuplan.common.actor_state.state_representation import Point2D
from nuplan.common.maps.maps_datatypes import SemanticMapLayer, TrafficLightStatusType
from nuplan.common.maps.nuplan_map.map_factory import get_maps_api, get_maps_db
from nuplan.database.nuplan_db import nuplan_scenario_queries as queries
from nuplan.database.nuplan_db.nuplan_db_utils import get_lidarpc_sensor_data
from nuplan.planning.scenario_builder.nuplan_db.nuplan_scenario_builder import NuPlanScenarioBuilder
from nuplan.planning.scenario_builder.nuplan_db.nuplan_scenario_utils import ScenarioMapping
from nuplan.planning.scenario_builder.scenario_filter import ScenarioFilter
from nuplan.planning.utils.multithreading.worker_sequential import Sequential

from simscale_gym.scene import LightStatus, StateIndex
from simscale_gym.sources.nuplan.dataset import NuPlanRoot
from simscale_gym.sources.nuplan.log_writer import write_log
from simscale_gym.sources.nuplan.map_writer import MapFids
from simscale_gym.sources.nuplan.recording import Part, Recording

LOCATION = "us-pa-pittsburgh-hazelwood"
VERSION = "nuplan-maps-v1.0"
L = SemanticMapLayer


@pytest.fixture(scope="module")
def root(tmp_path_factory, small_root, small_map, small_drive):
    """The small world with six scenes, of which the devkit uses the third and the fourth."""
    folder = tmp_path_factory.mktemp("devkit") / "nuplan"
    shutil.copytree(small_root, folder)
    found = NuPlanRoot.open(folder)
    parts = tuple(
        Part(120 * k, 120 * (k + 1), ("west", "mid", "east"), np.array([290.0, 0, 0])) for k in range(6)
    )
    drive = Recording(**{**vars(small_drive), "parts": parts})
    found.logs[0].unlink()
    write_log(found.logs[0], drive, MapFids.of(small_map), LOCATION, "veh-07")
    return found


@pytest.fixture(scope="module")
def fids(small_map):
    return MapFids.of(small_map)


@pytest.fixture(scope="module")
def api(root):
    api = get_maps_api(str(root.maps), VERSION, LOCATION)
    api.initialize_all_layers()
    return api


def test_map_objects_and_their_links(api, small_map, small_drive, fids):
    x, y, _ = small_drive.origin
    for lane in small_map.lanes.values():
        layer = L.LANE_CONNECTOR if lane.connector else L.LANE
        item = api.get_map_object(str(fids.lanes[lane.id]), layer)
        path = np.array([[p.x, p.y] for p in item.baseline_path.discrete_path])
        np.testing.assert_allclose(path[[0, -1]], lane.centerline[[0, -1], :2] + [x, y], atol=1e-3)
        assert item.get_roadblock_id() == item.parent.id == str(fids.roadblocks[lane.roadblock_id])
        assert [edge.id for edge in item.outgoing_edges] == [str(fids.lanes[i]) for i in lane.successors]
        assert [edge.id for edge in item.incoming_edges] == [str(fids.lanes[i]) for i in lane.predecessors]
        assert item.polygon.area == pytest.approx(3.5 * lane.length, rel=1e-4)
        assert len(item.left_boundary.discrete_path) > 1 and len(item.right_boundary.discrete_path) > 1
        if lane.connector:
            assert item.has_traffic_lights() and [stop.id for stop in item.stop_lines] == ["1"]
        else:
            sides = [side and side.id for side in item.adjacent_edges]
            assert sides == [i and str(fids.lanes[i]) for i in (lane.left_neighbor, lane.right_neighbor)]
    assert api.get_map_object(str(fids.lanes["in-left"]), L.LANE).speed_limit_mps == 13.5


def test_map_queries(api, small_drive, fids):
    point = Point2D(*(small_drive.origin[:2] + np.array([50.0, 0.4])))
    assert api.is_in_layer(point, L.LANE) and api.is_in_layer(point, L.DRIVABLE_AREA)
    assert not api.is_in_layer(Point2D(point.x, point.y + 100), L.DRIVABLE_AREA)
    assert api.get_one_map_object(point, L.LANE).id == str(fids.lanes["in-right"])
    lane, distance = api.get_distance_to_nearest_map_object(Point2D(point.x, point.y - 4.15), L.LANE)
    assert lane == str(fids.lanes["in-right"]) and distance == pytest.approx(2.0, abs=1e-3)
    layers = [L.LANE, L.LANE_CONNECTOR, L.ROADBLOCK, L.ROADBLOCK_CONNECTOR, L.STOP_LINE, L.CROSSWALK,
              L.INTERSECTION, L.WALKWAYS, L.CARPARK_AREA]  # fmt: skip
    near = api.get_proximal_map_objects(point, 150.0, layers)
    assert {layer: len(items) for layer, items in near.items()} == dict(
        zip(layers, (5, 2, 3, 1, 1, 1, 1, 1, 1), strict=True)
    )


def test_scenario_queries(root, small_drive, fids):
    log, source = str(root.logs[0]), get_lidarpc_sensor_data()
    found = list(queries.get_scenarios_from_db(log, None, None, [LOCATION], False))
    assert (
        len(list(queries.get_scenarios_from_db(log, None, None, None, False, True))) == 120
    )  # with pictures
    assert len(found) == 240 and {row["map_name"] for row in found} == {LOCATION}
    token, sample = found[40]["token"].hex(), 240 + 40
    ego = queries.get_ego_state_for_lidarpc_token_from_db(log, token)
    wanted = small_drive.ego.states[sample]
    np.testing.assert_allclose(
        [ego.rear_axle.x, ego.rear_axle.y], wanted[:2] + small_drive.origin[:2], atol=1e-6
    )
    assert ego.rear_axle.heading == pytest.approx(wanted[StateIndex.HEADING], abs=1e-3)
    assert ego.dynamic_car_state.rear_axle_velocity_2d.x == wanted[StateIndex.VX]
    objects = {
        item.metadata.track_token: item
        for item in queries.get_tracked_objects_for_lidarpc_token_from_db(log, token)
    }
    car = objects[small_drive.tracks.ids[0]]
    assert car.tracked_object_type.name == "VEHICLE" and car.box.length == 4.5
    np.testing.assert_allclose(
        car.center.x, small_drive.tracks.poses[0, sample, 0] + small_drive.origin[0], atol=1e-6
    )
    lights = {
        light.lane_connector_id: light.status
        for light in queries.get_traffic_light_status_for_lidarpc_token_from_db(log, token)
    }
    assert lights == {
        fids.lanes[i]: TrafficLightStatusType[LightStatus(row[sample]).name]
        for i, row in zip(small_drive.lights.lane_ids, small_drive.lights.status, strict=True)
    }
    goal = queries.get_mission_goal_for_sensor_data_token_from_db(log, source, token)
    np.testing.assert_allclose([goal.x, goal.y], small_drive.origin[:2] + np.array([290.0, 0.0]), atol=1e-6)
    route = queries.get_roadblock_ids_for_lidarpc_token_from_db(log, token)
    assert route == [str(fids.roadblocks[i]) for i in ("west", "mid", "east")]
    assert len(list(queries.get_images_from_lidar_tokens(log, [token], ["CAM_F0", "CAM_B0"]))) == 2
    assert len(list(queries.get_cameras(log, ["CAM_F0"]))) == 1
    assert np.array_equal(
        queries.get_sensor_transform_matrix_for_sensor_data_token_from_db(log, source, token), np.eye(4)
    )


def test_scenario_builder(root):
    builder = NuPlanScenarioBuilder(
        data_root=str(root.logs[0].parent), map_root=str(root.maps), sensor_root=str(root.path), db_files=None,
        map_version=VERSION, scenario_mapping=ScenarioMapping({"medium_magnitude_speed": [6.0, 0.0]}, 0.5),
    )  # fmt: skip
    nothing = dict.fromkeys(
        ("scenario_tokens", "log_names", "map_names", "limit_total_scenarios", "timestamp_threshold_s",
         "ego_displacement_minimum_m"),
    )  # fmt: skip
    chosen = ScenarioFilter(
        scenario_types=["medium_magnitude_speed"], num_scenarios_per_type=3, expand_scenarios=False,
        remove_invalid_goals=True, shuffle=False, **nothing,
    )  # fmt: skip
    scenarios = builder.get_scenarios(chosen, Sequential())
    assert len(scenarios) == 3
    one = scenarios[0]
    assert one.get_number_of_iterations() == 61 and one.database_interval == pytest.approx(0.1)
    assert one.get_mission_goal() is not None and len(one.get_route_roadblock_ids()) == 3
    assert len(list(one.get_ego_future_trajectory(0, 4.0, 8))) == 8
    assert len(one.initial_tracked_objects.tracked_objects.tracked_objects) == 2
    assert one.map_api.get_available_map_objects()


def test_orm(root, small_drive):
    nuplandb = pytest.importorskip("nuplan.database.nuplan_db_orm.nuplandb", reason="needs SQLAlchemy 1.4")
    database = nuplandb.NuPlanDB(
        data_root=str(root.path), load_path=str(root.logs[0]), maps_db=get_maps_db(str(root.maps), VERSION)
    )
    assert database.log.logfile == root.logs[0].stem and database.log.map_version == LOCATION
    assert [
        len(getattr(database, name)) for name in ("lidar_pc", "scene", "track", "category", "camera")
    ] == [720, 6, 2, 7, 8]
    sweep = database.lidar_pc[300]
    assert sweep.lidar.channel == "MergedPointCloud" and sweep.scene.name == "scene-002"
    assert sweep.next.timestamp - sweep.prev.timestamp == 100_000
    box = next(box for box in sweep.lidar_boxes if box.category.name == "pedestrian")
    assert box.next.track.token == small_drive.tracks.ids[1]
    camera = next(camera for camera in database.camera if camera.channel == "CAM_F0")
    np.testing.assert_array_equal(camera.intrinsic_np[:, 2], [960, 560, 1])
    assert camera.trans_matrix[0, 2] > 0.99
