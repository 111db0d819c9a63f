"""A data set written in the format of other people's tools, with a bar, and what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from tqdm import tqdm

from simscale_gym.commands.data_settings import Export
from simscale_gym.datagen import DataSet
from simscale_gym.datagen.navsim import Exported, Pair, camera_note, export_navsim, export_two_stage
from simscale_gym.errors import ArgumentError


def run_export(settings: Export) -> None:
    """Export, show progress, and say what came of it.

    Raises:
        ArgumentError: A setting is missing or wrong.
        DataError, SceneError: The data set cannot be read, or the folder not be written.
    """
    console, data_set = Console(), DataSet(settings.folder)
    if note := camera_note(data_set.recipe["spec"]):
        console.print(note, highlight=False, markup=False)
    skipped: Counter[str] = Counter()
    with tqdm(unit="sample", desc="exporting") as bar:
        for items in _exported(settings):
            skipped.update(item.skipped for item in items)
            bar.update(len(items))
    left_out = "; ".join(f"{count} left out: {why}" for why, count in skipped.most_common() if why)
    console.print(f"{skipped['']} exported to {settings.out}. {left_out}", soft_wrap=True, markup=False)
    console.print(f"How to use them: {settings.out / 'README.md'}", soft_wrap=True, markup=False)


def _exported(settings: Export) -> Iterator[Sequence[Exported | Pair]]:
    if settings.format == "navsim":
        if settings.log is not None:
            raise ArgumentError("export: --log goes with --format navhard alone.")
        return export_navsim(settings.folder, settings.out, ahead=settings.ahead, workers=settings.workers)
    if settings.log is None:
        raise ArgumentError("export: --format navhard needs --log DIR, a data set of collect --kind log.")
    return export_two_stage(settings.folder, settings.log, settings.out, workers=settings.workers)
