"""What NAVSIM makes of moments that were exported: it knows the world each half second, and draws lines between.

NAVSIM 2.2: metric_cache_processor.py, navsim_scenario.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.pdm.closed import plan
from simscale_gym.agents.pdm.route import PDMRoute, find_route
from simscale_gym.datagen.moments import Moments
from simscale_gym.datagen.navsim.places import has_own_map
from simscale_gym.datagen.navsim.shared_map import as_nuplan
from simscale_gym.errors import SceneError
from simscale_gym.geometry import polyline, se2
from simscale_gym.metrics import Agents, MapLayers, Situation, interpolate_history
from simscale_gym.scene import DT, STATE_SIZE, Lane, LightStatus, RoadMap, Scene, StateIndex, derived

Array = NDArray[np.float64]

STEPS = 41
"""Steps of a situation: now, and 4 s of 0.1 s."""
_TIMES = np.arange(STEPS) * DT
_INTERVAL = 0.5  # [s] between moments
_PER_MOMENT = round(_INTERVAL / DT)
_PAST = 3  # moments of the ego's past that comfort looks back on
_TOLD = [StateIndex.VX, StateIndex.VY, StateIndex.AX, StateIndex.AY]


@dataclass(frozen=True, eq=False)
class NavsimView:
    """What NAVSIM's metric cache keeps of a scene.

    Attributes:
        road: The map as exported, in the scene frame.
        ego: ``[11]`` state of the ego as NAVSIM knows it.
        situation: Map, route, lights, history, and the others as they were recorded.
        reference: ``[41, 3]`` poses of PDM-Closed's plan.
        human: ``[8, 3]`` what the ego did from here, in its frame.
    """

    road: RoadMap
    ego: Array
    situation: Situation
    reference: Array
    human: Array


def navsim_view(scene: Scene, moments: Moments, kept: NDArray[np.bool_], present: int = 0) -> NavsimView:
    """What NAVSIM makes of the moment ``present``.

    Args:
        scene: The scene.
        moments: Moments around it.
        kept: ``[N, M]`` tracks that are exported (:func:`simscale_gym.datagen.navsim.frames.steady`).
        present: Half seconds from the moments' own present.

    Raises:
        SceneError: There is no lane from which NAVSIM could go on.
    """
    road = exported_map(scene.map, has_own_map(scene))
    ego, at = _known_states(moments, [present])[0], moments.row(present)
    route = find_route(road, scene.route, ego)
    if route is None:
        raise SceneError(f"scene {scene.id}: no lane at {np.round(ego[:3], 1).tolist()} to go on from.")
    past = np.arange(-_PAST, 1)
    red = [
        tuple(moments.light_lanes[moments.lights[:, at + k] == LightStatus.RED].tolist())
        for k in range(STEPS // _PER_MOMENT + 1)
    ]
    situation = Situation(
        map=_layers(road),
        centerline=route.ahead.centerline,
        route_lane_ids=route.ahead.lane_ids,
        agents=_interpolated(moments, kept, at),
        red_lights=[red[k // _PER_MOMENT] for k in range(STEPS)],
        history=interpolate_history(past * _INTERVAL, _known_states(moments, past + present)),
    )
    reference = _pdm_closed(moments, kept[:, at], at, situation, route, ego)
    human = se2.poses_to_local(moments.ego[at, :3], moments.ego[at + 1 : at + STEPS // _PER_MOMENT + 1, :3])
    return NavsimView(road, ego, situation, reference, human)


@derived
def exported_map(road_map: RoadMap, own: bool) -> RoadMap:
    """A map as NAVSIM opens it; ``own`` where it has it already. nuPlan's vertices head for the next one."""
    road = road_map if own else as_nuplan(road_map)
    return replace(road, lanes={i: _headed(lane) for i, lane in road.lanes.items()})


def _headed(lane: Lane) -> Lane:
    points = lane.centerline[:, :2]
    return replace(lane, centerline=np.column_stack([points, polyline.headings(points)]))


@derived
def _layers(road: RoadMap) -> MapLayers:
    return MapLayers.from_road_map(road)


def _known_states(moments: Moments, steps: list[int] | NDArray[np.int64]) -> Array:
    """Ego states ``[K, 11]`` as NAVSIM knows them: no steering, no yaw rate, velocities in single precision."""
    rows = [moments.row(int(step)) for step in steps]
    states = np.zeros((len(rows), STATE_SIZE))
    states[:, :3] = moments.ego[rows, :3]
    states[:, _TOLD] = moments.ego[rows][:, _TOLD].astype(np.float32)
    return states


def _world(moments: Moments, rows: NDArray, at: slice | int) -> tuple[Array, Array]:
    """Poses and velocities of tracks in the scene frame."""
    turn = np.array([0.0, 0.0, moments.present[2]])
    return (
        se2.poses_to_world(moments.present, moments.poses[rows, at]),
        se2.points_to_world(turn, moments.velocities[rows, at]),
    )


def _interpolated(moments: Moments, kept: NDArray[np.bool_], at: int) -> Agents:
    """The tracks at 10 Hz, from the first moment at which each is seen to the last."""
    window = slice(at, at + STEPS // _PER_MOMENT + 1)
    rows = np.flatnonzero(kept[:, window].any(1))
    poses, velocities = _world(moments, rows, window)
    states, valid = np.zeros((len(rows), STEPS, 5)), np.zeros((len(rows), STEPS), bool)
    for n, seen in enumerate(kept[rows, window]):
        times = np.flatnonzero(seen) * _INTERVAL
        valid[n] = (times[0] - 1e-9 <= _TIMES) & (times[-1] + 1e-9 >= _TIMES)
        known = np.column_stack([poses[n, seen], velocities[n, seen]])
        known[:, 2] = np.unwrap(known[:, 2])
        states[n] = np.stack([np.interp(_TIMES, times, column) for column in known.T], -1)
    sizes = np.broadcast_to(moments.sizes[rows, None, :2], (len(rows), STEPS, 2))
    boxes = np.concatenate([states[..., :3], sizes], -1)
    return Agents(tuple(moments.ids[rows].tolist()), moments.types[rows], boxes, states[..., 3:], valid)


def _pdm_closed(
    moments: Moments,
    seen: NDArray[np.bool_],
    at: int,
    situation: Situation,
    route: PDMRoute,
    ego: Array,
) -> Array:
    rows = np.flatnonzero(seen)
    poses, velocities = _world(moments, rows, at)
    planned = plan(
        situation.map, route, ego, np.hstack([poses, moments.sizes[rows, :2]]), velocities, moments.types[rows],
        red_lights=situation.red_lights[0],
    )  # fmt: skip
    return planned.poses[:STEPS]
