"""The pseudo-experts by name."""

from __future__ import annotations

import difflib

from simscale_gym.agents.expert import Expert
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.errors import ArgumentError

EXPERTS = ("planner", "recovery", "unified", "log")
"""Names that :func:`make_expert` knows."""

_RETRIEVING = ("recovery", "unified")


def needs_bank(name: str) -> bool:
    """Whether the expert called ``name`` draws from a bank of human futures."""
    return name in _RETRIEVING


def make_expert(name: str, bank: HumanFutures | None = None) -> Expert:
    """The expert called ``name``.

    Args:
        name: One of :data:`EXPERTS`.
        bank: What human drivers did; only the experts of :func:`needs_bank` take it.

    Raises:
        ArgumentError: There is no such expert, or it needs a bank and has none.
    """
    if name not in EXPERTS:
        near = difflib.get_close_matches(str(name), EXPERTS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ArgumentError(
            f"experts: {name!r} is unknown, expected some of {', '.join(sorted(EXPERTS))}.{hint}"
        )
    if needs_bank(name):
        if bank is None:
            raise ArgumentError(f"experts: {name!r} needs a bank of human futures, found None.")
        return _retrieving(name, bank)
    if name == "planner":
        from simscale_gym.agents.pdm.planner_expert import PlannerExpert

        return PlannerExpert()
    from simscale_gym.agents.log_expert import LogExpert

    return LogExpert()


def _retrieving(name: str, bank: HumanFutures) -> Expert:
    if name == "recovery":
        from simscale_gym.agents.recovery.recovery_expert import RecoveryExpert

        return RecoveryExpert(bank)
    from simscale_gym.agents.unified.unified_expert import UnifiedExpert

    return UnifiedExpert(bank)
