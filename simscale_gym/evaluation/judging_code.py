"""A digest of the code that has a part in scores: what was kept by other code is made again."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from simscale_gym.files.shelf import code_digest

_PACKAGES = ("evaluation", "envs", "datagen/navsim")
"""Beside those of :func:`simscale_gym.files.shelf.code_digest`."""


@cache
def judging_code() -> str:
    """The digest."""
    package, digest = Path(__file__).parents[1], hashlib.sha256(code_digest().encode())
    for file in (file for name in _PACKAGES for file in sorted((package / name).rglob("*.py"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()
