import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from simscale_gym.dressing.surroundings.infer_shapes import infer_shapes
from simscale_gym.geometry import box
from simscale_gym.geometry.polygon_set import PolygonSet
from simscale_gym.scene import (
    Area,
    EgoLog,
    Intersection,
    Lane,
    LightStatus,
    Roadblock,
    RoadMap,
    Scene,
    StopLine,
    StopLineType,
    Tracks,
    TrafficLights,
)  # fmt: skip
from simscale_gym.scene.shapes import BUILDING_STYLES, FIXTURE_KINDS, GROUND_KINDS

ROOT = Path(os.environ.get("SIMSCALE_GYM_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
REAL = ROOT / "scenarios" / "sd_nuscenes_v1.0-mini_scene-0103.pkl"
FRAMES = 61


def rectangle(x0, y0, x1, y1):
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)


def lane(key, x0, x1, y, heading=0.0, **more):
    x = np.arange(x0, x1 + 0.5)
    x = x if heading == 0.0 else x[::-1]
    side = 1.75 if heading == 0.0 else -1.75
    line = np.column_stack([x, np.full(len(x), y), np.full(len(x), heading)])
    left, right = line[:, :2] + [0, side], line[:, :2] - [0, side]
    ring = np.concatenate([left, right[::-1]])
    return Lane(key, more.pop("connector", False), f"block_{key}", line, ring, left, right, **more)


def street(**layers):
    """Two lanes, a crossroads at x = 0 whose middle is ruled by a light and a stop line."""
    lanes = [
        lane("in", -80, -10, -1.75, successors=("over",)),
        lane(
            "over",
            -10,
            10,
            -1.75,
            connector=True,
            predecessors=("in",),
            successors=("out",),
            intersection_id="x",
        ),
        lane("out", 10, 80, -1.75, predecessors=("over",)),
        lane("back", -80, 80, 1.75, heading=np.pi),
    ]
    blocks = {x.roadblock_id: Roadblock(x.roadblock_id, x.connector, x.polygon, (x.id,)) for x in lanes}
    side_road = {"side": Area("side", rectangle(-4, -70, 4, 70))}
    return RoadMap(
        "street",
        {x.id: x for x in lanes},
        blocks,
        intersections={"x": Intersection("x", rectangle(-10, -10, 10, 10))},
        stop_lines={"s": StopLine("s", rectangle(-11, -3.5, -10, 0), StopLineType.TRAFFIC_LIGHT, ("over",))},
        crosswalks={"c": Area("c", rectangle(-15, -6, -12, 6))},
        generic_drivable=layers.pop("generic_drivable", side_road),
        **layers,
    )


def scene_on(road_map, log_id="log", parked=((40.0, -14.0),)):
    states = np.zeros((FRAMES, 11))
    states[:, 0], states[:, 1], states[:, 3] = -40 + np.arange(FRAMES), -1.75, 10.0
    n, level = len(parked), np.zeros(FRAMES)
    poses = np.zeros((n, FRAMES, 3))
    poses[:, :, :2] = np.array(parked).reshape(n, 1, 2)
    tracks = Tracks(
        tuple(map(str, range(n))), np.zeros(n, np.uint8), poses, np.zeros((n, FRAMES, 2)), np.zeros((n, FRAMES)),
        np.tile([4.5, 2.0, 1.5], (n, 1)), np.ones((n, FRAMES), bool),
    )  # fmt: skip
    lights = TrafficLights(("over",), np.full((1, FRAMES), LightStatus.RED, np.uint8))
    times = 100_000 * np.arange(FRAMES, dtype=np.int64)
    ego = EgoLog(states, level, level, level)
    return Scene("s", log_id, "test", np.zeros(3), times, road_map, ego, tracks, lights, ("block_in",))


def real_scene():
    from simscale_gym.sources.scenario_description.reader import read_scenario_description

    if not REAL.is_file():
        pytest.skip(f"{REAL} is absent")
    return read_scenario_description(REAL)


@pytest.fixture(scope="module", params=["street", "real"])
def pair(request):
    scene = scene_on(street()) if request.param == "street" else real_scene()
    return scene, infer_shapes(scene)


def footprints(shapes):
    return [shapely.Polygon(b.footprint) for b in shapes.buildings]


def test_everything_is_there(pair):
    _, shapes = pair
    assert len(shapes.buildings) >= 8 and len(shapes.trees) >= 10
    assert {"lamp"} <= {f.kind for f in shapes.fixtures} <= set(FIXTURE_KINDS)
    assert {"sidewalk", "plaza"} <= {g.kind for g in shapes.grounds} <= set(GROUND_KINDS)
    assert {b.style for b in shapes.buildings} <= set(BUILDING_STYLES)


def test_buildings_stand_off_road_tracks_and_each_other(pair):
    scene, shapes = pair
    areas = footprints(shapes)
    road = scene.map.drivable_region.buffer(0)
    assert all(shapely.LinearRing(b.footprint).is_ccw for b in shapes.buildings)
    for i, area in enumerate(areas):
        assert area.intersection(road).area < 0.1
        assert all(area.intersection(other).area < 0.5 for other in areas[:i])
    walls = shapely.unary_union(areas)
    tracks = scene.tracks
    for frame in range(0, scene.num_frames, 20):
        boxes = shapely.polygons(box.corners(tracks.boxes(frame)[tracks.valid[:, frame]]))
        assert not shapely.intersects(walls, boxes).any()
    for crosswalk in scene.map.crosswalks.values():
        assert not walls.intersects(shapely.Polygon(crosswalk.polygon))


def test_poles_and_trunks_block_nothing(pair):
    scene, shapes = pair
    places = np.array([(x.x, x.y) for x in (*shapes.trees, *shapes.fixtures)])
    assert not PolygonSet.build(scene.map.drivable_rings).contains_any(places).any()
    path = shapely.LineString(scene.ego.poses[:, :2])
    assert shapely.distance(path, shapely.points(places)).min() > scene.vehicle.width / 2
    poles = np.array([(f.x, f.y) for f in shapes.fixtures])
    apart = np.linalg.norm(poles[:, None] - poles, axis=-1) + 10.0 * np.eye(len(poles))
    assert apart.min() > 1.19
    walls = shapely.unary_union(footprints(shapes))
    crowns = [shapely.Point(t.x, t.y).distance(walls) - t.radius for t in shapes.trees]
    assert min(crowns) > 0.0


def test_grounds_lie_beside_the_road(pair):
    scene, shapes = pair
    road = scene.map.drivable_region.buffer(0)
    for ground in shapes.grounds:
        area = shapely.Polygon(ground.polygon)
        assert area.is_valid and area.intersection(road).area < max(0.5, 0.05 * area.area)


def test_the_same_log_has_the_same_street(pair):
    scene, shapes = pair
    again = infer_shapes(scene)
    assert [b.seed for b in again.buildings] == [b.seed for b in shapes.buildings]
    assert again.trees == shapes.trees and again.fixtures == shapes.fixtures
    other = infer_shapes(replace(scene, log_id="another"))
    assert [b.seed for b in other.buildings] != [b.seed for b in shapes.buildings]


def test_a_signal_faces_the_traffic_at_the_right_of_its_stop_line():
    signals = [f for f in infer_shapes(scene_on(street())).fixtures if f.kind == "signal"]
    assert [f.lane_ids for f in signals] == [("over",)]
    signal = signals[0]
    assert np.cos(signal.heading) == pytest.approx(-1.0)  # the traffic comes towards +x
    assert -13 < signal.x < -9 and -14 < signal.y < -3.5


def test_stop_signs():
    road = street()
    signs = replace(road, stop_lines={"s": replace(road.stop_lines["s"], type=StopLineType.STOP_SIGN)})
    scene = replace(scene_on(signs), lights=TrafficLights((), np.zeros((0, FRAMES), np.uint8)))
    found = [f for f in infer_shapes(scene).fixtures if f.kind in ("sign", "signal")]
    assert [(f.kind, f.label) for f in found] == [("sign", "stop")]


def test_walkways_of_the_map_are_the_sidewalks():
    walkways = {str(i): Area(str(i), rectangle(-80, y, 80, y + 2)) for i, y in enumerate((-7.0, 5.0))}
    shapes = infer_shapes(scene_on(street(walkways=walkways)))
    area = shapely.unary_union([shapely.Polygon(g.polygon) for g in shapes.grounds if g.kind == "sidewalk"])
    assert area.bounds[1] >= -7.01 and area.bounds[3] <= 7.01  # no band along the side road
    assert not any(f.intersects(shapely.box(-80, -7, 80, -5)) for f in footprints(shapes))


def test_roads_run_on_behind_the_end_of_the_map():
    walls = shapely.unary_union(footprints(infer_shapes(scene_on(street()))))
    assert not walls.intersects(shapely.box(80, -3.5, 119, 0))


def test_holes_become_islands():
    ring = [
        rectangle(-20, -20, 20, -12),
        rectangle(-20, 12, 20, 20),
        rectangle(-20, -12, -8, 12),
        rectangle(8, -12, 20, 12),
    ]
    areas = {str(i): Area(str(i), r) for i, r in enumerate(ring)}
    shapes = infer_shapes(scene_on(street(generic_drivable=areas), parked=()))
    islands = [shapely.Polygon(g.polygon) for g in shapes.grounds if g.kind == "island"]
    assert sum(i.area for i in islands) > 20


def test_invalid_and_thin_polygons_are_survived():
    bow = np.array([[0, 20], [10, 30], [10, 20], [0, 30]], float)
    areas = {"bow": Area("bow", bow), "thin": Area("thin", rectangle(0, 40, 30, 40.001)),
             "flat": Area("flat", np.array([[0.0, 50.0], [5.0, 50.0], [10.0, 50.0]]))}  # fmt: skip
    shapes = infer_shapes(scene_on(street(generic_drivable=areas), parked=()))
    assert shapes.buildings and all(np.isfinite(b.footprint).all() for b in shapes.buildings)
