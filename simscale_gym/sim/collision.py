"""Does the ego touch others, is it at fault, and has it left the road: nuPlan's and NAVSIM's rules."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import box
from simscale_gym.geometry.polygon_tiles import INSIDE, OUTSIDE, Lookup, in_tile, tile_kind
from simscale_gym.scene import STATE_SIZE, RoadMap, Scene, TrackType, Vehicle
from simscale_gym.sim.state import SimState

Array = NDArray[np.float64]

STOPPED_SPEED = 0.05
"""At or below this speed [m/s] a road user counts as standing (NAVSIM, pdm_scorer_utils.py)."""
REAR_ANGLE = np.deg2rad(150.0)
"""An object further round than this from the ego's heading hit it from behind."""
_LAST_ROAD_USER = int(TrackType.PEDESTRIAN)
_ROUNDING = 1e-6  # [m^2] by which those that are passed over are surely farther away


class ContactType(IntEnum):
    """How a first contact came about (nuPlan's CollisionType); NONE where there is none."""

    NONE = 0
    STOPPED_EGO = 1
    STOPPED_TRACK = 2
    REAR = 3
    FRONT = 4
    LATERAL = 5


def ego_boxes(states: Array, vehicle: Vehicle | None = None) -> Array:
    """Boxes ``[..., 5]`` (as in :mod:`simscale_gym.geometry.box`) of ego states ``[..., 11]`` or poses."""
    states, vehicle = np.asarray(states, float), vehicle or Vehicle()
    heading, ahead = states[..., 2], vehicle.rear_axle_to_center
    x, y = states[..., 0] + ahead * np.cos(heading), states[..., 1] + ahead * np.sin(heading)
    size = np.ones_like(x)
    return np.stack([x, y, heading, size * vehicle.length, size * vehicle.width], -1)


