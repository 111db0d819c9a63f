"""What PDM-Closed expects of the others: road users keep speed and heading, all else and the lights stay.

NAVSIM: pdm_observation.py, pdm_object_manager.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import box
from simscale_gym.metrics import Agents
from simscale_gym.metrics.contacts import touching
from simscale_gym.metrics.observation import moved_boxes, nearest_objects, steady_motion
from simscale_gym.scene import Vehicle

Array = NDArray[np.float64]


class Motion(NamedTuple):
    """The others, as the kernels take them.

    Attributes:
        corners: ``[R, 4, 2]`` corners of the boxes now [m].
        centers: ``[R, 2]`` centres of the boxes now [m].
        reach: ``[R]`` half diagonal [m].
        drift: ``[R, 2]`` velocities with which they are taken to move on [m/s].
        headings: ``[R]`` headings [rad].
        speeds: ``[R]`` [m/s], 0 for static objects.
        ignored: ``[R]`` whether it touches the ego now, or is left out on request.
    """

    corners: Array
    centers: Array
    reach: Array
    drift: Array
    headings: Array
    speeds: Array
    ignored: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PDMForecast:
    """The objects taken along, nearest first within each kind.

    Attributes:
        rows: ``[R]`` places of these objects among those that were given.
        boxes: ``[R, 5]`` boxes now: centre x, y [m], heading [rad], length, width [m].
        velocities: ``[R, 2]`` velocities now [m/s].
        types: ``[R]`` kinds (:class:`simscale_gym.scene.TrackType`).
        motion: Their boxes and how these move on, for the kernels.
    """

    rows: NDArray[np.int64]
    boxes: Array
    velocities: Array
    types: NDArray[np.uint8]
    motion: Motion

    def agents(self, config: PDMConfig) -> Agents:
        """The objects over the steps of a proposal, for scoring; their boxes move every ``config.stride`` steps."""
        count, steps = len(self.rows), config.steps + 1
        return Agents(
            tuple(map(str, range(count))),
            self.types,
            moved_boxes(self.boxes, self.motion.drift, steps, config.stride),
            np.broadcast_to(self.velocities[:, None], (count, steps, 2)),
            np.ones((count, steps), bool),
            self.motion.ignored,
        )


def forecast_objects(
    ego: Array,
    boxes: Array,
    velocities: Array,
    types: Sequence[int] | NDArray[np.uint8],
    config: PDMConfig | None = None,
    *,
    ignored: NDArray[np.bool_] | None = None,
    vehicle: Vehicle | None = None,
) -> PDMForecast:
    """Choose the nearest objects and say how they move on.

    Args:
        ego: ``[11]`` state of the ego (:class:`simscale_gym.scene.StateIndex`).
        boxes: ``[N, 5]`` boxes of the objects now: centre x, y [m], heading [rad], length, width [m].
        velocities: ``[N, 2]`` [m/s], in the frame of the boxes.
        types: ``[N]`` kinds of the objects (:class:`simscale_gym.scene.TrackType`).
        config: Settings, of which the radius and the numbers of objects count; None for NAVSIM's.
        ignored: ``[N]`` objects to leave out altogether: whom the ego touched in an earlier step (NAVSIM's list of
            collided tracks lasts).
        vehicle: The ego; None for the default one.
    """
    config, types = config or PDMConfig(), np.asarray(types, np.uint8)
    boxes, velocities = np.asarray(boxes, float).reshape(-1, 5), np.asarray(velocities, float).reshape(-1, 2)
    if not len(boxes) == len(velocities) == len(types):
        raise ArgumentError(
            f"objects: {len(boxes)} boxes, {len(velocities)} velocities, {len(types)} types; expected as many of each."
        )
    if not (np.isfinite(boxes).all() and np.isfinite(velocities).all()):
        raise ArgumentError("objects: boxes or velocities are not all finite.")
    footprint = (vehicle or Vehicle()).boxes(ego)
    distance = np.hypot(boxes[:, 0] - footprint[0], boxes[:, 1] - footprint[1])
    present = distance <= config.radius
    if ignored is not None:
        present &= ~np.asarray(ignored, bool)
    rows = nearest_objects(distance, present, types, config.nearest)
    boxes, velocities, types = boxes[rows], velocities[rows], types[rows]
    return PDMForecast(rows, boxes, velocities, types, _motion(footprint, boxes, velocities, types))


def _motion(footprint: Array, boxes: Array, velocities: Array, types: NDArray) -> Motion:
    corners = box.corners(boxes)
    steady = steady_motion(boxes[:, 2], velocities, types)
    return Motion(
        corners,
        np.ascontiguousarray(boxes[:, :2]),
        np.hypot(corners[:, 0, 0] - boxes[:, 0], corners[:, 0, 1] - boxes[:, 1]),
        steady.drift,
        np.ascontiguousarray(boxes[:, 2]),
        steady.speeds,
        touching(footprint, boxes, np.ones(len(boxes), bool)),
    )
