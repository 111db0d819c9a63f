"""A driven log of a town, and its cutting into scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.one_line import one_line
from simscale_gym.scene import STATE_SIZE, EgoLog, RoadMap, Scene, StateIndex, Tracks, TrafficLights

Array = NDArray[np.float64]

PIECE = 20.0
"""Length of a scene [s] (nuPlan cuts its logs likewise)."""
SENSOR_RANGE = 120.0
"""Farther tracks are not recorded [m]."""


@dataclass(frozen=True, eq=False)
class TownLog:
    """One drive at 20 Hz, in the town's frame.

    Attributes:
        id: E.g. ``town-000123/log-02``.
        states: ``[T, 11]`` of the ego at the rear axle (StateIndex).
        lane_ids: ``T`` lanes or connectors that the ego follows.
        tracks: Everybody else.
        lights: All signalled connectors.
        routes: Per piece of 20 s, roadblock ids from the ego's place to its goal.
        goals: Per piece, the pose ``[3]`` at the end of its route.
        tags: nuPlan's scenario type to ``[T]``: does it hold at that frame?
    """

    id: str
    states: Array
    lane_ids: tuple[str, ...]
    tracks: Tracks
    lights: TrafficLights
    routes: tuple[tuple[str, ...], ...]
    goals: tuple[Array, ...]
    tags: Mapping[str, NDArray[np.bool_]]

    __repr__ = one_line


def ego_states(car: NDArray[np.void], wheel_base: float) -> Array:
    """States ``[T, 11]`` of a driver's STATE ``[T]`` by the bicycle model."""
    v, a, steer, rate = car["v"], car["a"], car["steer"], car["steer_rate"]
    states = np.zeros((len(car), STATE_SIZE))
    states[:, 0], states[:, 1] = car["x"], car["y"]
    states[:, StateIndex.HEADING] = wrap_angle(car["yaw"])
    states[:, StateIndex.VX], states[:, StateIndex.AX] = v, a
    yaw_rate = v * np.tan(steer) / wheel_base
    states[:, StateIndex.AY] = v * yaw_rate
    states[:, StateIndex.STEERING], states[:, StateIndex.STEERING_RATE] = steer, rate
    states[:, StateIndex.YAW_RATE] = yaw_rate
    states[:, StateIndex.YAW_ACC] = (a * np.tan(steer) + v * rate / np.cos(steer) ** 2) / wheel_base
    return states


def routes_of(
    road_map: RoadMap, lane_ids: list[str], planned: list[str], per_piece: int
) -> tuple[list, list]:
    """Route and goal of every piece of ``per_piece`` frames; ``planned`` lanes follow the last frame's."""
    runs: list[str] = []
    first_run = []
    for lane in [*lane_ids, *planned]:
        block = road_map.lanes[lane].roadblock_id
        if not runs or runs[-1] != block:
            runs.append(block)
        first_run.append(len(runs) - 1)
    routes, goals = [], []
    for start in range(0, len(lane_ids) - per_piece + 1, per_piece):
        last = min(first_run[start + per_piece - 1] + 2, len(runs) - 1)
        if road_map.roadblocks[runs[last]].connector:
            last = last + 1 if last + 1 < len(runs) else last - 1
        route = tuple(runs[first_run[start] : last + 1])
        routes.append(route)
        lane = road_map.lanes[road_map.roadblocks[route[-1]].lane_ids[-1]]
        goals.append(lane.centerline[-1].copy())
    return routes, goals


def select_tracks(tracks: Tracks, frames: slice) -> Tracks:
    """The tracks seen in ``frames``."""
    valid = tracks.valid[:, frames]
    keep = np.flatnonzero(valid.any(1))
    return Tracks(
        tuple(tracks.ids[k] for k in keep),
        tracks.types[keep],
        tracks.poses[keep, frames],
        tracks.velocities[keep, frames],
        tracks.z[keep, frames],
        tracks.sizes[keep],
        valid[keep],
    )


def cut_scene(town, log: TownLog, index: int, per_piece: int) -> Scene:
    """Scene ``index`` of ``log``: 20 s at 10 Hz."""
    frames = slice(index * per_piece, (index + 1) * per_piece, 2)
    states = log.states[frames]
    count = len(states)
    start_us = round(index * PIECE * 1e6)
    flat = np.zeros(count)
    return Scene(
        id=f"{log.id}/scene-{index:03d}",
        log_id=log.id,
        source="town",
        origin=np.zeros(3),
        timestamps_us=start_us + 100_000 * np.arange(count, dtype=np.int64),
        map=town.map,
        ego=EgoLog(states, flat, flat, flat),
        tracks=select_tracks(log.tracks, frames),
        lights=TrafficLights(log.lights.lane_ids, np.ascontiguousarray(log.lights.status[:, frames])),
        route=log.routes[index],
        shapes=town.shapes,
        goal=log.goals[index],
    )
