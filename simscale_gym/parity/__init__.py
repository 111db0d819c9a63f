"""NAVSIM's numbers on fixture files, held against ours."""

from simscale_gym.parity.fixtures import compare, read_fixtures, run_parity

__all__ = ["compare", "read_fixtures", "run_parity"]
