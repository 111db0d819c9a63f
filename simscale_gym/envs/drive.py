"""An episode as far as it has been driven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.agents.expert import Expert, ExpertPlan
from simscale_gym.envs.episode import Start
from simscale_gym.envs.history import History
from simscale_gym.envs.outcome import Outcome, goal_arc, judge
from simscale_gym.envs.snapshot import Snapshot
from simscale_gym.one_line import one_line
from simscale_gym.scene import Scene
from simscale_gym.scene.road_view import RoadView, road_view
from simscale_gym.scoring.running_segment import RunningSegment
from simscale_gym.sim import SimState, TrafficModel

_LEAST_GOAL = 10.0  # [m] from start to the log's end for it to count as a goal


@dataclass(frozen=True, eq=False)
class Drive:
    """An episode so far; never changes: :meth:`after` gives the one that is a step longer.

    Attributes:
        scene: Scene that is driven in.
        start: Start of the episode.
        traffic: Traffic model that moves the others.
        experts: Pseudo-experts that are asked for plans.
        history: Every simulation state since the log was left, 0.1 s apart, the present one last.
        view: The road at the present state.
        first_arc: Arc length along the route at which the episode began [m].
        goal: Arc length along the route at which the log ended [m]; None where that is too near to be a goal.
        outcome: Outcome of the last step.
        segment: What was driven from the start on, judged and scored.
        subscores: Subscores of the segment, by EPDMS code; extended comfort cannot be judged of a drive.
        terms: Terms of the last step's reward, by name.
    """

    scene: Scene
    start: Start
    traffic: TrafficModel
    experts: tuple[Expert, ...]
    history: History
    view: RoadView
    first_arc: float
    goal: float | None
    outcome: Outcome
    segment: RunningSegment
    subscores: Mapping[str, float]
    terms: Mapping[str, float] = field(default_factory=dict)

    __repr__ = one_line

    @classmethod
    def begin(cls, scene: Scene, start: Start, traffic: TrafficModel, experts: tuple[Expert, ...]) -> Drive:
        """The episode at its first state."""
        view, goal = road_view(scene, start.states[-1].ego), goal_arc(scene)
        segment = RunningSegment.begin(scene, start.states, replayed=is_replayed(traffic))
        return cls(
            scene=scene,
            start=start,
            traffic=traffic,
            experts=experts,
            history=History(start.states),
            view=view,
            first_arc=view.arc,
            goal=goal if goal - view.arc >= _LEAST_GOAL else None,
            outcome=judge(scene, [segment.running], arrived=False, before=None),
            segment=segment,
            subscores=segment.subscores(),
        )

    @classmethod
    def resume(
        cls, scene: Scene, snapshot: Snapshot, traffic: TrafficModel, experts: tuple[Expert, ...]
    ) -> Drive:
        """The episode at ``snapshot``."""
        begun = cls.begin(scene, snapshot.start, traffic, experts)
        segment = replace(begun.segment, running=replace(begun.segment.running, record=snapshot.record))
        return replace(
            begun,
            history=snapshot.history,
            view=road_view(scene, snapshot.history[-1].ego),
            outcome=snapshot.outcome,
            segment=segment,
            subscores=segment.subscores(),
        )

    def after(self, states: Sequence[SimState]) -> Drive:
        """The episode after one environment step, of which ``states`` are the simulation states."""
        view, segments = road_view(self.scene, states[-1].ego), [self.segment]
        for state in states:
            segments.append(segments[-1].after(state))
        arrived = self.goal is not None and view.arc >= self.goal
        before, *drives = [segment.running for segment in segments]
        return replace(
            self,
            history=self.history.after(states),
            view=view,
            outcome=judge(self.scene, drives, arrived, before),
            segment=segments[-1],
            subscores=segments[-1].subscores(),
        )

    def shortened(self) -> Drive:
        """The same, with no more of its past than a pickled snapshot has."""
        start = replace(self.start, states=self.start.states[-1:])
        return replace(self, start=start, history=self.history.shortened())

    def paid(self, terms: Mapping[str, float]) -> Drive:
        """The same, with the ``terms`` of the reward for the step that led here."""
        return replace(self, terms=terms)

    @cached_property
    def plans(self) -> Mapping[str, ExpertPlan]:
        """The experts' plans from the present state, by name; asked for when first needed."""
        return {expert.name: expert.plan(self.scene, self.state, self.traffic) for expert in self.experts}

    @property
    def state(self) -> SimState:
        """The present."""
        return self.history[-1]

    @property
    def steps(self) -> int:
        """Simulation steps since the start."""
        return self.segment.running.steps - 1

    @property
    def completion(self) -> float:
        """Share of the way from the start to the goal, 0 to 1; 1 without a goal."""
        goal = np.inf if self.goal is None else self.goal
        return float(completed(self.view.arc, self.first_arc, goal))

    def truncation(self, horizon_steps: int) -> str:
        """Why the episode is cut here: "horizon", "log_end", or "" if it is not."""
        return str(cut(self.steps, horizon_steps, self.state.frame, self.scene.num_frames - 1))

    def snapshot(self, random_state: Mapping[str, object]) -> Snapshot:
        """What :meth:`resume` goes on from."""
        record = self.segment.running.record
        return Snapshot(self.scene.id, self.start, self.history, record, self.outcome, random_state)


def completed(arc: ArrayLike, first_arc: ArrayLike, goal: ArrayLike) -> NDArray[np.float64]:
    """Shares ``[...]`` of the ways to goals, infinitely far where there are none: see :attr:`Drive.completion`."""
    way, gained = np.subtract(goal, first_arc), np.subtract(arc, first_arc)
    return np.where(np.isinf(way), 1.0, np.minimum(np.maximum(gained / way, 0.0), 1.0))


def cut(steps: ArrayLike, horizon_steps: int, frame: ArrayLike, last_frame: ArrayLike) -> NDArray[np.str_]:
    """Why episodes ``[...]`` are cut: see :meth:`Drive.truncation`."""
    ended = np.where(np.greater_equal(frame, last_frame), "log_end", "")
    return np.where(np.greater_equal(steps, horizon_steps), "horizon", ended)


def is_replayed(traffic: TrafficModel) -> bool:
    """Whether the others do not react; a model that does not say so reacts."""
    return not getattr(traffic, "reacts", True)
