"""A small world in nuPlan's formats, made by hand: two roads that a junction with a light joins."""

import numpy as np
import pytest

from simscale_gym.geometry import polyline
from simscale_gym.scene import (
    STATE_SIZE,
    Area,
    BoundaryType,
    Building,
    EgoLog,
    Fixture,
    Ground,
    Intersection,
    IntersectionType,
    Lane,
    LightStatus,
    Roadblock,
    RoadMap,
    Shapes,
    StateIndex,
    StopLine,
    StopLineType,
    Tracks,
    TrackType,
    TrafficLights,
    Tree,
    Turn,
)
from simscale_gym.sources.nuplan.log_writer import write_log
from simscale_gym.sources.nuplan.map_writer import write_map, write_map_folder
from simscale_gym.sources.nuplan.recording import Part, Recording, log_name
from simscale_gym.sources.nuplan.schema import LOCATIONS
from simscale_gym.sources.nuplan.side_shapes import SIDE_FILE, write_shapes

LOCATION = "us-pa-pittsburgh-hazelwood"
ORIGIN = np.array([586_123.25, 4_475_456.5, 217.0])
START_US = 1_650_000_000_000_000
SPEED = 7.5


def _box(x0, x1, y0, y1):
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)


def _lane(lane_id, block, x0, x1, y, **more):
    xs = np.linspace(x0, x1, 21)
    line = np.column_stack([xs, np.full(21, y)])
    return Lane(
        id=lane_id,
        roadblock_id=block,
        centerline=polyline.with_headings(line),
        polygon=_box(x0, x1, y - 1.75, y + 1.75),
        left_boundary=line + np.array([0.0, 1.75]),
        right_boundary=line - np.array([0.0, 1.75]),
        **more,
    )


@pytest.fixture(scope="session")
def small_map():
    """Two lanes lead to a junction, one connector each leads on; ids are not numbers."""
    kinds = {"left_type": BoundaryType.SOLID_WHITE, "right_type": BoundaryType.DASHED_WHITE}
    joint = {"connector": True, "intersection_id": "x", "stop_line_ids": ("stop",), "turn": Turn.STRAIGHT}
    lanes = [
        _lane(
            "in-left", "west", 0, 100, 3.5, connector=False, speed_limit=13.5, successors=("over-left",),
            right_neighbor="in-right", **kinds,
        ),
        _lane(
            "in-right", "west", 0, 100, 0.0, connector=False, successors=("over-right",), left_neighbor="in-left",
        ),
        _lane("out-left", "east", 120, 300, 3.5, connector=False, predecessors=("over-left",),
              right_neighbor="out-right"),
        _lane("out-right", "east", 120, 300, 0.0, connector=False, predecessors=("over-right",),
              left_neighbor="out-left"),
        _lane("over-left", "mid", 100, 120, 3.5, predecessors=("in-left",), successors=("out-left",), **joint),
        _lane("over-right", "mid", 100, 120, 0.0, predecessors=("in-right",), successors=("out-right",), **joint),
        _lane("bike", "path", 0, 100, 8.0, connector=False, bike=True),
    ]  # fmt: skip
    blocks = [
        Roadblock("west", False, _box(0, 100, -1.75, 5.25), ("in-left", "in-right"), (), ("mid",)),
        Roadblock("east", False, _box(120, 300, -1.75, 5.25), ("out-left", "out-right"), ("mid",), ()),
        Roadblock("path", False, _box(0, 100, 6.25, 9.75), ("bike",)),
        Roadblock(
            "mid", True, _box(100, 120, -1.75, 5.25), ("over-left", "over-right"), ("west",), ("east",), "x"
        ),
    ]
    stop = StopLine("stop", _box(99, 100, -1.75, 5.25), StopLineType.TRAFFIC_LIGHT, ("in-left", "in-right"))
    return RoadMap(
        name=LOCATION,
        lanes={lane.id: lane for lane in lanes},
        roadblocks={block.id: block for block in blocks},
        intersections={"x": Intersection("x", _box(100, 120, -5, 9), IntersectionType.TRAFFIC_LIGHT)},
        stop_lines={"stop": stop},
        crosswalks={"c": Area("c", _box(96, 99, -1.75, 5.25))},
        walkways={"w": Area("w", _box(0, 100, 10, 13))},
        carparks={"p": Area("p", _box(0, 50, -8, -2))},
        generic_drivable={"g": Area("g", _box(50, 60, -8, -2))},
    )


