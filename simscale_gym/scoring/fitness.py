"""Whether the ego touches somebody or is off the road, in one state: as the score of a drive judges it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.metrics.areas import off_road as boxes_off_road
from simscale_gym.metrics.contacts import touching
from simscale_gym.scene import Scene, compiled
from simscale_gym.scoring.scene_ground import map_layers
from simscale_gym.sim import SimState

Array = NDArray[np.float64]


def off_road(scene: Scene, states: Array) -> NDArray[np.bool_]:
    """Whether a corner of the ego is off the drivable area: ``[...]`` for states ``[..., 11]`` or poses."""
    return boxes_off_road(scene.vehicle.boxes(states), map_layers(scene.map).road)


def touched(scene: Scene, state: SimState) -> NDArray[np.bool_]:
    """Which tracks ``[N]`` the ego touches."""
    traffic = state.traffic
    boxes = np.concatenate([traffic.poses, scene.tracks.sizes[:, :2]], 1)
    return touching(scene.vehicle.boxes(state.ego), boxes, traffic.valid)


@compiled()
def fit_frames(scene: Scene) -> NDArray[np.bool_]:
    """Frames ``[T]`` of the log at which the ego is on the road and touches nobody."""
    tracks, footprints = scene.tracks, scene.vehicle.boxes(scene.ego.states)
    alone = [
        not touching(footprint, tracks.boxes(frame), tracks.valid[:, frame]).any()
        for frame, footprint in enumerate(footprints)
    ]
    return np.array(alone) & ~off_road(scene, scene.ego.states)
