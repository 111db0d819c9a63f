"""The bank of human futures of a source of scenes, and the vocabulary that is clustered from it.

Both the environment and the data engine draw on these: neither names the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.errors import DataError, SceneError, StorageError
from simscale_gym.files.cache import cache_root, say_remade
from simscale_gym.perturbation import cluster_futures
from simscale_gym.progress import waiting
from simscale_gym.scene import Scene
from simscale_gym.sources import BankScenes, SceneRef, list_scenes, load_scene

VOCABULARY_SIZE = 1024
"""Clusters of a vocabulary (SimScale's has 16,384 of 103,288 futures)."""

_CLUSTERING = 1  # changes whenever `cluster_futures` gives others

BANK_STRIDE = 0.2
"""Time between the starts of a bank's futures [s]."""
ENOUGH_FUTURES = 2000
"""A source with fewer borrows the town's."""


def bank_of(refs: Sequence[SceneRef]) -> HumanFutures:
    """Human futures of the source of ``refs``, and of the town where that has too few.

    Raises:
        DataError, SceneError: No scene can be loaded, or the cache cannot be written.
    """
    scenes, towns = refs[0].source.bank(refs), _towns_scenes()
    own = _futures(scenes)
    return (
        own
        if scenes == towns or len(own) >= ENOUGH_FUTURES
        else HumanFutures.concatenate([own, town_futures()])
    )


def vocabulary_for(refs: Sequence[SceneRef]) -> HumanFutures:
    """The vocabulary of the source of ``refs``. The town's is in the package: to make it anew takes four drives.

    Raises:
        DataError, SceneError: As :func:`bank_of`.
    """
    shipped = town_vocabulary_path()
    if refs[0].source.bank(refs) == _towns_scenes() and shipped.is_file():
        return HumanFutures.load(shipped)
    return vocabulary_of(bank_of(refs))


def vocabulary_of(bank: HumanFutures) -> HumanFutures:
    """The bank's :data:`VOCABULARY_SIZE` clusters, the same every time; all of a smaller bank. The cache keeps them."""
    size = min(VOCABULARY_SIZE, len(bank))
    made_from = hashlib.sha256(repr((size, len(bank), _CLUSTERING)).encode())
    for array in (bank.poses, bank.velocities):
        made_from.update(np.ascontiguousarray(array, np.float32).tobytes())
    path = cache_root() / "futures" / f"vocabulary-{made_from.hexdigest()[:16]}.npz"
    work = f"choosing {size} of {len(bank)} human futures as a vocabulary, once"
    return _kept(path, work, lambda: cluster_futures(bank, size, rng=np.random.default_rng(0)))


def town_futures() -> HumanFutures:
    """Human futures of the first logs of the town's train split, kept in the cache folder."""
    return _futures(_towns_scenes())


def town_futures_path() -> Path:
    """The file in which :func:`town_futures` keeps futures; its name changes with all that they are made from."""
    return _path(_towns_scenes())


def town_vocabulary_path() -> Path:
    """The file of the package that holds the town's vocabulary; its name changes with all that it is made from.

    ``vocabulary_of(town_futures()).save(town_vocabulary_path())`` writes it again.
    """
    made_from = town_futures_path().name, VOCABULARY_SIZE, _CLUSTERING
    return Path(__file__).with_name(
        f"town_vocabulary_{hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]}.npz"
    )


def _towns_scenes() -> BankScenes:
    refs = list_scenes("town", "train")
    return refs[0].source.bank(refs)


def _futures(scenes: BankScenes) -> HumanFutures:
    """The futures of ``scenes``, kept in the cache where they have a key."""

    def cut() -> HumanFutures:
        return HumanFutures.from_scenes(_usable(scenes.refs), stride=BANK_STRIDE, others=scenes.others)

    work = f"gathering how {len(scenes.refs)} scenes were driven"
    if scenes.key:
        return _kept(_path(scenes), f"{work}, once", cut)
    with waiting(work):
        return cut()


def _usable(refs: Sequence[SceneRef]) -> Iterator[Scene]:
    """Those of the scenes that can be loaded; whoever takes samples from the others says what is wrong with them.

    Raises:
        DataError, SceneError: None can.
    """
    errors: list[DataError | SceneError] = []
    for ref in refs:
        try:
            scene = load_scene(ref)
        except StorageError:
            raise
        except (DataError, SceneError) as error:
            errors.append(error)
            continue
        yield scene
    if len(errors) == len(refs):
        raise errors[0]


def _path(scenes: BankScenes) -> Path:
    made_from = scenes.refs[0].source.name, scenes.key, scenes.others, BANK_STRIDE, HORIZON_STEPS
    key = hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]
    return cache_root() / "futures" / f"bank-{key}.npz"


def _kept(path: Path, work: str, make: Callable[[], HumanFutures]) -> HumanFutures:
    """The futures in the file ``path``; ``make`` makes them where it is not there or damaged, and ``work`` says so."""
    if path.is_file():
        try:
            return HumanFutures.load(path)
        except DataError as error:
            say_remade(path, error.found)
    with waiting(work):
        make().save(path)
    return HumanFutures.load(path)
