"""ScenarioDescriptions of roads that fork, and of drives that wait, park or end in the mouth of a fork."""

import numpy as np

from simscale_gym.geometry import polyline

WIDTH, FRAMES = 3.5, 120


def forward(pose, length, offset=0.0):
    """A straight line from ``pose``, moved to the left."""
    s = np.linspace(0.0, length, max(2, int(length)))
    x, y, heading = pose
    x, y = x - offset * np.sin(heading), y + offset * np.cos(heading)
    return np.column_stack([x + s * np.cos(heading), y + s * np.sin(heading)])


def arc(start, heading, radius, side):
    """A quarter turn from the point ``start`` to the left (``side`` 1) or right (-1), and the pose where it ends."""
    turn = np.linspace(0.0, np.pi / 2, 24)
    local = np.column_stack([radius * np.sin(turn), side * radius * (1.0 - np.cos(turn))])
    cos, sin = np.cos(heading), np.sin(heading)
    points = start + local @ np.array([[cos, sin], [-sin, cos]])
    return points, (*points[-1], heading + side * np.pi / 2)


class Roads:
    """Lanes by name, grown road by road; ``exits`` by lane."""

    def __init__(self, rng, depth=3):
        self.rng, self.lines, self.exits = rng, {}, {}
        self.first = self._road("r", (0.0, 0.0, 0.0), int(rng.integers(1, 4)), depth)

    def _road(self, name, pose, count, depth):
        """A road of ``count`` lanes from the pose of its left one, with a junction behind it; its lanes."""
        length = float(self.rng.uniform(40.0, 90.0))
        lanes = [f"{name}.{k}" for k in range(count)]
        for k, lane in enumerate(lanes):
            self.lines[lane], self.exits[lane] = forward(pose, length, -WIDTH * k), []
        if depth:
            kinds = [kind for kind in "SLR" if self.rng.random() < 0.75] or ["S"]
            for kind in kinds:
                self._branch(name + kind, kind, lanes, pose[2], depth - 1)
        return lanes

    def _branch(self, name, kind, lanes, heading, depth):
        rows = {"S": range(len(lanes)), "L": [0], "R": [len(lanes) - 1]}[kind]
        ends = [self.lines[lanes[k]][-1] for k in rows]
        if kind == "S":
            lines = [forward((*end, heading), 24.0) for end in ends]
            onward = (*lines[0][-1], heading)
        else:
            line, onward = arc(ends[0], heading, 16.0 if kind == "L" else 9.0, 1 if kind == "L" else -1)
            lines = [line]
        following = self._road(name, onward, len(lines), depth if kind == "S" else min(depth, 1))
        for k, line, after in zip(rows, lines, following, strict=True):
            connector = f"{name}~{k}"
            self.lines[connector], self.exits[connector] = line, [after]
            self.exits[lanes[k]].append(connector)


def drive(roads, rng):
    """Positions ``[T, 2]`` and headings of a drive that may wait, park, change lanes or end anywhere."""
    way = [str(rng.choice(roads.first))]
    while roads.exits[way[-1]]:
        way.append(str(rng.choice(roads.exits[way[-1]])))
    line = polyline.without_repeats(np.concatenate([roads.lines[lane] for lane in way]), 0.05)
    length = polyline.arc_lengths(line)[-1]
    start = rng.uniform(3.0, 30.0)
    speed = rng.choice([0.0, 3.0, 8.0, 12.0])
    travelled = np.minimum(start + speed * 0.1 * np.arange(FRAMES), rng.uniform(start, length - 5.0))
    poses = polyline.at_arc_length(line, travelled)
    entered = rng.choice([0.0, 0.0, WIDTH * (len(roads.first) - 1)])  # from lanes farther left or right
    beside = rng.choice([0.0, rng.uniform(-0.8, 0.8), rng.uniform(-4.5, -2.5)])
    lead = entered * (1 if way[0].endswith(".0") else -1)
    shift = lead * np.clip(1.0 - (travelled - start) / 30.0, 0.0, 1.0)
    shift += beside * np.clip(1.0 - (travelled[-1] - travelled) / 25.0, 0.0, 1.0)
    sideways = np.column_stack([-np.sin(poses[:, 2]), np.cos(poses[:, 2])])
    return poses[:, :2] + shift[:, None] * sideways, poses[:, 2]


def forked(seed):
    """A scenario as a dictionary."""
    rng = np.random.default_rng(seed)
    roads = Roads(rng)
    entries = {lane: [k for k, exits in roads.exits.items() if lane in exits] for lane in roads.lines}
    features = {}
    for lane, line in roads.lines.items():
        left, right = (polyline.offset_left(line, side * WIDTH / 2) for side in (1, -1))
        features[lane] = {
            "type": "LANE_SURFACE_STREET",
            "polyline": np.column_stack([line, np.zeros(len(line))]),
            "polygon": np.concatenate([left, right[::-1]]),
            "speed_limit_mph": 30.0,
            "exit_lanes": roads.exits[lane],
            "entry_lanes": entries[lane],
        }
    positions, headings = drive(roads, rng)
    lights = [lane for lane in roads.lines if "~" in lane and rng.random() < 0.5]
    states = ["LANE_STATE_STOP"] * (FRAMES // 2) + ["LANE_STATE_GO"] * (FRAMES - FRAMES // 2)
    return {
        "id": f"forked-{seed}",
        "version": "test",
        "length": FRAMES,
        "metadata": {"ts": 0.1 * np.arange(FRAMES), "sdc_id": "ego", "dataset": "waymo"},
        "tracks": {
            "ego": {
                "type": "VEHICLE",
                "state": {
                    "position": np.column_stack([positions, np.zeros(FRAMES)]),
                    "heading": headings,
                    "velocity": np.gradient(positions, 0.1, axis=0),
                    "valid": np.ones(FRAMES, bool),
                    "length": np.full(FRAMES, 4.8),
                    "width": np.full(FRAMES, 2.0),
                    "height": np.full(FRAMES, 1.6),
                },
            }
        },
        "dynamic_map_states": {
            lane: {"type": "TRAFFIC_LIGHT", "lane": lane, "state": {"object_state": states}}
            for lane in lights
        },
        "map_features": features,
    }
