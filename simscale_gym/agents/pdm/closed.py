"""PDM-Closed (Dauner et al. 2023), as NAVSIM runs it: propose, drive, score, take the best.

A rule-based planner on privileged knowledge: proposals along the route at several offsets and speeds
(:mod:`~simscale_gym.agents.pdm.proposals`), each driven by the tracker, scored against a constant-velocity forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.forecast import PDMForecast, forecast_objects
from simscale_gym.agents.pdm.path import PDMPath, pose_at, project
from simscale_gym.agents.pdm.proposals import PDMProposals, make_generator
from simscale_gym.agents.pdm.route import PDMRoute
from simscale_gym.errors import ArgumentError
from simscale_gym.metrics import EgoArea, MapLayers, Scores, Situation, score
from simscale_gym.one_line import one_line
from simscale_gym.scene import DT, STATE_SIZE, StateIndex, Vehicle
from simscale_gym.scoring.scene_ground import route_situation
from simscale_gym.sim import track

Array = NDArray[np.float64]

# tuPlan, pdm_emergency_brake.py: a proportional-derivative rule for a constant speed, and its bounds [m/s^2].
_SLOW = 0.2  # [m/s]
_FAST_GAIN, _FAST_SHARE, _SLOW_GAINS = 10.0, 1.1, (4.0, 1.0)
_BRAKE_BOUNDS = -4.05, 2.40


@dataclass(frozen=True, eq=False)
class PDMPlan:
    """Outcome of a planning step.

    Attributes:
        poses: ``[O + 1, 3]`` the plan, 0.1 s apart, the first pose at the present: the chosen proposal, not as driven.
        chosen: Row of the best proposal; path by path, each path at all speeds.
        braking: The emergency brake replaced the chosen proposal in ``poses``.
        proposals: All proposals.
        driven: ``[P, T, 11]`` what the tracker makes of them.
        scores: Subscores of ``driven``.
        situation: What they were scored in.
    """

    poses: Array
    chosen: int
    braking: bool
    proposals: PDMProposals
    driven: Array
    scores: Scores
    situation: Situation

    __repr__ = one_line


def plan(
    layers: MapLayers,
    route: PDMRoute,
    ego: Array,
    boxes: Array,
    velocities: Array,
    types: Sequence[int] | NDArray[np.uint8],
    *,
    red_lights: Sequence[str] = (),
    config: PDMConfig | None = None,
    vehicle: Vehicle | None = None,
    ignored: NDArray[np.bool_] | None = None,
) -> PDMPlan:
    """Plan one step.

    Args:
        layers: Map to score on. Keep it: its look-up tables are built once.
        route: Route from :func:`simscale_gym.agents.pdm.route.find_route`. Keep it as long as its start lane holds.
        ego: ``[11]`` (:class:`simscale_gym.scene.StateIndex`).
        boxes: ``[N, 5]`` boxes of the others now: centre x, y [m], heading [rad], length, width [m].
        velocities: ``[N, 2]`` [m/s], in the frame of the boxes.
        types: ``[N]`` kinds of the others (:class:`simscale_gym.scene.TrackType`).
        red_lights: Ids of the lanes that are closed now; only those on the route count.
        config: Settings; None for NAVSIM's.
        vehicle: The ego; None for the default one.
        ignored: ``[N]`` objects to leave out altogether.
    """
    config, vehicle, ego = config or PDMConfig(), vehicle or Vehicle(), np.asarray(ego, float)
    if ego.shape != (STATE_SIZE,) or not np.isfinite(ego).all():
        raise ArgumentError(f"ego: shape {ego.shape} or not finite, expected finite [{STATE_SIZE}].")
    forecast = forecast_objects(ego, boxes, velocities, types, config, ignored=ignored, vehicle=vehicle)
    on_route = set(route.ahead.lane_ids)
    red = [lane for lane in dict.fromkeys(red_lights) if lane in on_route and lane in layers.lane_rows]
    polygons = [layers.rings[layers.lane_rows[lane]] for lane in red]
    generator = make_generator(ego, route, forecast, polygons, config, vehicle)
    proposals = generator.proposals(ego)
    driven = track(ego, proposals.poses[:, : config.steps + 1], vehicle=vehicle)
    situation = _situation(layers, route, forecast, red, config)
    scores = score(situation, driven, history=False, vehicle=vehicle)
    chosen = least_bad(scores) if config.least_bad else int(np.argmax(scores.total))
    braking = config.emergency_brake != "off" and _is_emergency(scores, chosen, ego, config)
    poses = (
        _brake(generator.paths, chosen, ego, config, vehicle)
        if braking
        else generator.extend(proposals, chosen)
    )
    return PDMPlan(poses.copy(), chosen, braking, proposals, driven, scores, situation)


def _situation(
    layers: MapLayers, route: PDMRoute, forecast: PDMForecast, red: list[str], config: PDMConfig
) -> Situation:
    agents = forecast.agents(config)
    return route_situation(layers, route.ahead).with_agents(agents, [red] * (config.steps + 1) if red else ())


def least_bad(scores: Scores) -> int:
    """The proposal with the best total; where all are 0, the one that fails least.

    That is first whose collision comes latest, then who is off the road at the fewest steps, then who minds lights
    and direction, then who is best in the rest.
    """
    total = scores.total
    if len(total) and total.max() > 0.0:
        return int(np.argmax(total))
    off_road = ((scores.areas & EgoArea.NON_DRIVABLE) != 0).sum(1)
    rest = 5.0 * scores.ep + 5.0 * scores.ttc + 2.0 * scores.lk
    order = np.lexsort((-rest, -scores.ddc, -scores.tlc, off_road, -scores.collision_step, -scores.nc))
    return int(order[0])


def _is_emergency(scores: Scores, chosen: int, ego: Array, config: PDMConfig) -> bool:
    step = int(scores.collision_step[chosen])
    soon = step < scores.areas.shape[1] and step * DT <= config.brake_within
    return soon and float(np.hypot(ego[StateIndex.VX], ego[StateIndex.VY])) <= config.brake_below


def _brake(paths: Sequence[PDMPath], chosen: int, ego: Array, config: PDMConfig, vehicle: Vehicle) -> Array:
    """The emergency plan ``[O + 1, 3]``."""
    times = np.arange(config.output_steps + 1) * DT
    if config.emergency_brake == "tuplan":
        ahead = tuplan_brake_speed(ego, vehicle) * times
        heading = np.full_like(times, ego[StateIndex.HEADING])
        return np.column_stack([ego[0] + ahead * np.cos(heading), ego[1] + ahead * np.sin(heading), heading])
    speed = max(float(ego[StateIndex.VX]), 0.0)
    moving = np.minimum(times, speed / config.brake_deceleration)
    travelled = speed * moving - config.brake_deceleration * moving**2 / 2
    path = paths[chosen // len(config.speed_fractions)]
    start, poses = project(path, ego[0], ego[1]), np.empty((len(times), 3))
    for row, way in zip(poses, travelled, strict=True):
        pose_at(path, start + way, row)
    return poses


def tuplan_brake_speed(ego: Array, vehicle: Vehicle | None = None) -> float:
    """Constant speed [m/s] of tuPlan's emergency plan for ``ego [11]``; negative ones lead backwards."""
    offset = (vehicle or Vehicle()).rear_axle_to_center
    rate, change = ego[StateIndex.YAW_RATE], ego[StateIndex.YAW_ACC]
    speed = float(ego[StateIndex.VX])
    acceleration = float(ego[StateIndex.AX]) + offset * (
        rate**2 + change
    )  # at the centre, as nuPlan takes it
    if speed > _SLOW:
        return _FAST_SHARE * (speed + float(np.clip(-_FAST_GAIN * speed, *_BRAKE_BOUNDS)))
    return float(np.clip(-_SLOW_GAINS[0] * speed - _SLOW_GAINS[1] * acceleration, *_BRAKE_BOUNDS))
