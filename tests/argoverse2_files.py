"""A motion-forecasting scenario and a sensor log of one crossing, written in the column layout of Argoverse 2."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pa = pytest.importorskip("pyarrow")
feather, parquet = (pytest.importorskip(f"pyarrow.{name}") for name in ("feather", "parquet"))

ID = "0000aaaa-0000-4000-8000-00000000000a"
OFFSET = np.array([1000.0, -2000.0])
IN_CITY = np.array([*OFFSET, 0.0])
FRAMES, SPEED = 61, 10.0
START_NS = 315_966_253_660_357_000
JITTER_NS = np.array([0, 196_000, -271_000])  # of the lidar's clock
AXLE_HEIGHT = 0.33
RINGS = ("front_center", "front_left", "front_right", "rear_left", "rear_right", "side_left", "side_right")


def points(line):
    return [{"x": float(x) + OFFSET[0], "y": float(y) + OFFSET[1], "z": 66.0} for x, y in line]


def lane(
    key,
    left,
    right,
    *,
    inside=False,
    kind="VEHICLE",
    after=(),
    before=(),
    beside=(None, None),
    marks=("NONE",) * 2,
):
    return {
        "id": key,
        "is_intersection": inside,
        "lane_type": kind,
        "left_lane_boundary": points(left),
        "left_lane_mark_type": marks[0],
        "right_lane_boundary": points(right),
        "right_lane_mark_type": marks[1],
        "successors": list(after),
        "predecessors": list(before),
        "left_neighbor_id": beside[0],
        "right_neighbor_id": beside[1],
    }


def along(x0, x1, y, half=1.75):
    """Boundaries of a lane between two x."""
    side = half * np.sign(x1 - x0)
    return [(x0, y + side), (x1, y + side)], [(x0, y - side), (x1, y - side)]


def turn():
    angle = np.linspace(-np.pi / 2, 0.0, 24)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    return [-10, 10] + 10.0 * ring, [-10, 10] + 13.5 * ring


def crossing_map():
    """Two lanes and a cycle lane lead east over a crossing, where one turns left; one lane leads back west."""
    lanes = [
        lane(10, *along(-60, -10, -1.75), after=[20, 22], beside=(90, 11),
             marks=("DOUBLE_SOLID_YELLOW", "DASHED_WHITE")),
        lane(11, *along(-60, -10, -5.25), after=[21], beside=(10, 12), marks=("DASHED_WHITE", "SOLID_WHITE")),
        lane(12, *along(-60, -10, -7.75, 0.75), kind="BIKE", beside=(11, None)),
        lane(20, *along(-10, 10, -1.75), inside=True, after=[30], before=[10]),
        lane(21, *along(-10, 10, -5.25), inside=True, after=[31], before=[11]),
        lane(22, *turn(), inside=True, after=[42], before=[10]),
        lane(30, *along(10, 89.7, -1.75), after=[35], before=[20], beside=(None, 31)),
        lane(31, *along(10, 89.7, -5.25), before=[21], beside=(30, None)),
        lane(35, *along(89.7, 90, -1.75), after=[36], before=[30]),
        lane(36, *along(90, 150, -1.75), before=[35]),
        lane(42, [(0, 10), (0, 60)], [(3.5, 10), (3.5, 60)], before=[22]),
        lane(90, *along(-10, -60, 1.75), beside=(10, None)),
        lane(91, [(-60, 0)], [(-60, 3.5), (-63.5, 3.5), (-63.5, 0.0)], before=[90]),
    ]  # fmt: skip
    area = [(-60, -9), (150, -9), (150, 4), (4, 4), (4, 60), (-60, 60)]
    edges = {"edge1": points([(-14, -9), (-14, 4)]), "edge2": points([(-11, -9), (-11, 4)])}
    return {
        "pedestrian_crossings": {"7": {"id": 7, **edges}},
        "lane_segments": {str(item["id"]): item for item in lanes},
        "drivable_areas": {"3": {"id": 3, "area_boundary": points(area)}},
    }


def ego_line():
    """Rear axle ``[T, 2]`` along the left lane, at 10 m/s."""
    return np.column_stack([-45 + 0.1 * SPEED * np.arange(FRAMES), np.full(FRAMES, -1.75)]) + OFFSET


def pulled(line):
    """The line with its ends drawn towards its middle, as Argoverse smoothed them."""
    steps = np.diff(line, axis=0)
    steps[:5] *= np.linspace(0.5, 0.9, 5)[:, None]
    steps[-5:] *= np.linspace(0.9, 0.5, 5)[:, None]
    out = np.concatenate([np.zeros((1, 2)), steps.cumsum(0)])
    return out + line[30] - out[30]


def scenario_tracks():
    """By id: object type, frames, positions, heading, velocity."""
    t = np.arange(FRAMES)
    seen = t[10:40]
    car = np.column_stack([-30 + 0.8 * t, np.full(FRAMES, -5.25)]) + OFFSET
    walker = np.column_stack([np.full(30, -12.5), -9 + 0.12 * seen]) + OFFSET
    return {
        "AV": ("vehicle", t, pulled(ego_line()), 0.0, (SPEED, 0.0)),
        "138902": ("vehicle", t, car, 0.0, (8.0, 0.0)),
        "138951": ("pedestrian", seen, walker, np.pi / 2, (0.0, 1.2)),
        "139001": ("construction", t[:1], np.array([[5.0, -8.5]]) + OFFSET, 1.0, (0.0, 0.0)),
    }


def scenario_table(tracks=None):
    columns = {name: [] for name in ("observed", "track_id", "object_type", "object_category", "timestep",
               "position_x", "position_y", "heading", "velocity_x", "velocity_y")}  # fmt: skip
    for key, (kind, frames, line, heading, velocity) in (tracks or scenario_tracks()).items():
        for frame, place in zip(frames, line, strict=True):
            row = (frame < 50, key, kind, 1, frame, *place, heading, *velocity)
            for name, value in zip(columns, row, strict=True):
                columns[name].append(value)
    count = len(columns["observed"])
    columns |= {
        "scenario_id": [ID] * count,
        "start_timestamp": np.full(count, float(START_NS)),
        "end_timestamp": np.full(count, float(START_NS + (FRAMES - 1) * 100_000_000)),
        "num_timestamps": np.full(count, FRAMES),
        "focal_track_id": ["138902"] * count,
        "city": ["austin"] * count,
        "map_id": np.full(count, 74806, np.uint64),
        "slice_id": ["7bef7e1f"] * count,
    }
    return pa.table(columns)


def write_scenario(root, name=ID, table=None, archive=None):
    """A folder ``root/<name>`` with ``scenario_<name>.parquet`` and its map; gives the parquet's path."""
    folder = root / name
    folder.mkdir(parents=True)
    file = folder / f"scenario_{name}.parquet"
    parquet.write_table(scenario_table() if table is None else table, file)
    content = crossing_map() if archive is None else archive
    (folder / f"log_map_archive_{name}.json").write_text(json.dumps(content))
    return file


