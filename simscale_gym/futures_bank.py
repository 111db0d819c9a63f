"""The bank of human futures of a source of scenes, and the vocabulary that is clustered from it.

Both the environment and the data engine draw on these: neither names the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.perturbation import cluster_futures
from simscale_gym.sources import TOWN_VERSION, SceneRef, cache_root, list_scenes, load_scene

VOCABULARY_SIZE = 1024
"""Clusters of a vocabulary (SimScale's has 16,384 of 103,288 futures)."""

_CLUSTERING = 1  # changes whenever `cluster_futures` gives others

BANK_SCENES = 20
"""Scenes that a bank is cut from; of the town: two towns with two drives each, and everybody who drove there."""
BANK_STRIDE = 0.2
"""Time between the starts of a bank's futures [s]."""
ENOUGH_FUTURES = 2000
"""A source with fewer borrows the town's."""


def bank_of(refs: Sequence[SceneRef]) -> HumanFutures:
    """Human futures of the source of ``refs``, and of the town where that has too few."""
    if refs[0].source == "town":
        return town_futures()
    own = HumanFutures.from_scenes((load_scene(ref) for ref in refs[:BANK_SCENES]), stride=BANK_STRIDE)
    return own if len(own) >= ENOUGH_FUTURES else HumanFutures.concatenate([own, town_futures()])


def vocabulary_of(bank: HumanFutures) -> HumanFutures:
    """The bank's :data:`VOCABULARY_SIZE` clusters, the same every time; all of a smaller bank. The cache keeps them."""
    size = min(VOCABULARY_SIZE, len(bank))
    made_from = hashlib.sha256(repr((size, len(bank), _CLUSTERING)).encode())
    for array in (bank.poses, bank.velocities):
        made_from.update(np.ascontiguousarray(array, np.float32).tobytes())
    path = cache_root() / "futures" / f"vocabulary-{made_from.hexdigest()[:16]}.npz"
    if not path.exists():
        cluster_futures(bank, size, rng=np.random.default_rng(0)).save(path)
    return HumanFutures.load(path)


def town_futures() -> HumanFutures:
    """Human futures of the first logs of the town's train split, kept in the cache folder."""
    path = town_futures_path()
    if not path.exists():
        scenes = (load_scene(ref) for ref in _bank_refs())
        HumanFutures.from_scenes(scenes, stride=BANK_STRIDE, others=True).save(path)
    return HumanFutures.load(path)


def town_futures_path() -> Path:
    """Where :func:`town_futures` keeps them; the name changes with everything that they are made from."""
    made_from = [ref.id for ref in _bank_refs()] + [TOWN_VERSION, BANK_STRIDE, HORIZON_STEPS]
    key = hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]
    return cache_root() / "futures" / f"town-{key}.npz"


def _bank_refs() -> list[SceneRef]:
    return list_scenes("town", "train")[:BANK_SCENES]
