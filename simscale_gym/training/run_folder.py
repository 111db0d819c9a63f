"""What a training keeps on disk: its config, where it stands, the best planner so far, and curves.

::

    config.json           all that decides what comes out, and where the data sets lay when it began
    resume.pt             weights, optimiser and step, to go on from; gone when the training has ended
    planner.safetensors   the planner that was best on the validation set
    result.json           written when the training has ended
    events.out...         curves for TensorBoard
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.atomic_write import atomic_write, discard
from simscale_gym.training.config import TrainConfig
from simscale_gym.training.identity import FOLDERS, training_identity

CONFIG, RESUME, PLANNER, RESULT = "config.json", "resume.pt", "planner.safetensors", "result.json"


class RunFolder:
    """The folder of one training; made if absent.

    Args:
        path: The folder.
        config: The training.

    Raises:
        ArgumentError: Another training began in it.
        DataError: It cannot be written, or is damaged.
    """

    def __init__(self, path: Path, config: TrainConfig) -> None:
        self.path = path
        there = path / CONFIG
        identity = training_identity(config)
        if there.exists():
            _check_same(path, _read_json(there).get("training", {}), identity)
        else:
            _write_json(there, {"training": identity, **{name: getattr(config, name) for name in FOLDERS}})

    @property
    def planner(self) -> Path:
        """Where the best planner is kept."""
        return self.path / PLANNER

    def result(self) -> dict[str, Any] | None:
        """What came out; None as long as the training has not ended."""
        path = self.path / RESULT
        return _read_json(path) if path.exists() else None

    def end(self, result: Mapping[str, Any]) -> None:
        """Keep what came out."""
        _write_json(self.path / RESULT, result)
        discard(self.path / RESUME)

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep where the training stands."""
        with atomic_write(self.path / RESUME) as built:
            torch.save(dict(state), built)

    def saved(self) -> dict[str, Any] | None:
        """Where it stood; None at its beginning. Only tensors and plain values are read.

        Raises:
            DataError: The file is damaged.
        """
        path = self.path / RESUME
        if not path.exists():
            return None
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
            hint = f"Delete {RESUME} to begin anew."
            raise DataError(
                path, found=f"{error}"[:200], expected="a state to go on from", hint=hint
            ) from error


def _check_same(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            raise ArgumentError(
                f"{path}: began with {name}={old.get(name)!r}, now {new.get(name)!r}. Give the same settings to go on, "
                "or another folder."
            )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(path, found=f"no JSON ({error})"[:200], expected="a file of a training") from error
    if not isinstance(plain, dict):
        raise DataError(path, found=type(plain).__name__, expected="a file of a training")
    return plain


def _write_json(path: Path, plain: Mapping[str, Any]) -> None:
    with atomic_write(path) as built:
        built.write_text(json.dumps(dict(plain), indent=1) + "\n", encoding="utf-8")
