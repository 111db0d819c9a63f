"""Policies that tests name by this file: good ones, and each kind of bad one."""

from pathlib import Path

import numpy as np


class Straight:
    """Straight on, at the share of the present speed that its file says."""

    def __init__(self, file=None):
        self.share = 1.0 if file is None else float(Path(file).read_text())

    def reset(self, context):
        self.asked = 0

    def act(self, observation):
        self.asked += 1
        plan = np.zeros((8, 3))
        plan[:, 0] = 0.5 * self.share * observation["ego"][0] * np.arange(1, 9)
        return self.spoiled(plan)

    def spoiled(self, plan):
        return plan


class Forgetful(Straight):
    """Fails in its third step."""

    def spoiled(self, plan):
        if self.asked == 3:
            raise KeyError("speed")
        return plan


class Overflown(Straight):
    def spoiled(self, plan):
        return np.full_like(plan, np.nan)


class Shapeless(Straight):
    def spoiled(self, plan):
        return plan[:5]


class Unready(Straight):
    def reset(self, context):
        raise RuntimeError("no weights")


def nothing():
    """No agent."""
    return 7


number = 7
