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
        corners: ``[R, 4, 2]`` of the boxes now [m].
        centers: ``[R, 2]``.
        reach: ``[R]`` half diagonal [m].
        drift: ``[R, 2]`` how they are taken to move on [m/s].
        headings: ``[R]``.
        speeds: ``[R]`` [m/s], 0 for static objects.
        ignored: ``[R]`` touch the ego now, or are left out on request.
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
        rows: ``[R]`` which of the objects given they are.
        boxes: ``[R, 5]`` now.
        velocities: ``[R, 2]`` now [m/s].
        types: ``[R]`` of :class:`simscale_gym.scene.TrackType`.
        motion: Where they go.
    """

    rows: NDArray[np.int64]
    boxes: Array
    velocities: Array
    types: NDArray[np.uint8]
    motion: Motion

    def agents(self, config: PDMConfig) -> Agents:
        """Their boxes over the steps of a proposal, for scoring; they move every ``config.stride`` steps."""
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
        ego: ``[11]``.
        boxes: ``[N, 5]`` of the objects now.
        velocities: ``[N, 2]`` [m/s], in the frame of the boxes.
        types: ``[N]`` of :class:`simscale_gym.scene.TrackType`.
        config: Radius and numbers.
        ignored: ``[N]`` left out altogether: whom the ego touched in an earlier step (NAVSIM's list of collided
            tracks lasts).
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
