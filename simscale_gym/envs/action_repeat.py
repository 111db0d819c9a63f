"""Actions that are given several times in a row: learners decide less often, and nothing is observed in between."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import NDArray

from simscale_gym.envs.actions import ActionType, Orders
from simscale_gym.scene import Vehicle


class RepeatedAction:
    """An action of another type, given ``count`` times in a row within one environment step.

    Each time it means what it means from where the ego is then: "curvature" turns the wheels anew towards the curvature
    at the new speed.

    Args:
        kind: The type of action.
        count: How often each is given.
    """

    def __init__(self, kind: ActionType, count: int) -> None:
        self.name, self.space, self.steps = kind.name, kind.space, kind.steps * count
        self.checked, self.checked_rows, self.of_plan = kind.checked, kind.checked_rows, kind.of_plan
        self._kind = kind

    def orders(self, egos: NDArray, actions: NDArray, vehicles: Sequence[Vehicle]) -> Orders:
        """Those of the type, asked for anew whenever its action has been carried out."""
        kind, orders = self._kind, self._kind.orders(egos, actions, vehicles)

        def repeated(k: int, egos: NDArray) -> NDArray:
            nonlocal orders
            if k and k % kind.steps == 0:
                orders = kind.orders(egos, actions, vehicles)
            return orders(k % kind.steps, egos)

        return repeated


def repeated(kind: ActionType, count: int) -> ActionType:
    """``kind``, each of whose actions is given ``count`` times."""
    return kind if count == 1 else RepeatedAction(kind, count)
