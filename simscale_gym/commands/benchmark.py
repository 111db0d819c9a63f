"""How fast environments step on this machine, in ten seconds."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from simscale_gym.envs import SimScaleEnv
from simscale_gym.files.cache_content import cache_content

RATES = {"state": 2000.0, "three cameras of 256x144": 30.0, "three cameras and the planner": 23.0}
"""Steps a second of the machine that the README names (`python benchmarks/env.py`)."""

_SETTINGS: tuple[dict[str, Any], ...] = ({"observation": "state", "experts": ()}, {"experts": ()}, {})
_SECONDS = 3.0  # for each
_NEEDED = ("towns", "looks", "kernels")


def is_prepared() -> bool:
    """Whether what is made once is there, so that nothing but driving is timed."""
    return all(kept.files for kept in cache_content() if kept.kind in _NEEDED)


def rates(seconds: float = _SECONDS) -> dict[str, float]:
    """Steps a second in the first scene of the town, in the order of :data:`RATES`, ``seconds`` for each."""
    return {name: _rate(settings, seconds) for name, settings in zip(RATES, _SETTINGS, strict=True)}


def _rate(settings: dict[str, Any], seconds: float) -> float:
    """The median step's, over episodes that go straight on from the log; resets are not timed."""
    env, times = SimScaleEnv(perturb=False, **settings), []
    first = {"scene": env.scene_ids[0]}
    env.reset(seed=0, options=first)
    env.step(np.zeros(2, np.float32))
    end, ended = time.perf_counter() + seconds, True
    while time.perf_counter() < end:
        if ended:
            env.reset(seed=len(times), options=first)
        began = time.perf_counter()
        _, _, terminated, truncated, _ = env.step(np.zeros(2, np.float32))
        times.append(time.perf_counter() - began)
        ended = terminated or truncated
    env.close()
    return 1.0 / float(np.median(times))
