"""The others as a planner or a replay takes them: forecast from the present, or without those in the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.metrics.ego_boxes import box_corners, ego_boxes
from simscale_gym.metrics.predicates import boxes_meet
from simscale_gym.metrics.situation import Agents, Situation
from simscale_gym.scene import DT, STATE_SIZE, TrackType, Vehicle

Array = NDArray[np.float64]

FORECAST_RADIUS = 100.0
"""Objects whose centre is further from the ego's are not forecast [m] (NAVSIM's map radius)."""
FORECAST_STRIDE = 2
"""Forecasts move on every second step only."""
NEAREST = {TrackType.VEHICLE: 50, TrackType.PEDESTRIAN: 25, TrackType.BICYCLE: 10}
NEAREST_STATIC = 50
"""How many of each kind are forecast at most (NAVSIM, pdm_object_manager.py)."""


def touching_ego(agents: Agents, ego: Array, vehicle: Vehicle | None = None) -> NDArray[np.bool_]:
    """Which agents ``[N]`` touch the box of an ``ego`` state ``[11]`` at the first step."""
    ego = np.asarray(ego, float)
    if ego.shape != (STATE_SIZE,) or not np.isfinite(ego).all():
        raise ArgumentError(f"ego: shape {ego.shape} or not finite, expected finite [{STATE_SIZE}].")
    corners, _ = ego_boxes(ego[None, None], vehicle or Vehicle())
    boxes = agents.boxes[:, 0]
    return agents.valid[:, 0] & _touching(
        corners[0, 0], box_corners(boxes[:, :2], boxes[:, 2], boxes[:, 3], boxes[:, 4])
    )


@njit(cache=True)
def _touching(ego: Array, others: Array) -> NDArray:
    out = np.zeros(len(others), np.bool_)
    for n in range(len(others)):
        out[n] = boxes_meet(ego, others[n])
    return out


def without_touching(situation: Situation, ego: Array, vehicle: Vehicle | None = None) -> Situation:
    """The situation without the agents that touch the ego ``[11]`` at the first step.

    NAVSIM's log replay drops them for the whole horizon; its reactive traffic does not.
    """
    return replace(
        situation, agents=take_agents(situation.agents, ~touching_ego(situation.agents, ego, vehicle))
    )


def forecast(situation: Situation, ego: Array, vehicle: Vehicle | None = None) -> Situation:
    """What PDM-Closed expects of a situation at its first step.

    Road users go on at their speed along their heading (or against it, if their velocity points backwards), all
    else stays, lights do not change. Whom the ego ``[11]`` touches now is ignored.
    """
    now = _nearest(situation.agents, ego, vehicle or Vehicle())
    heading, velocity = now.boxes[:, 0, 2], now.velocities[:, 0]
    backwards = np.abs(wrap_angle(heading - np.arctan2(velocity[:, 1], velocity[:, 0]))) >= np.pi / 2
    along = np.where(backwards, heading + np.pi, heading)
    speed = np.where(now.movers, np.hypot(velocity[:, 0], velocity[:, 1]), 0.0)
    steps = np.arange(situation.steps) // FORECAST_STRIDE * FORECAST_STRIDE
    boxes = np.repeat(now.boxes[:, :1], situation.steps, 1)
    boxes[..., 0] += steps * DT * (np.cos(along) * speed)[:, None]
    boxes[..., 1] += steps * DT * (np.sin(along) * speed)[:, None]
    agents = replace(
        now,
        boxes=boxes,
        velocities=np.repeat(now.velocities[:, :1], situation.steps, 1),
        valid=np.ones((len(now), situation.steps), bool),
        ignored=touching_ego(now, ego, vehicle),
    )
    lights = [situation.red_lights[0]] * situation.steps if situation.red_lights else ()
    return replace(situation, agents=agents, red_lights=lights)


def _nearest(agents: Agents, ego: Array, vehicle: Vehicle) -> Agents:
    """Those present at the first step that NAVSIM's object manager keeps."""
    _, center = ego_boxes(np.asarray(ego, float)[None, None], vehicle)
    distance = np.linalg.norm(agents.boxes[:, 0, :2] - center[0, 0], axis=1)
    present = agents.valid[:, 0] & (distance <= FORECAST_RADIUS)
    groups = [(agents.types == kind, count) for kind, count in NEAREST.items()]
    groups.append((~np.asarray(agents.movers), NEAREST_STATIC))
    keep = np.zeros(len(agents), bool)
    for members, count in groups:
        rows = np.flatnonzero(present & members)
        keep[rows[np.argsort(distance[rows], kind="stable")][:count]] = True
    return take_agents(agents, keep)


def take_agents(agents: Agents, keep: NDArray[np.bool_]) -> Agents:
    """Some of the agents: where ``keep [N]``."""
    return Agents(
        tuple(token for token, kept in zip(agents.tokens, keep, strict=True) if kept),
        agents.types[keep],
        agents.boxes[keep],
        agents.velocities[keep],
        agents.valid[keep],
        None if agents.ignored is None else agents.ignored[keep],
    )
