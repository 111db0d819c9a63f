"""The list of everything in a data set, made from what is there; verification against it, and repair."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simscale_gym.datagen.layout import (
    CARD,
    CARD_PICTURES,
    MANIFEST,
    POLICY,
    RECIPE,
    ROWS,
    SHARDS,
    VOCABULARY,
    parts_of,
    read_json,
    read_rows,
    write_json,
)
from simscale_gym.datagen.shard import stored_bytes
from simscale_gym.errors import DataError
from simscale_gym.files.digests import file_digest


@dataclass(frozen=True)
class Damage:
    """Something that is missing or broken.

    Attributes:
        file: Path inside the data set.
        key: Name of the sample, where one is broken; "" for the whole file.
        found: What is wrong.
    """

    file: str
    key: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}{self.key and f', sample {self.key}'}: {self.found}"


def write_manifest(folder: Path) -> None:
    """List every file with its size and SHA-256; shards by what their rows say, for they are large."""
    files: dict[str, dict[str, Any]] = {}
    samples = 0
    for path in sorted((folder / ROWS).glob("*.parquet")):
        head, rows = read_rows(path)
        samples += len(rows)
        files[f"{ROWS}/{path.name}"] = _entry(path)
        if head.shard_bytes:
            files[f"{SHARDS}/{path.stem}.tar"] = {"bytes": head.shard_bytes, "sha256": head.shard_sha256}
    others = (folder / name for name in (RECIPE, VOCABULARY, POLICY, CARD) if (folder / name).exists())
    for path in (*others, *sorted((folder / CARD_PICTURES).glob("[!.]*"))):
        files[path.relative_to(folder).as_posix()] = _entry(path)
    write_json(folder / MANIFEST, {"samples": samples, "files": files})


def verify(folder: str | os.PathLike[str]) -> Iterator[Damage]:
    """Everything that is missing or broken in a data set or a folder of some; nothing where all is as it was written.

    Raises:
        DataError: It is no data set, or one of another version, or its manifest is broken.
    """
    folder = Path(folder).absolute()
    for part in parts_of(folder):
        for damage in _damages(part):
            yield replace(damage, file=(part / damage.file).relative_to(folder).as_posix())


def _damages(folder: Path) -> Iterator[Damage]:
    read_json(folder / RECIPE)
    if not (folder / MANIFEST).exists():
        yield Damage(
            MANIFEST, "", "missing: the data set is not finished; give the command that began it again"
        )
        return
    listed = read_json(folder / MANIFEST)["files"]
    for name, entry in listed.items():
        yield from _file_damage(folder, name, entry)
    for place in (SHARDS, ROWS):
        for path in sorted((folder / place).glob("*")):
            if f"{place}/{path.name}" not in listed and not path.name.startswith("."):
                yield Damage(f"{place}/{path.name}", "", "not in the manifest")


def skipped_scenes(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Scenes of a data set that could not be used: path of their rows inside it, and which scene it is and why.

    Rows that are damaged tell nothing.
    """
    found: dict[str, str] = {}
    folder = Path(folder).absolute()
    for path in (path for part in parts_of(folder) for path in sorted((part / ROWS).glob("*.parquet"))):
        try:
            head, _ = read_rows(path)
        except DataError:
            continue
        if head.skipped:
            found[path.relative_to(folder).as_posix()] = f"scene {head.scene} was skipped: {head.skipped}"
    return found


def _file_damage(folder: Path, name: str, entry: dict[str, Any]) -> Iterator[Damage]:
    path = folder / name
    if not path.is_file():
        yield Damage(name, "", "missing")
    elif path.stat().st_size != entry["bytes"] or file_digest(path) != entry["sha256"]:
        yield Damage(name, "", f"not as it was written ({path.stat().st_size} of {entry['bytes']} bytes)")
        if name.startswith(SHARDS):
            yield from _sample_damage(folder, name)


def _sample_damage(folder: Path, name: str) -> Iterator[Damage]:
    """Samples of a broken shard that are broken."""
    try:
        _, rows = read_rows(folder / ROWS / f"{Path(name).stem}.parquet")
    except DataError:
        return  # named on its own
    for row in rows.to_pylist():
        if hashlib.sha256(stored_bytes(folder / name, row)).hexdigest() != row["sha256"]:
            yield Damage(name, row["key"], "not as it was written")


def _entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": file_digest(path)}
