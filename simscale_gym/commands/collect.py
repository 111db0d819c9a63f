"""The search without the writing: what a data set would hold, and where the other candidates were rejected."""

from __future__ import annotations

from rich.console import Console
from tqdm import tqdm

from simscale_gym.agents.experts import needs_bank
from simscale_gym.commands.settings import Collect
from simscale_gym.datagen import collect, explain, make_recipe, stage_table, summary, yield_table
from simscale_gym.errors import ArgumentError
from simscale_gym.futures_bank import town_futures_path
from simscale_gym.perturbation import AlgorithmConfig, Telemetry, load_vocabulary
from simscale_gym.sources import list_scenes


def run_collect(settings: Collect) -> Telemetry:
    """Search, show progress, print the tables and, where little came of it, why.

    Raises:
        ArgumentError: It is no dry run, or a setting is wrong.
        DataError, SceneError: There is nothing to search in.
    """
    if not settings.dry_run:
        raise ArgumentError(
            "collect: writing data sets is not in this version; add --dry-run to see what they would hold."
        )
    console = Console()
    vocabulary = None if settings.vocabulary is None else load_vocabulary(settings.vocabulary)
    refs = list_scenes(settings.scenes, settings.split)
    if (vocabulary is None or any(map(needs_bank, settings.experts))) and not town_futures_path().exists():
        console.print("first use: simulating the town and compiling (minutes; later runs start in seconds)")
    recipe = make_recipe(
        refs,
        settings.experts,
        vocabulary=vocabulary,
        traffic=settings.traffic,
        config=AlgorithmConfig(rounds=settings.rounds, stride=settings.stride),
        seed=settings.seed,
        min_render_quality=settings.min_render_quality,
        assets=settings.assets,
    )
    total, seconds = Telemetry(), []
    with tqdm(total=settings.clips, unit="clip", desc="searching") as bar:
        for outcome in collect(refs, recipe, clips=settings.clips, workers=settings.workers):
            total.add(outcome.telemetry)
            seconds.append(outcome.seconds)
            bar.update()
            bar.set_postfix({name: total.accepted(name) for name in recipe.experts})
    console.print(yield_table(total, recipe.experts, recipe.config.rounds))
    console.print(stage_table(total, recipe.experts))
    console.print(summary(total, seconds))
    for line in explain(total, recipe.experts):
        console.print(line, highlight=False, markup=False)
    return total
