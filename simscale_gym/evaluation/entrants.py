"""Who is judged: planners by name, trained once or several times, and the drivers that every table has beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from simscale_gym.agents import ConstantVelocityAgent, ExpertAgent, make_expert
from simscale_gym.agents.agent import Agent, World
from simscale_gym.errors import ArgumentError, shown
from simscale_gym.one_line import one_line

if TYPE_CHECKING:
    from simscale_gym.planners import PlannerAgent

AgentOrMaker = Agent | Callable[[World], Agent]
"""An agent; or what makes one that may look into the world, such as :class:`ExpertDriver`."""


@dataclass(frozen=True)
class Sensing:
    """What a planner is shown, in the words of the environment; an agent may have its own as attribute ``sensing``.

    Attributes:
        observation: Some of "camera", "state", "lidar".
        cameras: Names of the cameras.
        image_size: Height, width [px].
        action: What it gives in closed loop where it gives no plans; plans fit all. It decides how often it is asked:
            "trajectory" and "anchor" every 0.5 s, "control" and "curvature" every 0.1 s.
        renderer: As of the environment.
    """

    observation: tuple[str, ...] = ("camera",)
    cameras: tuple[str, ...] = ("cam_f0", "cam_l0", "cam_r0")
    image_size: tuple[int, int] = (144, 256)
    action: str = "trajectory"
    renderer: str = "auto"

    @property
    def sees(self) -> bool:
        """It is shown pictures."""
        return "camera" in self.observation


BLIND = Sensing(observation=("state",))
"""Of drivers that need no pictures."""


@dataclass(frozen=True)
class ExpertDriver:
    """Makes the agent that drives as the expert called ``name`` plans; it sees all.

    Attributes:
        name: "log", "planner": an expert that needs no bank of futures.
    """

    name: str
    sensing: Sensing = BLIND

    def __call__(self, world: World) -> Agent:
        """The agent."""
        return ExpertAgent(make_expert(self.name), world)


@dataclass(frozen=True)
class ConstantVelocityDriver:
    """Makes the agent that keeps speed and heading."""

    sensing: Sensing = BLIND

    def __call__(self, world: World) -> Agent:
        """The agent."""
        return ConstantVelocityAgent()


@dataclass(frozen=True)
class TrainedDriver:
    """Makes the agent of a trained planner, in whichever process; shows it what it was trained on.

    Attributes:
        path: The planner's checkpoint (:func:`simscale_gym.planners.load_planner`).
    """

    path: Path

    @property
    def sensing(self) -> Sensing:
        """Its cameras, at its size."""
        inputs = _trained(self.path).planner.inputs
        return Sensing(cameras=inputs.cameras, image_size=inputs.image_size)

    def __call__(self, world: World) -> Agent:
        """The agent."""
        return _trained(self.path)


@lru_cache(maxsize=4)
def _trained(path: Path) -> PlannerAgent:
    from simscale_gym.planners import PlannerAgent, load_planner

    return PlannerAgent(load_planner(path))


@dataclass(frozen=True, eq=False)
class Entrant:
    """A planner under its name.

    Attributes:
        name: Its name in tables.
        agents: The planner as trained with each of its seeds.
        sensing: What it is shown.
    """

    name: str
    agents: tuple[AgentOrMaker, ...]
    sensing: Sensing = field(default_factory=Sensing)

    __repr__ = one_line


CALIBRATION = {
    "human (log)": ExpertDriver("log"),
    "PDM-Closed": ExpertDriver("planner"),
    "constant velocity": ConstantVelocityDriver(),
}
"""Rows of every table: what the log's driver, the privileged planner and the least of all planners get."""


def entrants_of(
    planners: AgentOrMaker | Mapping[str, AgentOrMaker | Sequence[AgentOrMaker]],
    sensing: Sensing | None = None,
    *,
    calibrate: bool = True,
) -> tuple[Entrant, ...]:
    """The entrants that a caller names, those for calibration behind them.

    Args:
        planners: One planner; or planners by name, each alone or as a sequence, one for each seed.
        sensing: What planners are shown that do not say so themselves.
        calibrate: Whether to add :data:`CALIBRATION`.

    Raises:
        ArgumentError: No planner, or something else, or a name of a row that is there anyway.
    """
    named = planners if isinstance(planners, Mapping) else {_name(planners): planners}
    entrants = [_entrant(name, given, sensing) for name, given in named.items()]
    rows = CALIBRATION if calibrate else {}
    taken = [entrant.name for entrant in entrants if entrant.name in rows]
    if taken:
        raise ArgumentError(
            f"planners: {taken[0]!r} is the name of a row that every table has; choose another."
        )
    entrants += [Entrant(name, (driver,), driver.sensing) for name, driver in rows.items()]
    if not entrants:
        raise ArgumentError("planners: none, expected a planner, or planners by name.")
    return tuple(entrants)


def agent_of(agent: AgentOrMaker, world: World) -> Agent:
    """The agent itself, or the one that is made for ``world``."""
    return agent if hasattr(agent, "act") else agent(world)


def _entrant(name: str, given: AgentOrMaker | Sequence[AgentOrMaker], sensing: Sensing | None) -> Entrant:
    agents = tuple(given) if isinstance(given, Sequence) else (given,)
    for agent in agents:
        drives = callable(getattr(agent, "act", None)) and callable(getattr(agent, "reset", None))
        if not drives and not (callable(agent) and not hasattr(agent, "act")):
            raise ArgumentError(
                f"planner {name!r}: {shown(agent)}, expected an agent (reset and act), or a function that makes one."
            )
    if not agents:
        raise ArgumentError(f"planner {name!r}: no agent, expected one, or one for each seed.")
    own = getattr(agents[0], "sensing", None)
    return Entrant(str(name), agents, own or sensing or Sensing())


def _name(planner: object) -> str:
    return getattr(planner, "name", None) or type(planner).__name__
