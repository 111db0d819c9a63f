"""What an agent sees, as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import polyline, se2
from simscale_gym.scene import LightStatus, Scene, StateIndex, TrackType
from simscale_gym.sim import SimState

Array = NDArray[np.float64]

OBSERVATIONS = ("camera", "state")
EGO_COLUMNS = (
    StateIndex.VX,
    StateIndex.VY,
    StateIndex.AX,
    StateIndex.AY,
    StateIndex.YAW_RATE,
    StateIndex.STEERING,
)
EGO_LIMITS = np.array([80.0, 20.0, 30.0, 30.0, 5.0, 1.1], np.float32)
"""Values beyond these are clipped: vx, vy [m/s], ax, ay [m/s^2], yaw rate [rad/s], steering angle [rad]."""

STATE_LIMIT = 1000.0
"""Values of the state observation beyond this are clipped [m, m/s]."""

COMMANDS = ("left", "straight", "right", "unknown")

NEAREST_TRACKS = 24
TRACK_FEATURES = 12
PATH_POINTS = 20
PATH_SPACING = 2.0
STATE_SIZE = NEAREST_TRACKS * TRACK_FEATURES + PATH_POINTS * 2 + 3

_COMMAND_TIME, _COMMAND_DISTANCE, _COMMAND_OFFSET = 3.0, 15.0, 2.0
_LIGHT_RANGE = 80.0
KINDS = (int(TrackType.VEHICLE), int(TrackType.BICYCLE), int(TrackType.PEDESTRIAN))
"""Kinds of tracks that the observation tells apart."""


def observation_space(
    kinds: Sequence[str], cameras: Sequence[str], image_size: tuple[int, int]
) -> spaces.Dict:
    """Flat dictionary of the entries of ``kinds`` (see the environment's docstring).

    Raises:
        ArgumentError: An unknown kind.
    """
    unknown = [kind for kind in kinds if kind not in OBSERVATIONS]
    if unknown or not kinds:
        raise ArgumentError(f"observation: {list(kinds)}, expected some of {', '.join(OBSERVATIONS)}.")
    entries: dict[str, spaces.Space] = {
        "ego": spaces.Box(-EGO_LIMITS, EGO_LIMITS, dtype=np.float32),
        "command": spaces.Box(0.0, 1.0, (len(COMMANDS),), np.float32),
    }
    if "camera" in kinds:
        for name in cameras:
            entries[name] = spaces.Box(0, 255, (*image_size, 3), np.uint8)
    if "state" in kinds:
        entries["state"] = spaces.Box(-STATE_LIMIT, STATE_LIMIT, (STATE_SIZE,), np.float32)
    return spaces.Dict(entries)


def ego_observation(state: SimState) -> NDArray[np.float32]:
    """``[6]`` vx, vy [m/s], ax, ay [m/s^2], yaw rate [rad/s], steering angle [rad]."""
    return np.clip(state.ego[list(EGO_COLUMNS)], -EGO_LIMITS, EGO_LIMITS).astype(np.float32)


def driving_command(scene: Scene, state: SimState) -> NDArray[np.float32]:
    """``[4]`` one-hot left, straight, right, unknown: where the route goes in the next 3 s (15 m at least).

    Left or right when the route is 2 m or more to the side there (the threshold of UniAD and NAVSIM's log
    annotations); unknown when the ego is more than 20 m off the route.
    """
    s, offset = polyline.project(scene.route_path, state.ego[None, :2])
    ahead = max(_COMMAND_DISTANCE, _COMMAND_TIME * float(state.ego[StateIndex.VX]))
    here, there = polyline.at_arc_length(scene.route_path, s + np.array([0.0, ahead]))
    lateral = se2.points_to_local(here, there[None, :2])[0, 1]
    index = 0 if lateral > _COMMAND_OFFSET else 2 if lateral < -_COMMAND_OFFSET else 1
    out = np.zeros(len(COMMANDS), np.float32)
    out[3 if abs(offset[0]) > 20.0 else index] = 1.0
    return out


def state_observation(scene: Scene, state: SimState) -> NDArray[np.float32]:
    """``[STATE_SIZE]`` privileged state in the ego frame, zeros where there is nothing.

    The nearest 24 tracks, 12 values each (present, x, y, cos and sin of relative heading, relative velocity
    x and y, length, width, is vehicle, is bicycle, is pedestrian), the route ahead as 20 points x, y every
    2 m, the speed limit [m/s], 1 if a red light stands on the route within 80 m, and the distance to it [m].
    """
    limit, red, distance = _road_ahead(scene, state)
    tail = np.array([limit, red, distance])
    values = np.concatenate([_tracks(scene, state).ravel(), _path(scene, state).ravel(), tail])
    return np.clip(values, -STATE_LIMIT, STATE_LIMIT).astype(np.float32)


def _tracks(scene: Scene, state: SimState) -> Array:
    traffic, tracks = state.traffic, scene.tracks
    return _nearest_tracks(
        state.ego, traffic.poses, traffic.velocities, traffic.valid, tracks.types, tracks.sizes
    )


@njit(cache=True)
def _nearest_tracks(ego, poses, velocities, valid, types, sizes):
    """Rows ``[24, 12]`` of the tracks nearest to the ego, nearest first; the lower row where equally near."""
    rows, nearest, count = np.empty(NEAREST_TRACKS, np.int64), np.empty(NEAREST_TRACKS), 0
    for n in range(len(valid)):
        if not valid[n]:
            continue
        dx, dy = poses[n, 0] - ego[0], poses[n, 1] - ego[1]
        distance = dx * dx + dy * dy
        if count == NEAREST_TRACKS and distance >= nearest[count - 1]:
            continue
        place = count if count < NEAREST_TRACKS else count - 1
        while place > 0 and nearest[place - 1] > distance:
            nearest[place], rows[place] = nearest[place - 1], rows[place - 1]
            place -= 1
        nearest[place], rows[place] = distance, n
        count = min(count + 1, NEAREST_TRACKS)
    out = np.zeros((NEAREST_TRACKS, TRACK_FEATURES))
    cos, sin = np.cos(ego[2]), np.sin(ego[2])
    for k in range(count):
        n = rows[k]
        dx, dy, vx, vy = poses[n, 0] - ego[0], poses[n, 1] - ego[1], velocities[n, 0], velocities[n, 1]
        out[k, 0], out[k, 1], out[k, 2] = 1.0, cos * dx + sin * dy, cos * dy - sin * dx
        out[k, 3], out[k, 4] = np.cos(poses[n, 2] - ego[2]), np.sin(poses[n, 2] - ego[2])
        out[k, 5], out[k, 6] = cos * vx + sin * vy - ego[3], cos * vy - sin * vx - ego[4]
        out[k, 7], out[k, 8] = sizes[n, 0], sizes[n, 1]
        for column in range(len(KINDS)):
            out[k, 9 + column] = types[n] == KINDS[column]
    return out


def _path(scene: Scene, state: SimState) -> Array:
    s = polyline.project(scene.route_path, state.ego[None, :2])[0]
    ahead = s + PATH_SPACING * np.arange(1, PATH_POINTS + 1)
    return se2.points_to_local(state.ego[:3], polyline.at_arc_length(scene.route_path, ahead)[:, :2])


def _road_ahead(scene: Scene, state: SimState) -> tuple[float, float, float]:
    """Speed limit [m/s] (0 if unknown), red light ahead (0 or 1), distance to it [m]."""
    lanes = scene.map.lanes_at(state.ego[:2])
    limits = [scene.map.lanes[i].speed_limit for i in lanes if scene.map.lanes[i].speed_limit is not None]
    rows, places = scene.lights_on_route
    if not len(rows):
        return max(limits, default=0.0), 0.0, 0.0
    here = polyline.project(scene.route_path, state.ego[None, :2])[0][0]
    ahead = (places - here)[scene.lights.column(state.frame)[rows] == LightStatus.RED]
    ahead = ahead[(ahead > 0.0) & (ahead < _LIGHT_RANGE)]
    found = len(ahead) > 0
    return max(limits, default=0.0), float(found), float(ahead.min()) if found else 0.0