def columns(rows, *names):
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def ego_pose(seconds):
    """Rear axle in the city ``[3]`` and rotation of the log's ego: it drives straight with its nose 0.02 rad up."""
    place = np.array([OFFSET[0] - 45 + SPEED * seconds, OFFSET[1] - 1.75, 66.0 + AXLE_HEIGHT])
    return place, Rotation.from_euler("ZYX", [0.0, -0.02, 0.01])


def log_boxes():
    """By id: category, size, and the function of time that gives the box centre ``[3]`` in the city and its heading."""
    return {
        "car": ("REGULAR_VEHICLE", (4.5, 1.9, 1.6), lambda t: ([-30 + 8 * t, -5.25, 66.8], 0.0)),
        "walker": ("PEDESTRIAN", (0.6, 0.7, 1.8), lambda t: ([-12.5, -9 + 1.2 * t, 66.9], np.pi / 2)),
        "cycle": ("BICYCLE", (1.6, 0.6, 1.2), lambda t: ([-50 + 5 * t, -7.75, 66.6], 0.0)),
        "rider": ("BICYCLIST", (0.8, 0.6, 1.6), lambda t: ([-49.9 + 5 * t, -7.75, 67.0], 0.0)),
        "cone": ("CONSTRUCTION_CONE", (0.3, 0.3, 0.8), lambda t: ([5, -8.5, 66.4], 3.0)),
    }


def stamps():
    return START_NS + 100_000_000 * np.arange(FRAMES) + JITTER_NS[np.arange(FRAMES) % 3]


def annotation_table():
    rows = []
    for stamp in stamps():
        seconds = (stamp - START_NS) * 1e-9
        place, rotation = ego_pose(seconds)
        for key, (category, size, motion) in log_boxes().items():
            center, heading = motion(seconds)
            center = rotation.inv().apply(np.array(center) + IN_CITY - place)
            x, y, z, w = (rotation.inv() * Rotation.from_euler("Z", heading)).as_quat()
            rows.append((stamp, key, category, *size, w, x, y, z, *center, 7))
    return pa.table(columns(
        rows, "timestamp_ns", "track_uuid", "category", "length_m", "width_m", "height_m", "qw", "qx", "qy", "qz",
        "tx_m", "ty_m", "tz_m", "num_interior_pts",
    ))  # fmt: skip


def pose_table():
    times = START_NS - 50_000_000 + 5_000_000 * np.arange(20 * FRAMES + 20)
    rows = []
    for stamp in times:
        place, rotation = ego_pose((stamp - START_NS) * 1e-9)
        x, y, z, w = rotation.as_quat()
        rows.append((stamp, w, x, y, z, *place))
    return pa.table(columns(rows, "timestamp_ns", "qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m"))


def calibration_tables():
    ahead = Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    names = [f"ring_{ring}" for ring in RINGS]
    yaw = [0, 45, -45, 153, -153, 99, -99]
    mounts = [
        (name, *np.roll((Rotation.from_euler("Z", np.radians(a)) * ahead).as_quat(), 1), 1.63, 0.01 * a, 1.4)
        for name, a in zip(names, yaw, strict=True)
    ]
    lenses = [(name, 1776.0, 1777.0, 778.0 + i, 1013.0, -0.24, -0.21, 0.32) for i, name in enumerate(names)]
    width = np.array([1550] + [2048] * 6, np.uint16)
    extrinsics = columns(mounts, "sensor_name", "qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m")
    intrinsics = columns(lenses, "sensor_name", "fx_px", "fy_px", "cx_px", "cy_px", "k1", "k2", "k3")
    return pa.table(extrinsics), pa.table(intrinsics | {"height_px": 3598 - width, "width_px": width})


def write_log(root, name=ID):
    """A folder ``root/<name>`` of a sensor log without its recordings."""
    folder = root / name
    for part in ("calibration", "map"):
        (folder / part).mkdir(parents=True)
    extrinsics, intrinsics = calibration_tables()
    tables = {
        "annotations": annotation_table(), "city_SE3_egovehicle": pose_table(),
        "calibration/egovehicle_SE3_sensor": extrinsics, "calibration/intrinsics": intrinsics,
    }  # fmt: skip
    for file, table in tables.items():
        feather.write_feather(table, folder / f"{file}.feather", compression="zstd")
    (folder / "map" / f"log_map_archive_{name}____PIT_city_47896.json").write_text(json.dumps(crossing_map()))
    return folder
