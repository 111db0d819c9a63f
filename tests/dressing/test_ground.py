from dataclasses import replace

import numpy as np
import pytest
import scipy
import shapely
from crossroads import lane
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from street import HALF_ROAD, rectangle, street_map, street_scene, street_shapes, turned

from simscale_gym.dressing.ground import ground as ground_module
from simscale_gym.dressing.ground.cells import SKIRT, TAKEN, Line, even_pieces, split_lengthwise
from simscale_gym.dressing.ground.ground import fill_quadtree, ground_surfels
from simscale_gym.dressing.ground.kerbs import HEIGHT, lay_kerbs
from simscale_gym.dressing.ground.markings import lane_lines, paint_lines
from simscale_gym.dressing.ground.raster import GroundRaster
from simscale_gym.dressing.ground.road_patterns import (
    arrow_patterns,
    lay_patterns,
    stop_and_crossing_patterns,
)
from simscale_gym.dressing.ground.terrain import Surface, Terrain
from simscale_gym.dressing.light.visibility import seen_from_path, seen_raster
from simscale_gym.dressing.surfels.noise import value_noise
from simscale_gym.scene import BoundaryType, RoadMap, StopLineType, Turn


@pytest.fixture(scope="module")
def terrain():
    return Terrain.of(street_scene(), street_shapes())


@pytest.fixture(scope="module")
def ground(terrain):
    return ground_surfels(street_scene(), terrain, np.random.default_rng(0), 5)


def blank(terrain):
    return GroundRaster.over(terrain.path.min(0) - 60, terrain.path.max(0) + 60, 0.05)


