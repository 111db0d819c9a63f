"""What pictures show of a simulation: the moment of a state, brake lamps included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.scene import Moment, Scene, derived
from simscale_gym.sim.state import SimState

_DRIVING, _STANDING = 1.0, 0.1  # [m/s]
_SLOWING = 0.08  # [m/s] lost within one step of 0.1 s


def moment_of(scene: Scene, state: SimState, before: SimState | None = None) -> Moment:
    """The moment of a scene that a simulation is at.

    Args:
        scene: The scene.
        state: The state.
        before: The state that ``state`` followed, which tells who slows down; nobody does if None.
    """
    traffic = state.traffic
    braking = _braking(scene, state, state if before is None else before)
    lights = scene.lights.column(state.frame)
    return Moment(state.ego[:3], traffic.poses, traffic.valid, lights, braking)


def _braking(scene: Scene, state: SimState, before: SimState) -> NDArray[np.bool_]:
    """Whether tracks ``[N]`` show brake lamps: those that slow down do, and those in traffic that stand."""
    speed, last = (np.hypot(*s.traffic.velocities.T) for s in (state, before))
    return _drives(scene) & ((last - speed > _SLOWING) | (speed < _STANDING))


@derived
def _drives(scene: Scene) -> NDArray[np.bool_]:
    """Whether tracks ``[N]`` drive at some time of the log."""
    return (np.hypot(*np.moveaxis(scene.tracks.velocities, -1, 0)) > _DRIVING).any(1)
