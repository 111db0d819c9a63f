"""What is to be shown told apart: scenes, a data set, an evaluation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from simscale_gym.browser.drive_program import DrivePrograms
from simscale_gym.browser.sample_program import SamplePrograms
from simscale_gym.browser.scene_program import ScenePrograms
from simscale_gym.browser.subject import Program
from simscale_gym.datagen import DataSet
from simscale_gym.datagen.layout import RECIPE, parts_of
from simscale_gym.errors import DataError
from simscale_gym.evaluation import DriveRow, Evaluation, Suite, kept_drives
from simscale_gym.evaluation.kept_drives import EGOS, SUITE
from simscale_gym.scene import Scene
from simscale_gym.sources import find_scene, list_scenes

_PAGE, _SUMMARY = "index.html", "summary.json"
_TOWN_ID = re.compile(r"town-(\w+)-\d+/")


def open_program(
    shown: str | Path | Scene | Sequence[Scene] | DataSet | Evaluation,
    *,
    scene: str | None = None,
    split: str | None = None,
    scenes: str | Path | Sequence[Scene] | None = None,
    assets: Path | None = None,
) -> Program:
    """The subjects of whatever ``shown`` names (arguments as of :func:`simscale_gym.browser.view`).

    Raises:
        ArgumentError, DataError, SceneError: It is nothing that can be shown; the message says what can.
    """
    if isinstance(shown, Evaluation):
        return DrivePrograms(shown.suite, shown.drives, scenes, scene, "the evaluation")
    if isinstance(shown, DataSet):
        return SamplePrograms(shown, scene)
    if isinstance(shown, Scene):
        shown = [shown]
    if isinstance(shown, str | Path):
        town, folder = _TOWN_ID.match(str(shown)), Path(shown).expanduser()
        if town is not None:
            shown, scene, split = "town", str(shown), town[1]
        elif (folder / SUITE).is_file() or (folder / _SUMMARY).is_file():
            return DrivePrograms(*_drives(folder), scenes, scene, folder)
        elif (folder / _PAGE).is_file():
            hint = "Drives are kept by: simscale-gym evaluate --out DIR."
            raise DataError(folder, found="the page of an evaluation", expected="its drives", hint=hint)
        elif any((part / RECIPE).is_file() for part in parts_of(folder)):
            return SamplePrograms(DataSet(folder), scene)
    refs = list_scenes(shown, split or "train")
    first = 0 if scene is None else refs.index(find_scene(refs, scene))
    return ScenePrograms(refs, first, assets)


def _drives(folder: Path) -> tuple[Suite, list[DriveRow]]:
    if not (folder / EGOS).is_file():
        hint = "An older version wrote it: evaluate once more."
        raise DataError(folder, found=f"an evaluation without {EGOS}", expected="one with it", hint=hint)
    return kept_drives(folder)
