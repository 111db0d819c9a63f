"""The data sets of an experiment: where they lie, and made where they are missing."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from simscale_gym.datagen import DataSet, DataSpec, write_data_set
from simscale_gym.errors import ArgumentError
from simscale_gym.experiments.budget import Budget
from simscale_gym.experiments.experiment import Experiment
from simscale_gym.files.claims import claimed
from simscale_gym.progress import ticking
from simscale_gym.sources import list_scenes

MANIFEST = "manifest.json"
_WAIT = 1.0  # [s] between looks at a data set that another process writes


@dataclass(frozen=True)
class NeededSet:
    """A data set of an experiment.

    Attributes:
        name: Its name in the experiment.
        spec: What it holds where it is made; None where it is somebody's own.
        folder: Where it lies.
    """

    name: str
    spec: DataSpec | None
    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether it is finished."""
        return self.spec is None or (self.folder / MANIFEST).exists()


def needed_sets(experiment: Experiment, budget: Budget) -> dict[str, NeededSet]:
    """The data sets of an experiment by name.

    Raises:
        ArgumentError: A set is named that the experiment does not have.
        DataError: A folder that was named holds no finished data set.
    """
    own = _own(budget.data)
    unknown = [name for name in own if name not in experiment.sets]
    if unknown:
        expected = ", ".join(experiment.sets)
        raise ArgumentError(f"data: {unknown[0]!r} is no data set of {experiment.name}, expected {expected}.")
    for folder in own.values():
        DataSet(folder).digest  # noqa: B018  (raises where there is none)
    return {
        name: NeededSet(name, None, own[name])
        if name in own
        else NeededSet(name, spec, budget.work.absolute() / "data" / f"{name}-{_spec_digest(spec)}")
        for name, spec in experiment.sets.items()
    }


def make_set(needed: NeededSet, workers: int | None) -> None:
    """Make a data set, or what is missing of it; waits where another process is at it.

    Raises:
        ArgumentError, DataError, SceneError: As of :func:`simscale_gym.datagen.write_data_set`.
    """
    if needed.is_there:
        return
    spec = needed.spec
    by_clip = spec.clips is not None
    total = spec.clips if by_clip else len(list_scenes(spec.scenes, spec.split, unreadable=True))
    unit = "clip" if by_clip else "scene"
    with ticking(total=total, unit=unit, desc=f"collecting {needed.name}") as bar:
        while not needed.is_there:
            with claimed(needed.folder.parent / "claims" / needed.folder.name) as mine:
                if mine:
                    _write(needed, workers, bar)
                    return
            bar.set_postfix_str("another process is at it")
            time.sleep(_WAIT)


def _write(needed: NeededSet, workers: int | None, bar: tqdm) -> None:
    samples = 0
    for report in write_data_set(needed.folder, needed.spec, workers=workers):
        samples += report.samples
        bar.update(report.head.clips if bar.unit == "clip" else 1)
        bar.set_postfix_str(f"{samples} samples")


def _own(named: tuple[str, ...]) -> Mapping[str, Path]:
    return dict(_pairs(named))


def _pairs(named: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for text in named:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder):
            raise ArgumentError(f"data: {text!r}, expected NAME=DIR, as in real=out/real.")
        yield name, Path(folder).expanduser().absolute()


def _spec_digest(spec: DataSpec) -> str:
    return hashlib.sha256(json.dumps(spec.plain(), sort_keys=True).encode()).hexdigest()[:8]
