"""Traffic models by name."""

from __future__ import annotations

import difflib

from simscale_gym.agents.constant_velocity import ConstantVelocity
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.navsim.traffic import NavsimTraffic
from simscale_gym.agents.reactive.idm import IDMTraffic
from simscale_gym.agents.reactive.mixed_traffic import MixedTraffic
from simscale_gym.errors import ArgumentError
from simscale_gym.sim.state import TrafficModel

TRAFFIC_MODELS: dict[str, type[TrafficModel]] = {
    "idm": IDMTraffic,
    "mixed": MixedTraffic,
    "log": LogReplay,
    "constant_velocity": ConstantVelocity,
    "navsim": NavsimTraffic,
}


def make_traffic(name: str) -> TrafficModel:
    """The traffic model called ``name``, with its default parameters.

    Raises:
        ArgumentError: No such model.
    """
    if name not in TRAFFIC_MODELS:
        near = difflib.get_close_matches(str(name), TRAFFIC_MODELS, 1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise ArgumentError(f"traffic is {name!r}, expected one of {', '.join(TRAFFIC_MODELS)}.{hint}")
    return TRAFFIC_MODELS[name]()
