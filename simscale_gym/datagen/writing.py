"""A data set written scene by scene, so that nothing is lost or doubled whenever it is broken off."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, get_args

from simscale_gym import __version__
from simscale_gym.agents.agent import Agent
from simscale_gym.datagen.card import write_card
from simscale_gym.datagen.identity import inputs_digest
from simscale_gym.datagen.layout import (
    CARD_PICTURES,
    MANIFEST,
    POLICY,
    RECIPE,
    ROWS,
    SHARDS,
    VOCABULARY,
    parquet,
    read_json,
    read_rows,
    rows_name,
    shard_name,
    write_json,
)
from simscale_gym.datagen.manifest import write_manifest
from simscale_gym.datagen.opened_spec import OpenSpec, SceneTask, no_clips
from simscale_gym.datagen.runners import Runner
from simscale_gym.datagen.scene_shard import SceneReport, Unusable, write_scene
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.atomic_write import BUILD_PREFIX, atomic_write, discard, remove_dead_builds
from simscale_gym.files.claims import claimed
from simscale_gym.scene import Scene


def write_data_set(
    folder: str | os.PathLike[str],
    spec: DataSpec,
    *,
    workers: int | None = None,
    runner: str = "local",
    ray_address: str | None = None,
    unusable: Unusable = "skip",
    scenes: Sequence[Scene] | None = None,
    agent: Agent | None = None,
) -> Iterator[SceneReport]:
    """Write the data set of ``spec`` into ``folder``, or what is missing of it; its scenes as they are done.

    What comes out depends on the spec alone, byte for byte: not on who works, nor on how often it was broken off. A
    scene counts as done once its rows are there, which are written behind its shard. Whoever works on a scene writes
    it, so machines of a cluster must share the folder.

    Args:
        folder: Folder of the data set; made if absent.
        spec: What it is to hold.
        workers: Processes; None for one per core.
        runner: "local" or "ray", see :class:`simscale_gym.datagen.runners.Runner`.
        ray_address: Address of the Ray cluster.
        unusable: Whether a scene that cannot be used is skipped, with its reason in the head of its rows, or stops the
            run, also where it was skipped before.
        scenes: Scenes in memory, instead of those that the spec names.
        agent: Who drives rollouts, where the spec's policy is "given". It is known again by how it is pickled.

    Raises:
        ArgumentError: The folder holds the data set of another spec, version or source, or there is no such policy.
        PolicyError: The policy failed while it drove; what was written stays.
        DataError: It holds something else, is being written by another process, or cannot be written.
        SceneError: No scene has a clip.
        DataError, SceneError: A scene cannot be used, where that is to stop the run.
    """
    who = Runner(runner, workers, ray_address)
    if unusable not in get_args(Unusable):
        raise ArgumentError(f"unusable: {unusable!r}, expected one of {', '.join(get_args(Unusable))}.")
    folder = Path(folder).absolute()
    parquet()
    with held(folder):
        opened = OpenSpec.of(spec, scenes, agent)
        _claim(folder, opened)
        tasks, clips, skipped = list(opened.tasks()), 0, ""
        for report in _reports(folder, tasks, opened, who, unusable):
            clips, skipped = clips + report.head.clips, skipped or report.head.skipped
            yield report
        if not clips:
            raise no_clips(spec, len(opened.refs), skipped)
        write_card(folder, opened.spec)
        write_manifest(folder)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep all other collectors off ``folder``; the system lets go of it where this process dies.

    Raises:
        DataError: Another one is at work there, or there can be no such folder.
    """
    with claimed(folder) as mine:
        if not mine:
            raise DataError(
                folder,
                found="another collector at work",
                expected="one at a time",
                hint="Wait for it, or end it.",
            )
        yield


def is_done(folder: Path, task: SceneTask, unusable: Unusable = "skip") -> bool:
    """Whether a scene has its rows, and its shard the size that they say.

    One that was skipped is not done where its files are others by now, or such scenes are to stop the run.

    Raises:
        DataError: Its samples were made from other files.
    """
    rows, shard = folder / rows_name(task.index), folder / shard_name(task.index)
    if not rows.exists():
        return False
    size = shard.stat().st_size if shard.exists() else 0
    head = read_rows(rows)[0]
    made_from = inputs_digest(task.ref)
    if head.skipped:
        return unusable == "skip" and head.made_from == made_from
    if head.made_from != made_from:
        raise DataError(
            rows,
            field=task.ref.id,
            found="samples that were made from other files of the scene",
            expected="those that its source has now",
            hint="Bring the files back, or collect into another folder.",
        )
    return head.shard_bytes == size


