"""Contacts of the ego with the tracks of a scene, at one state of the simulation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.scene import Scene
from simscale_gym.sim.collision import contacts, off_road, straddles_lanes
from simscale_gym.sim.state import SimState


def ego_contacts(scene: Scene, state: SimState) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which tracks the ego touches ``[N]``, and by its own fault ``[N]`` (:func:`simscale_gym.sim.contacts`)."""
    traffic = state.traffic
    boxes = np.concatenate([traffic.poses, scene.tracks.sizes[:, :2]], axis=1)
    speeds = np.hypot(traffic.velocities[:, 0], traffic.velocities[:, 1])
    types, valid = scene.tracks.types, traffic.valid
    touching, at_fault, _ = contacts(
        state.ego, boxes, speeds, types, valid, multiple_lanes_or_off_road=False, vehicle=scene.vehicle
    )
    ego = state.ego[None]
    if touching.any() and (
        straddles_lanes(ego, scene.map, scene.vehicle)[0] or off_road(ego, scene.map, scene.vehicle)[0]
    ):
        _, at_fault, _ = contacts(
            state.ego, boxes, speeds, types, valid, multiple_lanes_or_off_road=True, vehicle=scene.vehicle
        )
    return touching, at_fault
