"""The map of classes lies in the ego's frame, and shows what is there."""

import numpy as np

from simscale_gym.datagen.class_map import RESOLUTION, SIDE, MapClass, class_map
from simscale_gym.geometry import polyline, se2
from simscale_gym.scene import TrackType

NOBODY = np.zeros((0, 7)), np.zeros(0, np.uint8)


def cell(x, y):
    """Row and column of a place in the ego frame."""
    return int((SIDE / 2) - x / RESOLUTION), int((SIDE / 2) - y / RESOLUTION)


def box_at(x, y, length=4.0, width=2.0, heading=0.0):
    return [x, y, 0.8, length, width, 1.6, heading]


def test_the_road_is_where_the_map_has_it(town_scene):
    """Every fifth cell against the polygons; edges fall on either side."""
    import shapely

    pose = town_scene.ego.poses[50]
    image = class_map(town_scene, pose, *NOBODY)
    at = np.arange(2, SIDE, 5)
    rows, columns = (grid.ravel() for grid in np.meshgrid(at, at, indexing="ij"))
    middle = (SIDE - 1) / 2
    points = se2.points_to_world(pose, np.column_stack([middle - rows, middle - columns]) * RESOLUTION)
    road = shapely.contains_xy(town_scene.map.drivable_region, points)
    drawn = np.isin(image[rows, columns], [MapClass.ROAD, MapClass.CENTERLINE, MapClass.CROSSWALK])
    assert 0.05 < road.mean() < 0.95
    assert (drawn == road).mean() > 0.97


def test_centerlines_lead_ahead(town_scene):
    pose = polyline.at_arc_length(town_scene.route_path, np.array([20.0]), town_scene.route_lengths)[0]
    ahead = polyline.at_arc_length(
        town_scene.route_path, np.arange(20.5, 30.0, 0.5), town_scene.route_lengths
    )
    image = class_map(town_scene, pose, *NOBODY)
    cells = [cell(x, y) for x, y in se2.points_to_local(pose, ahead[:, :2])]
    near = [image[r - 1 : r + 2, c - 1 : c + 2] for r, c in cells]
    assert np.mean([(part == MapClass.CENTERLINE).any() for part in near]) > 0.8


def test_others_lie_above_the_road_persons_above_all(town_scene):
    pose = town_scene.ego.poses[50]
    boxes = np.array(
        [box_at(10, 5), box_at(-6, -8, 0.6, 0.6), box_at(10, 5, 0.8, 0.8), box_at(0, 12, 8, 1, np.pi / 2)]
    )
    types = np.array(
        [TrackType.VEHICLE, TrackType.BARRIER, TrackType.PEDESTRIAN, TrackType.VEHICLE], np.uint8
    )
    image = class_map(town_scene, pose, boxes, types)
    assert image[cell(10, 5)] == MapClass.PERSON and image[cell(11.5, 5)] == MapClass.VEHICLE
    assert image[cell(-6, -8)] == MapClass.STATIC
    assert image[cell(0, 15)] == MapClass.VEHICLE and image[cell(3, 12)] < MapClass.STATIC  # it stands across
    assert image.shape == (SIDE, SIDE) and image.dtype == np.uint8
