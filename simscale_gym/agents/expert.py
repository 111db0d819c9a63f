"""What a pseudo-expert gives: a plan for the next four seconds, and whether it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import se2
from simscale_gym.one_line import one_line
from simscale_gym.scene import Scene, StateIndex
from simscale_gym.sim.state import SimState, TrafficModel

Array = NDArray[np.float64]

PLAN_STRIDE = 5
"""Simulation steps between the poses of a sampled plan: 0.5 s."""


@dataclass(frozen=True, eq=False)
class ExpertPlan:
    """A plan in the ego frame of the state that it was made for.

    Attributes:
        poses: ``[40, 3]`` x, y, heading of the rear axle at 0.1 .. 4.0 s.
        valid: The expert vouches for it: it stays on the road and clear of the others as they move now.
        scores: The expert's own figures, by name; always the same names.
        lead: ``[8, 3]`` what to give the tracker at 0.5 .. 4.0 s so that it drives along the poses, where the expert
            worked that out; None to give it the poses themselves.
    """

    poses: Array
    valid: bool
    scores: Mapping[str, float] = field(default_factory=dict)
    lead: Array | None = None

    __repr__ = one_line

    @property
    def trajectory(self) -> Array:
        """``[8, 3]``: the poses at 0.5 .. 4.0 s."""
        return self.poses[PLAN_STRIDE - 1 :: PLAN_STRIDE]

    def poses_world(self, ego: Array) -> Array:
        """Poses ``[41, 3]`` of the plan in the scene frame, the pose of ``ego [11]`` first."""
        pose = ego[: StateIndex.HEADING + 1]
        return np.concatenate([pose[None], se2.poses_to_world(pose, self.poses)])


class Expert(Protocol):
    """A source of labels: plans from any state with everything that the simulator knows."""

    name: str

    def plan(self, scene: Scene, state: SimState, traffic: TrafficModel) -> ExpertPlan:
        """The plan for ``state`` of ``scene``, where ``traffic`` moves the others."""
