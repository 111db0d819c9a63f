"""Scores of a vocabulary by token, as planners that learn from rewards read them (GTRS-Dense in SimScale)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.datagen.layout import VOCABULARY
from simscale_gym.datagen.navsim.pickles import write_dictionary
from simscale_gym.datagen.navsim.work import Samples
from simscale_gym.datagen.sample import SUBSCORES
from simscale_gym.metrics import COLUMNS

REWARDS = "rewards"
"""Folder that ``NAVSIM_TRAJPDM_ROOT`` names."""

_LOGGED = "ori/navtrain_16384.pkl"
_SIMULATED = "sim/simcale_16384_{}.pkl"  # so spelt there, whatever the size of the vocabulary
_PREFIX = "navtrain_reaction_"


def write_rewards(out: Path, samples: Samples, tokens: Mapping[str, Mapping[str, str]]) -> None:
    """Write the scores of every exported sample, and the vocabulary that they are of; nothing where there are none.

    The file of a round holds the rounds before it as well: the training code opens only the last one.

    Args:
        out: Folder of the export.
        samples: The data set.
        tokens: Token of each exported sample by its key, for each set.
    """
    vocabulary = samples.data_set.folder / VOCABULARY
    if not vocabulary.exists():
        return
    futures = HumanFutures.load(vocabulary)
    (out / REWARDS / "traj_final").mkdir(parents=True, exist_ok=True)
    np.save(out / REWARDS / "traj_final" / f"{len(futures)}.npy", futures.poses.astype(np.float32))
    for name in tokens:
        file = out / REWARDS / (_SIMULATED.format(name.removeprefix(_PREFIX)) if _PREFIX in name else _LOGGED)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_dictionary(file, _rewards(samples, [tokens[other] for other in _up_to(name, tokens)]))


def reward_table(scores: NDArray[np.float16]) -> dict[str, NDArray[np.float16]]:
    """Subscores ``[K, 8]`` of a sample by NAVSIM's names, ``[K]`` each."""
    return {COLUMNS[code]: np.ascontiguousarray(scores[:, n]) for n, code in enumerate(SUBSCORES)}


def _up_to(name: str, names: Mapping[str, Any]) -> list[str]:
    """The sets of one expert up to the round of ``name``."""
    stem, _, last = name.rpartition("-")
    return [
        other
        for other in names
        if other == name or (other.rpartition("-")[0] == stem and int(other.rpartition("-")[2]) <= int(last))
    ]


def _rewards(samples: Samples, sets: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, Any]]:
    tokens = {key: token for members in sets for key, token in members.items()}
    for rows in samples.rows.values():
        for row in rows:
            if row["key"] in tokens:
                arrays = samples.data_set.read(row).arrays
                yield tokens[row["key"]], reward_table(arrays.vocabulary_scores)
