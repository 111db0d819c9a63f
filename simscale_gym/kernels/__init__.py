"""What compiled code needs wherever it is: a crew of threads, and tables of records."""

from simscale_gym.kernels.crew import Crew, take
from simscale_gym.kernels.lent import Lent, lent_at
from simscale_gym.kernels.records import Described, RecordTable, describe, record_at

__all__ = ["Crew", "Described", "Lent", "RecordTable", "describe", "lent_at", "record_at", "take"]
