"""Plans scored as NAVSIM's two-stage run scores them on an export of the suite: its view, its traffic, its filter.

NAVSIM 2.2: run_pdm_score.py, pdm_score.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import dense_plan
from simscale_gym.agents.navsim.traffic import NavsimTraffic
from simscale_gym.datagen.navsim.frames import steady
from simscale_gym.evaluation.navsim.moments import pair_moments
from simscale_gym.evaluation.navsim.view import STEPS, NavsimView, navsim_view
from simscale_gym.evaluation.plan_score import DrivenPlan
from simscale_gym.evaluation.queries import Query
from simscale_gym.geometry import se2
from simscale_gym.metrics import Agents, Scores, score, simulated_agents
from simscale_gym.scene import STATE_SIZE, EgoLog, Scene, Tracks, TrafficLights, Vehicle
from simscale_gym.sim import TrafficModel, track

Array = NDArray[np.float64]

MEMBERS = (0, -1)
"""Presents of the members of a pair (now, previous), in half seconds."""
_VEHICLE = Vehicle()  # NAVSIM knows no other


@dataclass(frozen=True, eq=False)
class NavsimYardstick:
    """What plans at a moment are measured by in NAVSIM.

    Attributes:
        view: What NAVSIM sees of the moment.
        on_log: Whether it is of the first stage, in which the human filter applies.
    """

    view: NavsimView
    on_log: bool

    @property
    def logged(self) -> Array | None:
        """``[8, 3]`` what the human did, in the ego frame; None off the log."""
        return self.view.human if self.on_log else None

    def drive(self, plan: Array) -> DrivenPlan:
        """Drive a plan ``[40, 3]`` among NAVSIM's traffic, and score what came of it."""
        pose = self.view.ego[:3]
        drives = self._tracked([self.view.reference, _world_poses(pose, plan)])
        scores = self._scores(drives, history=True)
        if self.on_log:
            scores = scores.human_filtered(self._human)
        return DrivenPlan(drives[-1], scores, se2.poses_to_world(pose, plan[-1:])[0, :2])

    @cached_property
    def _human(self) -> Scores:
        """Scores of the human, alone and without history."""
        driven = self._tracked([_world_poses(self.view.ego[:3], dense_plan(self.view.human))])
        return self._scores(driven, history=False)

    def _tracked(self, poses: Sequence[Array]) -> Array:
        return track(self.view.ego, np.stack(poses), vehicle=_VEHICLE)

    def _scores(self, drives: Array, *, history: bool) -> Scores:
        """Scores of the last of ``drives [P, 41, 11]``, to which the traffic reacts."""
        view = self.view.situation
        met = view.with_agents(self._traffic(drives[-1]), view.red_lights, view.history if history else None)
        return score(met, drives, history=history, vehicle=_VEHICLE).take([-1])

    def _traffic(self, egos: Array) -> Agents:
        """The others as they react to ``egos [41, 11]``."""
        model, world = NavsimTraffic(), self._world
        states = [model.start(world, 0, egos[0])]
        for frame, ego in enumerate(egos[:-1]):
            states.append(model.step(world, frame, ego, states[-1]))
        stacked = (np.stack([getattr(s, name) for s in states]) for name in ("poses", "velocities", "valid"))
        return simulated_agents(world, *stacked)

    @cached_property
    def _world(self) -> Scene:
        """The scene that NAVSIM's traffic drives in: 4 s of the others from now on."""
        agents, zeros = self.view.situation.agents, np.zeros(STEPS)
        heights = np.ones(len(agents))
        tracks = Tracks(
            agents.tokens, agents.types, agents.boxes[..., :3], agents.velocities, np.zeros((len(agents), STEPS)),
            np.column_stack([agents.boxes[:, 0, 3:], heights]), agents.valid,
        )  # fmt: skip
        return Scene(
            "view", "view", "navsim", np.zeros(3), np.arange(STEPS, dtype=np.int64) * 100_000, self.view.road,
            EgoLog(np.tile(self.view.ego, (STEPS, 1)).reshape(STEPS, STATE_SIZE), zeros, zeros, zeros), tracks,
            TrafficLights((), np.zeros((0, STEPS), np.uint8)), (),
        )  # fmt: skip


def navsim_yardsticks(
    scene: Scene, pair: tuple[Query, Query], traffic: TrafficModel
) -> tuple[NavsimYardstick, ...]:
    """Yardsticks of a pair of moments (now, previous).

    Raises:
        SceneError: NAVSIM finds no lane at one of them.
    """
    moments = pair_moments(scene, pair[0], traffic)
    kept = steady(moments, MEMBERS)
    return tuple(
        NavsimYardstick(navsim_view(scene, moments, kept, present), query.stage == 1)
        for present, query in zip(MEMBERS, pair, strict=True)
    )


def _world_poses(pose: Array, plan: Array) -> Array:
    return np.concatenate([pose[None], se2.poses_to_world(pose, plan)])
