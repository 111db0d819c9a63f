"""A map written as nuPlan does comes back the same to a micrometre; broken maps are named."""

import shutil
import sqlite3

import numpy as np
import pytest

from simscale_gym.errors import DataError, SceneError
from simscale_gym.files.shelf import content_key
from simscale_gym.scene import IntersectionType, StopLineType
from simscale_gym.sources.nuplan.map_reader import CITY, crop_map, read_map
from simscale_gym.sources.nuplan.map_writer import MapFids, write_map
from simscale_gym.sources.nuplan.schema import LOCATIONS, MAP_LAYERS

LOCATION = "us-pa-pittsburgh-hazelwood"
EPSG = LOCATIONS[LOCATION].epsg
ORIGIN = np.array([586_123.25, 4_475_456.5, 217.0])
DRIVE = ORIGIN[:2] + np.column_stack([np.linspace(0, 300, 50), np.zeros(50)])


@pytest.fixture
def map_path(small_root, tmp_path):
    path = tmp_path / "map.gpkg"
    shutil.copyfile(small_root / "maps" / LOCATION / LOCATIONS[LOCATION].version / "map.gpkg", path)
    return path


@pytest.fixture(scope="module")
def fids(small_map):
    return MapFids.of(small_map)


@pytest.fixture
def read(map_path):
    return crop_map(read_map(map_path, LOCATION), DRIVE, ORIGIN)


def change(path, *statements):
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def test_lanes_come_back(small_map, read, fids):
    assert len(read.lanes) == len(small_map.lanes)
    for lane in small_map.lanes.values():
        back = read.lanes[str(fids.lanes[lane.id])]
        for name in ("centerline", "polygon", "left_boundary", "right_boundary"):
            np.testing.assert_allclose(getattr(back, name), getattr(lane, name), rtol=0, atol=1e-6)
        for name in ("connector", "left_type", "right_type", "speed_limit", "turn", "bike"):
            assert getattr(back, name) == getattr(lane, name), name
        assert back.roadblock_id == str(fids.roadblocks[lane.roadblock_id])
        for name in ("predecessors", "successors"):
            assert getattr(back, name) == tuple(str(fids.lanes[i]) for i in getattr(lane, name))
        for name in ("left_neighbor", "right_neighbor"):
            other = getattr(lane, name)
            assert getattr(back, name) == (None if other is None else str(fids.lanes[other]))
        assert back.stop_line_ids == tuple(str(fids.stop_lines[i]) for i in lane.stop_line_ids)


def test_roadblocks_junctions_and_areas_come_back(small_map, read, fids):
    for block in small_map.roadblocks.values():
        back = read.roadblocks[str(fids.roadblocks[block.id])]
        assert back.connector == block.connector
        assert back.lane_ids == tuple(str(fids.lanes[i]) for i in block.lane_ids)
        assert back.predecessors == tuple(str(fids.roadblocks[i]) for i in block.predecessors)
        assert back.successors == tuple(str(fids.roadblocks[i]) for i in block.successors)
        assert back.intersection_id == (
            block.intersection_id and str(fids.intersections[block.intersection_id])
        )
        np.testing.assert_allclose(back.polygon, block.polygon, rtol=0, atol=1e-6)
    (stop,), (crossing,) = read.stop_lines.values(), read.intersections.values()
    assert stop.type == StopLineType.TRAFFIC_LIGHT and crossing.type == IntersectionType.TRAFFIC_LIGHT
    assert stop.lane_ids == tuple(str(fids.lanes[i]) for i in ("in-left", "in-right"))
    for name in ("crosswalks", "walkways", "carparks", "generic_drivable"):
        (area,), (back,) = getattr(small_map, name).values(), getattr(read, name).values()
        np.testing.assert_allclose(back.polygon, area.polygon, rtol=0, atol=1e-6)


def test_boundaries_that_run_against_the_lane_are_turned(map_path, small_map, fids):
    straight = crop_map(read_map(map_path, LOCATION), DRIVE, ORIGIN)
    backwards = map_path.with_name("backwards.gpkg")
    lanes = {
        i: type(lane)(**{**vars(lane), "left_boundary": lane.left_boundary[::-1]})
        for i, lane in small_map.lanes.items()
    }
    write_map(backwards, type(small_map)(**{**_fields(small_map), "lanes": lanes}), EPSG, ORIGIN)
    turned = crop_map(read_map(backwards, LOCATION), DRIVE, ORIGIN)
    key = str(fids.lanes["in-left"])
    np.testing.assert_allclose(turned.lanes[key].left_boundary, straight.lanes[key].left_boundary, atol=1e-6)


def _fields(road_map):
    return {name: getattr(road_map, name) for name in road_map.__dataclass_fields__}


