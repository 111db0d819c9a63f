"""`asset.json`: what stands in the folder of a scene asset, read with an error for every field that is wrong."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import numpy as np

from simscale_gym.errors import ArgumentError, DataError, shown
from simscale_gym.files.fields import Fields
from simscale_gym.splats.assets.scene_asset import checked_rigid

FORMAT, VERSION = "simscale-gym scene asset", 1

MANIFEST = "asset.json"

MAX_BYTES = 2**26


def rigid_of(fields: Fields, key: str) -> np.ndarray:
    """The rigid transform `[4, 4]` under a key."""
    try:
        return checked_rigid(key, fields.array(key, (4, 4), finite=True))
    except ArgumentError:
        raise fields.error(key, shown(fields.values[key], 80), "a rigid transform, 4 by 4") from None


def file_of(fields: Fields, key: str) -> Path:
    """The file of the folder that a key names, from there with slashes."""
    name = fields.text(key)
    pure = PurePosixPath(name)
    strange = not name or "\\" in name or ":" in name or "\0" in name
    if strange or pure.is_absolute() or ".." in pure.parts:
        raise fields.error(key, shown(name, 80), "the name of a file inside the folder")
    path = fields.path.parent / pure
    if len(name) > 255 or not path.is_file():
        raise fields.error(key, f"{name!r:.80}, which is no file", "a file")
    return path


def read_manifest(folder: Path) -> Fields:
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
    fields = Fields.of(path, "", values)
    if fields.integer("version") != VERSION:
        hint = "Update simscale-gym, or convert the asset again."
        raise DataError(path, field="version", found=str(values["version"]), expected=str(VERSION), hint=hint)
    return fields
