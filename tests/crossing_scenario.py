"""A ScenarioDescription of one crossing, made by hand in the manner of the Waymo converter."""

import numpy as np

FRAMES = 61
OFFSET = np.array([1000.0, -2000.0])


def line(*points):
    points = np.array(points, float)
    s = np.r_[0.0, np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum()]
    at = np.linspace(0.0, s[-1], int(np.ceil(s[-1] / 0.5)) + 1)
    xy = np.column_stack([np.interp(at, s, points[:, i]) for i in (0, 1)]) + OFFSET
    return np.column_stack([xy, np.full(len(xy), 7.0)]).astype(np.float32)


def left_turn():
    angle = np.linspace(-np.pi / 2, 0.0, 24)
    return line(*np.column_stack([-10 + 11.75 * np.cos(angle), 10 + 11.75 * np.sin(angle)]))


LANES = {
    "10": line((-60, -1.75), (-10, -1.75)),
    "11": line((-60, -5.25), (-10, -5.25)),
    "20": line((-10, -1.75), (10, -1.75)),
    "21": line((-10, -5.25), (10, -5.25)),
    "22": left_turn(),
    "30": line((10, -1.75), (90, -1.75)),
    "31": line((10, -5.25), (90, -5.25)),
    "40": line((1.75, -60), (1.75, -10)),
    "41": line((1.75, -10), (1.75, 10)),
    "42": line((1.75, 10), (1.75, 60)),
}
EXITS = {"10": (20, 22), "11": (21,), "20": (30,), "21": (31,), "22": (42,), "40": (41,), "41": (42,)}


def lanes(graph):
    features = {}
    for key, points in LANES.items():
        features[key] = {"type": "LANE_SURFACE_STREET", "polyline": points, "speed_limit_mph": 30.0}
        if graph:
            exits = list(EXITS.get(key, ()))
            entries = [int(k) for k, values in EXITS.items() if int(key) in values]
            features[key] |= {"exit_lanes": exits, "entry_lanes": entries}
    return features


def roadside():
    crosswalk = np.array([[-14, -7], [-11, -7], [-11, 0], [-14, 0]], float) + OFFSET
    return {
        "50": {"type": "ROAD_LINE_BROKEN_SINGLE_WHITE", "polyline": line((-60, -3.5), (-10, -3.5))},
        "51": {"type": "ROAD_LINE_SOLID_SINGLE_YELLOW", "polyline": line((-60, 0.25), (-10, 0.25))},
        "52": {"type": "ROAD_EDGE_BOUNDARY", "polyline": line((-60, -7.25), (-10, -7.25))},
        "60": {"type": "CROSSWALK", "polygon": crosswalk},
        "70": {
            "type": "STOP_SIGN",
            "lane": [40],
            "position": np.r_[OFFSET, 0.0] + np.array([4.0, -11.0, 7.0]),
        },
        "80": {"type": "SPEED_BUMP", "polygon": crosswalk},
    }


def track(kind, start, velocity, size, valid=None):
    t = 0.1 * np.arange(FRAMES)
    position = np.asarray(start, float) + t[:, None] * np.asarray(velocity, float) + OFFSET
    return {
        "type": kind,
        "state": {
            "position": np.column_stack([position, np.full(FRAMES, 7.0 + size[2] / 2)]),
            "heading": np.full(FRAMES, np.arctan2(velocity[1], velocity[0])),
            "velocity": np.tile(np.asarray(velocity, float), (FRAMES, 1)),
            "valid": np.ones(FRAMES, bool) if valid is None else valid,
            **{
                key: np.full(FRAMES, value)
                for key, value in zip(("length", "width", "height"), size, strict=True)
            },
        },
        "metadata": {"track_length": FRAMES},
    }


def crossing(graph=True):
    """The scenario as a dictionary; without ``graph`` its lanes are not linked."""
    half = np.arange(FRAMES) < 30
    lights = ["LANE_STATE_STOP"] * 20 + ["LANE_STATE_ARROW_GO"] * 30 + [None] * (FRAMES - 50)
    return {
        "id": "crossing",
        "version": "test",
        "length": FRAMES,
        "metadata": {"ts": 0.1 * np.arange(FRAMES), "sdc_id": "7", "dataset": "waymo", "scenario_id": "log7"},
        "tracks": {
            "7": track("VEHICLE", (-45, -1.75), (10, 0), (5.0, 2.0, 1.6)),
            "8": track("VEHICLE", (-30, -5.25), (8, 0), (4.5, 1.9, 1.5)),
            "9": track("PEDESTRIAN", (-12, -9), (0, 1.4), (0.6, 0.6, 1.8), half),
            "10": track("CYCLIST", (40, -5.25), (4, 0), (1.8, 0.6, 1.7)),
            "11": track("TRAFFIC_CONE", (30, -8), (0, 0), (0.4, 0.4, 0.8)),
            "12": track("VEHICLE", (30, 30), (0, 0), (4.0, 1.8, 1.5), np.zeros(FRAMES, bool)),
        },
        "dynamic_map_states": {
            "20": {"type": "TRAFFIC_LIGHT", "lane": 20, "state": {"object_state": lights}},
            "11": {
                "type": "TRAFFIC_LIGHT",
                "lane": 11,
                "state": {"object_state": ["LANE_STATE_CAUTION"] * FRAMES},
            },
        },
        "map_features": lanes(graph) | roadside(),
    }
