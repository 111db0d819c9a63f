"""Names in a NAVSIM export: of logs, frames and scenes, and of the sets that SimScale's training code looks for.

A simulated scene is called as SimScale's are: its log ``<log>-<A>-00k``, its token ``<B>-00k``, where A is the logged
frame at which the log was left, B its present, and k the round. Readers tell by these names what they have: a token of
17 letters is a synthetic scene without a human future, a hyphen in a token switches imitation off where only rewards
are learnt, and what stands before the second hyphen of a log's name is the recorded log.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simscale_gym.datagen.moments import EARLIEST, INTERVAL_US, MOST_AHEAD
from simscale_gym.scene import DT

SYNTHETIC_LENGTH = 17
"""Letters of the token of a synthetic scene, by which NAVSIM knows it."""

EXPERT_NAMES = {"planner": "pdm"}
"""What SimScale calls the experts; the others keep their names."""

VEHICLE = "veh-00"
"""Name of the ego vehicle where a source names none."""
_STEPS = range(EARLIEST, MOST_AHEAD + 1)
_SAFE = re.compile(r"[A-Za-z0-9._]+-[A-Za-z0-9._]+")


def token(*parts: object) -> str:
    """16 hexadecimal letters, others for other parts."""
    text = "/".join(map(str, parts))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def synthetic_token(*parts: object) -> str:
    """17 hexadecimal letters, others for other parts."""
    text = "/".join(map(str, parts))
    return hashlib.blake2b(text.encode(), digest_size=9).hexdigest()[:SYNTHETIC_LENGTH]


def log_base(log_id: str) -> str:
    """Name of a recorded log: its id if that has exactly one hyphen, as nuPlan's have, else one made from it."""
    return log_id if _SAFE.fullmatch(log_id) else f"{re.sub(r'[^A-Za-z0-9.]', '_', log_id)}_{VEHICLE}"


def logged_token(log_id: str, timestamp_us: int) -> str:
    """Token of a frame of a recorded log."""
    return token(log_id, timestamp_us)


def set_name(row: Mapping[str, Any]) -> str:
    """The set that the sample of ``row`` belongs to: one for each expert and round, and one for the log."""
    if row["kind"] == "log":
        return "navtrain_log"
    expert = EXPERT_NAMES.get(row["expert"], row["expert"])
    return f"navtrain_reaction_{expert}_v1.0-{row['round']}"


@dataclass(frozen=True)
class SampleNames:
    """Names of a sample's log and frames.

    Attributes:
        base: The recorded log, as exports call it.
        log: Name of the sample's own log.
        tokens: Token of the frame at each half second from the present.
    """

    base: str
    log: str
    tokens: Mapping[int, str]

    @classmethod
    def of(cls, row: Mapping[str, Any], data_set: str) -> SampleNames:
        """Names for the sample of ``row`` of the data set whose digest is ``data_set``."""
        base, now = log_base(row["log"]), row["timestamp_us"]
        if row["kind"] == "log":
            tokens = {step: logged_token(row["log"], now + step * INTERVAL_US) for step in _STEPS}
            return cls(base, f"{base}-{tokens[0]}", tokens)
        if row["kind"] == "perturbed":
            left = logged_token(row["log"], now - round((row["present"] - row["frame"]) * DT * 1e6))
        else:
            left = token(row["key"])  # a rollout has many presents
        suffix = f"-{row['round']:03d}"
        present = token(data_set, row["scene"], row["present"], row["expert"])
        tokens = {step: (token(present, step) if step else present) + suffix for step in _STEPS}
        return cls(base, f"{base}-{left}{suffix}", tokens)
