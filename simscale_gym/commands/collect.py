"""A data set written, or only searched for: what it would hold, and where the other candidates were rejected."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

from simscale_gym.agents.experts import needs_bank
from simscale_gym.commands.data_settings import Collect, Rollout
from simscale_gym.datagen import (
    DataSpec,
    RolloutSpec,
    SceneReport,
    collect,
    ends_of_rollouts,
    explain,
    make_recipe,
    skip_reason,
    stage_table,
    summary,
    write_data_set,
    yield_table,
)
from simscale_gym.datagen.drives import LOG
from simscale_gym.errors import ArgumentError
from simscale_gym.futures_bank import town_futures_path
from simscale_gym.perturbation import Telemetry, load_vocabulary
from simscale_gym.sources import list_scenes


def run_collect(settings: Collect) -> Telemetry:
    """Search or write, show progress, print the tables and, where little came of it, why.

    Raises:
        ArgumentError: Neither a folder nor a dry run is asked for, or a setting is wrong.
        DataError, SceneError: There is nothing to search in, or the folder cannot be written.
    """
    if (settings.out is None) != settings.dry_run:
        raise ArgumentError(
            "collect: expected either --out DIR, to write a data set, or --dry-run, to only search."
        )
    console, spec = Console(), _spec(settings)
    searching = spec.kind == "perturbed"
    if not searching and settings.dry_run:
        raise ArgumentError(f"collect: --kind {spec.kind} searches nothing; give it --out DIR.")
    if settings.dry_run and settings.runner != "local":
        raise ArgumentError(f"collect: --runner {settings.runner} writes; give it --out DIR.")
    banked = settings.vocabulary is None or any(map(needs_bank, settings.experts))
    if spec.kind != "log" and banked and not town_futures_path().exists():
        console.print("first use: simulating the town and compiling (minutes; later runs start in seconds)")
    total = _dry_run(settings, spec, console) if settings.dry_run else _written(settings, spec, console)
    if searching:
        console.print(yield_table(total, spec.experts, spec.rounds))
    if searching or spec.visible_only or spec.challenging:
        console.print(stage_table(total, spec.experts if searching else (LOG,)))
    if searching:
        for line in explain(total, spec.experts):
            console.print(line, highlight=False, markup=False)
    if spec.kind == "rollout":
        console.print(ends_of_rollouts(total))
    return total


def _spec(settings: Collect) -> DataSpec:
    """The spec that the settings name; paths are absolute, so that a data set knows its source from anywhere."""
    values = {item.name: getattr(settings, item.name) for item in fields(DataSpec)}
    values["rollout"] = _rollout(settings)
    for name in ("vocabulary", "assets"):
        values[name] = None if values[name] is None else str(values[name].expanduser().absolute())
    if Path(settings.scenes).expanduser().exists() and settings.scenes != "town":
        values["scenes"] = str(Path(settings.scenes).expanduser().absolute())
    return DataSpec(**values)


def _rollout(settings: Collect) -> RolloutSpec | None:
    told = settings.rollout
    if settings.kind != "rollout":
        if told != Rollout():
            raise ArgumentError(
                f"collect: settings of a policy beside --kind {settings.kind}; it takes none."
            )
        return None
    if told.policy is None:
        raise ArgumentError("collect: --kind rollout needs a --policy, such as expert:planner.")
    file = None if told.policy_file is None else str(told.policy_file.expanduser().absolute())
    return RolloutSpec(**vars(told) | {"policy_file": file})


def _dry_run(settings: Collect, spec: DataSpec, console: Console) -> Telemetry:
    refs = list_scenes(settings.scenes, settings.split, unreadable=True)
    recipe = make_recipe(
        refs,
        settings.experts,
        vocabulary=None if settings.vocabulary is None else load_vocabulary(settings.vocabulary),
        traffic=settings.traffic,
        config=spec.algorithm,
        seed=settings.seed,
        min_render_quality=settings.min_render_quality,
        visible_only=settings.visible_only,
        cameras=settings.cameras,
        image_size=settings.image_size,
        assets=settings.assets,
    )
    total, seconds, scenes, skipped = Telemetry(), [], set(), []
    with tqdm(total=settings.clips, unit="clip", desc="searching") as bar:
        skip = None if settings.unusable == "stop" else lambda *unusable: skipped.append(unusable)
        for outcome in collect(refs, recipe, clips=settings.clips, workers=settings.workers, skip=skip):
            total.add(outcome.telemetry)
            seconds.append(outcome.seconds)
            scenes.add(outcome.scene)
            bar.update()
            bar.set_postfix({name: total.accepted(name) for name in recipe.experts})
    console.print(summary(total, seconds))
    for _ in scenes:
        total.one("scene")
    for ref, error in skipped:
        total.one("scene", skip_reason(error))
        _say_skipped(console, ref.id, str(error))
    return total


def _written(settings: Collect, spec: DataSpec, console: Console) -> Telemetry:
    total, samples, began = Telemetry(), 0, time.perf_counter()
    for report in _progress(settings, spec):
        total.add(report.head.telemetry)
        samples += report.samples
        if report.head.skipped:
            _say_skipped(console, report.head.scene, report.head.skipped)
    took = time.perf_counter() - began
    console.print(
        f"{samples} samples in {settings.out}, {took:.0f} s", soft_wrap=True, highlight=False, markup=False
    )
    return total


def _say_skipped(console: Console, scene: str, why: str) -> None:
    console.print(f"scene {scene} was skipped: {why}", soft_wrap=True, highlight=False, markup=False)


def _progress(settings: Collect, spec: DataSpec) -> Iterator[SceneReport]:
    """Scenes as they are done, with a bar of clips, or of scenes where all their clips are asked for."""
    by_clip = spec.clips is not None
    total = spec.clips if by_clip else len(list_scenes(spec.scenes, spec.split, unreadable=True))
    new, samples, clips, began = 0, 0, 0, time.perf_counter()
    with tqdm(total=total, unit="clip" if by_clip else "scene", desc="collecting") as bar:
        workers = {name: getattr(settings, name) for name in ("workers", "runner", "ray_address", "unusable")}
        for report in write_data_set(settings.out, spec, **workers):
            samples, clips = samples + report.samples, clips + report.head.clips
            new += report.samples if report.seconds else 0
            rate = new / (time.perf_counter() - began)
            bar.update(report.head.clips if by_clip else 1)
            bar.set_postfix_str(
                f"{samples} samples, {samples / max(clips, 1):.2f} a clip, {rate:.2f} samples/s"
            )
            yield report
