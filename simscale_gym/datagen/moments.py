"""The moments of a sample: who was where every half second around its present, as logs of other tools keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import se2
from simscale_gym.one_line import one_line
from simscale_gym.scene import LightStatus, Scene
from simscale_gym.sim import SimState

Array = NDArray[np.float64]

INTERVAL_US = 500_000
"""Time between moments [us]."""
EARLIEST = -4
"""First moment, in half seconds from the present, where the source goes back so far; the next one everywhere."""
LEAST_AHEAD, MOST_AHEAD = 8, 10
"""Moments after the present: NAVSIM scores four seconds, and planners that look for collisions beyond want five."""


@dataclass(frozen=True, eq=False)
class Moments:
    """``M`` moments, 0.5 s apart, with the ``N`` tracks that are there at some of them.

    Attributes:
        steps: ``[M]`` half seconds from the present: -4 or -3 to 8 or 10.
        ego: ``[M, 11]`` ego states in the scene frame (:class:`simscale_gym.scene.StateIndex`).
        ids: ``[N]`` tokens of the tracks.
        types: ``[N]`` their kinds (:class:`simscale_gym.scene.TrackType`).
        sizes: ``[N, 3]`` length, width, height [m].
        poses: ``[N, M, 3]`` x, y of the box centre [m] and heading, in the ego frame of the present.
        heights: ``[N, M]`` height of the box centre above the ego's ground at the present [m].
        velocities: ``[N, M, 2]`` [m/s] over ground, along the axes of the ego frame of the present.
        valid: ``[N, M]`` whether the track is there; elsewhere the other arrays hold zeros.
        light_lanes: ``[L]`` ids of the lane connectors whose lights are known.
        lights: ``[L, M]`` their :class:`simscale_gym.scene.LightStatus`.
    """

    steps: NDArray[np.int8]
    ego: Array
    ids: NDArray[np.str_]
    types: NDArray[np.uint8]
    sizes: NDArray[np.float32]
    poses: NDArray[np.float32]
    heights: NDArray[np.float32]
    velocities: NDArray[np.float32]
    valid: NDArray[np.bool_]
    light_lanes: NDArray[np.str_]
    lights: NDArray[np.uint8]

    __repr__ = one_line

    def named(self) -> dict[str, NDArray]:
        """The arrays by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def row(self, step: int) -> int:
        """Place of the moment ``step`` half seconds from the present.

        Raises:
            KeyError: It has no such moment.
        """
        row = step - int(self.steps[0])
        if not 0 <= row < len(self.steps):
            raise KeyError(step)
        return row

    @property
    def present(self) -> Array:
        """``[3]`` pose of the ego at the present, scene frame."""
        return self.ego[self.row(0), :3]


def make_moments(scene: Scene, states: Mapping[int, SimState]) -> Moments:
    """The moments of a drive, given its states by half seconds from the present, in order."""
    shown, pose = list(states.values()), states[0].ego[:3]
    traffic = [state.traffic for state in shown]
    there = np.flatnonzero(np.any([t.valid for t in traffic], axis=0))
    valid = np.array([t.valid[there] for t in traffic]).T
    poses = se2.poses_to_local(pose, np.stack([t.poses[there] for t in traffic], axis=1))
    turn = np.array([0.0, 0.0, pose[2]])
    velocities = se2.points_to_local(turn, np.stack([t.velocities[there] for t in traffic], axis=1))
    at = [min(state.frame, scene.num_frames - 1) for state in shown]
    heights = scene.tracks.z[there][:, at] - scene.ego_to_world(pose)[2, 3]
    lights = np.stack([scene.lights.column(state.frame) for state in shown], axis=1)
    known = np.flatnonzero((lights != LightStatus.UNKNOWN).any(1))
    return Moments(
        steps=np.array(list(states), np.int8),
        ego=np.array([state.ego for state in shown], float),
        ids=np.array([scene.tracks.ids[n] for n in there], dtype=np.str_),
        types=scene.tracks.types[there].astype(np.uint8),
        sizes=scene.tracks.sizes[there].astype(np.float32),
        poses=np.where(valid[..., None], poses, 0.0).astype(np.float32),
        heights=np.where(valid, heights, 0.0).astype(np.float32),
        velocities=np.where(valid[..., None], velocities, 0.0).astype(np.float32),
        valid=valid,
        light_lanes=np.array([scene.lights.lane_ids[row] for row in known], dtype=np.str_),
        lights=lights[known].astype(np.uint8),
    )
