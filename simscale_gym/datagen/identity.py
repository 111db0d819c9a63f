"""Digests of what samples are made from: a data set made from other inputs is not added to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.files.digests import content_stamp
from simscale_gym.files.shelf import content_key
from simscale_gym.sources import SceneRef, load_scene


def inputs_digest(ref: SceneRef) -> str:
    """Digest of the files of a scene, wherever they lie and whenever they were written; of itself where it has none.

    Raises:
        DataError: It cannot be read.
    """
    made_from = ref.source.made_from(ref)
    if made_from is None:
        scene = load_scene(ref, keep=False)
        return content_key({item.name: getattr(scene, item.name) for item in fields(scene)})
    made_from = [_stamp(item) for item in made_from]
    return hashlib.sha256(repr((ref.id, made_from)).encode()).hexdigest()


def list_digest(refs: Sequence[SceneRef]) -> str:
    """Digest of the names of all scenes, and of what their source says that it is made by."""
    names = [ref.source.bank(refs).key for ref in refs[:1]] + [ref.id for ref in refs]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def files_digest(place: Path) -> str:
    """Digest of a file, or of all in a folder.

    Raises:
        DataError: One cannot be read.
    """
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    named = [(path.relative_to(place).as_posix(), content_stamp(path)) for path in files]
    return hashlib.sha256(repr(named).encode()).hexdigest()


def futures_digest(futures: HumanFutures) -> str:
    """Digest of futures, such as a vocabulary."""
    return hashlib.sha256(futures.poses.tobytes() + futures.velocities.tobytes()).hexdigest()


def _stamp(item: object) -> object:
    if not isinstance(item, Path):
        return str(item)
    return item.name, content_stamp(item) if item.is_file() else ""
