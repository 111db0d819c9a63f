"""What goes on in a log, in nuPlan's words: the scenario types that follow from motion and map alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry.polygon_set import PolygonSet
from simscale_gym.scene import Scene, StateIndex

Array = NDArray[np.float64]

# Limits [m/s, m/s^2] are ours: nuPlan publishes the names of its types, not their thresholds.
_SPEEDS = {
    "stationary": (0.0, 0.1),
    "low_magnitude_speed": (0.3, 1.2),
    "medium_magnitude_speed": (5.0, 8.0),
    "high_magnitude_speed": (10.0, np.inf),
}
_LATERAL_ACCELERATION = (1.5, 3.0)


def scenario_tags(log: Scene, every: int = 10) -> list[tuple[int, str]]:
    """Frame and type of every tag that holds at each ``every``-th frame of ``log``."""
    frames = np.arange(0, log.num_frames, every)
    states = log.ego.states[frames]
    speed = np.hypot(states[:, StateIndex.VX], states[:, StateIndex.VY])
    sideways = np.abs(states[:, StateIndex.AY])
    crossings = PolygonSet.build([item.polygon for item in log.map.intersections.values()])
    holds: dict[str, NDArray[np.bool_]] = {
        name: (speed >= low) & (speed < high) for name, (low, high) in _SPEEDS.items()
    }
    low, high = _LATERAL_ACCELERATION
    holds["high_lateral_acceleration"] = (sideways >= low) & (sideways < high)
    holds["on_intersection"] = crossings.contains_any(states[:, :2])
    return [(int(frame), name) for row, frame in enumerate(frames) for name, yes in holds.items() if yes[row]]
