"""Planners as files: one safetensors file with the weights, and JSON in its head that says what they are weights of."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from simscale_gym.envs.configs import config_from
from simscale_gym.errors import ArgumentError, DataError, shown
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.planners.families import FAMILIES, family_name
from simscale_gym.planners.planner import Planner

FORMAT = 1
"""Version of what the head says."""
_HEAD = "simscale_gym"
_EXPECTED = "a planner's checkpoint"
_HINT = "Name the planner.safetensors of a finished training."


def save_planner(
    path: str | os.PathLike[str], planner: Planner, about: Mapping[str, Any] | None = None
) -> None:
    """Write a planner, whole or not at all.

    Args:
        path: File to write.
        planner: The planner.
        about: How it was trained, in plain values.

    Raises:
        DataError: The file cannot be written.
    """
    head = {
        "format": FORMAT,
        "family": family_name(planner),
        "config": asdict(planner.config),
        "about": dict(about or {}),
    }
    weights = {name: value.detach().cpu().contiguous() for name, value in planner.state_dict().items()}
    with atomic_write(path) as built:
        save_file(weights, built, {_HEAD: json.dumps(head)})


def load_planner(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> Planner:
    """The planner of a checkpoint, ready to drive; nothing of the file is executed.

    Raises:
        DataError: There is no such file, or it holds no planner, or weights that do not fit its config.
    """
    head, weights = _opened(Path(path))
    family = FAMILIES[head["family"]]
    try:
        planner = family.planner(config_from("config", family.config, head["config"]))
    except (ArgumentError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            path, field="config", found=f"{error}"[:200], expected=f"one of {head['family']}"
        ) from error
    _check_weights(Path(path), planner, weights)
    planner.load_state_dict(weights)
    return planner.to(device).eval()


def checkpoint_head(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a checkpoint says of itself: ``family``, ``config``, ``about``.

    Raises:
        DataError: There is no such file, or it holds no planner.
    """
    return _opened(Path(path))[0]


def _opened(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            head = json.loads((file.metadata() or {})[_HEAD])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        found = (
            "no such file"
            if isinstance(error, FileNotFoundError)
            else f"{type(error).__name__} ({error})"[:200]
        )
        raise DataError(path, found=found, expected=_EXPECTED, hint=_HINT) from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        found = shown(head.get("format") if isinstance(head, dict) else head)
        raise DataError(path, field="format", found=found, expected=str(FORMAT), hint="Train it anew.")
    if head.get("family") not in FAMILIES:
        raise DataError(
            path, field="family", found=shown(head.get("family")), expected=f"one of {', '.join(FAMILIES)}"
        )
    return head, weights


def _check_weights(path: Path, planner: Planner, weights: Mapping[str, Tensor]) -> None:
    needed = {name: tuple(value.shape) for name, value in planner.state_dict().items()}
    there = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(needed.keys() | there.keys()):
        if needed.get(name) != there.get(name):
            expected, found = (str(shapes.get(name, "none")) for shapes in (needed, there))
            raise DataError(path, field=name, found=found, expected=expected, hint=_HINT)
        if not weights[name].isfinite().all():
            raise DataError(path, field=name, found="values that are not finite", expected="weights")
