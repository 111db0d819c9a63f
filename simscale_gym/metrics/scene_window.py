"""Situations cut out of scenes: the log as it was, or the log with other traffic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.metrics.layers import MapLayers
from simscale_gym.metrics.situation import HISTORY_STEPS, Agents, Situation
from simscale_gym.scene import LightStatus, Scene

Array = NDArray[np.float64]


def scene_situation(
    scene: Scene,
    frame: int,
    *,
    steps: int = 41,
    agents: Agents | None = None,
    layers: MapLayers | None = None,
    centerline: Array | None = None,
) -> Situation:
    """What proposals meet from ``frame`` of a scene on.

    Args:
        scene: The scene.
        frame: The first step.
        steps: Number of steps, the first included.
        agents: The others over these steps; None for the log's (:func:`logged_agents`). NAVSIM's log replay drops
            those that touch the ego at the first step: see :func:`simscale_gym.metrics.without_touching`.
        layers: The map. Build it once (:meth:`MapLayers.from_road_map`) where many situations share it; None
            builds NAVSIM's layers anew.
        centerline: ``[K, 2+]`` line to follow [m]; None for the scene's route path.

    The history is the log's, from 1.5 to 0.2 s before (NAVSIM's 14 samples), or what there is of it. Lights are
    the log's; where it ends, its last ones stay.

    Raises:
        SceneError: There is no such frame, or the log's agents do not last for ``steps``.
    """
    if not 0 <= frame < scene.num_frames:
        raise SceneError(f"scene {scene.id}: no frame {frame}, it has 0 to {scene.num_frames - 1}.")
    agents = logged_agents(scene, frame, steps) if agents is None else agents
    lanes = scene.map.lanes
    lights = [scene.lights.at(k) for k in range(frame, frame + agents.valid.shape[1])]
    return Situation(
        map=MapLayers.from_road_map(scene.map) if layers is None else layers,
        centerline=scene.route_path if centerline is None else centerline,
        route_lane_ids=scene.route_lane_ids,
        agents=agents,
        red_lights=[[i for i in now if now[i] == LightStatus.RED and i in lanes] for now in lights],
        history=scene.ego.states[max(0, frame - HISTORY_STEPS) : max(0, frame - 1)],
    )


def logged_agents(scene: Scene, frame: int, steps: int = 41) -> Agents:
    """The log's tracks from ``frame`` on, those left out that are absent throughout.

    Raises:
        SceneError: The log ends before ``steps`` are over.
    """
    left = scene.num_frames - frame
    if steps < 1 or left < steps:
        raise SceneError(f"scene {scene.id}: {left} frames from frame {frame} on, expected {steps} steps.")
    tracks, window = scene.tracks, slice(frame, frame + steps)
    return _agents(scene, tracks.poses[:, window], tracks.velocities[:, window], tracks.valid[:, window])


def simulated_agents(scene: Scene, poses: Array, velocities: Array, valid: NDArray[np.bool_]) -> Agents:
    """The scene's tracks as a traffic model moved them.

    Args:
        scene: The scene.
        poses: ``[T, N, 3]`` box centres and headings (as :func:`simscale_gym.sim.stacked` gives them).
        velocities: ``[T, N, 2]`` [m/s].
        valid: ``[T, N]`` whether the track is present.
    """
    n = len(scene.tracks)
    if (
        valid.ndim != 2
        or valid.shape[1] != n
        or poses.shape != (*valid.shape, 3)
        or velocities.shape != (*valid.shape, 2)
    ):
        raise ArgumentError(
            f"simulated_agents: poses {poses.shape}, velocities {velocities.shape}, valid {valid.shape}; "
            f"expected [T, {n}, 3], [T, {n}, 2], [T, {n}]."
        )
    return _agents(scene, *(np.swapaxes(array, 0, 1) for array in (poses, velocities, valid)))


def _agents(scene: Scene, poses: Array, velocities: Array, valid: NDArray[np.bool_]) -> Agents:
    tracks, rows = scene.tracks, np.flatnonzero(valid.any(1))
    sizes = np.broadcast_to(tracks.sizes[rows, None, :2], (len(rows), valid.shape[1], 2))
    return Agents(
        tuple(tracks.ids[row] for row in rows),
        tracks.types[rows],
        np.concatenate([poses[rows], sizes], -1),
        velocities[rows],
        valid[rows],
    )
