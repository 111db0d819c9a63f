"""A small street for the tests: two lanes of one road and a crossing one, turned off the axes."""

import numpy as np
import shapely

from simscale_gym.geometry import polyline
from simscale_gym.scene import (
    Area,
    BoundaryType,
    Building,
    EgoLog,
    Fixture,
    Ground,
    Lane,
    RoadMap,
    Scene,
    Shapes,
    StopLine,
    StopLineType,
    Tracks,
    TrafficLights,
    Tree,
)

TURN = 0.45
HALF_ROAD = 5.0


def turned(points):
    cos, sin = np.cos(TURN), np.sin(TURN)
    return np.asarray(points, float) @ np.array([[cos, sin], [-sin, cos]])


def rectangle(x0, y0, x1, y1):
    return turned([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _lane(name, start, end, left, right):
    line = np.linspace(start, end, 30)
    sides = [polyline.offset_left(line, d) for d in (1.65, -1.65)]
    polygon = turned(np.concatenate([sides[0], sides[1][::-1]]))
    return Lane(
        name, False, "block " + name, polyline.with_headings(turned(line)), polygon, turned(sides[0]),
        turned(sides[1]), left, right,
    )  # fmt: skip


def street_map(half_length=40.0):
    dashed, solid = BoundaryType.DASHED_WHITE, BoundaryType.SOLID_WHITE
    lanes = [
        _lane("east", (-half_length, -1.65), (half_length, -1.65), dashed, solid),
        _lane("west", (half_length, 1.65), (-half_length, 1.65), dashed, solid),
    ]
    road = shapely.box(-half_length - 5, -HALF_ROAD, half_length + 5, HALF_ROAD)
    road = road.union(shapely.box(10, -30, 18, 30))
    stop = StopLine("stop", rectangle(3.0, -3.2, 3.5, -0.1), StopLineType.TRAFFIC_LIGHT)
    zebra = Area("zebra", rectangle(4.5, -4.9, 7.5, 4.9))
    paved = Area("paved", turned(np.asarray(road.exterior.coords)))
    return RoadMap(
        "street", {lane.id: lane for lane in lanes}, stop_lines={"stop": stop}, crosswalks={"zebra": zebra},
        generic_drivable={"paved": paved},
    )  # fmt: skip


def street_scene(frames=40, z=0.0):
    x = np.linspace(-15.0, 20.0, frames)
    states = np.zeros((frames, 11))
    states[:, :2], states[:, 2] = turned(np.column_stack([x, np.full(frames, -1.65)])), TURN
    zeros = np.zeros(frames)
    tracks = Tracks(
        (), np.zeros(0, np.uint8), np.zeros((0, frames, 3)), np.zeros((0, frames, 2)), np.zeros((0, frames)),
        np.zeros((0, 3)), np.zeros((0, frames), bool),
    )  # fmt: skip
    lights = TrafficLights((), np.zeros((0, frames), np.uint8))
    log = EgoLog(states, np.full(frames, z), zeros, zeros)
    times = np.arange(frames) * 100_000
    return Scene("s", "street log", "test", np.zeros(3), times, street_map(), log, tracks, lights, ())


def street_shapes():
    tree, lamp = turned([[-8.0, 6.5]])[0], turned([[-2.0, -5.8]])[0]
    buildings = (
        Building(rectangle(-30, 9, -15, 18), 9.0, "brick", 3),
        Building(rectangle(-15, 9, 5, 18), 11.0, "plaster", 4),
        Building(rectangle(-28, 24, -20, 30), 6.0, "house", 5),  # behind the others
    )
    grounds = (
        Ground("sidewalk", rectangle(-45, 5, 9, 9)),
        Ground("sidewalk", rectangle(-45, -9, 9, -5)),
        Ground("grass", rectangle(-45, -14, 9, -9)),
    )
    return Shapes(
        buildings,
        (Tree(*tree, 7.0, 2.2, 1),),
        (Fixture("lamp", *lamp, TURN + np.pi / 2, 6.5, 1.5),),
        grounds,
    )
