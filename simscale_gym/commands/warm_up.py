"""Compile what the first episode needs in a second process, while the first one simulates the town.

Numba keeps compiled kernels on disk, so this matters once per installation.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from simscale_gym.envs import SimScaleEnv
from simscale_gym.geometry import polyline
from simscale_gym.scene import DT, STATE_SIZE, EgoLog, Scene, StateIndex, Tracks, TrackType, TrafficLights
from simscale_gym.town import Town, build_town

_FRAMES = 60
_SPEED = 6.0  # [m/s]


def compile_in_background() -> subprocess.Popen:
    """Start the second process; it ends by itself."""
    command = [sys.executable, "-m", "simscale_gym.commands.warm_up"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    """Drive and draw a scene in which nothing happens, so that every kernel on the way is compiled."""
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
