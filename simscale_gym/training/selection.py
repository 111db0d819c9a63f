"""Which samples of recorded and simulated data sets make up a training set, by their rows alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.datagen import DataSample, DataSet
from simscale_gym.datagen.items import LOG_KIND
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.planners.families import preset_of
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.training.config import TrainConfig
from simscale_gym.training.logged_labels import LoggedLabels


@dataclass(frozen=True, eq=False)
class Part:
    """Samples of one data set.

    Attributes:
        data: The data set.
        indices: The samples.
        cameras: Places of the planner's cameras among its own.
        label: Gives the label ``[8, 3]`` of a sample; None where it is the sample's own.
    """

    data: DataSet
    indices: Sequence[int]
    cameras: tuple[int, ...]
    label: Callable[[DataSample], NDArray[np.float32]] | None = None


@dataclass(frozen=True, eq=False)
class Selection:
    """Training and validation samples.

    Attributes:
        train: Recorded and simulated samples to learn from.
        val: Samples of other roads.
        real, sim: Numbers of the former.
        scenes: Ids of the scenes of the former.
        vocabulary: Trajectories ``[K, 40, 3]`` whose scores all training samples have; K is 0 where they have none.
    """

    train: tuple[Part, ...]
    val: tuple[Part, ...]
    real: int
    sim: int
    scenes: frozenset[str]
    vocabulary: NDArray[np.float64]


def pictures_of(config: TrainConfig) -> InputSpec:
    """The pictures that a planner is built for: its preset's cameras, in the size of the first data set's.

    Raises:
        ArgumentError: There is no such planner or preset.
        DataError: A folder holds no data set.
    """
    spec = DataSet((config.real or config.sim)[0]).recipe["spec"]
    return replace(preset_of(config.planner, config.preset).inputs, image_size=tuple(spec["image_size"]))


def select_samples(config: TrainConfig, inputs: InputSpec) -> Selection:
    """The samples that ``config`` asks for.

    Raises:
        ArgumentError: A set is of the wrong kind, has other pictures or too few samples, or shares roads with the
            validation.
        DataError: A folder holds no data set.
    """
    real = [_opened(folder, inputs, simulated=False) for folder in config.real]
    sim = [_opened(folder, inputs, simulated=True) for folder in config.sim]
    val = [_opened(folder, inputs) for folder in config.val]
    if val and not any(_is_recorded(part) for part in val):
        raise ArgumentError(
            "val: simulated samples alone, expected recorded ones, whose humans plans are compared with."
        )
    if config.scenes is not None:
        chosen = _drawn_scenes(real or sim, config.scenes, config.seed)
        real, sim = ([_of_scenes(part, chosen) for part in parts] for parts in (real, sim))
    if config.one_expert:
        sim = _of_one_expert(sim, config.seed)
    count = sum(len(part.indices) for part in real)
    if config.sim_ratio is not None and sim:
        sim = _drawn_samples(sim, round(config.sim_ratio * count), config.seed)
    if config.sim_label != "expert":
        moved = config.sim_label == "log-motion"
        sim = [replace(part, label=LoggedLabels(part.data, as_if_there=moved)) for part in sim]
    _check_roads([*real, *sim], val)
    simulated = sum(len(part.indices) for part in sim)
    scenes = frozenset(scene for part in (*real, *sim) for scene in _column(part, "scene"))
    return Selection((*real, *sim), tuple(val), count, simulated, scenes, one_vocabulary([*real, *sim]))


def _is_recorded(part: Part) -> bool:
    return all(recipe["spec"]["kind"] == LOG_KIND for recipe in part.data.recipes)


def roads(log: str, source: str) -> str:
    """What names the roads of a log: in the built-in town, where two logs drive through each, the town."""
    return log.split("/")[0] if source == "town" else log


def _opened(folder: str, inputs: InputSpec, *, simulated: bool | None = None) -> Part:
    data = DataSet(folder)
    for spec in (recipe["spec"] for recipe in data.recipes):
        _check_spec(folder, spec, inputs, simulated=simulated)
    if not len(data):
        raise DataError(folder, found="no samples", expected="some", hint="Collect more clips.")
    cameras = data.recipe["spec"]["cameras"]
    return Part(data, range(len(data)), tuple(cameras.index(name) for name in inputs.cameras))


def _check_spec(folder: str, spec: Mapping[str, Any], inputs: InputSpec, *, simulated: bool | None) -> None:
    if simulated is not None and (spec["kind"] != LOG_KIND) != simulated:
        wanted = "simulated samples" if simulated else "recorded ones"
        raise ArgumentError(f"{folder}: samples of kind {spec['kind']!r}, expected {wanted}.")
    missing = [name for name in inputs.cameras if name not in spec["cameras"]]
    if missing or tuple(spec["image_size"]) != inputs.image_size:
        shown = InputSpec(tuple(spec["cameras"]), tuple(spec["image_size"]))
        raise ArgumentError(
            f"{folder}: pictures of {shown}, expected {inputs}, as the others and the planner have."
        )


def one_vocabulary(parts: Sequence[Part]) -> NDArray[np.float64]:
    """The poses ``[K, 40, 3]`` of the vocabulary whose scores all ``parts`` have; K is 0 where they have none.

    Raises:
        ArgumentError: They have not the same.
    """
    found = [part.data.vocabulary for part in parts]
    poses = [np.zeros((0, HORIZON_STEPS, 3)) if some is None else some.poses for some in found]
    for part, some in zip(parts, poses, strict=True):
        if not np.array_equal(some, poses[0]):
            raise ArgumentError(
                f"{part.data.folder}: scores of another vocabulary ({len(some)} trajectories) than "
                f"{parts[0].data.folder} ({len(poses[0])}). Collect both with the same --scores and --vocabulary."
            )
    return poses[0]


def _column(part: Part, name: str) -> list[str]:
    values = part.data.rows[name].to_pylist()
    return [values[index] for index in part.indices]


def _drawn_scenes(parts: Sequence[Part], count: int, seed: int) -> frozenset[str]:
    there = sorted({scene for part in parts for scene in _column(part, "scene")})
    if count > len(there):
        raise ArgumentError(f"scenes: {count}, expected {len(there)} at most, which is what the sets hold.")
    return frozenset(np.random.default_rng(seed).permutation(there)[:count].tolist())


def _of_scenes(part: Part, scenes: frozenset[str]) -> Part:
    named = zip(part.indices, _column(part, "scene"), strict=True)
    return replace(part, indices=[index for index, scene in named if scene in scenes])


def _of_one_expert(parts: Sequence[Part], seed: int) -> list[Part]:
    """The samples of one expert in each scene."""
    named = [list(zip(_column(part, "scene"), _column(part, "expert"), strict=True)) for part in parts]
    there: dict[str, set[str]] = {}
    for scene, expert in (pair for pairs in named for pair in pairs):
        there.setdefault(scene, set()).add(expert)
    rng = np.random.default_rng(seed)
    chosen = {(scene, rng.choice(sorted(experts))) for scene, experts in sorted(there.items())}
    return [
        replace(part, indices=[k for k, pair in zip(part.indices, pairs, strict=True) if pair in chosen])
        for part, pairs in zip(parts, named, strict=True)
    ]


def _drawn_samples(parts: Sequence[Part], count: int, seed: int) -> list[Part]:
    """The first ``count`` of one order of all samples."""
    places = [(n, index) for n, part in enumerate(parts) for index in part.indices]
    if count > len(places):
        raise ArgumentError(
            f"sim_ratio: asks for {count} simulated samples, expected {len(places)} at most, which is what there are. "
            "Collect more rounds, or lower it."
        )
    drawn = [places[k] for k in sorted(np.random.default_rng(seed).permutation(len(places))[:count])]
    return [
        replace(part, indices=[index for which, index in drawn if which == n]) for n, part in enumerate(parts)
    ]


def _check_roads(train: Sequence[Part], val: Sequence[Part]) -> None:
    learned, judged = (
        {
            roads(*pair)
            for part in parts
            for pair in zip(_column(part, "log"), _column(part, "source"), strict=True)
        }
        for parts in (train, val)
    )
    if both := sorted(learned & judged):
        raise ArgumentError(
            f"val: shares {len(both)} roads with the training sets ({both[0]}), expected none. Use another split."
        )
