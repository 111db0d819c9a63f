"""What the traffic kernels know of a scene, derived from it alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.agents.reactive.junction import JunctionArrays, junction_arrays
from simscale_gym.agents.reactive.lane_walk import LaneArrays, lane_arrays
from simscale_gym.agents.reactive.logged_path import LogArrays, log_arrays, log_paces, log_stops
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import LightStatus, RoadMap, Scene, TrackType, compiled, derived

Array = NDArray[np.float64]

PARKED_SPEED = 0.1
"""A vehicle never faster than this [m/s] may be parked."""
GATE_REACH, GATE_ANGLE = 3.0, 0.6
"""A cyclist passes the light of a lane whose start is within these of its way [m, rad]."""


class SceneArrays(NamedTuple):
    """A scene as kernels take it.

    Attributes:
        lanes: The map's lanes.
        junctions: The map's junctions.
        lights: ``[T, L]`` status of each lane's light.
        log: The recorded tracks.
        sizes: ``[N, 2]`` length and width of the tracks [m].
        types: ``[N]`` kinds of the tracks (:class:`simscale_gym.scene.TrackType`).
        carpark: ``[N, T]`` whether a track stands in a carpark.
        moves: ``[N]`` whether a track is ever faster than a parked vehicle.
        present: ``[N, T]`` whether a track was recorded.
        stops: ``[N, T]`` frame at which a track's log stands (:func:`log_stops`); all -1 where all lights are known.
        paces: ``[N, T]`` speed of a track's log (:func:`log_paces`) [m/s]; all -1 where all lights are known.
        ego: ``[T, 11]`` states of the recorded ego.
    """

    lanes: LaneArrays
    junctions: JunctionArrays
    lights: NDArray[np.uint8]
    log: LogArrays
    sizes: Array
    types: NDArray[np.uint8]
    carpark: NDArray[np.bool_]
    moves: NDArray[np.bool_]
    present: NDArray[np.bool_]
    stops: NDArray[np.int64]
    paces: Array
    ego: Array


@derived
def scene_arrays(scene: Scene) -> SceneArrays:
    """Derive :class:`SceneArrays`."""
    tracks, logged = scene.tracks, logged_arrays(scene)
    return SceneArrays(
        lanes=lane_arrays(scene.map.graph),
        junctions=junction_arrays(scene.map),
        lights=logged.lights,
        log=logged.log,
        sizes=np.ascontiguousarray(tracks.sizes[:, :2]),
        types=np.ascontiguousarray(tracks.types),
        carpark=logged.carpark,
        moves=logged.moves,
        present=np.ascontiguousarray(tracks.valid),
        stops=logged.stops,
        paces=logged.paces,
        ego=np.ascontiguousarray(scene.ego.states),
    )


class LoggedArrays(NamedTuple):
    """What of :class:`SceneArrays` takes long to work out."""

    lights: NDArray[np.uint8]
    log: LogArrays
    carpark: NDArray[np.bool_]
    moves: NDArray[np.bool_]
    stops: NDArray[np.int64]
    paces: Array


@compiled(LoggedArrays, LogArrays)
def logged_arrays(scene: Scene) -> LoggedArrays:
    """Derive :class:`LoggedArrays`."""
    tracks = scene.tracks
    lights = np.full((scene.num_frames, len(scene.map.lanes)), LightStatus.UNKNOWN, np.uint8)
    for row, lane_id in enumerate(scene.lights.lane_ids):
        if lane_id in scene.map.lane_index:
            lights[:, scene.map.lane_index[lane_id]] = scene.lights.status[row]
    speeds = np.linalg.norm(tracks.velocities, axis=-1)
    standing = tracks.valid & (speeds < PARKED_SPEED) & (tracks.types == TrackType.VEHICLE)[:, None]
    lanes, log = lane_arrays(scene.map.graph), log_arrays(tracks)
    as_logged = not scene.lights.complete
    lit = np.flatnonzero((lights != LightStatus.UNKNOWN).any(0))
    for row in np.flatnonzero(tracks.types == TrackType.BICYCLE):
        _find_gates(log, int(row), lanes, lit)
    return LoggedArrays(
        lights=lights,
        log=log,
        carpark=_in_carparks(scene.map, tracks.poses, standing),
        moves=(np.where(tracks.valid, speeds, 0.0) >= PARKED_SPEED).any(1),
        stops=log_stops(log, scene.num_frames) if as_logged else np.full(tracks.valid.shape, -1),
        paces=log_paces(log, scene.num_frames) if as_logged else np.full(tracks.valid.shape, -1.0),
    )


def _in_carparks(road_map: RoadMap, poses: Array, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of ``poses [N, T, 3]`` lie in a carpark; looked up only ``where [N, T]``."""
    inside = np.zeros(where.shape, bool)
    if road_map.carparks and where.any():
        polygons = [
            shapely.make_valid(shapely.Polygon(area.polygon[:, :2])) for area in road_map.carparks.values()
        ]
        areas = shapely.union_all(polygons)
        shapely.prepare(areas)
        inside[where] = shapely.contains_xy(areas, poses[where][:, :2])
    return inside


def _find_gates(log: LogArrays, row: int, lanes: LaneArrays, lit: NDArray[np.int64]) -> None:
    """Write which lights, of lanes ``lit``, track ``row`` passes and where, in place."""
    first, last = int(log.first[row]), int(log.last[row])
    poses = log.poses[row, first : last + 1]
    if len(poses) < 2 or not len(lit):
        return
    for lane in lit[np.argsort(lanes.turns[lit], kind="stable")]:
        start = lanes.points[lanes.starts[lane]]
        delta = poses[:, :2] - start[:2]
        along = delta @ np.array([np.cos(start[2]), np.sin(start[2])])
        across = np.abs(delta @ np.array([-np.sin(start[2]), np.cos(start[2])]))
        aligned = np.abs(wrap_angle(poses[:, 2] - start[2])) < GATE_ANGLE
        passes = np.flatnonzero(
            (along[:-1] <= 0.0) & (along[1:] > 0.0) & (across[1:] < GATE_REACH) & aligned[1:]
        )
        if len(passes) and log.gates[row, first + passes[0]] < 0:
            log.gates[row, first + passes[0]] = lane
