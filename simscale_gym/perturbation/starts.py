"""Perturbed starts of a scene by number: searched for once, and remembered by all processes that share the cache.

Start ``i`` is a pure function of scene, ``i``, frames, vocabulary, traffic, settings and code: the search draws from a
generator that scene and ``i`` seed. What it found fits in a line, frame and trajectory, from which it is driven again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.files.ledger import Ledger
from simscale_gym.files.shelf import code_digest, content_key
from simscale_gym.perturbation.config import PerturbConfig
from simscale_gym.perturbation.sampling import Perturbation, again, sample_perturbation, scene_rng
from simscale_gym.scene import Scene, derived
from simscale_gym.scene.derived import shelf_of
from simscale_gym.scoring.fitness import fit_first, fit_frames
from simscale_gym.sim import TrafficModel, start

_OURS = "simscale_gym.agents."
"""Where the traffic models live whose code is part of the digest; the others' starts are searched for each time."""
_Entry = tuple[int, int, int, dict[str, int]]
"""Frame, row of the vocabulary or -1, attempts, rejections."""


def numbered_start(
    scene: Scene,
    number: int,
    frames: range,
    vocabulary: HumanFutures,
    traffic: TrafficModel,
    config: PerturbConfig,
) -> Perturbation:
    """Start ``number`` of ``scene``, which leaves the log at one of ``frames``; see :func:`_searched`."""
    key = _key(frames, vocabulary, traffic, config)
    entry = None if key is None else _remembered(scene, key, number)
    if entry is not None:
        frame, row, attempts, rejections = entry
        return again(scene, frame, row, vocabulary, traffic, attempts, Counter(rejections))
    rng = scene_rng(scene, number)
    found = _searched(scene, fit_first(scene, frames, rng), vocabulary, traffic, config, rng)
    if key is not None:
        _remember(scene, key, number, (found.frame, found.row, found.attempts, dict(found.rejections)))
    return found


def _searched(
    scene: Scene,
    frames: Sequence[int],
    vocabulary: HumanFutures,
    traffic: TrafficModel,
    config: PerturbConfig,
    rng: np.random.Generator,
) -> Perturbation:
    """Leave the log at the first of ``frames`` from which a perturbation is accepted; ``config.starts`` are tried.

    Attempts and rejections are those of all that were tried. Where none is accepted, ``frame`` is the first one.
    """
    rejections, attempts = Counter[str](), 0
    for frame in frames[: config.starts]:
        if not fit_frames(scene)[frame]:
            rejections["log_start_unfit"] += 1
            continue
        begin = start(scene, traffic, frame)
        found = sample_perturbation(scene, begin, vocabulary, traffic, config, rng)
        rejections.update(found.rejections)
        attempts += found.attempts
        if found.found:
            return replace(found, attempts=attempts, rejections=rejections)
    return Perturbation.none(frames[0], attempts, rejections)


def _key(frames: range, vocabulary: HumanFutures, traffic: TrafficModel, config: PerturbConfig) -> str | None:
    """A name for all that decides what the starts of a scene are; None where not all of it is known."""
    if not type(traffic).__module__.startswith(_OURS):
        return None
    asked = (frames.start, frames.stop, config, traffic, _content(vocabulary), code_digest())
    return content_key(asked)


@derived
def _content(vocabulary: HumanFutures) -> str:
    return content_key(vocabulary)


@derived
def _known(scene: Scene, key: str) -> dict[int, _Entry]:
    """What this process knows of the starts of ``scene``; it grows."""
    return {}


def _ledger(scene: Scene, key: str) -> Ledger | None:
    shelf = shelf_of(scene)
    return None if shelf is None else Ledger(shelf.folder / f"starts-{key}")


def _remembered(scene: Scene, key: str, number: int) -> _Entry | None:
    known, ledger = _known(scene, key), _ledger(scene, key)
    if number not in known and ledger is not None:  # another process may have found it in the meantime
        known.update((entry[0], tuple(entry[1:])) for entry in ledger.entries())
    return known.get(number)


def _remember(scene: Scene, key: str, number: int, entry: _Entry) -> None:
    _known(scene, key)[number] = entry
    ledger = _ledger(scene, key)
    if ledger is not None:
        ledger.add([number, *entry])
