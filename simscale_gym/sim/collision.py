"""Does the ego touch others, is it at fault, and has it left the road: nuPlan's and NAVSIM's rules."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import box
from simscale_gym.scene import STATE_SIZE, RoadMap, Scene, TrackType, Vehicle
from simscale_gym.sim.state import SimState

Array = NDArray[np.float64]

STOPPED_SPEED = 0.05
"""At or below this speed [m/s] a road user counts as standing (NAVSIM, pdm_scorer_utils.py)."""
REAR_ANGLE = np.deg2rad(150.0)
"""An object further round than this from the ego's heading hit it from behind."""


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
        ego_boxes(ego_state, vehicle),
        boxes,
        np.ascontiguousarray(speeds, float),
        np.asarray(types) <= TrackType.PEDESTRIAN,
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
    boxes = np.concatenate([traffic.poses, tracks.sizes[:, :2]], axis=1)
    speeds = np.hypot(traffic.velocities[:, 0], traffic.velocities[:, 1])
    touching, at_fault, kinds = contacts(
        state.ego,
        boxes,
        speeds,
        tracks.types,
        traffic.valid,
        multiple_lanes_or_off_road=False,
        vehicle=scene.vehicle,
    )
    lateral = kinds == ContactType.LATERAL
    if lateral.any() and (
        straddles_lanes(state.ego, scene.map, scene.vehicle) or off_road(state.ego, scene.map, scene.vehicle)
    ):
        at_fault = at_fault | lateral
    return touching, at_fault


def off_road(states: Array, road_map: RoadMap, vehicle: Vehicle | None = None) -> NDArray[np.bool_]:
    """Whether any corner of the ego lies outside the drivable area: ``[...]`` for states ``[..., 11]``."""
    return ~road_map.drivable.contains_any(box.corners(ego_boxes(states, vehicle))).all(-1)


def straddles_lanes(states: Array, road_map: RoadMap, vehicle: Vehicle | None = None) -> NDArray[np.bool_]:
    """Whether the ego's corners lie in several lanes and no lane holds all four: ``[...]`` (NAVSIM)."""
    corners = box.corners(ego_boxes(states, vehicle))
    inside = road_map.lane_polygons.contains(corners.reshape(-1, 2))
    inside = inside.reshape(*corners.shape[:-1], len(road_map.lanes))
    return (inside.any(-2).sum(-1) > 1) & ~inside.all(-2).any(-1)


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
def _contacts(ego: Array, ego_box: Array, boxes: Array, speeds: Array, agents, valid) -> NDArray:
    """:class:`ContactType` ``[N]``; the tests in NAVSIM's order."""
    kinds = np.zeros(len(boxes), np.int64)
    cos, sin = np.cos(ego[2]), np.sin(ego[2])
    bumper = ego_box.copy()  # the front edge as a box without length
    bumper[0] += cos * ego_box[3] / 2.0
    bumper[1] += sin * ego_box[3] / 2.0
    bumper[3] = 0.0
    ego_stands = np.hypot(ego[3], ego[4]) <= STOPPED_SPEED
    for n in range(len(boxes)):
        if not valid[n] or not boxes_touch(ego_box, boxes[n]):
            continue
        dx, dy = boxes[n, 0] - ego[0], boxes[n, 1] - ego[1]
        if ego_stands:
            kinds[n] = 1
        elif not agents[n] or speeds[n] <= STOPPED_SPEED:
            kinds[n] = 2
        elif abs(np.arctan2(cos * dy - sin * dx, cos * dx + sin * dy)) > REAR_ANGLE:
            kinds[n] = 3
        elif boxes_touch(bumper, boxes[n]):
            kinds[n] = 4
        else:
            kinds[n] = 5
    return kinds
