"""What an agent sees, as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry.polyline import segment_at
from simscale_gym.scene import LightStatus, Scene, StateIndex, TrackType
from simscale_gym.scene.road_view import RoadView
from simscale_gym.sim import SimState
from simscale_gym.splats.depth_sweep import LidarConfig

Array = NDArray[np.float64]

OBSERVATIONS = ("camera", "state", "lidar")
EGO_COLUMNS = np.array(
    [StateIndex.VX, StateIndex.VY, StateIndex.AX, StateIndex.AY, StateIndex.YAW_RATE, StateIndex.STEERING]
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

_LIGHT_RANGE = 80.0
_RED = int(LightStatus.RED)
_NO_LIGHTS = np.zeros(0, np.uint8)
KINDS = (int(TrackType.VEHICLE), int(TrackType.BICYCLE), int(TrackType.PEDESTRIAN))
"""Kinds of tracks that the observation tells apart."""


def observation_space(
    kinds: Sequence[str], cameras: Sequence[str], image_size: tuple[int, int], lidar: LidarConfig
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
    if "lidar" in kinds:
        entries["lidar"] = spaces.Box(0.0, lidar.most_range, lidar.shape, np.float32)
    return spaces.Dict(entries)


def ego_observation(state: SimState) -> NDArray[np.float32]:
    """``[6]`` vx, vy [m/s], ax, ay [m/s^2], yaw rate [rad/s], steering angle [rad]."""
    return np.minimum(np.maximum(state.ego[EGO_COLUMNS], -EGO_LIMITS), EGO_LIMITS).astype(np.float32)


def driving_command(view: RoadView) -> NDArray[np.float32]:
    """``[4]`` one-hot left, straight, right, unknown."""
    out = np.zeros(len(COMMANDS), np.float32)
    out[view.command] = 1.0
    return out


def state_observation(scene: Scene, state: SimState, view: RoadView) -> NDArray[np.float32]:
    """``[STATE_SIZE]`` privileged state in the ego frame, zeros where there is nothing.

    The nearest 24 tracks, 12 values each (present, x, y, cos and sin of relative heading, relative velocity
    x and y, length, width, is vehicle, is bicycle, is pedestrian), the route ahead as 20 points x, y every
    2 m, the speed limit [m/s], 1 if a red light stands on the route within 80 m, and the distance to it [m].
    """
    traffic, tracks = state.traffic, scene.tracks
    rows, places = scene.lights_on_route
    status = np.ascontiguousarray(scene.lights.column(state.frame)) if len(rows) else _NO_LIGHTS
    return _observe(
        state.ego, traffic.poses, traffic.velocities, traffic.valid, tracks.types, tracks.sizes,
        scene.route_path, scene.route_lengths, view.arc, view.limit, rows, places, status,
    )  # fmt: skip


@njit(cache=True)
def _observe(
    ego, poses, velocities, valid, types, sizes, path, lengths, arc, limit, light_rows, light_places, status
):  # fmt: skip
    values = np.zeros(STATE_SIZE)
    _describe_tracks(ego, poses, velocities, valid, types, sizes, values)
    at, cos, sin = NEAREST_TRACKS * TRACK_FEATURES, np.cos(ego[2]), np.sin(ego[2])
    for n in range(PATH_POINTS):
        k, share = segment_at(lengths, arc + PATH_SPACING * (n + 1))
        dx = path[k, 0] + share * (path[k + 1, 0] - path[k, 0]) - ego[0]
        dy = path[k, 1] + share * (path[k + 1, 1] - path[k, 1]) - ego[1]
        values[at + 2 * n], values[at + 2 * n + 1] = cos * dx + sin * dy, cos * dy - sin * dx
    distance = np.inf
    for n in range(len(light_rows)):
        ahead = light_places[n] - arc
        if status[light_rows[n]] == _RED and 0.0 < ahead < _LIGHT_RANGE:
            distance = min(distance, ahead)
    found = distance < np.inf
    values[-3], values[-2], values[-1] = limit, 1.0 if found else 0.0, distance if found else 0.0
    out = np.empty(STATE_SIZE, np.float32)
    for i in range(STATE_SIZE):
        out[i] = min(max(values[i], -STATE_LIMIT), STATE_LIMIT)
    return out


@njit(cache=True)
def _describe_tracks(ego, poses, velocities, valid, types, sizes, out):
    """Write the ``[24 * 12]`` features of the tracks nearest to the ego, nearest first; the lower row of equals."""
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
    cos, sin = np.cos(ego[2]), np.sin(ego[2])
    for k in range(count):
        n, at = rows[k], k * TRACK_FEATURES
        dx, dy, vx, vy = poses[n, 0] - ego[0], poses[n, 1] - ego[1], velocities[n, 0], velocities[n, 1]
        out[at], out[at + 1], out[at + 2] = 1.0, cos * dx + sin * dy, cos * dy - sin * dx
        out[at + 3], out[at + 4] = np.cos(poses[n, 2] - ego[2]), np.sin(poses[n, 2] - ego[2])
        out[at + 5], out[at + 6] = cos * vx + sin * vy - ego[3], cos * vy - sin * vx - ego[4]
        out[at + 7], out[at + 8] = sizes[n, 0], sizes[n, 1]
        for column in range(len(KINDS)):
            out[at + 9 + column] = types[n] == KINDS[column]
