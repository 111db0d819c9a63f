"""`asset.json`: what stands in the folder of a scene asset, read with an error for every field that is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from simscale_gym.errors import ArgumentError, DataError, shown
from simscale_gym.splats.assets.scene_asset import checked_rigid

FORMAT, VERSION = "simscale-gym scene asset", 1

MANIFEST = "asset.json"

MAX_BYTES = 2**26


@dataclass(frozen=True)
class ManifestFields:
    """An object of the manifest, and its place.

    Attributes:
        path: The file.
        place: Keys that lead here, with dots.
        values: The object.
    """

    path: Path
    place: str
    values: dict[str, Any]

    def at(self, key: str) -> str:
        """The place of a key, for errors."""
        return f"{self.place}.{key}" if self.place else key

    def _wrong(self, key: str, expected: str) -> DataError:
        found = shown(self.values[key], 80) if key in self.values else "no such field"
        return DataError(self.path, field=self.at(key), found=found, expected=expected)

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(key) is not None

    def text(self, key: str) -> str:
        """A field of text."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "text")
        return value

    def choice(self, key: str, among: tuple[str, ...]) -> str:
        """A field of text that must be one of `among`."""
        if self.values.get(key) not in among:
            raise self._wrong(key, f"one of {', '.join(among)}")
        return self.values[key]

    def flag(self, key: str) -> bool:
        """A field that is true or false."""
        if not isinstance(self.values.get(key), bool):
            raise self._wrong(key, "true or false")
        return self.values[key]

    def count(self, key: str) -> int:
        """A field that is a whole number of at least 0."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(key, "a whole number of at least 0")
        return value

    def numbers(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        """A field of finite numbers, nested as `shape` says, as float64."""
        try:
            value = np.array(self.values.get(key), np.float64)
        except (ValueError, TypeError, OverflowError):
            value = np.zeros(0)
        if value.shape != shape or not np.isfinite(value).all():
            raise self._wrong(key, f"finite numbers of shape {shape}")
        return value

    def rigid(self, key: str) -> np.ndarray:
        """A rigid transform `[4, 4]`."""
        try:
            return checked_rigid(key, self.numbers(key, (4, 4)))
        except ArgumentError:
            raise self._wrong(key, "a rigid transform, 4 by 4") from None

    def file(self, key: str) -> Path:
        """A file of the folder, named from there with slashes."""
        name = self.text(key)
        pure = PurePosixPath(name)
        strange = not name or "\\" in name or ":" in name or "\0" in name
        if strange or pure.is_absolute() or ".." in pure.parts:
            raise self._wrong(key, "the name of a file inside the folder")
        path = self.path.parent / pure
        if len(name) > 255 or not path.is_file():
            raise DataError(
                self.path, field=self.at(key), found=f"{name!r:.80}, which is no file", expected="a file"
            )
        return path

    def part(self, key: str) -> ManifestFields:
        """The object under a key."""
        if not isinstance(self.values.get(key), dict):
            raise self._wrong(key, "an object")
        return ManifestFields(self.path, self.at(key), self.values[key])

    def parts(self, key: str) -> Iterator[ManifestFields]:
        """The objects of the list under a key."""
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list of objects")
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise DataError(
                    self.path,
                    field=f"{self.at(key)}[{index}]",
                    found=type(item).__name__,
                    expected="an object",
                )
            yield ManifestFields(self.path, f"{self.at(key)}[{index}]", item)


def read_manifest(folder: Path) -> ManifestFields:
    """Reads `asset.json` of a folder.

    Raises:
        DataError: There is none, it is no JSON, of another kind or of a later version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        hint = "Make one with: simscale-gym splats convert FILE FOLDER"
        raise DataError(folder, found=f"no {MANIFEST}", expected="the folder of a scene asset", hint=hint)
    if path.stat().st_size > MAX_BYTES:
        raise DataError(path, found=f"{path.stat().st_size} bytes", expected=f"at most {MAX_BYTES} bytes")
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(path, found=f"no JSON ({error})"[:120], expected="a file of JSON") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = shown(values.get("format")) if isinstance(values, dict) else type(values).__name__
        raise DataError(path, field="format", found=found, expected=repr(FORMAT))
    fields = ManifestFields(path, "", values)
    if fields.count("version") != VERSION:
        hint = "Update simscale-gym, or convert the asset again."
        raise DataError(path, field="version", found=str(values["version"]), expected=str(VERSION), hint=hint)
    return fields
