"""A data set held against its manifest, and mended."""

from __future__ import annotations

from rich.console import Console
from tqdm import tqdm

from simscale_gym.commands.data_settings import Verify
from simscale_gym.datagen import repair, skipped_scenes, verify


def run_verify(settings: Verify) -> bool:
    """Name what is missing, broken or was skipped, mend it if asked to; whether all is as it was written in the end.

    Raises:
        DataError: It is no data set, or what was made again differs.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    damages = list(verify(settings.folder))
    for damage in damages:
        console.print(str(damage))
    skipped = skipped_scenes(settings.folder)
    for told in skipped.values():
        console.print(told)
    if (damages or skipped) and settings.repair:
        made = repair(settings.folder, damages, workers=settings.workers, policy=settings.policy)
        for _ in tqdm(made, unit="scene", desc="repairing"):
            pass
        damages = list(verify(settings.folder))
    if damages:
        console.print(f"{settings.folder}: {len(damages)} damages; mend them with --repair.")
    else:
        console.print(f"{settings.folder}: every file is as it was written.")
    return not damages
