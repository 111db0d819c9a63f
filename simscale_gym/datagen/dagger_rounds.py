"""DAgger (Ross et al. 2011): a policy drives, an expert says what it would have done there, the policy learns from it.

::

    folder/round-000/     a data set: the expert drives, which is what plain cloning learns from
    folder/round-001/     a data set: the policy that learned from round 0 drives, or now and then the expert
    ..

Each round is a data set of its own, with its own recipe and a copy of what its policy was loaded from. What was written
before is not touched again; :class:`simscale_gym.datagen.DataSet` reads the folder as one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from simscale_gym.agents.named_agents import expert_driver
from simscale_gym.datagen.data_set import DataSet
from simscale_gym.datagen.layout import MANIFEST, POLICY, RECIPE, read_json
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.datagen.writing import write_data_set
from simscale_gym.errors import ArgumentError

Train = Callable[[DataSet, Path], None]
"""Learns from all samples so far, and writes the policy's file."""


@dataclass(frozen=True, eq=False)
class DaggerRound:
    """A round that is written.

    Attributes:
        number: 0 for the first.
        beta: Share of the expert in it.
        folder: Its own data set.
        data_set: All samples up to and with it.
    """

    number: int
    beta: float
    folder: Path
    data_set: DataSet


def dagger(
    folder: str | os.PathLike[str],
    spec: DataSpec,
    train: Train,
    *,
    rounds: int = 4,
    decay: float = 0.0,
    workers: int | None = None,
) -> Iterator[DaggerRound]:
    """Write round after round; each as it is done.

    Broken off anywhere and called again, it goes on: rounds that are there are not driven again, and policies that
    drove are not trained again. The last policy is left to the caller to train, on the last round's ``data_set``.

    Args:
        folder: Folder of the rounds; made if absent.
        spec: What a round is to hold. Its policy is ``module:callable`` or ``file.py:callable``, called with the file
            that ``train`` wrote; its seed is that of round 0, round k has one more than k - 1.
        train: Called as ``train(data_set, file)`` before each round but the first.
        rounds: Number of rounds.
        decay: The expert's share in round k is ``decay`` to the power of k: 1 in round 0; by default 0 in all others.
        workers: Processes; None for one per core.

    Raises:
        ArgumentError: The spec is of no rollouts or names no code, or the folder holds rounds of another.
        PolicyError: A policy failed while it drove; what was written stays.
    """
    if spec.rollout is None or ":" not in spec.rollout.policy:
        raise ArgumentError(
            "dagger: expected a spec of kind rollout, whose policy is module:callable or file.py:callable."
        )
    if rounds < 1 or not 0.0 <= decay <= 1.0:
        raise ArgumentError(f"dagger: rounds {rounds}, decay {decay}; expected 1 or more, 0 to 1.")
    for number in range(rounds):
        part = Path(folder).absolute() / _name(number)
        told = _told(spec, number, decay**number)
        if not (part / MANIFEST).exists():
            _write(part, told, number, train, workers)
        elif read_json(part / RECIPE)["spec"] != told.plain():
            raise ArgumentError(f"{part}: a round of another spec; name another folder, or ask for that one.")
        yield DaggerRound(number, told.rollout.beta, part, _rounds(part.parent, number + 1))


def _told(spec: DataSpec, number: int, beta: float) -> DataSpec:
    """The spec of a round; in the first one nothing was learned yet, and the expert's name stands for the policy."""
    own = (
        {"policy": expert_driver(spec.experts[0]), "policy_file": None}
        if not number
        else {"policy_file": POLICY}
    )
    return replace(spec, seed=spec.seed + number, rollout=replace(spec.rollout, beta=beta, **own))


def _write(part: Path, told: DataSpec, number: int, train: Train, workers: int | None) -> None:
    """Write a round, with the policy that its folder holds, or else one that is trained for it."""
    with tempfile.TemporaryDirectory() as place:
        if (part / RECIPE).exists():
            told = told.in_folder(part)
        elif number:
            told = told.in_folder(Path(place))
            train(_rounds(part.parent, number), Path(told.rollout.policy_file))
        for _ in write_data_set(part, told, workers=workers):
            pass


def _rounds(folder: Path, count: int) -> DataSet:
    return DataSet(folder, [_name(number) for number in range(count)])


def _name(number: int) -> str:
    return f"round-{number:03d}"
