"""What every export does: open a data set and its scenes, place its logs, claim a folder, work in several processes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simscale_gym.datagen.data_set import DataSet
from simscale_gym.datagen.navsim.places import Place, SharedMap, has_own_map, own_place
from simscale_gym.datagen.regeneration import spec_of
from simscale_gym.datagen.writing import held
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.cache import unwritable
from simscale_gym.scene import Scene
from simscale_gym.sources import SceneRef, find_scene, list_scenes, load_scene

CLAIM, MAPS = "export.json", "maps"

_SCRATCH = ".unfinished"


@dataclass(frozen=True, eq=False)
class Samples:
    """A data set with the scenes that it was made from.

    Attributes:
        data_set: The data set.
        refs: All scenes of its source.
        rows: What is said of each sample, by the id of its scene, in order.
    """

    data_set: DataSet
    refs: Sequence[SceneRef]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]

    @classmethod
    def of(cls, folder: str | os.PathLike[str], scenes: Sequence[Scene] | None = None) -> Samples:
        """Open the data set in ``folder``, which was made from ``scenes`` if those were in memory.

        Raises:
            DataError, ArgumentError: It is none, of another version, or its source is gone.
        """
        spec, data_set = spec_of(folder), DataSet(folder)
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for row in data_set.rows.to_pylist():
            rows.setdefault(row["scene"], []).append(row)
        return cls(data_set, list_scenes(spec.scenes if scenes is None else scenes, spec.split), rows)

    @property
    def digest(self) -> str:
        """What tells this data set from others."""
        return hashlib.sha256(json.dumps(self.data_set.recipe, sort_keys=True).encode()).hexdigest()

    def one_of_each_log(self) -> Iterator[Scene]:
        """A scene of each log."""
        for scene_id in {rows[0]["log"]: scene for scene, rows in self.rows.items()}.values():
            yield self.scene(scene_id)

    def scene(self, scene_id: str) -> Scene:
        """The scene called ``scene_id``."""
        return load_scene(find_scene(self.refs, scene_id), keep=False)


def place_logs(out: Path, scenes: Iterable[Scene]) -> dict[str, Place | str]:
    """The place of the log of each scene, or why there is none; maps that NAVSIM lacks become one, in ``maps``."""
    shared, places = SharedMap(), {}
    for scene in scenes:
        if has_own_map(scene):
            places[scene.log_id] = own_place(scene)
        elif why := shared.add(scene.log_id, scene.map):
            places[scene.log_id] = why
    return places | shared.write(out / MAPS)


@contextmanager
def claimed(out: Path, identity: Mapping[str, Any]) -> Iterator[None]:
    """Hold the folder ``out`` for the export that ``identity`` describes, begun before or not.

    Raises:
        ArgumentError: Another export lies there.
        DataError: Something else does, somebody else is at work, or it cannot be written.
    """
    with held(out):
        try:
            _claim(out, identity)
            yield
            shutil.rmtree(out / _SCRATCH, ignore_errors=True)
        except OSError as error:
            raise unwritable(out, error) from error


def _claim(out: Path, identity: Mapping[str, Any]) -> None:
    claim = out / CLAIM
    if claim.exists():
        if json.loads(claim.read_text(encoding="utf-8")) != identity:
            raise ArgumentError(f"{claim}: another export lies there. Name another folder.")
    elif any(out.iterdir()):
        hint = "Name a new folder."
        raise DataError(out, found="other files", expected="an empty folder or this export", hint=hint)
    else:
        with atomic_write(claim) as built:
            built.write_text(json.dumps(identity, indent=1) + "\n", encoding="utf-8")


def put(out: Path, name: str, content: bytes) -> None:
    """Write the file ``name`` of ``out`` in one step, built elsewhere: NAVSIM opens all that lies beside a log."""
    scratch, target = out / _SCRATCH / name.replace("/", "+"), out / name
    for path in (scratch, target):
        path.parent.mkdir(parents=True, exist_ok=True)
    scratch.write_bytes(content)
    os.replace(scratch, target)
