"""Whether the ego touches somebody or is off the road, in one state: as the score of a drive judges it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import box
from simscale_gym.metrics.areas import off_road as boxes_off_road
from simscale_gym.metrics.contacts import RedLights, touching, traffic_lights
from simscale_gym.scene import Scene, compiled, derived, on_other_level
from simscale_gym.scoring.scene_ground import closed_lanes, map_layers
from simscale_gym.sim import SimState

Array = NDArray[np.float64]

_SLACK = 1e-6  # [m] so that culling by distance never decides


def off_road(scene: Scene, states: Array) -> NDArray[np.bool_]:
    """Whether a corner of the ego is off the drivable area: ``[...]`` for states ``[..., 11]`` or poses."""
    return boxes_off_road(scene.vehicle.boxes(states), map_layers(scene.map).road)


def touched(scene: Scene, state: SimState) -> NDArray[np.bool_]:
    """Whether the ego touches each track ``[N]``."""
    traffic = state.traffic
    dx, dy = traffic.poses[:, 0] - state.ego[0], traffic.poses[:, 1] - state.ego[1]
    near = traffic.valid & (dx * dx + dy * dy < _reach(scene))
    if not near.any():  # nearly always
        return near
    boxes = np.concatenate([traffic.poses, scene.tracks.sizes[:, :2]], 1)
    return touching(scene.vehicle.boxes(state.ego), boxes, traffic.valid & ~on_other_level(scene))


@derived
def _reach(scene: Scene) -> Array:
    """Square of the distance [m^2] from the ego's rear axle beyond which each track's box cannot touch the ego's."""
    vehicle, sizes = scene.vehicle, scene.tracks.sizes
    own = abs(vehicle.rear_axle_to_center) + np.hypot(vehicle.length, vehicle.width) / 2.0
    return (own + np.hypot(sizes[:, 0], sizes[:, 1]) / 2.0 + _SLACK) ** 2


@compiled()
def fit_frames(scene: Scene) -> NDArray[np.bool_]:
    """Frames ``[T]`` of the log at which the ego is on the road, touches nobody and is not where lights are red."""
    tracks, footprints = scene.tracks, scene.vehicle.boxes(scene.ego.states)
    met = tracks.valid & ~on_other_level(scene)[:, None]
    alone = [
        not touching(footprint, tracks.boxes(frame), met[:, frame]).any()
        for frame, footprint in enumerate(footprints)
    ]
    return np.array(alone) & ~off_road(scene, scene.ego.states) & ~_at_red(scene)


def fit_first(scene: Scene, frames: Sequence[int], rng: np.random.Generator) -> list[int]:
    """``frames`` in random order, but those first that are :func:`fit <fit_frames>`."""
    order = rng.permutation(np.array(frames))
    fit = fit_frames(scene)[order]
    return [*map(int, order[fit]), *map(int, order[~fit])]


def _at_red(scene: Scene) -> NDArray[np.bool_]:
    """Frames ``[T]`` of the log that TLC fails for."""
    layers = map_layers(scene.map)
    corners = box.corners(scene.vehicle.boxes(scene.ego.states[None]))
    out = np.zeros(scene.num_frames, bool)
    for frame, closed in enumerate(closed_lanes(scene, scene.route_lane_ids, 0, scene.num_frames)):
        rows = np.array([layers.lane_rows[lane] for lane in closed], np.int64)
        lights = RedLights(layers.polygons, np.array([0, len(rows)], np.int64), rows)
        out[frame] = traffic_lights(corners[:, frame : frame + 1], lights)[0] == 0.0
    return out