def test_what_is_far_is_cut_off_and_so_are_links_to_it(map_path, fids):
    near = crop_map(read_map(map_path, LOCATION), DRIVE[:1], ORIGIN, margin=110.0)
    names = {i: name for name, i in fids.lanes.items()}
    assert {names[int(i)] for i in near.lanes} == {"in-left", "in-right", "over-left", "over-right", "bike"}
    assert near.lanes[str(fids.lanes["over-left"])].successors == ()
    assert near.roadblocks[str(fids.roadblocks["mid"])].successors == ()
    far = crop_map(read_map(map_path, LOCATION), DRIVE[-1:], ORIGIN, margin=185.0)
    over = far.lanes[str(fids.lanes["over-left"])]
    assert over.stop_line_ids == () and over.intersection_id in far.intersections and not far.stop_lines
    assert near.graph.successors_of(near.lane_index[str(fids.lanes["in-left"])]).size == 1


def test_every_layer_and_the_bookkeeping_are_there(map_path):
    database = sqlite3.connect(map_path)
    features = {
        row[0] for row in database.execute("SELECT table_name FROM gpkg_contents WHERE data_type='features'")
    }
    assert (
        features
        == set(MAP_LAYERS)
        == {row[0] for row in database.execute("SELECT table_name FROM gpkg_geometry_columns")}
    )
    assert database.execute("PRAGMA application_id").fetchone() == (0x47504B47,)
    assert dict(database.execute("SELECT key, value FROM meta"))["projectedCoordSystem"] == f"epsg:{EPSG}"
    for name, schema in MAP_LAYERS.items():
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
        assert columns == ["fid", "geom", *schema.columns]
    assert database.execute("SELECT count(*) FROM lane_connectors WHERE bulb_fids IS NULL").fetchone() == (0,)
    database.close()


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("DROP TABLE lanes_polygons", "table lanes_polygons"),
        ("ALTER TABLE boundaries RENAME boundary_type_fid TO kind", "table boundaries, column boundary_type_fid"),
        ("DELETE FROM baseline_paths WHERE fid = 1", "table lanes_polygons, column fid"),
        ("DELETE FROM boundaries WHERE fid = 2", "right_boundary_fid"),
        ("DELETE FROM gen_lane_connectors_scaled_width_polygons", "table lane_connectors, column fid"),
        ("UPDATE meta SET value = 'epsg:4326' WHERE key = 'projectedCoordSystem'", "projectedCoordSystem"),
        ("UPDATE meta SET value = 'here' WHERE key = 'projectedCoordSystem'", "projectedCoordSystem"),
        ("UPDATE meta SET value = 'epsg:2229' WHERE key = 'projectedCoordSystem'", "projectedCoordSystem"),  # feet
        ("DELETE FROM meta", "projectedCoordSystem"),
        ("UPDATE crosswalks SET geom = x'0102'", "table crosswalks, column geom"),
        ("UPDATE crosswalks SET geom = NULL", "table crosswalks, column geom"),
        ("UPDATE crosswalks SET geom = substr(geom, 1, 40)", "table crosswalks, column geom"),
        ("UPDATE lane_connectors SET fid = 1 WHERE fid = 5", "table lane_connectors, column fid"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("indexed_from", [0, CITY])
def test_a_broken_map_names_file_layer_and_column(map_path, statement, field, indexed_from):
    change(map_path, statement)
    bounds = np.concatenate([DRIVE.min(0) - 255.0, DRIVE.max(0) + 255.0])
    with pytest.raises(DataError) as caught:
        crop_map(read_map(map_path, LOCATION, bounds, indexed_from=indexed_from), DRIVE, ORIGIN)
    assert field in caught.value.field and str(map_path) in str(caught.value)


def test_a_connector_without_two_ends_cannot_be_written(small_map, tmp_path):
    lanes = dict(small_map.lanes)
    lane = lanes["over-left"]
    lanes["over-left"] = type(lane)(**{**vars(lane), "successors": ()})
    with pytest.raises(SceneError, match="over-left has 0"):
        write_map(
            tmp_path / "map.gpkg", type(small_map)(**{**_fields(small_map), "lanes": lanes}), EPSG, ORIGIN
        )


@pytest.mark.parametrize(("first", "last", "margin"), [(0, 50, 250.0), (0, 1, 40.0), (49, 50, 110.0)])
def test_a_city_is_read_around_the_drive_and_cut_as_the_whole(map_path, first, last, margin):
    drive = DRIVE[first:last]
    bounds = np.concatenate([drive.min(0) - margin - 5.0, drive.max(0) + margin + 5.0])
    part = read_map(map_path, LOCATION, bounds, indexed_from=0)
    whole = read_map(map_path, LOCATION)
    assert content_key(crop_map(part, drive, ORIGIN, margin)) == content_key(
        crop_map(whole, drive, ORIGIN, margin)
    )
    counts = [sum(map(len, file.layers.values())) for file in (part, whole)]
    assert counts[0] < counts[1] if margin < 200.0 else counts[0] == counts[1]


def test_a_map_that_changed_is_indexed_anew(map_path):
    bounds = np.array([*ORIGIN[:2] - 1000.0, *ORIGIN[:2] + 1000.0])
    before = read_map(map_path, LOCATION, bounds, indexed_from=0)
    change(map_path, "DELETE FROM crosswalks")
    after = read_map(map_path, LOCATION, bounds, indexed_from=0)
    assert len(before.layers["crosswalks"]) and not len(after.layers["crosswalks"])
