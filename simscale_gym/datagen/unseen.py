"""Whether a label depends on road users that no camera sees: a planner cannot learn what it is not shown.

Privileged labels of the unseen are a known way to lose what training on them should gain (LEAD, arXiv 2512.20563).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import Expert, ExpertPlan
from simscale_gym.datagen.line_of_sight import seen_tracks
from simscale_gym.perturbation import SightFilter
from simscale_gym.scene import Scene
from simscale_gym.sim import SimState, TrafficModel

MATERIAL = 1.0
"""Distance [m] by which two plans must be apart at some time to count as different. It is well under what
tells yielding from going or one lane from the next, and about what planners are off by after four seconds."""

REASON = "depends on the unseen"
"""Reason that samples are counted under which fall for it."""


@dataclass(frozen=True)
class Sight:
    """What cameras see.

    Attributes:
        cameras: Names of the cameras.
        image_size: Height, width of their pictures [px].
    """

    cameras: tuple[str, ...]
    image_size: tuple[int, int]

    def seen(self, scene: Scene, state: SimState) -> NDArray[np.bool_]:
        """Whether any camera sees each track ``[N]``."""
        return seen_tracks(scene, state, self.cameras, self.image_size)

    def filter(self, traffic: TrafficModel) -> SightFilter:
        """The filter of plans, where ``traffic`` moves the others."""

        def reason(scene: Scene, state: SimState, expert: Expert, plan: ExpertPlan | None) -> str:
            depends = depends_on_unseen(scene, state, self.seen(scene, state), expert, traffic, plan)
            return REASON if depends else ""

        return reason


def depends_on_unseen(
    scene: Scene,
    state: SimState,
    seen: NDArray[np.bool_],
    expert: Expert,
    traffic: TrafficModel,
    plan: ExpertPlan | None = None,
) -> bool:
    """Whether the expert would plan something else if only what is seen were there.

    Args:
        scene: The scene.
        state: The world.
        seen: Whether a camera sees each track ``[N]`` (:func:`simscale_gym.datagen.line_of_sight.seen_tracks`).
        expert: Whose label it is; of a human's, an expert who stands for what anybody would do who knows of the unseen.
        traffic: Traffic model that moves the others.
        plan: What the expert plans for all that is there; asked for where None.
    """
    others = state.traffic
    if not (others.valid & ~seen).any():
        return False
    plan = expert.plan(scene, state, traffic) if plan is None else plan
    blind = replace(state, traffic=replace(others, valid=others.valid & seen))
    other = expert.plan(scene, blind, traffic)
    apart = np.hypot(*(plan.poses - other.poses)[:, :2].T)
    return plan.valid != other.valid or float(apart.max()) > MATERIAL
