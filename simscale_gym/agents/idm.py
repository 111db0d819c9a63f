"""Reactive traffic: the Intelligent Driver Model along the lane graph, with lights and right of way.

The parameters are nuPlan's (idm_agents_observation.yaml). The mechanics differ where nuPlan's or NAVSIM's would
show in a picture or in a score: vehicles go on over the ends of lanes, glide onto their centreline, see the ego
where it is, slow for curves, give way in junctions, and brake harder than comfortable before they collide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.agents import idm_kernel as kernel
from simscale_gym.agents.junction import JunctionArrays, junction_arrays
from simscale_gym.agents.lane_walk import LaneArrays, body_pose, lane_arrays, match_route
from simscale_gym.agents.traffic_kernel import DRIVING, GONE, LOGGED, PENDING, STANDING, advance_traffic
from simscale_gym.agents.yielding_log import LogArrays, log_arrays
from simscale_gym.geometry import box
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import LightStatus, Scene, TrackType, Vehicle
from simscale_gym.sim.state import TrafficState

Array = NDArray[np.float64]

ROUTE_LANES = 24
"""Lanes that a route can hold."""
PARKED_SPEED, PARKED_OFFSET = 0.1, 1.5
"""A vehicle never faster than this [m/s] and further than this [m] from a centreline is parked."""
SNAP_REACH, SNAP_ANGLE = 3.0, 1.0
"""A vehicle within these of a lane [m, rad] drives along it (reach as NAVSIM's snap threshold)."""
LOG_STRIDE = 3
"""Every so many frames of the log are matched to lanes."""
_CONTROLLERS = {DRIVING: "idm", STANDING: "standing"}
_WALKERS = {int(TrackType.PEDESTRIAN): "pedestrian", int(TrackType.BICYCLE): "cyclist"}


@dataclass(frozen=True)
class IDMConfig:
    """How the others drive; the first five are nuPlan's agents.

    Attributes:
        target_speed: Where the map has no speed limit [m/s].
        min_gap: Standing distance to the vehicle ahead [m].
        headway: Time gap [s].
        acceleration: Largest acceleration [m/s^2].
        deceleration: Comfortable braking [m/s^2].
        emergency_deceleration: Largest braking, used only where less would collide [m/s^2].
        lateral_acceleration: In curves [m/s^2].
        margin: Kept on both sides of a vehicle's path [m].
        ego_sweep: The ego is seen where it will be up to this long from now [s].
        leave_distance: Beyond this from the ego a vehicle may vanish when its log has ended [m].
    """

    target_speed: float = 10.0
    min_gap: float = 1.0
    headway: float = 1.5
    acceleration: float = 1.0
    deceleration: float = 2.0
    emergency_deceleration: float = 6.0
    lateral_acceleration: float = 2.5
    margin: float = 0.2
    ego_sweep: float = 0.5
    leave_distance: float = 60.0

    @property
    def driver(self) -> kernel.DriverParameters:
        """What the kernels take."""
        return kernel.DriverParameters(
            self.target_speed, self.min_gap, self.headway, self.acceleration, self.deceleration,
            self.emergency_deceleration, self.lateral_acceleration, self.margin, self.ego_sweep,
        )  # fmt: skip


def idm_acceleration(
    speed: Array, gap: Array, lead_speed: Array, *, target_speed: Array, config: IDMConfig | None = None,
    exponent: float = 4.0,
) -> Array:  # fmt: skip
    """The model as published (Treiber et al. 2000) and as in nuPlan, clipped to [-deceleration, acceleration].

    Args:
        speed: Own speed [m/s].
        gap: Bumper to bumper [m]; at least ``config.min_gap`` is taken.
        lead_speed: [m/s].
        target_speed: [m/s].
        config: Its first five parameters.
        exponent: 4 in nuPlan's agents, 10 in PDM.
    """
    config = config or IDMConfig()
    root = 2.0 * np.sqrt(config.acceleration * config.deceleration)
    wished = config.min_gap + speed * config.headway + speed * (speed - lead_speed) / root
    ratio = wished / np.maximum(gap, config.min_gap)
    value = config.acceleration * (1.0 - (speed / target_speed) ** exponent - ratio**2)
    return np.clip(value, -config.deceleration, config.acceleration)


class SceneArrays(NamedTuple):
    """What the kernels know of a scene; derived from it alone.

    Attributes:
        lanes: Its lanes.
        junctions: Its junctions.
        lights: ``[T, L]`` status of each lane's light.
        log: Its tracks.
        sizes: ``[N, 2]`` length and width [m].
        vehicles: ``[N]``.
        movers: ``[N]`` pedestrians and cyclists.
    """

    lanes: LaneArrays
    junctions: JunctionArrays
    lights: NDArray[np.uint8]
    log: LogArrays
    sizes: Array
    vehicles: NDArray[np.bool_]
    movers: NDArray[np.bool_]


@lru_cache(maxsize=8)
def scene_arrays(scene: Scene) -> SceneArrays:
    """Derive :class:`SceneArrays`; kept for the last few scenes."""
    types = scene.tracks.types
    lights = np.full((scene.num_frames, len(scene.map.lanes)), LightStatus.UNKNOWN, np.uint8)
    for row, lane_id in enumerate(scene.lights.lane_ids):
        if lane_id in scene.map.lane_index:
            lights[:, scene.map.lane_index[lane_id]] = scene.lights.status[row]
    return SceneArrays(
        lanes=lane_arrays(scene.map.graph),
        junctions=junction_arrays(scene.map),
        lights=lights,
        log=log_arrays(scene.tracks),
        sizes=np.ascontiguousarray(scene.tracks.sizes[:, :2]),
        vehicles=types == TrackType.VEHICLE,
        movers=(types == TrackType.PEDESTRIAN) | (types == TrackType.BICYCLE),
    )


@dataclass(frozen=True)
class IDMTraffic:
    """A :class:`simscale_gym.sim.TrafficModel`. Memory: kinds, routes, motion, clocks of the tracks."""

    config: IDMConfig = field(default_factory=IDMConfig)

    def start(self, scene: Scene, frame: int, ego: Array) -> TrafficState:
        """The others as logged at ``frame``; each is told how it will move from here."""
        n = len(scene.tracks)
        at = min(frame, scene.num_frames - 1)
        state = TrafficState(
            poses=scene.tracks.poses[:, at].copy(),
            velocities=scene.tracks.velocities[:, at].copy(),
            valid=np.zeros(n, bool),
            memory={
                "kinds": np.full(n, PENDING, np.int8),
                "routes": np.full((n, ROUTE_LANES), -1, np.int64),
                "motion": np.zeros((n, 5)),
                "clocks": np.zeros((n, 2)),
            },
        )
        for row in np.flatnonzero(scene.tracks.valid[:, at]):
            _enter(scene, int(row), at, state)
        gone = (state.memory["kinds"] == PENDING) & (scene_arrays(scene).log.last <= at)
        state.memory["kinds"][gone] = GONE
        return state

    def step(self, scene: Scene, frame: int, ego: Array, traffic: TrafficState) -> TrafficState:
        """Everybody sees everybody, and the ego, at ``frame``, and moves to ``frame + 1``."""
        arrays = scene_arrays(scene)
        ego = np.ascontiguousarray(ego, float)
        ego_box = _ego_box(ego, scene.vehicle)
        state = TrafficState(
            traffic.poses.copy(),
            traffic.velocities.copy(),
            traffic.valid.copy(),
            {name: value.copy() for name, value in traffic.memory.items()},
        )
        memory = state.memory
        advance_traffic(
            arrays.lanes, arrays.junctions, arrays.lights[min(frame, scene.num_frames - 1)], arrays.log,
            arrays.sizes, arrays.vehicles, arrays.movers, memory["kinds"], memory["routes"], memory["motion"],
            memory["clocks"], state.poses, state.velocities, state.valid, ego_box, float(ego[3]), frame,
            self.config.driver, self.config.leave_distance,
        )  # fmt: skip
        if frame + 1 < scene.num_frames:
            waiting = (memory["kinds"] == PENDING) & scene.tracks.valid[:, frame + 1]
            for row in np.flatnonzero(waiting) if waiting.any() else ():
                if _is_free(scene, int(row), frame + 1, state, ego_box):
                    _enter(scene, int(row), frame + 1, state)
        return state

    def controllers(self, scene: Scene, traffic: TrafficState) -> dict[str, str]:
        """``idm``, ``yielding_log``, ``cyclist``, ``pedestrian`` or ``standing`` for each track that is there."""
        tracks, kinds = scene.tracks, traffic.memory["kinds"]
        return {
            tracks.ids[row]: _WALKERS.get(int(tracks.types[row]), "yielding_log")
            if kinds[row] == LOGGED
            else _CONTROLLERS[int(kinds[row])]
            for row in np.flatnonzero(traffic.valid)
        }


def _ego_box(ego: Array, vehicle: Vehicle) -> Array:
    """:func:`simscale_gym.sim.ego_boxes` of one ego, without the cost of its broadcasting."""
    x, y, heading = float(ego[0]), float(ego[1]), float(ego[2])
    ahead = vehicle.rear_axle_to_center
    return np.array(
        [x + ahead * math.cos(heading), y + ahead * math.sin(heading), heading, vehicle.length, vehicle.width]
    )


def _enter(scene: Scene, row: int, frame: int, state: TrafficState) -> None:
    """Let a track take part from its logged place at ``frame`` on, in place."""
    arrays, memory = scene_arrays(scene), state.memory
    pose, velocity = scene.tracks.poses[row, frame], scene.tracks.velocities[row, frame]
    state.poses[row], state.velocities[row], state.valid[row] = pose, velocity, True
    memory["clocks"][row] = frame, 1.0
    if arrays.movers[row]:
        memory["kinds"][row] = LOGGED
    elif not arrays.vehicles[row]:
        memory["kinds"][row] = STANDING
        state.velocities[row] = 0.0
    else:
        memory["kinds"][row] = _enter_vehicle(scene, row, frame, state)


def _enter_vehicle(scene: Scene, row: int, frame: int, state: TrafficState) -> int:
    """Put a vehicle on a route if there is one; returns its kind."""
    arrays, tracks = scene_arrays(scene), scene.tracks
    pose, route = tracks.poses[row, frame], state.memory["routes"][row]
    last = int(arrays.log.last[row])
    log = np.ascontiguousarray(arrays.log.poses[row, frame : last + 1 : LOG_STRIDE, :2])
    s = match_route(arrays.lanes, pose, log, SNAP_REACH, SNAP_ANGLE, route)
    speeds = np.linalg.norm(tracks.velocities[row, tracks.valid[row]], axis=1)
    standing_now = np.hypot(*tracks.velocities[row, frame]) < PARKED_SPEED
    half_base = kernel.AXLE_SHARE * tracks.sizes[row, 0]
    if route[1] >= 0:
        route[0] = _lane_behind(scene, row, frame, int(route[1]), s - half_base)
        s, offset, slope = _offset_from_route(arrays.lanes, route, s, half_base, pose)
        beside = abs(offset) > PARKED_OFFSET or _in_carpark(scene, pose)
        if not (beside and standing_now):
            speed = max(float(np.dot(tracks.velocities[row, frame], [np.cos(pose[2]), np.sin(pose[2])])), 0.0)
            state.memory["motion"][row] = s, speed, offset, slope, 0.0
            return DRIVING
    route[:] = -1
    if speeds.max() < PARKED_SPEED:
        state.velocities[row] = 0.0
        return STANDING
    return LOGGED


def _lane_behind(scene: Scene, row: int, frame: int, lane: int, rear: float) -> int:
    """The lane that the rear axle is still on when it lies before the start of ``lane``; -1 if none."""
    if rear > 0.0:
        return -1
    pose, graph = scene.tracks.poses[row, frame], scene.map.graph
    back = pose[:2] + (rear - 1.0) * np.array([np.cos(pose[2]), np.sin(pose[2])])
    before = graph.predecessors_of(lane)
    gaps = [np.linalg.norm(graph.centerline(i)[:, :2] - back, axis=1).min() for i in before]
    return int(before[int(np.argmin(gaps))]) if len(before) else -1


def _offset_from_route(
    lanes: LaneArrays, route: NDArray, s: float, half_base: float, pose: Array
) -> tuple[float, float, float]:
    """Arc length, lateral offset [m] and slope with which a body on ``route`` has exactly ``pose``."""
    x, y, heading = body_pose(lanes, route, s, half_base)
    for _ in range(3):
        s += float(np.cos(heading) * (pose[0] - x) + np.sin(heading) * (pose[1] - y))
        x, y, heading = body_pose(lanes, route, s, half_base)
    offset = float(-np.sin(heading) * (pose[0] - x) + np.cos(heading) * (pose[1] - y))
    return s, offset, float(np.tan(np.clip(wrap_angle(pose[2] - heading), -1.0, 1.0)))


def _in_carpark(scene: Scene, pose: Array) -> bool:
    point = shapely.Point(pose[:2])
    return any(shapely.Polygon(area.polygon).contains(point) for area in scene.map.carparks.values())


def _is_free(scene: Scene, row: int, frame: int, state: TrafficState, ego_box: Array) -> bool:
    """Whether nobody stands where a track would appear; ahead of a moving one a second must be free."""
    speed = float(np.hypot(*scene.tracks.velocities[row, frame]))
    length, width = scene.tracks.sizes[row, :2]
    room = 0.2 + (
        2.0 + speed if scene.tracks.types[row] == TrackType.VEHICLE and speed > PARKED_SPEED else 0.0
    )
    place = np.array([*scene.tracks.poses[row, frame], length + 2.0 * room, width + 0.2])
    others = np.concatenate([state.poses, scene.tracks.sizes[:, :2]], axis=1)[state.valid]
    return not box.overlap(place, np.concatenate([others, ego_box[None]])).any()
