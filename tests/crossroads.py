"""Small hand-made maps and scenes for the traffic tests: a straight road, a curve, a crossroads."""

from dataclasses import replace

import numpy as np

from simscale_gym.geometry import polyline
from simscale_gym.scene import (
    EgoLog,
    Lane,
    LightStatus,
    Roadblock,
    RoadMap,
    Scene,
    StopLine,
    StopLineType,
    Tracks,
    TrackType,
    TrafficLights,
    Turn,
    Vehicle,
)

ARM, HALF, SIDE = 80.0, 12.0, 1.75
WIDTH = 3.5


def lane(lane_id, points, *, connector=False, limit=10.0, **fields):
    line = polyline.with_headings(np.asarray(points, float))
    left, right = polyline.offset_left(line, WIDTH / 2), polyline.offset_left(line, -WIDTH / 2)
    ring = np.concatenate([right, left[::-1]])
    return Lane(lane_id, connector, lane_id, line, ring, left, right, speed_limit=limit, **fields)


def bend(start, end):
    """Quarter ellipse or straight line between two poses."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    t = np.linspace(0, 1, 25)[:, None]
    reach = 0.55 * np.linalg.norm(end[:2] - start[:2]) / (2**0.5 if abs(start[2] - end[2]) > 0.1 else 1.0)
    a = start[:2] + reach * np.array([np.cos(start[2]), np.sin(start[2])])
    b = end[:2] - reach * np.array([np.cos(end[2]), np.sin(end[2])])
    return (1 - t) ** 3 * start[:2] + 3 * t * (1 - t) ** 2 * a + 3 * t**2 * (1 - t) * b + t**3 * end[:2]


def straight_map(length=400.0, pieces=8, **options):
    """One lane along x in ``pieces`` pieces."""
    cuts = np.linspace(0, length, pieces + 1)
    lanes = {}
    for k in range(pieces):
        before = (f"l{k - 1}",) if k else ()
        after = (f"l{k + 1}",) if k + 1 < pieces else ()
        points = [[cuts[k], 0.0], [(cuts[k] + cuts[k + 1]) / 2, 0.0], [cuts[k + 1], 0.0]]
        lanes[f"l{k}"] = lane(f"l{k}", points, predecessors=before, successors=after, **options)
    return RoadMap("straight", lanes)


def circle_map(radius=20.0, limit=15.0):
    """A closed left-hand circle in four pieces."""
    lanes = {}
    for k in range(4):
        angle = np.linspace(k, k + 1, 40) * np.pi / 2
        points = radius * np.column_stack([np.cos(angle), np.sin(angle)])
        links = {"predecessors": (f"c{(k - 1) % 4}",), "successors": (f"c{(k + 1) % 4}",)}
        lanes[f"c{k}"] = lane(f"c{k}", points, limit=limit, **links)
    return RoadMap("circle", lanes)


def crossroads_map():
    """Four arms; lanes ``in_k`` and ``out_k`` of arm k (0 east, 1 north, 2 west, 3 south), connectors ``k>j``."""
    lanes, stops = {}, {}
    for k in range(4):
        angle = k * np.pi / 2
        u, n = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        far, near = (HALF + ARM) * u, HALF * u
        others = [j for j in range(4) if j != k]
        lanes[f"in_{k}"] = lane(
            f"in_{k}", [far + SIDE * n, (far + near) / 2 + SIDE * n, near + SIDE * n],
            successors=tuple(f"{k}>{j}" for j in others),
        )  # fmt: skip
        lanes[f"out_{k}"] = lane(
            f"out_{k}", [near - SIDE * n, (far + near) / 2 - SIDE * n, far - SIDE * n],
            predecessors=tuple(f"{j}>{k}" for j in others),
        )  # fmt: skip
        line = [near + SIDE * n - 1.75 * n, near + SIDE * n + 1.75 * n]
        ring = np.array([line[0], line[1], line[1] + 0.4 * u, line[0] + 0.4 * u])
        stops[f"s{k}"] = StopLine(f"s{k}", ring, StopLineType.TRAFFIC_LIGHT, (f"in_{k}",))
    for k in range(4):
        for j in range(4):
            if j == k:
                continue
            start, end = lanes[f"in_{k}"].centerline[-1], lanes[f"out_{j}"].centerline[0].copy()
            end[2] = start[2] + (end[2] - start[2] + np.pi) % (2 * np.pi) - np.pi
            turn = {1: Turn.LEFT, 2: Turn.STRAIGHT, 3: Turn.RIGHT}[(k - j) % 4]
            lanes[f"{k}>{j}"] = lane(
                f"{k}>{j}", bend(start, end), connector=True, predecessors=(f"in_{k}",), successors=(f"out_{j}",),
                turn=turn, stop_line_ids=(f"s{k}",), intersection_id="x",
            )  # fmt: skip
    return RoadMap("crossroads", lanes, stop_lines=stops)


def moving(x, y, heading, speed, frames, kind=TrackType.VEHICLE, size=(4.6, 1.9, 1.5), shown=None):
    """A track at constant velocity: (kind, size, poses, velocities, valid)."""
    t = np.arange(frames) * 0.1
    step = speed * np.array([np.cos(heading), np.sin(heading)])
    poses = np.column_stack([x + t * step[0], y + t * step[1], np.full(frames, heading)])
    valid = np.ones(frames, bool) if shown is None else np.isin(np.arange(frames), np.arange(*shown))
    return kind, size, poses, np.tile(step, (frames, 1)), valid


def along(points, speed, frames, start=0.0):
    """A vehicle that drives a polyline at constant speed."""
    points = np.asarray(points, float)[:, :2]
    poses = polyline.at_arc_length(points, start + speed * 0.1 * np.arange(frames))
    velocities = speed * np.column_stack([np.cos(poses[:, 2]), np.sin(poses[:, 2])])
    return TrackType.VEHICLE, (4.6, 1.9, 1.5), poses, velocities, np.ones(frames, bool)


def lane_path(road_map, *names):
    """The centrelines of several lanes as one polyline."""
    return polyline.without_repeats(np.concatenate([road_map.lanes[i].centerline[:, :2] for i in names]))


def scene_of(road_map, tracks, frames, ego=(0.0, -200.0, 0.0, 0.0), lights=None):
    """A scene with a standing ego far off the road unless given as x, y, heading, speed."""
    states = np.zeros((frames, 11))
    states[:, :4] = ego
    states[:, 0] += np.arange(frames) * 0.1 * ego[3] * np.cos(ego[2])
    states[:, 1] += np.arange(frames) * 0.1 * ego[3] * np.sin(ego[2])
    n = len(tracks)
    lights = lights or {}
    status = np.array([np.broadcast_to(v, frames) for v in lights.values()], np.uint8).reshape(-1, frames)
    return Scene(
        id="hand",
        log_id="hand",
        source="test",
        origin=np.zeros(3),
        timestamps_us=np.arange(frames, dtype=np.int64) * 100_000,
        map=road_map,
        ego=EgoLog(states, np.zeros(frames), np.zeros(frames), np.zeros(frames)),
        tracks=Tracks(
            ids=tuple(f"t{k}" for k in range(n)),
            types=np.array([t[0] for t in tracks], np.uint8),
            poses=np.array([t[2] for t in tracks]).reshape(n, frames, 3),
            velocities=np.array([t[3] for t in tracks]).reshape(n, frames, 2),
            z=np.zeros((n, frames)),
            sizes=np.array([t[1] for t in tracks], float).reshape(n, 3),
            valid=np.array([t[4] for t in tracks], bool).reshape(n, frames),
        ),
        lights=TrafficLights(tuple(lights), status),
        route=(),
        vehicle=Vehicle(),
    )


GREEN, YELLOW, RED = LightStatus.GREEN, LightStatus.YELLOW, LightStatus.RED


def with_roadblocks(road_map):
    """A roadblock for each lane, of the same name."""
    blocks = {
        lane.id: Roadblock(
            lane.id, lane.connector, lane.polygon, (lane.id,), lane.predecessors, lane.successors
        )
        for lane in road_map.lanes.values()
    }
    return replace(road_map, roadblocks=blocks)
