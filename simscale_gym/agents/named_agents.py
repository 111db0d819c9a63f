"""Agents by name: ours, and those that a module or a Python file of the user's makes.

A name that is none of ours is code. It is run where a caller gives it, never because a file says so.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from simscale_gym.agents.agent import Agent, ExpertAgent, World
from simscale_gym.agents.experts import EXPERTS, make_expert
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.errors import ArgumentError, PolicyError
from simscale_gym.files.digests import file_digest

_CONSTANT_VELOCITY = "constant_velocity"
_EXPERTS = {name if name == "log" else f"expert:{name}": name for name in EXPERTS}
AGENTS = (_CONSTANT_VELOCITY, *_EXPERTS)
"""Names of agents of ours: straight on, and each expert at the wheel; ``log`` is the recorded driver."""


def expert_driver(expert: str) -> str:
    """Name of the agent that is the expert called ``expert`` at the wheel."""
    return next(name for name, of in _EXPERTS.items() if of == expert)


class Blame:
    """Says of an error that code of the user's raised in the block whose it is, and where it drove then.

    Args:
        name: Name of the policy.
        where: Where it drove, or when it failed.
    """

    def __init__(self, name: str, where: str) -> None:
        self._name, self._where = name, where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            message = f"policy {self._name}, {self._where}: {type(error).__name__}: {error}"
            raise PolicyError(message) from error


@dataclass(frozen=True, eq=False)
class NamedAgent:
    """An agent that any process can make.

    Attributes:
        name: One of :data:`AGENTS`; or ``module:callable`` or ``path/of/file.py:callable``, which is called for a new
            agent, with ``file`` where there is one.
        file: What the callable is given, such as trained weights.
        agent: The agent itself, where it was handed over from Python; ``name`` is then but a word for it.
    """

    name: str
    file: Path | None = None
    agent: Agent | None = None

    def __post_init__(self) -> None:
        if self.agent is None and self.name not in AGENTS and ":" not in self.name:
            raise ArgumentError(
                f"policy: {self.name!r} is unknown, expected {', '.join(AGENTS)}, or module:callable or "
                "file.py:callable of your own."
            )
        if self.file is not None and (self.agent is not None or self.name in AGENTS):
            raise ArgumentError(f"policy file: {self.file}, but the policy {self.name!r} takes none.")
        if self.file is not None and not self.file.is_file():
            raise ArgumentError(f"policy file: {self.file} is no file; name what {self.name} is to load.")

    @property
    def expert(self) -> str:
        """Name of the expert that drives; "" where none does."""
        return "" if self.agent is not None else _EXPERTS.get(self.name, "")

    @property
    def is_code(self) -> bool:
        """Making it runs code that is not of this package."""
        return self.agent is None and self.name not in AGENTS

    def make(self, world: World, bank: HumanFutures | None) -> Agent:
        """The agent, for episodes in ``world``; ``bank`` is for experts that retrieve.

        Raises:
            ArgumentError: Its name leads to nothing that makes an agent.
            PolicyError: The code that makes it failed.
        """
        if self.agent is not None:
            return self.agent
        if self.expert:
            return ExpertAgent(make_expert(self.expert, bank), world)
        if self.name == _CONSTANT_VELOCITY:
            from simscale_gym.agents.constant_velocity_agent import ConstantVelocityAgent

            return ConstantVelocityAgent()
        maker = self._maker()
        with Blame(self.name, "as it was made"):
            made = maker(*([] if self.file is None else [self.file]))
        if not all(callable(getattr(made, method, None)) for method in ("reset", "act")):
            raise ArgumentError(
                f"policy: {self.name} made a {type(made).__name__}, expected an agent with reset and act."
            )
        return made

    def digest(self) -> str:
        """SHA-256 of what drives beside this package: the code that makes it, its file, or the agent as pickled.

        Raises:
            ArgumentError: Its name leads to nothing, or the agent cannot be pickled.
        """
        if self.agent is not None:
            return hashlib.sha256(_pickled(self.agent)).hexdigest()
        if not self.is_code:
            return ""
        parts = [file_digest(path) for path in (_source(self._maker()), self.file) if path is not None]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def _maker(self) -> Callable[..., Any]:
        place, _, attribute = self.name.rpartition(":")
        module = _file_module(place) if place.endswith(".py") else _module(place)
        maker = getattr(module, attribute, None)
        if not callable(maker):
            raise ArgumentError(f"policy: {place} has no callable {attribute!r} (found {maker!r}).")
        return maker


def _source(maker: Callable[..., Any]) -> Path | None:
    """The file that ``maker`` stands in; None where there is none, as for what is compiled."""
    try:
        source = inspect.getsourcefile(inspect.unwrap(maker))
        return None if source is None else Path(source)
    except (TypeError, OSError):
        return None


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ArgumentError(
            f"policy: module {name!r} cannot be imported ({error}). Is it installed, or in a folder of PYTHONPATH? A "
            "file can be named by its path: folder/file.py:callable."
        ) from error


def _file_module(place: str) -> Any:
    """The module that a Python file is, imported once for each content."""
    path = Path(place).expanduser().absolute()
    if not path.is_file():
        raise ArgumentError(f"policy: {path} is no file; expected a Python file, as folder/file.py:callable.")
    name = f"_policy_{path.stem}_{file_digest(path)[:12]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look there while they are made
        try:
            with Blame(f"{path}", "as it was imported"):
                spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _pickled(agent: Agent) -> bytes:
    try:
        return pickle.dumps(agent)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise ArgumentError(
            f"policy: a {type(agent).__name__} that cannot be sent to other processes ({error}); give it as "
            "module:callable."
        ) from error
