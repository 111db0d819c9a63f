"""The others as a planner or a replay takes them: forecast from the present, or without those in the way."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics.contacts import touching
from simscale_gym.metrics.situation import Agents, Situation
from simscale_gym.scene import DT, STATE_SIZE, TrackType, Vehicle

Array = NDArray[np.float64]

FORECAST_RADIUS = 100.0
"""Objects whose centre is further from the ego's are not forecast [m] (NAVSIM's map radius)."""
FORECAST_STRIDE = 2
"""Forecasts move on every second step only."""
NEAREST = 50, 10, 25, 50
"""Most vehicles, bicycles, pedestrians and static objects that are forecast (NAVSIM, pdm_object_manager.py)."""
_KINDS = TrackType.VEHICLE, TrackType.BICYCLE, TrackType.PEDESTRIAN, TrackType.TRAFFIC_CONE


@dataclass(frozen=True, eq=False)
class SteadyMotion:
    """Forecast motion of objects: road users hold their speed along their heading, all else stays.

    Attributes:
        drift: ``[N, 2]`` velocities [m/s], against the heading where the recorded velocity points backwards.
        speeds: ``[N]`` lengths of the velocities [m/s].
    """

    drift: Array
    speeds: Array


def steady_motion(headings: Array, velocities: Array, types: NDArray[np.uint8]) -> SteadyMotion:
    """The forecast motion of objects with ``headings [N]`` [rad], ``velocities [N, 2]`` [m/s], ``types [N]``."""
    return SteadyMotion(*_steady(headings, velocities, types <= TrackType.PEDESTRIAN))


@njit(cache=True)
def _steady(headings: Array, velocities: Array, movers: NDArray) -> tuple[Array, Array]:
    drift, speeds = np.zeros((len(headings), 2)), np.zeros(len(headings))
    for n in range(len(headings)):
        if movers[n]:
            vx, vy, along = velocities[n, 0], velocities[n, 1], headings[n]
            speeds[n] = np.hypot(vx, vy)
            turn = along - np.arctan2(vy, vx)
            if abs(turn - 2.0 * np.pi * np.floor((turn + np.pi) / (2.0 * np.pi))) >= np.pi / 2:
                along += np.pi
            drift[n, 0], drift[n, 1] = np.cos(along) * speeds[n], np.sin(along) * speeds[n]
    return drift, speeds


def moved_boxes(boxes: Array, drift: Array, steps: int, stride: int = FORECAST_STRIDE) -> Array:
    """Boxes ``[N, T, 5]`` over ``steps`` of 0.1 s from ``boxes [N, 5]``, moving on every ``stride`` steps."""
    return _moved(np.ascontiguousarray(boxes), drift, steps, stride)


@njit(cache=True)
def _moved(boxes: Array, drift: Array, steps: int, stride: int) -> Array:
    out = np.empty((len(boxes), steps, 5))
    for n in range(len(boxes)):
        for t in range(steps):
            time = (
                t // stride * stride * DT
            )  # NAVSIM forecasts every other step: boxes stand for one, then jump
            out[n, t] = boxes[n]
            out[n, t, 0] += time * drift[n, 0]
            out[n, t, 1] += time * drift[n, 1]
    return out


def nearest_objects(
    distances: Array, present: NDArray[np.bool_], types: NDArray[np.uint8], limits: tuple[int, int, int, int]
) -> NDArray[np.int64]:
    """Rows of the objects that NAVSIM's object manager keeps: of each kind the nearest, static ones first.

    Args:
        distances: ``[N]`` distances from the ego [m].
        present: ``[N]`` whether an object is there.
        types: ``[N]`` kinds of the objects (:class:`simscale_gym.scene.TrackType`).
        limits: Most vehicles, bicycles, pedestrians and static objects.
    """
    kinds = np.minimum(types, TrackType.TRAFFIC_CONE)  # the first of the static ones stands for all
    order = np.argsort(distances, kind="stable")
    order = order[present[order]]
    kinds = kinds[order]
    of_kind = [order[kinds == kind][:limit] for kind, limit in zip(_KINDS, limits, strict=True)]
    vehicles, bicycles, pedestrians, statics = of_kind
    return np.concatenate([statics, vehicles, pedestrians, bicycles])


def touching_ego(agents: Agents, ego: Array, vehicle: Vehicle | None = None) -> NDArray[np.bool_]:
    """Which agents ``[N]`` touch the box of an ``ego`` state ``[11]`` at the first step."""
    ego = np.asarray(ego, float)
    if ego.shape != (STATE_SIZE,) or not np.isfinite(ego).all():
        raise ArgumentError(f"ego: shape {ego.shape} or not finite, expected finite [{STATE_SIZE}].")
    footprint = (vehicle or Vehicle()).boxes(ego)
    return touching(footprint, agents.boxes[:, 0], agents.valid[:, 0])


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
    start = now.boxes[:, 0]
    motion = steady_motion(start[:, 2], now.velocities[:, 0], now.types)
    agents = replace(
        now,
        boxes=moved_boxes(start, motion.drift, situation.steps),
        velocities=np.repeat(now.velocities[:, :1], situation.steps, 1),
        valid=np.ones((len(now), situation.steps), bool),
        ignored=touching_ego(now, ego, vehicle),
    )
    lights = [situation.red_lights[0]] * situation.steps if situation.red_lights else ()
    return replace(situation, agents=agents, red_lights=lights)


def _nearest(agents: Agents, ego: Array, vehicle: Vehicle) -> Agents:
    """The objects present at the first step that NAVSIM's object manager keeps, in their order."""
    distance = np.linalg.norm(agents.boxes[:, 0, :2] - vehicle.boxes(ego)[:2], axis=1)
    present = agents.valid[:, 0] & (distance <= FORECAST_RADIUS)
    keep = np.zeros(len(agents), bool)
    keep[nearest_objects(distance, present, agents.types, NEAREST)] = True
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