@given(st.lists(st.tuples(st.integers(-60, 100), st.integers(-60, 100)), min_size=3, max_size=8, unique=True))
@settings(deadline=None, max_examples=40)
def test_filled_polygons_hold_the_pixels_that_shapely_holds(points):
    raster = GroundRaster.over((0, 0), (20, 15), 0.5)
    ring = np.array(points) / 2.0 + 0.07
    points = [tuple(p) for p in ring]
    raster.fill_polygon([ring], 3)
    y, x = np.meshgrid(np.arange(30) * 0.5 + 0.25, np.arange(40) * 0.5 + 0.25, indexing="ij")
    even_odd = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(ring, -1, 0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        if crosses.any():
            even_odd ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    border = shapely.LinearRing(points).distance(shapely.points(x, y)) < 1e-6
    assert ((raster.values == 3) == even_odd)[~border].all()


def test_boxes_are_marked_counted_and_claimed_in_order():
    raster = GroundRaster.over((0, 0), (10, 10), 0.05)
    raster.mark(np.array([[5, 5, 0.7, 4, 2]]), 1)
    assert (raster.values == 1).sum() * 0.05**2 == pytest.approx(8.0, rel=0.02)
    share = raster.share(np.array([[5, 5, 0.7, 2, 1], [5, 5, 0.7, 8, 2], [1, 1, 0, 1, 1]]), 1)
    assert share == pytest.approx([1.0, 0.5, 0.0], abs=0.03)
    claimed = raster.claim(np.array([[1, 1, 0, 1, 1], [1.2, 1, 0, 1, 1], [3, 1, 0, 1, 1]]), 2, 0.3, 2)
    assert claimed.tolist() == [True, False, True]
    assert raster.at([[1, 1], [5, 5], [99, 99]]).tolist() == [2, 1, 0]


def test_boxes_along_a_bent_line_follow_it():
    angle = np.linspace(0, np.pi / 2, 60)
    line = Line.of(10.0 * np.stack([np.sin(angle), 1 - np.cos(angle)], 1))
    low, high = even_pieces(np.zeros(1), np.array([line.length]), 0.5)
    boxes = line.boxes(low, high, 0.9, 1.1)  # 1 m to the left, towards the centre
    assert np.linalg.norm(boxes[:, :2] - [0, 10], axis=1) == pytest.approx(9.0, abs=0.03)
    assert boxes[:, 3].sum() == pytest.approx(9.0 * np.pi / 2, rel=0.01)
    assert len(split_lengthwise(boxes, 3)) == 3 * len(boxes)


def test_terrain_knows_road_sidewalk_grass_and_buildings(terrain):
    places = turned([[0, 0], [-20, 7], [-20, -11], [-20, 14], [-20, -40], [14, 20]])
    expected = ["ROAD", "SIDEWALK", "GRASS", "BUILDING", "NEUTRAL", "ROAD"]
    assert [Surface(k).name for k in terrain.surfaces.at(places)] == expected


def test_distances_are_those_of_a_tree(terrain):
    points = np.random.default_rng(0).uniform(-300.0, 300.0, (500, 2))
    assert (terrain.distance(points) == cKDTree(terrain.path).query(points)[0]).all()


def test_cells_are_the_same_however_far_sight_is_told(terrain, monkeypatch):
    near = fill_quadtree(terrain, blank(terrain))
    monkeypatch.setattr(ground_module, "seen_raster", lambda terrain, reach: seen_raster(terrain, np.inf))
    assert np.array_equal(fill_quadtree(terrain, blank(terrain)).boxes, near.boxes)
    monkeypatch.setattr(ground_module, "seen_raster", lambda terrain, reach: seen_raster(terrain, 20.0))
    assert not np.array_equal(fill_quadtree(terrain, blank(terrain)).boxes, near.boxes)


def test_lines_shared_by_two_lanes_are_painted_once(terrain):
    taken = blank(terrain)
    lines = lane_lines(street_map())
    layer = paint_lines(lines, terrain, taken)
    paint = layer.solid.boxes[layer.solid.surface == Surface.PAINT]
    local = paint[:, :2] @ np.array([[np.cos(0.45), -np.sin(0.45)], [np.sin(0.45), np.cos(0.45)]])
    middle = np.abs(local[:, 1]) < 0.1
    area = (paint[:, 3] * paint[:, 4])[middle].sum()
    length = np.ptp(local[:, 0][middle])
    assert area / 0.12 / length == pytest.approx(3.0 / 9.0, abs=0.06)  # 3 m dashes, 6 m gaps
    assert {round(v) for v in local[~middle][:, 1]} == {-3, 3}


def test_paint_keeps_clear_of_a_zebra_and_stripes_alternate(terrain):
    taken = blank(terrain)
    zebra = lay_patterns(stop_and_crossing_patterns(street_map()), terrain, taken)
    lines = paint_lines(lane_lines(street_map()), terrain, taken)
    area = shapely.Polygon(rectangle(4.7, -4.7, 7.3, 4.7))
    painted = lines.solid.boxes[lines.solid.surface == Surface.PAINT]
    assert not shapely.contains_xy(area, painted[:, 0], painted[:, 1]).any()
    inside = shapely.contains_xy(area, *zebra.solid.boxes[:, :2].T)
    weight = zebra.solid.boxes[:, 3] * zebra.solid.boxes[:, 4]
    white = (zebra.solid.surface == Surface.PAINT) & inside
    assert weight[white].sum() / weight[inside].sum() == pytest.approx(0.5, abs=0.08)


def test_maps_without_line_types_get_lines():
    road = street_map()
    bare = {
        i: replace(lane, left_type=BoundaryType.VIRTUAL, right_type=BoundaryType.VIRTUAL)
        for i, lane in road.lanes.items()
    }
    assert len(lane_lines(replace(road, lanes=bare))) == 4


def test_kerbs_run_along_the_road_and_face_it(terrain):
    kerbs = lay_kerbs(terrain, blank(terrain))
    border = terrain.road.boundary
    off = border.distance(shapely.points(kerbs.stones.boxes[:, :2]))
    assert off.max() < 0.2 and (kerbs.stones.z == HEIGHT).all()
    x, y, heading = kerbs.faces[:, 0], kerbs.faces[:, 1], kerbs.faces[:, 2]
    ahead = np.stack([x - 0.3 * np.sin(heading), y + 0.3 * np.cos(heading)], 1)
    assert (terrain.surfaces.at(ahead) == Surface.ROAD).mean() > 0.99


def test_the_ground_near_the_path_is_a_partition(terrain):
    taken = blank(terrain)
    lay_kerbs(terrain, taken)
    lay_patterns(stop_and_crossing_patterns(street_map()), terrain, taken)
    laid = taken.values > 0
    cells = fill_quadtree(terrain, taken)
    near = terrain.distance(cells.boxes[:, :2]) < 30.0
    cover = np.zeros(taken.values.shape, np.uint8)
    sheet = GroundRaster(taken.origin, taken.cell, cover)
    sheet.mark(cells.boxes[near], SKIRT)
    sample = turned(np.random.default_rng(3).uniform([-12, -12], [9, 9], (20000, 2)))
    on_ground = terrain.surfaces.at(sample) != Surface.BUILDING
    index = np.floor((sample - taken.origin) / taken.cell).astype(int)
    filled, held = sheet.at(sample) > 0, laid[index[:, 1], index[:, 0]]
    assert (filled | held)[on_ground].mean() > 0.985
    assert (filled & held)[on_ground].mean() < 0.03
    assert (taken.values & TAKEN).any()


def test_ground_lies_flat_at_the_right_heights(ground, terrain):
    flat = (ground.normals[:, 2] > 0.99) & (ground.v[:, 2] == 0.0)  # all but kerb faces and blades of grass
    levels = np.array([-0.6, 0.0, 0.018, 0.006, 0.008, 0.014, 0.06, HEIGHT, HEIGHT + 0.005])
    assert np.abs(ground.centers[flat, 2, None] - levels).min(1).max() < 1e-5
    road = terrain.surfaces.at(ground.centers[:, :2]) == Surface.ROAD
    coarse = np.abs(ground.sigmas[:, 0]) > 0.03
    assert ground.centers[road & coarse, 2].max() < HEIGHT + 0.02
    assert np.isfinite(ground.albedo).all() and ground.albedo.min() > 0.0 and ground.albedo.max() < 1.1


def test_the_ground_follows_the_height_of_the_log():
    scene = street_scene(z=3.0)
    high = ground_surfels(scene, Terrain.of(scene, street_shapes()), np.random.default_rng(0), 5)
    assert high.centers[:, 2].min() == pytest.approx(2.4) and np.median(high.centers[:, 2]) > 2.9


def test_the_ground_is_the_same_each_time(ground, terrain):
    again = ground_surfels(street_scene(), terrain, np.random.default_rng(0), 5)
    assert np.array_equal(again.centers, ground.centers) and np.array_equal(again.albedo, ground.albedo)


def test_paint_is_bright_and_on_the_road(ground):
    bright = ground.albedo.min(1) > 0.70
    local = ground.centers[bright, :2] @ np.array(
        [[np.cos(0.45), -np.sin(0.45)], [np.sin(0.45), np.cos(0.45)]]
    )
    near = np.abs(local[:, 0]) < 9.0
    assert bright.sum() > 500 and (np.abs(local[near, 1]) < HALF_ROAD).all()


def test_buildings_hide_what_is_behind_them(terrain):
    seen = seen_from_path(turned([[0, 3], [-8, 8], [-8, 21], [-60, 0]]), terrain)
    assert seen.tolist() == [True, True, False, True]


def test_noise_is_smooth_in_range_and_seeded():
    x = np.linspace(-20, 20, 4001)
    a, b = value_noise(x, x, 2.0, 1), value_noise(x, x, 2.0, 2)
    assert a.min() >= 0.0 and a.max() <= 1.0 and np.ptp(a) > 0.5
    assert np.abs(np.diff(a)).max() < 0.03 and np.abs(a - b).max() > 0.2


def test_teeth_point_at_who_has_to_yield(terrain):
    stop = replace(street_map().stop_lines["stop"], type=StopLineType.YIELD, lane_ids=("east",))
    pattern = stop_and_crossing_patterns(replace(street_map(), stop_lines={"stop": stop}, crosswalks={}))[0]
    layer = lay_patterns([pattern], terrain, blank(terrain))
    painted = layer.solid.boxes[layer.solid.surface == Surface.PAINT]
    along = (painted[:, :2] - pattern.pose[:2]) @ turned([(1.0, 0.0)])[0]
    area = painted[:, 3] * painted[:, 4]
    before, behind = area[along < 0.0].sum(), area[along > 0.0].sum()
    assert (
        1.5 * before < behind and 0.3 < before + behind < 0.9
    )  # tips before, bases behind, for who goes east


@pytest.mark.parametrize("ways", [(1, 0), (-1, 0), (1, 0, -1)])
def test_heads_of_an_arrow_stand_apart(ways):
    """Beside its shaft each side of the head straight on is a piece of its own, and so is each other head."""
    turns = {1: Turn.LEFT, 0: Turn.STRAIGHT, -1: Turn.RIGHT}
    ahead = {way: np.array([[80.0, 0.0], [85.0, 2.0 * way], [90.0, 9.0 * way]]) for way in ways}
    after = [lane(f"{way}", line, connector=True, turn=turns[way]) for way, line in ahead.items()]
    road = np.array([[0.0, 0.0], [40.0, 0.0], [80.0, 0.0]])
    before = lane("road", road, left_neighbor="other", successors=tuple(one.id for one in after))
    arrow = arrow_patterns(RoadMap("ways", {one.id: one for one in (before, *after)}))[0]
    x, y = np.meshgrid(np.arange(-2.2, 2.2, 0.02), np.arange(-1.4, 1.4, 0.02), indexing="ij")
    painted = arrow.painted(x.ravel(), y.ravel()).reshape(x.shape)
    assert scipy.ndimage.label(painted)[1] == 1
    assert scipy.ndimage.label(painted & (np.abs(y) > 0.09))[1] == 1 + len(ways)
