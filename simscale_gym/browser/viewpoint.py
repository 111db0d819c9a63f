"""Where the browser looks from: behind the ego, above it, or from the driver's seat; and along with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import se3
from simscale_gym.scene import Scene

Array = NDArray[np.float64]

_PLACES = {
    "Behind": ((-13.0, 0.0, 6.0), (8.0, 0.0, 0.5)),
    "Above": ((-1.0, 0.0, 60.0), (0.0, 0.0, 0.0)),
    "Driver": ((1.7, 0.0, 1.6), (12.0, 0.0, 1.2)),
}
"""Position and the point looked at, in the ego frame [m]."""


def viewpoint(scene: Scene, ego: Array, name: str) -> tuple[Array, Array]:
    """Position and the point looked at, ``[3]`` each, scene frame, with the ego's rear axle at ``ego [3]``."""
    stand = scene.ego_to_world(ego)
    position, look_at = (stand[:3, :3] @ np.array(place) + stand[:3, 3] for place in _PLACES[name])
    return position, look_at


def moved_along(clients: Iterable[Any], scene: Scene, before: Array, after: Array) -> None:
    """Move the views of viser clients as the ego moved from pose ``before [3]`` to ``after [3]``."""
    motion = scene.ego_to_world(after) @ se3.invert_rigid(scene.ego_to_world(before))
    for client in clients:
        camera = client.camera
        position, look_at = (
            motion[:3, :3] @ place + motion[:3, 3] for place in (camera.position, camera.look_at)
        )
        camera.position, camera.look_at = position, look_at
