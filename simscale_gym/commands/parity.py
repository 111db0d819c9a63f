"""NAVSIM's numbers held against ours."""

from __future__ import annotations

from simscale_gym import parity
from simscale_gym.commands.settings import Parity


def run_parity(settings: Parity) -> bool:
    """Print how far each check is off; whether all are within their bounds.

    Raises:
        DataError: The file holds no fixtures.
    """
    return parity.run_parity(settings.file)
