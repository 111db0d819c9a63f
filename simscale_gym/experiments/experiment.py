"""An experiment as a declaration: the data sets it needs, the planners trained on them, and what they are judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simscale_gym.datagen import DataSpec
from simscale_gym.one_line import one_line


@dataclass(frozen=True)
class Arm:
    """What is trained, once with each seed, to be compared with others.

    Attributes:
        name: Its name in tables; ``{ratio:g}`` in it stands for the ratio that there are samples for.
        family: Family of the planner.
        real: Names of the recorded data sets that it learns from.
        sim: Names of the simulated ones.
        val: Names of those on other roads: recorded ones tell how near its plans are to humans, and all of them
            calibrate it where it needs that; the last planner of a training is judged, whatever they say.
        ratio: Simulated samples for each recorded one.
        settings: Further fields of :class:`simscale_gym.training.TrainConfig`.
        reference: Name of the arm that it is compared with; "" for none.
        suites: Suites that it is judged on; those of the experiment where it names none.
    """

    name: str
    family: str
    real: tuple[str, ...] = ("real",)
    sim: tuple[str, ...] = ()
    val: tuple[str, ...] = ("val",)
    ratio: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""
    suites: tuple[str, ...] = ()

    __repr__ = one_line


@dataclass(frozen=True)
class Experiment:
    """A question, and all that answers it.

    Attributes:
        name: Its name.
        about: The question, and how it is asked.
        sets: What its data sets hold, by name.
        arms: What is trained.
        suites: Suites that it is judged on.
    """

    name: str
    about: str
    sets: Mapping[str, DataSpec]
    arms: tuple[Arm, ...]
    suites: tuple[str, ...]

    __repr__ = one_line
