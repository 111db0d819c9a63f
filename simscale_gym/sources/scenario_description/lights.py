"""The traffic lights of a ScenarioDescription, as its frames have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.files.fields import Fields
from simscale_gym.scene import LightStatus
from simscale_gym.sources.inferred.motion import Sampling

_WORDS = {
    "GREEN": LightStatus.GREEN, "GO": LightStatus.GREEN, "YELLOW": LightStatus.YELLOW,
    "CAUTION": LightStatus.YELLOW, "RED": LightStatus.RED, "STOP": LightStatus.RED,
}  # fmt: skip
# Waymo's TrafficSignalLaneState: unknown; arrow stop, caution, go; stop, caution, go; flashing stop, caution
_NUMBERS = (
    LightStatus.UNKNOWN, LightStatus.RED, LightStatus.YELLOW, LightStatus.GREEN, LightStatus.RED, LightStatus.YELLOW,
    LightStatus.GREEN, LightStatus.UNKNOWN, LightStatus.YELLOW,
)  # fmt: skip


def read_lights(record: Fields, sampling: Sampling) -> dict[str, NDArray[np.uint8]]:
    """Status ``[T]`` by lane id.

    Raises:
        DataError: A light has no states, or fewer than there are frames.
    """
    if not record.has("dynamic_map_states"):
        return {}
    found = {}
    nearest = np.where(sampling.share < 0.5, sampling.before, sampling.after)
    for key, light in record.child("dynamic_map_states").children():
        state = light.child("state")
        words = next((state.items(k) for k in ("object_state", "status", "state") if state.has(k)), ())
        if len(words) <= nearest.max():
            raise state.error("object_state", f"{len(words) or 'no'} states", "one for each frame")
        lane = light.name("lane", key)  # before April 2023 the key is the lane
        found[lane] = np.array([_status(words[i]) for i in nearest], np.uint8)
    return found


def _status(word: object) -> LightStatus:
    """Status by MetaDrive's TRAFFIC_LIGHT_*, Waymo's LANE_STATE_[ARROW_|FLASHING_]*, number; flashing red: unknown."""
    if isinstance(word, int | np.integer) and not isinstance(word, bool):
        return _NUMBERS[word] if 0 <= word < len(_NUMBERS) else LightStatus.UNKNOWN
    text = word.upper() if isinstance(word, str) else ""
    if "FLASHING_STOP" in text:
        return LightStatus.UNKNOWN
    return _WORDS.get(text.rsplit("_", 1)[-1], LightStatus.UNKNOWN)
