"""Compiles what pictures need in a second process, while the first one simulates the town.

Numba keeps compiled kernels on disk, so this matters once per installation.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from simscale_gym.files.compiled_code import kernel_files
from simscale_gym.geometry import polyline
from simscale_gym.kernels import Crew
from simscale_gym.scene import DT, STATE_SIZE, EgoLog, Scene, StateIndex, Tracks, TrackType, TrafficLights

if TYPE_CHECKING:
    from simscale_gym.town import Town

_FRAMES = 60
_SPEED = 6.0  # [m/s]


@cache
def compile_ahead() -> subprocess.Popen | None:
    """Start the second process where nothing was ever compiled, and a core is free; it ends by itself.

    Processes that another one started leave that to it: many side by side would compile the same.
    """
    if multiprocessing.parent_process() is not None or Crew().threads == 1 or kernel_files():
        return None
    command = [sys.executable, "-m", "simscale_gym.envs.warm_up"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    """Drive and draw a scene in which nothing happens, so that every kernel on the way is compiled.

    Nothing here asks for human futures, which the first process is gathering.
    """
    from simscale_gym.envs.env import SimScaleEnv
    from simscale_gym.town import build_town

    scene = _quiet_scene(build_town(0))
    env = SimScaleEnv([scene], image_size=(36, 64), experts=("planner",), perturb=False)
    env.reset(seed=0)
    env.step(np.zeros(2))


def _quiet_scene(town: Town) -> Scene:
    """The ego drives along the longest lane, with a car, a cyclist and a pedestrian beside it."""
    lane = max(town.map.lanes.values(), key=lambda lane: lane.length)
    poses = polyline.at_arc_length(lane.centerline, _SPEED * DT * np.arange(_FRAMES))
    states = np.zeros((_FRAMES, STATE_SIZE))
    states[:, :3], states[:, StateIndex.VX] = poses, _SPEED
    flat = np.zeros(_FRAMES)
    types = np.array([TrackType.VEHICLE, TrackType.BICYCLE, TrackType.PEDESTRIAN], np.uint8)
    ahead = polyline.at_arc_length(lane.centerline, np.array([20.0, 30.0, 40.0]))
    tracks = Tracks(
        ids=("car", "cyclist", "walker"),
        types=types,
        poses=np.repeat(ahead[:, None], _FRAMES, axis=1),
        velocities=np.zeros((3, _FRAMES, 2)),
        z=np.full((3, _FRAMES), 0.8),
        sizes=np.array([[4.6, 1.85, 1.5], [1.8, 0.6, 1.7], [0.6, 0.6, 1.75]]),
        valid=np.ones((3, _FRAMES), bool),
    )
    times = DT * np.arange(_FRAMES)
    return Scene(
        id="warm-up",
        log_id="warm-up",
        source="town",
        origin=np.zeros(3),
        timestamps_us=(times * 1e6).astype(np.int64),
        map=town.map,
        ego=EgoLog(states, flat, flat, flat),
        tracks=tracks,
        lights=TrafficLights(town.signals.lane_ids, town.signals.status(times)),
        route=(lane.roadblock_id,),
        shapes=town.shapes,
    )


if __name__ == "__main__":
    main()
