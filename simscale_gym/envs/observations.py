"""What an agent sees, as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from simscale_gym.envs.state_kernel import fill_state
from simscale_gym.envs.state_layout import STATE_LAYOUT
from simscale_gym.errors import ArgumentError
from simscale_gym.scene import Scene, StateIndex, Vehicle
from simscale_gym.scene.road_view import RoadView
from simscale_gym.scoring.scene_ground import map_layers
from simscale_gym.sim import SimState
from simscale_gym.splats.depth_sweep import LidarConfig

Array = NDArray[np.float64]

OBSERVATIONS = ("camera", "state", "lidar")
EGO_COLUMNS = np.array(
    [StateIndex.VX, StateIndex.VY, StateIndex.AX, StateIndex.AY, StateIndex.YAW_RATE, StateIndex.STEERING]
)
EGO_LIMITS = np.array([80.0, 20.0, 30.0, 30.0, 5.0, 1.1], np.float32)
"""Values beyond these are clipped: vx, vy [m/s], ax, ay [m/s^2], yaw rate [rad/s], steering angle [rad]."""

COMMANDS = ("left", "straight", "right", "unknown")

_NO_LIGHTS = np.zeros(0, np.uint8)


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
        entries["state"] = STATE_LAYOUT.space
    if "lidar" in kinds:
        entries["lidar"] = spaces.Box(0.0, lidar.most_range, lidar.shape, np.float32)
    return spaces.Dict(entries)


def ego_observation(state: SimState) -> NDArray[np.float32]:
    """``[6]`` vx, vy [m/s], ax, ay [m/s^2], yaw rate [rad/s], steering angle [rad]."""
    return ego_motion(state.ego)


def ego_motion(egos: Array) -> NDArray[np.float32]:
    """:func:`ego_observation` of ego states ``[..., 11]``: ``[..., 6]``."""
    return np.minimum(np.maximum(egos[..., EGO_COLUMNS], -EGO_LIMITS), EGO_LIMITS).astype(np.float32)


def driving_command(view: RoadView) -> NDArray[np.float32]:
    """``[4]`` one-hot left, straight, right, unknown."""
    out = np.zeros(len(COMMANDS), np.float32)
    out[view.command] = 1.0
    return out


def state_observation(
    scene: Scene, state: SimState, view: RoadView, goal: float | None
) -> NDArray[np.float32]:
    """``[STATE_LAYOUT.size]`` privileged state in the ego frame, as :data:`STATE_LAYOUT` lays it out.

    Args:
        scene: Scene that is driven in.
        state: State of the simulation.
        view: The road at that state.
        goal: Arc length of the goal along the scene's route path [m]; None for none.
    """
    traffic, tracks = state.traffic, scene.tracks
    rows, places = scene.lights_on_route
    status = np.ascontiguousarray(scene.lights.column(state.frame)) if len(rows) else _NO_LIGHTS
    out = np.empty(STATE_LAYOUT.size, np.float32)
    fill_state(
        out, STATE_LAYOUT.arrays, state.ego, hull(scene.vehicle), traffic.poses, traffic.velocities, traffic.valid,
        tracks.types, tracks.sizes, scene.route_path, scene.route_lengths, view.arc, view.offset, view.limit,
        view.limit_along, np.inf if goal is None else goal, rows, places, status, map_layers(scene.map).road,
    )  # fmt: skip
    return out


def hull(vehicle: Vehicle) -> tuple[float, float, float]:
    """Front and rear of the outline from the rear axle, and half its width [m], as :func:`fill_state` takes them."""
    return vehicle.front_length, vehicle.rear_length, vehicle.width / 2.0
