"""What decides a training, without where it lies or runs: two with the same digest end in the same planner."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from simscale_gym.datagen import DataSet
from simscale_gym.evaluation import open_suite
from simscale_gym.training.config import TrainConfig

FOLDERS = ("real", "sim", "val")
"""Settings that name data sets."""
_MACHINE = ("accelerator", "devices")


def training_identity(config: TrainConfig) -> dict[str, Any]:
    """The settings in plain values; of data sets and suite, a digest of what they hold in the place of a name.

    Raises:
        ArgumentError: There is no such suite.
        DataError: A folder holds no finished data set.
    """
    plain = {name: value for name, value in asdict(config).items() if name not in _MACHINE}
    plain |= {name: [DataSet(folder).digest for folder in plain[name]] for name in FOLDERS}
    if config.val_suite is not None:
        plain["val_suite"] = open_suite(config.val_suite).digest
    return json.loads(json.dumps(plain))


def training_digest(config: TrainConfig) -> str:
    """Twelve digits that stand for a training.

    Raises:
        DataError: A folder holds no finished data set.
    """
    return hashlib.sha256(json.dumps(training_identity(config), sort_keys=True).encode()).hexdigest()[:12]
