"""The built-in town: a procedural, seeded map with shapes beside the road and driven logs; needs no download."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import box
from simscale_gym.geometry.polygon_set import PolygonSet
from simscale_gym.one_line import one_line
from simscale_gym.scene import (
    LightStatus,
    RoadMap,
    Scene,
    Shapes,
    StateIndex,
    Tracks,
    TrackType,
    TrafficLights,
    Vehicle,
)
from simscale_gym.town.config import DRAW, SPLIT_SEEDS, TOWN_VERSION, TownConfig, config_for_seed
from simscale_gym.town.driver import TICK
from simscale_gym.town.layout import lay_out
from simscale_gym.town.lights import SignalPlan, plan_signals
from simscale_gym.town.network import Network, build_network
from simscale_gym.town.parking import park_cars
from simscale_gym.town.road_user import BIKE, BOX, PARKED, STATE, Drivers
from simscale_gym.town.settled import rounded, settled
from simscale_gym.town.shapes import dress
from simscale_gym.town.tags import scenario_tags
from simscale_gym.town.town_log import (
    PIECE,
    SENSOR_RANGE,
    TownLog,
    cut_scene,
    ego_states,
    routes_of,
)
from simscale_gym.town.town_map import Draft, draw_map, finished
from simscale_gym.town.traffic import draw_drivers, run
from simscale_gym.town.walkers import WalkGraph, draw_walks, walk_graph

__all__ = [
    "SPLIT_SEEDS",
    "TOWN_VERSION",
    "Town",
    "TownConfig",
    "TownLog",
    "build_town",
    "simulate_log",
    "town_scenes",
]

Array = NDArray[np.float64]

WARM_UP = 20.0
"""Driven before the recording starts, so that queues have formed [s]."""
HARDEST = 3.3
"""Largest acceleration or braking of the ego in a log [m/s^2]."""
MAX_ATTEMPTS = 20
"""How often a log is drawn again when the ego touched something, left the road or was on a red connector."""


@dataclass(frozen=True, eq=False)
class Town:
    """A town, in its own frame [m] with the origin near its middle.

    Attributes:
        seed: What it was drawn from.
        map: The road map.
        shapes: Buildings, trees, street furniture, pavements.
        signals: The traffic lights' cycles.
        spawn: ``[K, 3]`` poses on the middle of car lanes, 20 m apart.
        config: What it was built with.
        draft, network, walks: The construction drawing, its flat arrays for the drivers, and the walkers' ways.
    """

    seed: int
    map: RoadMap
    shapes: Shapes
    signals: SignalPlan
    spawn: Array
    config: TownConfig
    draft: Draft
    network: Network
    walks: WalkGraph

    __repr__ = one_line


def build_town(seed: int, config: TownConfig | None = None) -> Town:
    """Build the town of ``seed``; the same seed gives the same town, everywhere.

    Args:
        seed: Any non-negative integer; SPLIT_SEEDS says which belong to which split.
        config: None takes what the split of the seed uses.
    """
    if seed < 0:
        raise ArgumentError(f"seed: {seed} is negative; town seeds start at 0.")
    config = config_for_seed(seed, config)
    rng = np.random.default_rng([DRAW, seed])
    layout = lay_out(rng, config)
    draft = draw_map(rng, layout, config)
    signals = plan_signals(rng, draft.junctions, draft.approaches)
    shapes, walkways = dress(rng, draft)
    road_map = finished(draft, f"town-{seed:06d}", walkways)
    network = build_network(draft, road_map, signals)
    lanes = [lane for lane in road_map.lanes.values() if not lane.connector]
    spawn = np.concatenate([lane.centerline[10:-10:20] for lane in lanes])
    return Town(seed, road_map, shapes, signals, spawn, config, draft, network, walk_graph(draft))


def simulate_log(town: Town, log_index: int, *, duration: float = 100.0) -> TownLog:
    """Drive through ``town`` for ``duration`` [s]; the same index gives the same log.

    A drive in which the ego touches anything, leaves the road, brakes harder than HARDEST or is somewhere at red is
    drawn again.
    """
    if log_index < 0:
        raise ArgumentError(f"log_index: {log_index} is negative; logs are counted from 0.")
    for attempt in range(MAX_ATTEMPTS):
        rng = np.random.default_rng([DRAW, town.seed, 7, log_index, attempt])
        log = _drive(rng, town, log_index, duration)
        if log is not None:
            return log
    raise AssertionError(f"town {town.seed}, log {log_index}: no clean drive in {MAX_ATTEMPTS} attempts")


def town_scenes(town: Town, log: TownLog) -> list[Scene]:
    """The whole pieces of 20 s of ``log``, at 10 Hz."""
    return [cut_scene(town, log, k, round(PIECE / TICK)) for k in range(len(log.routes))]


def _drive(rng: np.random.Generator, town: Town, log_index: int, duration: float) -> TownLog | None:
    config, net = town.config, settled(town.network)
    counts = [
        int(rng.integers(low, high + 1))
        for low, high in (config.vehicles, config.cyclists, config.pedestrians)
    ]
    drivers, sizes = draw_drivers(rng, net, config, 1 + counts[0], counts[1])
    drivers = settled(drivers)
    walkers = settled(draw_walks(rng, town.walks, counts[2], duration + WARM_UP))
    parked, parked_sizes = map(rounded, park_cars(rng, town.draft))
    clock = float(rng.uniform(0.0, 600.0))
    ticks, n = round(duration / TICK), len(sizes)
    boxes = _standing(parked, parked_sizes)
    nothing = np.zeros((0, n), STATE), np.zeros((0, n), np.int64), np.zeros((0, counts[2], 4))
    run(net, drivers, walkers, boxes, clock, round(WARM_UP / TICK), *nothing)
    cars, lanes, people = (
        np.zeros((ticks, n), STATE),
        np.zeros((ticks, n), np.int64),
        np.zeros((ticks, counts[2], 4)),
    )
    run(net, drivers, walkers, boxes, clock + WARM_UP, ticks, cars, lanes, people)
    name = f"{town.seed:08x}{log_index:04x}"
    tracks = _tracks(name, drivers, sizes, cars, people, parked, parked_sizes)
    states = ego_states(cars[:, 0], Vehicle().wheel_base)
    if not _clean(town, states, tracks):
        return None
    times = clock + WARM_UP + TICK * np.arange(ticks)
    lights = TrafficLights(town.signals.lane_ids, town.signals.status(times))
    ids = town.map.lane_ids
    lane_ids = [ids[k] for k in lanes[:, 0]]
    routes, goals = routes_of(town.map, lane_ids, [ids[k] for k in drivers.queue[0]], round(PIECE / TICK))
    if not _minds_lights(town, states, routes, lights):
        return None
    tracks = _in_range(tracks, states)
    tags = scenario_tags(town.map, states, lane_ids, tracks, lights)
    log_id = f"town-{town.seed:06d}/log-{log_index:02d}"
    return TownLog(log_id, states, tuple(lane_ids), tracks, lights, tuple(routes), tuple(goals), tags)


def _standing(poses: Array, sizes: Array) -> NDArray[np.void]:
    """Parked cars ``[K]`` as BOX."""
    boxes = np.zeros(len(poses), BOX)
    boxes["x"], boxes["y"], boxes["yaw"] = poses.T
    boxes["half_length"], boxes["half_width"], boxes["kind"] = sizes[:, 0] / 2, sizes[:, 1] / 2, PARKED
    return boxes


def _tracks(
    name: str,
    drivers: Drivers,
    sizes: Array,
    cars: NDArray[np.void],
    people: Array,
    parked: Array,
    parked_sizes: Array,
) -> Tracks:
    """Everybody but the ego (driver 0), all valid."""
    ticks, m, k = len(cars), people.shape[1], len(parked)
    traits, driven = drivers.traits[1:], cars[:, 1:].T
    middle = (traits["front"] - traits["rear"]) / 2
    yaw, v = driven["yaw"], driven["v"]
    along = np.stack([np.cos(yaw), np.sin(yaw)], -1)
    centers = np.stack([driven["x"], driven["y"]], -1) + middle[:, None, None] * along
    turn = v * np.tan(driven["steer"]) / traits["wheel_base"][:, None]
    across = np.stack([-along[..., 1], along[..., 0]], -1)
    moving = np.concatenate([centers, yaw[..., None]], -1)
    walking = people[..., :3].transpose(1, 0, 2)
    pace = people[..., 3].T[..., None] * np.stack([np.cos(walking[..., 2]), np.sin(walking[..., 2])], -1)
    still = np.broadcast_to(parked[:, None], (k, ticks, 3))
    poses = np.concatenate([moving, walking, still])
    poses[..., 2] = (poses[..., 2] + np.pi) % (2 * np.pi) - np.pi
    velocities = np.concatenate(
        [v[..., None] * along + (turn * middle[:, None])[..., None] * across, pace, np.zeros((k, ticks, 2))]
    )
    person = np.array([0.6, 0.6, 1.75])
    all_sizes = np.concatenate([sizes[1:], np.tile(person, (m, 1)), parked_sizes])
    types = np.concatenate([
        np.where(traits["kind"] == BIKE, TrackType.BICYCLE, TrackType.VEHICLE),
        np.full(m, TrackType.PEDESTRIAN),
        np.full(k, TrackType.VEHICLE),
    ]).astype(np.uint8)  # fmt: skip
    n = len(types)
    z = np.broadcast_to(all_sizes[:, 2:] / 2, (n, ticks)).copy()
    ids = tuple(f"{name}{index:04x}" for index in range(n))
    return Tracks(ids, types, poses, velocities, z, all_sizes, np.ones((n, ticks), bool))


def _in_range(tracks: Tracks, states: Array) -> Tracks:
    """Only what a sensor on the ego would see, by distance."""
    near = np.hypot(*(tracks.poses[..., :2] - states[None, :, :2]).transpose(2, 0, 1)) < SENSOR_RANGE
    keep = near.any(1)
    return Tracks(
        tuple(i for i, k in zip(tracks.ids, keep, strict=True) if k),
        tracks.types[keep],
        tracks.poses[keep],
        tracks.velocities[keep],
        tracks.z[keep],
        tracks.sizes[keep],
        near[keep],
    )


def _clean(town: Town, states: Array, tracks: Tracks) -> bool:
    """Did the ego touch nobody, stay on the road and brake within reason?"""
    if np.abs(states[:, StateIndex.AX]).max() > HARDEST:
        return False
    ego = _boxes_of(states)
    size = np.broadcast_to(tracks.sizes[:, None, :2], (*tracks.poses.shape[:2], 2))
    others = np.concatenate([tracks.poses, size], -1)
    near = ((others[..., :2] - ego[:, :2]) ** 2).sum(-1) < 64.0
    who, when = np.nonzero(near)
    if box.overlap(others[who, when], ego[when]).any():
        return False
    road = PolygonSet.build(town.map.drivable_rings)
    return bool(road.contains_any(box.corners(ego).reshape(-1, 2)).all())


def _minds_lights(town: Town, states: Array, routes: list[tuple[str, ...]], lights: TrafficLights) -> bool:
    """Is the ego never on a connector of its way while that is red? NAVSIM's rule, for all of a log's routes."""
    ego, on_way = (
        shapely.polygons(box.corners(_boxes_of(states))),
        {block for route in routes for block in route},
    )
    for lane_id, status in zip(lights.lane_ids, lights.status, strict=True):
        lane = town.map.lanes[lane_id]
        if lane.roadblock_id in on_way:
            area = shapely.make_valid(shapely.Polygon(lane.polygon))
            shapely.prepare(area)
            if shapely.intersects(area, ego[status == LightStatus.RED]).any():
                return False
    return True


def _boxes_of(states: Array) -> Array:
    """Boxes ``[T, 5]`` of the ego."""
    car, yaw = Vehicle(), states[:, StateIndex.HEADING]
    center = states[:, :2] + car.rear_axle_to_center * np.stack([np.cos(yaw), np.sin(yaw)], -1)
    return np.column_stack([center, yaw, np.full(len(yaw), car.length), np.full(len(yaw), car.width)])
