"""NAVSIM's reactive traffic on the cases of a fixtures file, for comparison with its own numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.navsim.traffic import NavsimTraffic
from simscale_gym.parity.pdm_closed import case_map
from simscale_gym.scene import EgoLog, Scene, Tracks, TrackType, TrafficLights

Array = NDArray[np.float64]
Item = Mapping[str, Any]


def drive_case(item: Item) -> list[dict[str, Array]]:
    """Let the traffic of a case of the list ``idm_traffic`` react to the ego's states.

    Args:
        item: ``map``, ``ego_states``, ``agents``: each with one ``state``, or its ``states`` over time, null where it
            is not there.

    Returns:
        A dictionary for each state of the ego: token to x, y, heading, vx, vy of who is present.
    """
    scene, model = case_scene(item), NavsimTraffic()
    states = scene.ego.states
    traffic = model.start(scene, 0, states[0])
    steps = [traffic]
    for frame in range(len(states) - 1):
        traffic = model.step(scene, frame, states[frame], traffic)
        steps.append(traffic)
    rows = [np.hstack([step.poses, step.velocities]) for step in steps]
    return [
        {scene.tracks.ids[n]: row[n] for n in np.flatnonzero(step.valid)}
        for step, row in zip(steps, rows, strict=True)
    ]


def case_scene(item: Item) -> Scene:
    """The scene of a case."""
    states = np.array(item["ego_states"], float)
    frames, agents = len(states), item["agents"]
    logs = [agent.get("states", [agent.get("state")] * frames) for agent in agents]
    moved = np.array([[state or [0.0] * 5 for state in log] for log in logs], float).reshape(-1, frames, 5)
    zeros = np.zeros(frames)
    tracks = Tracks(
        tuple(agent["token"] for agent in agents),
        np.array([TrackType[agent["type"]] for agent in agents], np.uint8),
        moved[..., :3],
        moved[..., 3:],
        np.zeros((len(agents), frames)),
        np.array([[agent["length"], agent["width"], 1.5] for agent in agents], float).reshape(-1, 3),
        np.array([[state is not None for state in log] for log in logs], bool).reshape(-1, frames),
    )
    return Scene(
        "case", "case", "fixture", np.zeros(3), np.arange(frames, dtype=np.int64) * 100_000, case_map(item["map"]),
        EgoLog(states, zeros, zeros, zeros), tracks, TrafficLights((), np.zeros((0, frames), np.uint8)), (),
    )  # fmt: skip
