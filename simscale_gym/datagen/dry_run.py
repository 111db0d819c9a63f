"""The search without the writing: what a data set would yield, and what ate the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

from simscale_gym.agents.experts import needs_bank
from simscale_gym.datagen.advice import explain
from simscale_gym.datagen.collection import collect, make_recipe
from simscale_gym.datagen.yield_table import stage_table, summary, yield_table
from simscale_gym.futures_bank import town_futures_path
from simscale_gym.perturbation import AlgorithmConfig, Telemetry, load_vocabulary
from simscale_gym.sources import list_scenes


@dataclass(frozen=True)
class DryRun:
    """What to search.

    Attributes:
        scenes: "town", or a path to a nuPlan data set or ScenarioDescription files.
        split: train, val, test or hard.
        experts: Names of the sources of labels.
        clips: How many at most; None for all.
        vocabulary: File of trajectories; None for clusters of the source's own futures.
        traffic: Name of the traffic model.
        seed: Of the order of trial.
        workers: Processes.
        config: Of the algorithm.
        min_render_quality: Score that the worst picture of a sample must have; at 0 nothing is drawn.
        assets: Trained scenes, as of the environment.
    """

    scenes: str
    split: str
    experts: Sequence[str]
    clips: int | None
    vocabulary: Path | None
    traffic: str
    seed: int
    workers: int
    config: AlgorithmConfig
    min_render_quality: float = 0.0
    assets: Path | None = None


def run_dry(job: DryRun) -> Telemetry:
    """Search, show progress, print the tables and, where little came of it, why."""
    console = Console()
    vocabulary = None if job.vocabulary is None else load_vocabulary(job.vocabulary)
    refs = list_scenes(job.scenes, job.split)
    if (vocabulary is None or any(map(needs_bank, job.experts))) and not town_futures_path().exists():
        console.print("first use: simulating the town and compiling (minutes; later runs start in seconds)")
    recipe = make_recipe(
        refs,
        job.experts,
        vocabulary=vocabulary,
        traffic=job.traffic,
        config=job.config,
        seed=job.seed,
        min_render_quality=job.min_render_quality,
        assets=job.assets,
    )
    total, seconds = Telemetry(), []
    with tqdm(total=job.clips, unit="clip", desc="searching") as bar:
        for outcome in collect(refs, recipe, clips=job.clips, workers=job.workers):
            total.add(outcome.telemetry)
            seconds.append(outcome.seconds)
            bar.update()
            bar.set_postfix({name: total.accepted(name) for name in recipe.experts})
    console.print(yield_table(total, recipe.experts, job.config.rounds))
    console.print(stage_table(total, recipe.experts))
    console.print(summary(total, seconds))
    for line in explain(total, recipe.experts):
        console.print(line, highlight=False, markup=False)
    return total
