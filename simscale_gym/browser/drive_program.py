"""Drives of an evaluation: how planners drove in closed loop, and how that was scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simscale_gym.browser.subject import DrawnWay, Subject
from simscale_gym.errors import DataError
from simscale_gym.evaluation import DriveRow, Suite, drive_states
from simscale_gym.evaluation.queries import checked_scene, suite_refs
from simscale_gym.evaluation.worst import reasons_of
from simscale_gym.scene import Scene
from simscale_gym.viewer.bev import LOG


class DrivePrograms:
    """Drives of planners, worst first.

    Args:
        suite: The suite that they belong to.
        drives: The drives.
        scenes: Folder of the scenes, or the scenes, for suites that are not of the town.
        scene: Id of the scene whose worst drive is shown first; that of any if None.
        where: Folder that holds them, for messages.

    Raises:
        DataError: There is none, or none in that scene.
        SceneError: The scenes are not there.
    """

    kind = "drive"

    def __init__(
        self,
        suite: Suite,
        drives: Sequence[DriveRow],
        scenes: str | Path | Sequence[Scene] | None,
        scene: str | None,
        where: object,
    ) -> None:
        kept = sorted((row for row in drives if row.egos), key=lambda row: row.score)
        ids = [row.scene for row in kept]
        if not kept or (scene is not None and scene not in ids):
            found = f"drives in {len(set(ids))} scenes, none in {scene}" if kept else "no drives"
            hint = "Evaluate with --parts drives, or name a scene that it has."
            raise DataError(where, found=found, expected="a drive in closed loop", hint=hint)
        self._suite, self._rows = suite, kept
        refs = suite_refs(suite, str(scenes) if isinstance(scenes, Path) else scenes)
        self._refs = {pinned.id: (pinned, ref) for pinned, ref in zip(suite.scenes, refs, strict=True)}
        self.first = 0 if scene is None else ids.index(scene)
        self.titles = [_title(row) for row in kept]

    def open(self, index: int) -> Subject:
        """Drive ``index``, the others as they answered it."""
        row = self._rows[index]
        pinned, ref = self._refs[row.scene]
        scene = checked_scene(self._suite, pinned, ref)
        states = drive_states(scene, self._suite, row)
        way = DrawnWay("recorded way", scene.ego.poses, LOG)
        first = len(states) - 1 - round(row.seconds * 10)
        return Subject(
            _title(row),
            scene,
            states,
            ref,
            self._suite.traffic,
            False,
            first=first,
            ways=(way,),
            notes=_notes(row),
        )


def _title(row: DriveRow) -> str:
    return (
        f"{row.planner}, {row.scene}, drive {row.drive}"
        + (f", training {row.seed}" if row.seed else "")
        + (f": EPDMS {row.score:.2f}, {row.ending.replace('_', ' ')}")
    )


def _notes(row: DriveRow) -> str:
    why = ", ".join(reasons_of(dict(row.scores))) or "nothing to say against it"
    head = [
        f"- {row.seconds:.1f} s, ended by {row.ending.replace('_', ' ')}",
        f"- {why}",
        "",
        "| | |",
        "|---|---|",
    ]
    scores = row.scores | {"EPDMS": row.score}
    return "\n".join([*head, *(f"| {code.upper()} | {value:.2f} |" for code, value in scores.items())])
