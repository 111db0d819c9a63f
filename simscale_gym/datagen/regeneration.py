"""Samples and files of a data set made again, from nothing but what it says of itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath
from typing import Any

from simscale_gym import __version__
from simscale_gym.agents.agent import Agent
from simscale_gym.agents.named_agents import AGENTS
from simscale_gym.datagen.data_set import DataSet
from simscale_gym.datagen.layout import (
    CARD,
    CARD_PICTURES,
    MANIFEST,
    POLICY,
    RECIPE,
    ROWS,
    SHARDS,
    parts_of,
    read_json,
    rows_name,
    shard_name,
)
from simscale_gym.datagen.manifest import Damage, skipped_scenes
from simscale_gym.datagen.opened_spec import OpenSpec, SceneTask
from simscale_gym.datagen.rollout_spec import GIVEN
from simscale_gym.datagen.sample import DataSample
from simscale_gym.datagen.scene_samples import SceneSamples
from simscale_gym.datagen.scene_shard import SceneReport
from simscale_gym.datagen.shard import decoded_sample, sample_bytes
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.datagen.tape import PERSON
from simscale_gym.datagen.writing import write_data_set
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.atomic_write import discard
from simscale_gym.scene import Scene
from simscale_gym.sources import find_scene


def spec_of(folder: str | os.PathLike[str]) -> DataSpec:
    """What a data set was asked to hold.

    Raises:
        DataError: It is no data set, or one of another version.
    """
    path = Path(folder) / RECIPE
    recipe = read_json(path)
    if recipe["version"] != __version__:
        raise DataError(
            path,
            field="version",
            found=f"{recipe['version']}"[:60],
            expected=__version__,
            hint="Samples can be made again by the version that made them.",
        )
    return DataSpec.from_plain(recipe["spec"]).in_folder(Path(folder))


def repair(
    folder: str | os.PathLike[str],
    damages: Sequence[Damage],
    *,
    workers: int | None = None,
    scenes: Sequence[Scene] | None = None,
    policy: str | Agent | None = None,
) -> Iterator[SceneReport]:
    """Make again what is damaged, try again what was skipped, and nothing else; its scenes as they are done.

    A scene that was skipped and can be used by now comes on top of the clips that were asked for.

    Args:
        folder: Folder of the data set, or of several.
        damages: What :func:`simscale_gym.datagen.verify` named.
        workers: Processes; None for one per core.
        scenes: The scenes, where the data set is of scenes in memory.
        policy: Of rollouts, the policy, if it is not one of this package: its name once more, so that nothing is run
            because a file says so; or the agent that was handed over.

    Raises:
        ArgumentError: The policy is not named.
        DataError: What came out is not what was written before, or a policy's file is damaged.
    """
    folder = Path(folder).absolute()
    for part in parts_of(folder):
        inside = part.relative_to(folder)
        names = {PurePosixPath(damage.file) for damage in damages}
        own = {str(name.relative_to(inside)) for name in names if name.is_relative_to(inside)}
        if own or skipped_scenes(part):
            yield from _repaired(part, own, workers, scenes, policy)


def _repaired(
    folder: Path,
    names: Set[str],
    workers: int | None,
    scenes: Sequence[Scene] | None,
    policy: str | Agent | None,
) -> Iterator[SceneReport]:
    spec = spec_of(folder)
    agent = _trusted(spec, policy)
    if POLICY in names:
        raise DataError(
            folder / POLICY,
            found="another file than the policy was loaded from, or none",
            expected=f"the one that {MANIFEST} names",
            hint="Put it back: it cannot be made again.",
        )
    before = read_json(folder / MANIFEST)["files"] if (folder / MANIFEST).exists() else {}
    skipped = set(skipped_scenes(folder))
    for name in sorted(names - {RECIPE} | skipped):
        for broken in _scene_files(name):
            discard(folder / broken)
    reports = write_data_set(folder, spec, workers=workers, scenes=scenes, agent=agent)
    yield from (report for report in reports if report.seconds)
    after = read_json(folder / MANIFEST)["files"]
    for name, entry in before.items():
        told = name in skipped or (skipped and (name == CARD or name.startswith(f"{CARD_PICTURES}/")))
        if not told and after.get(name) != entry:
            raise DataError(
                folder / name,
                found="other bytes than were written at first",
                expected="the same ones",
                hint="The scenes, or the versions of numpy, pillow or pyarrow are others than then.",
            )


def regenerate(
    data_set: DataSet,
    row: Mapping[str, Any],
    *,
    scenes: Sequence[Scene] | None = None,
    policy: str | Agent | None = None,
) -> DataSample:
    """The sample of ``row``, made again from the scene: bit for bit what the shard holds.

    Args:
        data_set: The data set.
        row: The sample's row.
        scenes: The scenes, where the data set is of scenes in memory.
        policy: As for :func:`repair`.

    Raises:
        ArgumentError: The policy is not named.
        DataError: What came out is not what was written.
    """
    spec = spec_of((data_set.folder / row["shard"]).parents[1])
    opened = OpenSpec.of(spec, scenes, _trusted(spec, policy))
    index = int(PurePosixPath(row["shard"]).stem)
    task = SceneTask(index, find_scene(opened.refs, row["scene"]), None)
    made = next(
        (s for s in SceneSamples(task, opened).samples([row["frame"]]) if s.row["key"] == row["key"]), None
    )
    place = data_set.folder / row["shard"]
    if made is None:
        raise DataError(place, field=row["key"], found="no such sample any more", expected="the same one")
    return decoded_sample(place, row, sample_bytes(made, spec.suffix, spec.quality))


def _trusted(spec: DataSpec, policy: str | Agent | None) -> Agent | None:
    """The agent to be handed over, if any; a policy that is code must have been named."""
    if spec.rollout is None or not isinstance(policy, str | None):
        return policy
    name = spec.rollout.policy
    if name not in (*AGENTS, GIVEN, PERSON, policy):
        raise ArgumentError(
            f"policy: the data set was driven by {name!r}, which is code of somebody's; name it (--policy {name}) to "
            f"have it run (found {policy!r})."
        )
    return None


def _scene_files(name: str) -> tuple[str, ...]:
    """The files that are made together with ``name``."""
    path = PurePosixPath(name)
    if str(path.parent) in (SHARDS, ROWS) and path.stem.isdecimal():
        return shard_name(int(path.stem)), rows_name(int(path.stem))
    return (name,)
