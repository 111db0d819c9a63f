"""Rollouts: a policy drives in closed loop from perturbed starts, and experts say what they would have done (DAgger).

It drives in the environment itself, so it sees what it will see there. Labels are made as Algorithm 1 makes them: the
expert's plan is driven for 4 s among reacting traffic, and scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from simscale_gym.agents.expert import PLAN_STRIDE, ExpertPlan
from simscale_gym.agents.experts import make_expert
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.named_agents import NamedAgent
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.datagen.collection import Recipe
from simscale_gym.datagen.drives import Drive, DrivenStep, logged_state, onward
from simscale_gym.datagen.mixture import Mixture, Remembering
from simscale_gym.datagen.moments import EARLIEST
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.envs import EpisodeStep, SimScaleEnv, episode_steps
from simscale_gym.envs.actions import of_expert
from simscale_gym.envs.agent_episode import ending
from simscale_gym.envs.drive import Drive as EpisodeDrive
from simscale_gym.envs.episode import Start, start_off_log
from simscale_gym.perturbation import PerturbConfig, Telemetry, numbered_start
from simscale_gym.perturbation.bounds import end_offsets
from simscale_gym.perturbation.sampling import scene_rng
from simscale_gym.scene import Scene
from simscale_gym.scoring.label_filter import label_failures
from simscale_gym.scoring.segment import Segment, drive_segment
from simscale_gym.sim import SimState, TrafficModel

ROLLOUT = "rollout"
"""Stage under which the ends of rollouts are counted."""

_STARTS = PerturbConfig()


class RolloutDrives:
    """The rollouts of a policy in one scene.

    Args:
        scene: The scene.
        spec: How it drives, and what is labelled.
        recipe: Experts, bank, vocabulary and traffic.
        driver: The policy.
        telemetry: Where ends of rollouts and fallen labels are counted.
    """

    def __init__(
        self,
        scene: Scene,
        spec: DataSpec,
        recipe: Recipe,
        driver: NamedAgent,
        telemetry: Telemetry,
    ) -> None:
        self._scene, self._spec, self._recipe, self._telemetry = scene, spec, recipe, telemetry
        told = spec.rollout
        self._traffic: TrafficModel = make_traffic(recipe.traffic)
        self._experts = [Remembering(make_expert(name, recipe.bank)) for name in recipe.experts]
        self._planner = PlannerExpert()
        sight = (
            {"cameras": spec.cameras, "image_size": spec.image_size} if "camera" in told.observation else {}
        )
        self._env = SimScaleEnv(
            [scene], observation=told.observation, action=told.action, traffic=self._traffic, experts=(),
            horizon=told.horizon, renderer="cpu", min_render_quality=spec.min_render_quality, **sight,
        )  # fmt: skip
        policy = driver.make(self._env, recipe.bank)
        each_step = told.coin == "step"
        self._mixture = Mixture(driver.name, policy, self._experts[0], self._env, told.beta, each_step)

    def drives(self, frame: int, number: int) -> Iterator[Drive]:
        """What rollout ``number`` of the clip at ``frame`` gives: a drive for each labelled state and expert.

        Raises:
            PolicyError: The policy failed, or gave what is neither a plan nor an action.
        """
        begin = self._begin(frame, number)
        steps = list(self._driven(begin, scene_rng(self._scene, self._spec.seed, frame, number)))
        how = ending(steps[-1].next_info) or "log_end"
        self._telemetry.counts["", 0, ROLLOUT, how] += 1
        states = [*_log_before(self._scene, begin), *self._env.history]
        first, each = states.index(begin.states[-1]), self._env.action_type.steps
        for count in range(0, len(steps), self._spec.rollout.label_stride // each):
            past = states[: first + count * each + 1]
            yield from self._labelled(past, steps[count], count, frame, number)

    def _begin(self, frame: int, number: int) -> Start:
        """A start off the log, or on it where no perturbation was found; another for each number."""
        scene, recipe = self._scene, self._recipe
        order = scene_rng(scene, self._spec.seed, frame).permutation(_STARTS.variety)
        which, frames = int(order[number % len(order)]), range(frame, frame + 1)
        found = numbered_start(scene, which, frames, recipe.vocabulary, self._traffic, _STARTS)
        return start_off_log(scene, self._traffic, found, _STARTS)

    def _driven(self, begin: Start, rng: np.random.Generator) -> Iterator[EpisodeStep]:
        """The steps from ``begin`` on, as long as a label's 4 s fit into the log."""
        begin = replace(begin, camera_seed=int(rng.integers(2**63)))
        episode = EpisodeDrive.begin(self._scene, begin, self._traffic, ())
        self._mixture.seed(rng)
        options = {"state": episode.snapshot(np.random.PCG64(0).state)}
        for step in episode_steps(self._env, self._mixture, options=options):
            yield step
            if self._env.sim_state.frame >= self._scene.num_frames - HORIZON_STEPS:
                return

    def _labelled(
        self, past: Sequence[SimState], step: EpisodeStep, count: int, frame: int, number: int
    ) -> Iterator[Drive]:
        """What each expert would have done at the last of ``past``, where its label is kept."""
        scene, state = self._scene, past[-1]
        reference = reference_drive(scene, state, self._planner)
        more = PLAN_STRIDE * self._spec.moments_ahead - HORIZON_STEPS
        for expert in self._experts:
            plan = expert.plan(scene, state, self._traffic)
            label = drive_segment(scene, self._traffic, past, plan.poses_world(state.ego), reference)
            fallen = self._fallen(plan, label)
            self._telemetry.one("label", fallen, expert=expert.name, round_index=number)
            if not fallen:
                yield Drive(
                    expert=expert.name,
                    round_index=number,
                    vocabulary_index=None,
                    frame=frame,
                    offset=_offset(scene, state),
                    past=past,
                    future=[*label.states[1:], *onward(scene, label.states[-1], expert, self._traffic, more)],
                    perturbation=None,
                    label=label.scores,
                    plan=plan,
                    step=self._step(step, count, plan, state),
                )

    def _fallen(self, plan: ExpertPlan, label: Segment) -> str:
        """Why the filter of labels drops one, or ""."""
        if not self._spec.rollout.filtered:
            return ""
        failed = (code for code, failures in label_failures(label.scores).items() if failures[0])
        return next(failed, "") if plan.valid else "no valid plan"

    def _step(self, step: EpisodeStep, count: int, plan: ExpertPlan, state: SimState) -> DrivenStep:
        action = self._env.action_type
        seen = {name: value for name, value in step.observation.items() if value.dtype != np.uint8}
        would = of_expert(action, self._scene.vehicle, state.ego, plan)
        arrays = {**seen, "action": np.asarray(step.action, np.float32), "expert_action": would}
        return DrivenStep(count * action.steps, self._mixture.by_expert[count], plan.valid, arrays)


def _log_before(scene: Scene, begin: Start) -> list[SimState]:
    """The log before ``begin``, where its own states do not reach back as far as a sample shows."""
    first = begin.states[0].frame
    missing = max(0, 1 - PLAN_STRIDE * EARLIEST - len(begin.states))
    return [logged_state(scene, frame) for frame in range(max(0, first - missing), first)]


def _offset(scene: Scene, state: SimState) -> np.ndarray:
    return end_offsets(state.ego[None, :3], scene.ego.poses[state.frame])[0]