def contacts(
    ego_state: Array,
    boxes: Array,
    speeds: Array,
    types: NDArray[np.uint8],
    valid: NDArray[np.bool_],
    *,
    multiple_lanes_or_off_road: bool,
    vehicle: Vehicle | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Which tracks the ego touches now and which contacts are its fault.

    The ego is not at fault when it stands, or was hit from behind, or from the side while inside one lane.

    Args:
        ego_state: ``[11]``.
        boxes: ``[N, 5]`` of the tracks.
        speeds: ``[N]`` [m/s] of the tracks.
        types: ``[N]`` of :class:`simscale_gym.scene.TrackType`.
        valid: ``[N]`` present.
        multiple_lanes_or_off_road: The ego straddles lanes or has a corner off the drivable area.
        vehicle: The ego's dimensions; None for the default ego.

    Returns:
        Touching ``[N]``, at fault ``[N]``, and the :class:`ContactType` ``[N]``.
    """
    ego_state = np.asarray(ego_state, float)
    boxes = np.ascontiguousarray(boxes, float)
    if ego_state.shape != (STATE_SIZE,) or boxes.shape != (len(speeds), 5):
        raise ArgumentError(
            f"contacts: ego_state {ego_state.shape}, boxes {boxes.shape}; expected [11], [{len(speeds)}, 5]."
        )
    kinds = _contacts(
        np.ascontiguousarray(ego_state),
        *_half_sizes(vehicle),
        boxes,
        np.ascontiguousarray(speeds, float),
        np.asarray(types, np.uint8),
        np.ascontiguousarray(valid),
    )
    at_fault = (kinds == ContactType.STOPPED_TRACK) | (kinds == ContactType.FRONT)
    if multiple_lanes_or_off_road:
        at_fault |= kinds == ContactType.LATERAL
    return kinds > 0, at_fault, kinds


def ego_contacts(scene: Scene, state: SimState) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which tracks the ego touches in ``state`` ``[N]``, and which of these contacts are its fault ``[N]``.

    A track that stays in touch counts in every state: only the first contact says whose fault it was.
    """
    traffic, tracks = state.traffic, scene.tracks
    touching, at_fault, lateral = _ego_contacts(
        state.ego,
        *_half_sizes(scene.vehicle),
        traffic.poses,
        tracks.sizes,
        traffic.velocities,
        tracks.types,
        traffic.valid,
    )
    if lateral.any() and (
        straddles_lanes(state.ego, scene.map, scene.vehicle) or off_road(state.ego, scene.map, scene.vehicle)
    ):
        at_fault |= lateral
    return touching, at_fault


def off_road(states: Array, road_map: RoadMap, vehicle: Vehicle | None = None) -> NDArray[np.bool_]:
    """Whether any corner of the ego lies outside the drivable area: ``[...]`` for states ``[..., 11]``."""
    states = np.ascontiguousarray(states, float)
    flat = states.reshape(-1, states.shape[-1])
    return _off_road(flat, *_half_sizes(vehicle), road_map.drivable.lookup).reshape(states.shape[:-1])


def straddles_lanes(states: Array, road_map: RoadMap, vehicle: Vehicle | None = None) -> NDArray[np.bool_]:
    """Whether the ego's corners lie in several lanes and no lane holds all four: ``[...]`` (NAVSIM)."""
    corners = box.corners(ego_boxes(states, vehicle))
    inside = road_map.lane_polygons.contains(corners.reshape(-1, 2))
    inside = inside.reshape(*corners.shape[:-1], len(road_map.lanes))
    return (inside.any(-2).sum(-1) > 1) & ~inside.all(-2).any(-1)


def _half_sizes(vehicle: Vehicle | None) -> tuple[float, float, float]:
    """From the rear axle to the box centre, half the length, half the width [m]."""
    vehicle = vehicle or Vehicle()
    return vehicle.rear_axle_to_center, vehicle.length / 2.0, vehicle.width / 2.0


@njit(cache=True)
def boxes_touch(a: Array, b: Array) -> bool:
    """Do boxes ``a [5]`` and ``b [5]`` touch or overlap? Separating-axis test."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    reach = (np.hypot(a[3], a[4]) + np.hypot(b[3], b[4])) / 2.0
    if dx * dx + dy * dy > reach * reach:
        return False
    cos_a, sin_a, cos_b, sin_b = np.cos(a[2]), np.sin(a[2]), np.cos(b[2]), np.sin(b[2])
    cos = abs(cos_a * cos_b + sin_a * sin_b)
    sin = abs(sin_a * cos_b - cos_a * sin_b)
    return (
        abs(cos_a * dx + sin_a * dy) <= (a[3] + cos * b[3] + sin * b[4]) / 2.0
        and abs(cos_a * dy - sin_a * dx) <= (a[4] + sin * b[3] + cos * b[4]) / 2.0
        and abs(cos_b * dx + sin_b * dy) <= (b[3] + cos * a[3] + sin * a[4]) / 2.0
        and abs(cos_b * dy - sin_b * dx) <= (b[4] + sin * a[3] + cos * a[4]) / 2.0
    )


@njit(cache=True)
def corner_off_road(x, y, cos, sin, half_length, half_width, road: Lookup) -> bool:
    """Is a corner of the box around (x, y) in no polygon of ``road``?"""
    origin, size, tiles = road.origin, road.size, road.tiles
    for i in range(4):
        along = half_length if i == 0 or i == 3 else -half_length
        across = half_width if i < 2 else -half_width
        px, py = x + cos * along - sin * across, y + sin * along + cos * across
        kind = tile_kind(px, py, origin, size, tiles)
        if kind == OUTSIDE or (kind != INSIDE and not in_tile(px, py, road)):
            return True
    return False


@njit(cache=True)
def _off_road(states, ahead, half_length, half_width, road):
    out = np.empty(len(states), np.bool_)
    for k in range(len(states)):
        cos, sin = np.cos(states[k, 2]), np.sin(states[k, 2])
        x, y = states[k, 0] + ahead * cos, states[k, 1] + ahead * sin
        out[k] = corner_off_road(x, y, cos, sin, half_length, half_width, road)
    return out


@njit(cache=True)
def _ego_and_bumper(ego: Array, ahead: float, half_length: float, half_width: float) -> Array:
    """The ego's box, and its front edge as a box without length, ``[2, 5]``."""
    cos, sin = np.cos(ego[2]), np.sin(ego[2])
    out = np.empty((2, 5))
    out[:, 2], out[:, 4] = ego[2], 2.0 * half_width
    out[0, 0], out[0, 1], out[0, 3] = ego[0] + ahead * cos, ego[1] + ahead * sin, 2.0 * half_length
    out[1, 0], out[1, 1], out[1, 3] = out[0, 0] + cos * half_length, out[0, 1] + sin * half_length, 0.0
    return out


@njit(cache=True)
def _kind(ego: Array, ego_boxes: Array, box: Array, speed: float, kind: int) -> int:
    """:class:`ContactType` of the ego (``[2, 5]`` of :func:`_ego_and_bumper`) with ``box``; NAVSIM's order of tests."""
    if not boxes_touch(ego_boxes[0], box):
        return 0
    if np.hypot(ego[3], ego[4]) <= STOPPED_SPEED:
        return 1
    if kind > _LAST_ROAD_USER or speed <= STOPPED_SPEED:
        return 2
    cos, sin, dx, dy = np.cos(ego[2]), np.sin(ego[2]), box[0] - ego[0], box[1] - ego[1]
    if abs(np.arctan2(cos * dy - sin * dx, cos * dx + sin * dy)) > REAR_ANGLE:
        return 3
    return 4 if boxes_touch(ego_boxes[1], box) else 5


@njit(cache=True)
def _contacts(
    ego: Array, ahead: float, half_length: float, half_width: float,
    boxes: Array, speeds: Array, types: NDArray, valid: NDArray,
) -> NDArray:  # fmt: skip
    kinds, ego_boxes = np.zeros(len(boxes), np.int64), _ego_and_bumper(ego, ahead, half_length, half_width)
    for n in range(len(boxes)):
        if valid[n]:
            kinds[n] = _kind(ego, ego_boxes, boxes[n], speeds[n], types[n])
    return kinds


@njit(cache=True)
def _ego_contacts(
    ego: Array, ahead: float, half_length: float, half_width: float,
    poses: Array, sizes: Array, velocities: Array, types: NDArray, valid: NDArray,
):  # fmt: skip
    """Touching, at fault in any case, and touching sideways: each ``[N]``."""
    touching, at_fault, lateral = np.zeros((3, len(poses)), np.bool_)
    ego_boxes, box = _ego_and_bumper(ego, ahead, half_length, half_width), np.empty(5)
    diagonal = 2.0 * np.hypot(half_length, half_width)
    for n in range(len(poses)):
        if not valid[n]:
            continue
        dx, dy = poses[n, 0] - ego_boxes[0, 0], poses[n, 1] - ego_boxes[0, 1]
        reach = diagonal + np.hypot(sizes[n, 0], sizes[n, 1])
        if 4.0 * (dx * dx + dy * dy) > reach * reach + _ROUNDING:
            continue
        box[:3], box[3], box[4] = poses[n], sizes[n, 0], sizes[n, 1]
        kind = _kind(ego, ego_boxes, box, np.hypot(velocities[n, 0], velocities[n, 1]), types[n])
        touching[n], at_fault[n], lateral[n] = kind > 0, kind == 2 or kind == 4, kind == 5
    return touching, at_fault, lateral
