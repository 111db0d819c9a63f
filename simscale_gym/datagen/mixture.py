"""Who drives in DAgger: an expert with some probability, else the policy that is to learn from it."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import Agent, AgentContext, Observation, is_plan
from simscale_gym.agents.expert import Expert, ExpertPlan
from simscale_gym.agents.named_agents import Blame
from simscale_gym.envs import SimScaleEnv
from simscale_gym.scene import DT, Scene
from simscale_gym.sim import SimState, TrafficModel


class Mixture:
    """An agent that is the policy, or with a chance of beta the expert (DAgger, Ross et al. 2011).

    The policy is shown every observation, also where the expert drives, unless it never does.

    Args:
        name: Name of the policy, for errors.
        policy: The policy.
        expert: The expert.
        env: The environment that is driven, into which the expert looks.
        beta: Share of the expert, 0 to 1.
        each_step: It is drawn at every step who drives, instead of once for an episode.

    Attributes:
        by_expert: Whether the expert drove, for each step of the episode so far.
    """

    def __init__(
        self, name: str, policy: Agent, expert: Expert, env: SimScaleEnv, beta: float, each_step: bool
    ) -> None:
        self._name, self._policy, self._expert, self._env = name, policy, expert, env
        self._beta, self._each_step = beta, each_step
        self._rng = np.random.default_rng(0)
        self.by_expert: list[bool] = []

    def seed(self, rng: np.random.Generator) -> None:
        """Draw from ``rng`` from now on."""
        self._rng = rng

    def reset(self, context: AgentContext) -> None:
        """Begin an episode."""
        self.by_expert = []
        with self._blame():
            self._policy.reset(context)

    def act(self, observation: Observation) -> NDArray:
        """The plan or action of whoever drives now.

        Raises:
            PolicyError: The policy failed, or gave what is neither a plan nor an action.
        """
        drawn = self._each_step or not self.by_expert
        self.by_expert.append(self._rng.random() < self._beta if drawn else self.by_expert[-1])
        answer = self._answer(observation) if self._beta < 1.0 else None
        if not self.by_expert[-1]:
            return answer
        env = self._env
        return self._expert.plan(env.scene, env.sim_state, env.traffic).poses

    def _answer(self, observation: Observation) -> NDArray:
        env = self._env
        with self._blame():
            answer = self._policy.act(observation)
            env.action_of(answer) if is_plan(answer) else env.action_type.checked(answer)  # complains here
        return answer

    def _blame(self) -> Blame:
        env = self._env
        return Blame(self._name, f"scene {env.scene.id}, {env.sim_state.frame * DT:.1f} s")


class Remembering:
    """An expert that is asked once for each state, however often its plan is wanted."""

    def __init__(self, expert: Expert) -> None:
        self.name, self._expert = expert.name, expert
        self._plans: WeakKeyDictionary[SimState, ExpertPlan] = WeakKeyDictionary()

    def plan(self, scene: Scene, state: SimState, traffic: TrafficModel) -> ExpertPlan:
        """The expert's plan."""
        if state not in self._plans:
            self._plans[state] = self._expert.plan(scene, state, traffic)
        return self._plans[state]