def _claim(folder: Path, opened: OpenSpec) -> None:
    """Write the recipe into an empty folder, or hold the one that is there against the spec.

    A recipe without the rows of any scene gives way: whoever mistyped a setting types it again.
    """
    identity = {"version": __version__, **opened.identity()}
    policy = opened.driver.file.read_bytes() if opened.driver and opened.driver.file else None
    for place in (folder, folder / ROWS, folder / SHARDS, folder / CARD_PICTURES):
        if place.exists():
            remove_dead_builds(place)
    if (folder / RECIPE).exists():
        found = read_json(folder / RECIPE)
        differing = next((name for name in identity if found.get(name) != identity[name]), "")
        if not differing:
            _keep_vocabulary(folder, opened)
            return
        if any((folder / ROWS).glob("*.parquet")):
            raise _other_recipe(folder, differing, found.get(differing), identity[differing])
        for name in (SHARDS, POLICY):
            discard(folder / name)
    elif others := sorted(item.name for item in folder.iterdir() if not _may_be(item.name)):
        some = ", ".join(others[:3]) + (", .." if len(others) > 3 else "")
        raise DataError(
            folder,
            found=f"other files ({some})",
            expected="an empty folder or a data set",
            hint="Name another.",
        )
    if policy is not None:
        with atomic_write(folder / POLICY) as built:
            built.write_bytes(policy)
    write_json(folder / RECIPE, identity)
    _keep_vocabulary(folder, opened)


def _keep_vocabulary(folder: Path, opened: OpenSpec) -> None:
    if opened.scored is not None and not (folder / VOCABULARY).exists():
        opened.scored.save(folder / VOCABULARY)


def _may_be(name: str) -> bool:
    """Whether a run that was killed before it wrote its recipe can have left the file ``name``."""
    return name.startswith(BUILD_PREFIX) or name == POLICY


def _other_recipe(folder: Path, name: str, found: object, expected: object) -> ArgumentError:
    """The error that says in what a data set differs from what was asked for."""
    if isinstance(found, dict) and isinstance(expected, dict):
        name, found, expected = next(
            (key, found.get(key), value) for key, value in expected.items() if found.get(key) != value
        )
    return ArgumentError(
        f"{folder / RECIPE}: {name} is {str(found)[:80]}, asked for was {str(expected)[:80]}. A data set has one "
        "recipe: name another folder, or ask for what this one holds."
    )


def _reports(
    folder: Path, tasks: Sequence[SceneTask], opened: OpenSpec, runner: Runner, unusable: Unusable
) -> Iterator[SceneReport]:
    """Scenes that are done already, then the others as they are done."""
    left = []
    for task in tasks:
        if is_done(folder, task, unusable):
            head, rows = read_rows(folder / rows_name(task.index))
            yield SceneReport(task.index, len(rows), head, 0.0)
        else:
            left.append(task)
    if left:
        (folder / MANIFEST).unlink(missing_ok=True)
    yield from runner.map(
        _write, _Job(folder, opened, __version__, runner.threads(len(left)), unusable), left
    )


class _Job(NamedTuple):
    """What all scenes of a run have in common."""

    folder: Path
    opened: OpenSpec
    version: str
    threads: int
    unusable: Unusable


def _write(job: _Job, task: SceneTask) -> SceneReport:
    """Write a scene, on whichever machine this is.

    Raises:
        DataError: The folder is not here, or this machine has another version.
    """
    machine = platform.node()
    if not (job.folder / RECIPE).exists():
        raise DataError(
            job.folder,
            found=f"no data set at this path on {machine}",
            expected="the folder that the run was begun with",
            hint="Name one on a file system that all machines share at the same path.",
        )
    if __version__ != job.version:
        raise DataError(
            job.folder,
            found=f"simscale-gym {__version__} on {machine}",
            expected=f"{job.version}, as where the run was begun",
            hint="Install the same version on all machines.",
        )
    return write_scene(job.folder, task, job.opened, job.threads, job.unusable)
