"""One environment of a vector environment, as an environment to look at."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from numpy.typing import NDArray

from simscale_gym.envs.drive import Drive
from simscale_gym.envs.drive_batch import DriveBatch
from simscale_gym.envs.env import SimScaleEnv
from simscale_gym.envs.info import DEAR_ENTRIES, expert_info
from simscale_gym.envs.pictures import Wanted
from simscale_gym.envs.screen import Screen
from simscale_gym.envs.sensors import Sensors
from simscale_gym.envs.starts import Starts
from simscale_gym.errors import ArgumentError
from simscale_gym.kernels import Crew

KEPT_STARTS = 4096
"""Begun drives that a vector environment remembers, about 30 KB each."""


class Seat(SimScaleEnv):
    """A :class:`SimScaleEnv` whose episode is driven in a batch with others.

    It shows where that stands (`sim_state`, `plans`, `action_of`, `get_state`, `render`, ...), and forks are
    environments of their own. It cannot be stepped by itself.

    Args:
        like: Environment whose settings it has.
        batch: Drives of the vector environment.
        row: Its place among them.
        starts: Finds where episodes begin.
    """

    def __init__(self, like: SimScaleEnv, batch: DriveBatch, row: int, starts: Starts) -> None:
        self.__dict__.update(vars(like))
        self.action_space, self._starts = copy.deepcopy(like.action_space), starts
        self._sensors = like._sensors.another()
        self._screen = Screen(like.render_mode, self._sensors, self.metadata["render_fps"])
        self._batch, self._row = batch, row

    def step(self, action: object) -> Any:
        """Not by itself."""
        raise ArgumentError(
            f"environment {self._row} is stepped with the others; fork() gives one to step alone."
        )

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> Any:
        """Not by itself."""
        raise ArgumentError(
            f"environment {self._row} is reset by the vector environment: its option 'reset_mask' names some of them."
        )

    @property
    def sensors(self) -> Sensors:
        """What it observes with."""
        return self._sensors

    @property
    def skipped_scenes(self) -> int:
        """Scenes that were left out because they cannot be used, by all environments together."""
        return len(self._resources.skipped)

    @property
    def has_experts(self) -> bool:
        """Whether experts are asked."""
        return bool(self._resources.expert_names)

    @property
    def seen_truncation(self) -> str:
        """Why its episode is cut by what is seen, or ""."""
        return self._seen_truncation()

    @property
    def wanted(self) -> Wanted | None:
        """What is to be drawn for its present pictures; None where they are there."""
        return self._sensors.pictures.wanted(self._running())

    def perceived(self) -> dict[str, NDArray]:
        """What its cameras and LiDAR give now."""
        return self._sensors.perceived(self._running())

    def entry(self, name: str, drive: Drive) -> Any:
        """The entry ``name`` of its ``info`` at ``drive``, one of those that take long."""
        return DEAR_ENTRIES[name](drive) if name in DEAR_ENTRIES else expert_info(drive, self._action)[name]

    def begin(self, seed: int | None, options: Mapping[str, Any] | None) -> None:
        """Begin an episode, as :meth:`SimScaleEnv.reset` does, without looking at it."""
        self._begin(seed, options)

    def fork(self, n: int) -> list[SimScaleEnv]:
        """As :meth:`SimScaleEnv.fork`: environments to be stepped by themselves."""
        alone = object.__new__(SimScaleEnv)
        alone.__dict__.update(vars(self))
        alone._drive = self._running()
        return alone.fork(n)

    def _enter(self, drive: Drive) -> None:
        super()._enter(drive)
        self._batch.enter(self._row, self._drive)
        self._drive = None

    def _running(self) -> Drive:
        drive = self._batch.drive(self._row)
        if drive is None:
            raise gym.error.ResetNeeded("Call env.reset() before anything else.")
        return drive


def seated(like: SimScaleEnv, count: int, crew: Crew) -> tuple[DriveBatch, list[Seat]]:
    """``count`` seats with the settings of ``like``, and the drives that they show."""
    batch = DriveBatch(count, like.traffic, crew)
    starts = Starts(
        like._resources, like._sensors, like.traffic, like._perturb, like.horizon_steps, kept=KEPT_STARTS
    )
    like._resources.renderers.keep(count)
    return batch, [Seat(like, batch, row, starts) for row in range(count)]
