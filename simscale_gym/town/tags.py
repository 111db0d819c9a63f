"""nuPlan's scenario types, derived from a town log."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import se2
from simscale_gym.geometry.polygon_set import PolygonSet
from simscale_gym.scene import (
    LightStatus,
    RoadMap,
    StateIndex,
    Tracks,
    TrackType,
    TrafficLights,
    Turn,
    Vehicle,
)

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def scenario_tags(
    road_map: RoadMap, states: Array, lane_ids: list[str], tracks: Tracks, lights: TrafficLights
) -> dict[str, Mask]:
    """Which scenario types hold at each frame: name to ``[T]``."""
    lanes = [road_map.lanes[i] for i in lane_ids]
    v, a = states[:, StateIndex.VX], states[:, StateIndex.AX]
    connector = np.array([lane.connector for lane in lanes])
    signalled = np.array([bool(lane.stop_line_ids) for lane in lanes])
    turn = np.array([int(lane.turn) for lane in lanes])
    entered = connector & ~np.r_[False, connector[:-1]]
    starting = _spread(entered, 40)
    center = se2.points_to_world(
        states[:, :3], np.broadcast_to([[Vehicle().rear_axle_to_center, 0.0]], (len(v), 1, 2))
    )[:, 0]
    walk = PolygonSet.build([area.polygon for area in road_map.crosswalks.values()])
    on_walk = walk.contains_any(center)
    lead = _lead_gap(states, tracks)
    front = se2.points_to_world(states[:, :3], np.broadcast_to([[12.0, 0.0]], (len(v), 1, 2)))[:, 0]
    people = tracks.types == TrackType.PEDESTRIAN
    stopped_by_light = _at_red(road_map, lane_ids, lights) & (v < 0.3)
    tags = {
        "starting_left_turn": starting & connector & (turn == Turn.LEFT) & (v > 0.5),
        "starting_right_turn": starting & connector & (turn == Turn.RIGHT) & (v > 0.5),
        "starting_straight_traffic_light_intersection_traversal": starting
        & signalled
        & (turn == Turn.STRAIGHT)
        & (v > 0.5),
        "on_intersection": connector,
        "on_traffic_light_intersection": connector & signalled,
        "traversing_crosswalk": on_walk & (v > 0.5),
        "near_pedestrian_on_crosswalk": _people_on(walk, tracks, people, front, 14.0),
        "stationary": v < 0.1,
        "stationary_at_traffic_light_without_lead": stopped_by_light & (lead > 9.0),
        "stationary_at_traffic_light_with_lead": stopped_by_light & (lead <= 9.0),
        "following_lane_with_lead": ~connector & (v > 2.0) & (lead < 25.0),
        "following_lane_without_lead": ~connector & (v > 2.0) & (lead >= 60.0),
        "stopping_with_lead": (v > 0.3) & (v < 6.0) & (a < -0.7) & (lead < 15.0),
        "low_magnitude_speed": (v > 0.3) & (v < 2.0),
        "medium_magnitude_speed": (v > 5.0) & (v < 9.0),
        "high_magnitude_speed": v > 9.0,
        "high_lateral_acceleration": np.abs(states[:, StateIndex.AY]) > 1.5,
        "starting_low_speed": (v < 2.0) & (a > 0.6),
    }
    return tags | _lane_changes(road_map, lane_ids)


def _spread(mask: Mask, after: int) -> Mask:
    """True from each frame of ``mask`` for ``after`` frames."""
    return np.convolve(mask, np.ones(after), "full")[: len(mask)] > 0


def _lane_changes(road_map: RoadMap, lane_ids: list[str]) -> dict[str, Mask]:
    left, right = np.zeros(len(lane_ids), bool), np.zeros(len(lane_ids), bool)
    for k in range(1, len(lane_ids)):
        before = road_map.lanes[lane_ids[k - 1]]
        left[k] = before.left_neighbor == lane_ids[k]
        right[k] = before.right_neighbor == lane_ids[k]
    left, right = _spread(left, 80), _spread(right, 80)
    return {"changing_lane": left | right, "changing_lane_to_left": left, "changing_lane_to_right": right}


def _at_red(road_map: RoadMap, lane_ids: list[str], lights: TrafficLights) -> Mask:
    """Does every signal at the end of the ego's lane show red?"""
    row = {lane_id: k for k, lane_id in enumerate(lights.lane_ids)}
    out = np.zeros(len(lane_ids), bool)
    for lane_id in set(lane_ids):
        rows = [row[i] for i in road_map.lanes[lane_id].successors if i in row]
        if rows:
            here = np.array([i == lane_id for i in lane_ids])
            out |= here & (lights.status[rows] == LightStatus.RED).any(0)
    return out


def _lead_gap(states: Array, tracks: Tracks) -> Array:
    """Bumper to bumper distance ``[T]`` [m] to the nearest vehicle in a band 2.6 m wide ahead; 1e3 for none."""
    best = np.full(len(states), 1e3)
    cos, sin = np.cos(states[:, 2]), np.sin(states[:, 2])
    for k in np.flatnonzero(tracks.types != TrackType.PEDESTRIAN):
        dx, dy = tracks.poses[k, :, 0] - states[:, 0], tracks.poses[k, :, 1] - states[:, 1]
        along, across = cos * dx + sin * dy, -sin * dx + cos * dy
        same = np.cos(tracks.poses[k, :, 2] - states[:, 2]) > 0.7
        ahead = tracks.valid[k] & same & (np.abs(across) < 1.3) & (along > 0)
        best = np.where(
            ahead, np.minimum(best, along - tracks.sizes[k, 0] / 2 - Vehicle().front_length), best
        )
    return best


def _people_on(walk: PolygonSet, tracks: Tracks, people: Mask, point: Array, reach: float) -> Mask:
    """Is somebody on a crosswalk within ``reach`` [m] of ``point [T, 2]``?"""
    out = np.zeros(len(point), bool)
    for k in np.flatnonzero(people):
        near = tracks.valid[k] & (np.hypot(*(tracks.poses[k, :, :2] - point).T) < reach)
        out[near] |= walk.contains_any(tracks.poses[k, near, :2])
    return out
