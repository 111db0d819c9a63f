"""What happened in an environment step, and what ends an episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.scene import Scene, TrackType
from simscale_gym.sim import SimState, ego_contacts, off_road

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What happened in one environment step.

    Attributes:
        touching: ``[N]`` which tracks the ego touches at the end.
        contact: Types of tracks that the ego touches, at fault or not.
        at_fault: Types of tracks that the ego hit by its own fault.
        out_of_road: A corner of the ego left the drivable area.
        arrived: The ego is where the log ended.
    """

    touching: NDArray[np.bool_]
    contact: frozenset[TrackType]
    at_fault: frozenset[TrackType]
    out_of_road: bool
    arrived: bool

    @property
    def terminated(self) -> bool:
        """The episode is over: at-fault collision, off the road, or goal."""
        return bool(self.at_fault) or self.out_of_road or self.arrived


def goal_arc(scene: Scene) -> float:
    """Arc length along the scene's route path at which the log ended [m]."""
    return float(polyline.project(scene.route_path, scene.ego.poses[-1, :2], scene.route_lengths)[0][0])


def judge(
    scene: Scene, states: Sequence[SimState], arrived: bool, before: NDArray[np.bool_] | None = None
) -> Outcome:
    """What happened over the simulation ``states`` of one step.

    Args:
        scene: The scene.
        states: One or more, 0.1 s apart.
        arrived: The ego has reached its goal.
        before: ``[N]`` whom the ego touched just before: that is no new contact, so a track is judged by how it
            was first touched (NAVSIM's rule).
    """
    touching = np.zeros(len(scene.tracks), bool) if before is None else before
    touched: set[TrackType] = set()
    at_fault: set[TrackType] = set()
    for state in states:
        now, fault = ego_contacts(scene, state)
        if now.any():
            touched |= {TrackType(t) for t in scene.tracks.types[now]}
            at_fault |= {TrackType(t) for t in scene.tracks.types[fault & ~touching]}
            touching = touching | now
    outside = any(off_road(state.ego, scene.map, scene.vehicle) for state in states)
    return Outcome(now, frozenset(touched), frozenset(at_fault), outside, arrived)