@pytest.fixture(scope="session")
def small_shapes():
    return Shapes(
        (Building(_box(10, 30, 20, 40), 12.5, "brick", 7),),
        (Tree(40.0, 15.0, 8.0, 2.5, 11),),
        (
            Fixture("signal", 98.0, -3.0, np.pi, 5.0, 3.0, ("over-left", "over-right")),
            Fixture("sign", 5.0, -3.0, np.pi, 2.5, label="50"),
        ),
        (Ground("grass", _box(-20, 0, 10, 30)),),
    )


@pytest.fixture(scope="session")
def small_drive():
    """36 s along the right lane at 7.5 m/s: two scenes of 15 s, then one of 6 s that is too short."""
    times = np.arange(720) * 0.05
    count = len(times)
    states = np.zeros((count, STATE_SIZE))
    states[:, StateIndex.X], states[:, StateIndex.VX] = SPEED * times, SPEED
    states[:, StateIndex.YAW_RATE] = 0.03
    states[:, StateIndex.AX] = np.sin(times)
    ego = EgoLog(states, 0.01 * times, np.full(count, 0.02), np.full(count, -0.01))
    poses, velocities = np.zeros((2, count, 3)), np.zeros((2, count, 2))
    poses[0] = np.column_stack([20 + 2 * times, np.full(count, 3.5), np.full(count, np.pi) - 0.001 * times])
    velocities[0] = [2.0, 0.1]
    poses[1] = [60.0, 11.0, -3.1]
    valid = np.ones((2, count), bool)
    valid[1, :100] = False
    tracks = Tracks(
        ids=("00000000000000a1", "00000000000000a2"),
        types=np.array([TrackType.VEHICLE, TrackType.PEDESTRIAN], np.uint8),
        poses=poses,
        velocities=velocities,
        z=np.full((2, count), 0.8),
        sizes=np.array([[4.5, 1.9, 1.6], [0.6, 0.5, 1.7]]),
        valid=valid,
    )
    status = np.full((2, count), LightStatus.GREEN, np.uint8)
    status[0, 200:] = LightStatus.RED
    status[1, 50:80] = LightStatus.UNKNOWN
    goal = np.array([290.0, 0.0, 0.25])
    route = ("west", "mid", "east")
    return Recording(
        start_us=START_US,
        origin=ORIGIN,
        ego=ego,
        tracks=tracks,
        lights=TrafficLights(("over-left", "over-right"), status),
        parts=(Part(0, 300, route, goal), Part(300, 600, route[1:]), Part(600, 720, ())),
        tags={"medium_magnitude_speed": np.ones(count, bool), "on_intersection": states[:, 0] > 100.0},
    )


@pytest.fixture(scope="session")
def small_root(tmp_path_factory, small_map, small_shapes, small_drive):
    """All of it as a nuPlan data set on disk; tests that change it copy it first."""
    root = tmp_path_factory.mktemp("nuplan")
    (root / "maps").mkdir()
    fids = write_map(root / "map.gpkg", small_map, LOCATIONS[LOCATION].epsg, ORIGIN)
    write_map_folder(root / "maps", LOCATION, root / "map.gpkg")
    side = root / "maps" / LOCATION / LOCATIONS[LOCATION].version / SIDE_FILE
    write_shapes(side, small_shapes, ORIGIN, fids.lanes)
    path = root / "nuplan-v1.1" / "splits" / "mini" / f"{log_name(START_US, 'veh-07', 36.0)}.db"
    path.parent.mkdir(parents=True)
    write_log(path, small_drive, fids, LOCATION, "veh-07")
    return root
