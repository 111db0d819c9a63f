"""Rows of the drivers for calibration, kept in the cache: they are the same whoever is judged beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from simscale_gym.errors import DataError
from simscale_gym.evaluation.judging_code import judging_code
from simscale_gym.evaluation.rows import DriveRow, PlanRow
from simscale_gym.evaluation.suite import Suite
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.cache import cache_root, say_remade

Rows = tuple[list[PlanRow], list[DriveRow]]


def kept_calibration(suite: Suite, parts: Sequence[str], rules: str) -> Rows | None:
    """The rows that :func:`keep_calibration` kept; None where there are none of this code."""
    path = _file(suite, parts, rules)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    sealed, _, body = text.partition("\n")
    if sealed != hashlib.sha256(body.encode()).hexdigest():
        say_remade(path, "another checksum")
        return None
    plans, drives = json.loads(body)
    return [_plan(row) for row in plans], [_drive(row) for row in drives]


def keep_calibration(suite: Suite, parts: Sequence[str], rules: str, rows: Rows) -> None:
    """Keep rows for the next evaluation on ``suite``; nothing happens where the cache cannot be written."""
    body = json.dumps([[asdict(row) for row in kind] for kind in rows])
    try:
        with atomic_write(_file(suite, parts, rules)) as built:
            built.write_text(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}", encoding="utf-8")
    except DataError:
        return


def _plan(values: dict[str, Any]) -> PlanRow:
    return PlanRow(**values | {name: tuple(values[name]) for name in ("place", "end")})


def _drive(values: dict[str, Any]) -> DriveRow:
    return DriveRow(**values | {"egos": tuple(map(tuple, values["egos"]))})


def _file(suite: Suite, parts: Sequence[str], rules: str) -> Path:
    asked = suite.digest, sorted(parts), rules, judging_code()
    return (
        cache_root()
        / "evaluation"
        / f"calibration-{hashlib.sha256(repr(asked).encode()).hexdigest()[:24]}.json"
    )
