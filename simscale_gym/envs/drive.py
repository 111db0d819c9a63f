"""An episode as far as it has been driven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from simscale_gym.envs.episode import Start
from simscale_gym.envs.outcome import Outcome, goal_arc, judge
from simscale_gym.envs.road_view import RoadView, road_view
from simscale_gym.scene import Scene
from simscale_gym.scoring.running_segment import RunningSegment
from simscale_gym.sim import SimState, ego_contacts

_LEAST_GOAL = 10.0  # [m] from start to the log's end for it to count as a goal


@dataclass(frozen=True, eq=False)
class Drive:
    """An episode so far; never changes: :meth:`after` gives the one that is a step longer.

    Attributes:
        scene: Where.
        start: How it began.
        history: Every simulation state since the log was left, 0.1 s apart, the present one last.
        view: The road at the present state.
        first_arc: Where along the route the episode began [m].
        goal: Where along the route the log ended [m]; None where that is too near to be a goal.
        outcome: Of the last step.
        segment: What was driven from the start on, for its score.
        subscores: Of that, by EPDMS code; extended comfort cannot be judged of a drive.
    """

    scene: Scene
    start: Start
    history: tuple[SimState, ...]
    view: RoadView
    first_arc: float
    goal: float | None
    outcome: Outcome
    segment: RunningSegment
    subscores: Mapping[str, float]

    @classmethod
    def begin(cls, scene: Scene, start: Start) -> Drive:
        """The episode at its first state."""
        first = start.states[-1]
        view, goal = road_view(scene, first.ego), goal_arc(scene)
        segment = RunningSegment.begin(scene, start.states)
        return cls(
            scene=scene,
            start=start,
            history=start.states,
            view=view,
            first_arc=view.arc,
            goal=goal if goal - view.arc >= _LEAST_GOAL else None,
            outcome=judge(scene, [first], arrived=False),
            segment=segment,
            subscores=segment.subscores(),
        )

    @classmethod
    def resume(cls, scene: Scene, start: Start, history: Sequence[SimState]) -> Drive:
        """The episode after ``history``, which goes on as where it was driven."""
        drive = cls.begin(scene, start)
        driven = history[len(start.states) :]
        if not driven:
            return drive
        segment, view = drive.segment, road_view(scene, history[-1].ego)
        for state in driven:
            segment = segment.after(state)
        arrived = drive.goal is not None and view.arc >= drive.goal
        touching, _ = ego_contacts(scene, history[-2])
        outcome = judge(scene, history[-1:], arrived, touching)
        return replace(
            drive,
            history=tuple(history),
            view=view,
            outcome=outcome,
            segment=segment,
            subscores=segment.subscores(),
        )

    def after(self, states: Sequence[SimState]) -> Drive:
        """The episode after one environment step, of which ``states`` are the simulation states."""
        view, segment = road_view(self.scene, states[-1].ego), self.segment
        for state in states:
            segment = segment.after(state)
        arrived = self.goal is not None and view.arc >= self.goal
        return replace(
            self,
            history=(*self.history, *states),
            view=view,
            outcome=judge(self.scene, states, arrived, self.outcome.touching),
            segment=segment,
            subscores=segment.subscores(),
        )

    @property
    def state(self) -> SimState:
        """The present."""
        return self.history[-1]

    @property
    def steps(self) -> int:
        """Simulation steps since the start."""
        return len(self.history) - len(self.start.states)

    @property
    def completion(self) -> float:
        """Share of the way from the start to the goal, 0 to 1; 1 without a goal."""
        if self.goal is None:
            return 1.0
        return min(max((self.view.arc - self.first_arc) / (self.goal - self.first_arc), 0.0), 1.0)

    def truncation(self, horizon_steps: int) -> str:
        """Why the episode is cut here: "horizon", "log_end", or "" if it is not."""
        if self.state.frame - self.start.states[-1].frame >= horizon_steps:
            return "horizon"
        return "log_end" if self.state.frame >= self.scene.num_frames - 1 else ""
