"""What a policy's rollouts are to be: who drives, how often the expert does instead, what is seen, what is labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from simscale_gym.agents.agent import Agent
from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.named_agents import NamedAgent
from simscale_gym.datagen.tape import PERSON, Tape
from simscale_gym.envs.observations import OBSERVATIONS
from simscale_gym.errors import ArgumentError
from simscale_gym.scene import DT

GIVEN = "given"
"""Policy of rollouts whose agent is handed over from Python."""
COINS = ("step", "episode")
"""How often it is drawn who drives."""
STEPS = {"control": 1, "trajectory": PLAN_STRIDE}
"""Actions that a policy may give, and how many simulation steps of 0.1 s each lasts."""


@dataclass(frozen=True)
class RolloutSpec:
    """All that decides how a policy drives, beside its scenes.

    Attributes:
        policy: Name of the agent that drives (:class:`simscale_gym.agents.NamedAgent`): ``expert:planner``,
            ``constant_velocity``, ``log``; ``module:callable`` or ``file.py:callable``; :data:`GIVEN`; or
            :data:`simscale_gym.datagen.tape.PERSON`, whose takeovers are labelled.
        policy_file: What the callable is given, such as weights, or the tape of what a person did; a data set keeps a
            copy.
        beta: Share of the time that the first of the spec's experts drives instead, 0 to 1: DAgger's mixture
            (Ross et al. 2011, algorithm 3.1).
        coin: Whether that is drawn at every "step" or once for an "episode".
        observation: What the policy sees: some of "camera", "state", "lidar", as of the environment.
        action: "control" or "trajectory": what the policy gives where it gives no plan, and the time between its
            answers, 0.1 s or 0.5 s.
        horizon: Longest rollout [s].
        period: Time between labels [s].
        filtered: Keep samples only whose label passes the paper's filter (R_exp) and is vouched for by its expert.
    """

    policy: str
    policy_file: str | None = None
    beta: float = 0.0
    coin: str = "step"
    observation: tuple[str, ...] = ("state",)
    action: str = "trajectory"
    horizon: float = 8.0
    period: float = 0.5
    filtered: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.beta <= 1.0:
            raise ArgumentError(f"beta: {self.beta}, expected 0 (the policy drives) to 1 (the expert does).")
        choices = {"coin": COINS, "action": tuple(STEPS)}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ArgumentError(f"{name}: {getattr(self, name)!r}, expected {' or '.join(allowed)}.")
        if self.policy == PERSON and (self.action != "control" or not self.policy_file or self.beta):
            raise ArgumentError(
                f"policy: {PERSON!r} with action {self.action!r}, policy_file {self.policy_file}, beta {self.beta}; "
                "expected 'control', a tape and 0."
            )
        if not self.observation or not set(self.observation) <= set(OBSERVATIONS):
            raise ArgumentError(
                f"observation: {list(self.observation)}, expected some of {', '.join(OBSERVATIONS)}."
            )
        if not self.horizon >= DT:
            raise ArgumentError(f"horizon: {self.horizon} s, expected {DT} s or more.")
        step = STEPS[self.action]
        if self.label_stride < step or self.label_stride % step:
            raise ArgumentError(
                f"period: {self.period} s, expected a multiple of the {step * DT} s between two actions of "
                f"{self.action!r}."
            )

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> RolloutSpec:
        """The spec that JSON keeps; lists stand for tuples.

        Raises:
            ArgumentError: A field is missing or too much.
        """
        known = {item.name for item in fields(cls)}
        if set(values) != known:
            raise ArgumentError(f"spec.rollout: {sorted(set(values) ^ known)} too much or missing.")
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})

    @property
    def label_stride(self) -> int:
        """Simulation steps between labels."""
        return round(self.period / DT)

    def driver(self, agent: Agent | None = None) -> NamedAgent | Tape:
        """Who drives, ``agent`` where it is handed over; or what a person did.

        Raises:
            ArgumentError: An agent is missing or too much, or the name or the file is wrong.
            DataError: The file is no tape.
        """
        if self.policy == PERSON:
            return Tape.read(Path(self.policy_file))
        if (agent is not None) != (self.policy == GIVEN):
            raise ArgumentError(
                f"policy: {self.policy!r} {'and an agent beside it' if agent is not None else 'without an agent'}; "
                f"expected {GIVEN!r} exactly where an agent is handed over from Python."
            )
        return NamedAgent(self.policy, None if self.policy_file is None else Path(self.policy_file), agent)
