"""A hand-made map of five lanes and a scene on it."""

import numpy as np

from simscale_gym.scene import (
    Area,
    EgoLog,
    Intersection,
    Lane,
    LightStatus,
    Roadblock,
    RoadMap,
    Scene,
    Tracks,
    TrafficLights,
)

FRAMES = 12


def make_lane(key, points, **more):
    """A lane 4 m wide along straight ``points [2, 2]``."""
    points = np.array(points, float)
    start, end = points
    heading = np.arctan2(*(end - start)[::-1])
    s = np.linspace(0, 1, 11)[:, None]
    line = np.column_stack([start + s * (end - start), np.full(11, heading)])
    left = line[:, :2] + 2.0 * np.array([-np.sin(heading), np.cos(heading)])
    right = line[:, :2] - 2.0 * np.array([-np.sin(heading), np.cos(heading)])
    ring = np.concatenate([left, right[::-1]])
    return Lane(key, more.pop("connector", False), f"block_{key}", line, ring, left, right, **more)


def small_map():
    lanes = [
        make_lane("a", [(0, 0), (20, 0)], successors=("x", "gone"), speed_limit=10.0),
        make_lane(
            "x",
            [(20, 0), (30, 0)],
            connector=True,
            predecessors=("a",),
            successors=("b",),
            intersection_id="i",
        ),
        make_lane("b", [(30, 0), (50, 0)], predecessors=("x",)),
        make_lane("back", [(50, 4), (0, 4)]),
        make_lane("bike", [(0, -4), (50, -4)], bike=True),
    ]
    blocks = {x.roadblock_id: Roadblock(x.roadblock_id, x.connector, x.polygon, (x.id,)) for x in lanes}
    square = np.array([[20, -6], [30, -6], [30, 6], [20, 6]], float)
    lot = np.array([[60, 0], [70, 0], [70, 10], [60, 10]], float)
    return RoadMap(
        "small",
        {x.id: x for x in lanes},
        blocks,
        intersections={"i": Intersection("i", square)},
        crosswalks={"c": Area("c", lot + 100.0)},
        carparks={"lot": Area("lot", lot)},
    )


def make_tracks(count=2, frames=FRAMES):
    return Tracks(
        tuple(map(str, range(count))),
        np.zeros(count, np.uint8),
        np.zeros((count, frames, 3)),
        np.zeros((count, frames, 2)),
        np.zeros((count, frames)),
        np.tile([4.0, 2.0, 1.5], (count, 1)),
        np.ones((count, frames), bool),
    )


def make_scene(**changes):
    states = np.zeros((FRAMES, 11))
    states[:, 0] = np.arange(FRAMES)
    z, roll = 0.1 * np.arange(FRAMES), np.full(FRAMES, 0.05)
    values = {
        "id": "s",
        "log_id": "log",
        "source": "test",
        "origin": np.zeros(3),
        "timestamps_us": 100_000 * np.arange(FRAMES, dtype=np.int64),
        "map": small_map(),
        "ego": EgoLog(states, z, roll, np.zeros(FRAMES)),
        "tracks": make_tracks(),
        "lights": TrafficLights(("x",), np.full((1, FRAMES), LightStatus.RED, np.uint8)),
        "route": ("block_a", "block_x", "block_b"),
    }
    return Scene(**(values | changes))
