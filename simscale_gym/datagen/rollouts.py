"""Rollouts: a policy drives in closed loop from perturbed starts, and experts say what they would have done (DAgger).

It drives in the environment itself, so it sees what it will see there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.named_agents import NamedAgent
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.datagen.collection import Recipe
from simscale_gym.datagen.drives import Drive
from simscale_gym.datagen.mixture import Mixture
from simscale_gym.datagen.rollout_labels import RolloutLabels, Visited
from simscale_gym.datagen.rollout_starts import STARTS, log_before, rollout_start, snapshot_at
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.envs import EpisodeStep, SimScaleEnv, episode_steps
from simscale_gym.envs.agent_episode import ending
from simscale_gym.envs.episode import Start
from simscale_gym.perturbation import Telemetry
from simscale_gym.perturbation.sampling import scene_rng
from simscale_gym.scene import Scene
from simscale_gym.sim import TrafficModel

ROLLOUT = "rollout"
"""Stage under which the ends of rollouts are counted."""


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
        sight = (
            {"cameras": spec.cameras, "image_size": spec.image_size} if "camera" in told.observation else {}
        )
        self._env = SimScaleEnv(
            [scene], observation=told.observation, action=told.action, traffic=self._traffic, experts=(),
            horizon=told.horizon, renderer="cpu", min_render_quality=spec.min_render_quality, **sight,
        )  # fmt: skip
        self._labels = RolloutLabels(scene, spec, recipe, self._traffic, self._env.action_type, telemetry)
        policy = driver.make(self._env, recipe.bank)
        expert, each_step = self._labels.experts[0], told.coin == "step"
        self._mixture = Mixture(driver.name, policy, expert, self._env, told.beta, each_step)

    def drives(self, frame: int) -> Iterator[Drive]:
        """What the rollouts of the clip at ``frame`` give: a drive for each labelled state and expert.

        Raises:
            PolicyError: The policy failed, or gave what is neither a plan nor an action.
        """
        for number in range(self._spec.rounds):
            yield from self._rollout(frame, number)

    def _rollout(self, frame: int, number: int) -> Iterator[Drive]:
        begin = self._begin(frame, number)
        steps = list(self._driven(begin, scene_rng(self._scene, self._spec.seed, frame, number)))
        how = ending(steps[-1].next_info) or "log_end"
        self._telemetry.counts["", 0, ROLLOUT, how] += 1
        states = [*log_before(self._scene, begin), *self._env.history]
        first, each = states.index(begin.states[-1]), self._env.action_type.steps
        for count in range(0, len(steps), self._spec.rollout.label_stride // each):
            step, index, by_expert = steps[count], count * each, self._mixture.by_expert[count]
            past = states[: first + index + 1]
            yield from self._labels.labelled(
                Visited(frame, number, index, past, step.observation, step.action, by_expert)
            )

    def _begin(self, frame: int, number: int) -> Start:
        """Another start for each number."""
        scene, recipe = self._scene, self._recipe
        order = scene_rng(scene, self._spec.seed, frame).permutation(STARTS.variety)
        which = int(order[number % len(order)])
        return rollout_start(scene, frame, which, recipe.vocabulary, self._traffic)

    def _driven(self, begin: Start, rng: np.random.Generator) -> Iterator[EpisodeStep]:
        """The steps from ``begin`` on, as long as a label's 4 s fit into the log."""
        begin = replace(begin, camera_seed=int(rng.integers(2**63)))
        self._mixture.seed(rng)
        options = {"state": snapshot_at(self._scene, begin, self._traffic)}
        for step in episode_steps(self._env, self._mixture, options=options):
            yield step
            if self._env.sim_state.frame >= self._scene.num_frames - HORIZON_STEPS:
                return
