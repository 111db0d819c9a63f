"""A whole drive as nuPlan's log tables take it, and the names and tokens in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from simscale_gym.scene import CameraRig, EgoLog, Tracks, TrafficLights, nuplan_rig

Array = NDArray[np.float64]

SWEEP_STEP_US = 50_000
"""Between the rows of ``lidar_pc`` (20 Hz); images come with every second one."""


@dataclass(frozen=True, eq=False)
class Part:
    """A row of table ``scene``: samples ``start`` to ``stop`` (exclusive) of a recording.

    Attributes:
        start, stop: Samples at 20 Hz.
        route: Roadblock ids in driving order.
        goal: Pose ``[3]`` that it drives to, or None.
    """

    start: int
    stop: int
    route: tuple[str, ...]
    goal: Array | None = None


@dataclass(frozen=True, eq=False)
class Recording:
    """A whole drive at nuPlan's 20 Hz, ``T`` samples, in a local frame.

    Attributes:
        start_us: Time of the first sample.
        origin: ``[3]`` global position of the frame's origin [m], in the projection of the location.
        ego: What the ego did.
        tracks: The others.
        lights: The traffic lights.
        parts: Scenes of the drive in time order. nuplan-devkit drops the first two and the last two of a log.
        tags: nuPlan's scenario type to ``[T]``: does it hold at that sample?
        rig: The cameras.
    """

    start_us: int
    origin: Array
    ego: EgoLog
    tracks: Tracks
    lights: TrafficLights
    parts: tuple[Part, ...]
    tags: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    rig: CameraRig = field(default_factory=nuplan_rig)

    @property
    def num_samples(self) -> int:
        """``T``."""
        return len(self.ego.states)


def log_name(start_us: int, vehicle: str, duration: float) -> str:
    """NuPlan's name of a log: start (UTC), vehicle, first and last second."""
    start = datetime.fromtimestamp(start_us / 1e6, timezone.utc)
    return f"{start:%Y.%m.%d.%H.%M.%S}_{vehicle}_00000_{round(duration):05d}"


def tokens(log: str, table: str, count: int) -> list[bytes]:
    """``count`` tokens of 8 bytes, the same for the same names, no two of a table alike.

    A counter from a hashed start, mixed by the finaliser of splitmix64, which is a bijection.
    """
    seed = int.from_bytes(hashlib.blake2b(f"{log}/{table}".encode(), digest_size=8).digest(), "big")
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    raw = z.astype(">u8").tobytes()
    return [raw[8 * i : 8 * i + 8] for i in range(count)]


def image_tokens(log: str, camera: str, count: int) -> list[bytes]:
    """Tokens of the images of ``camera`` in the log called ``log``, in time order (10 Hz)."""
    return tokens(log, f"image/{camera}", count)


def image_file(log: str, camera: str, token: bytes) -> str:
    """Place of an image under ``sensor_blobs``."""
    return f"{log}/{camera.upper()}/{token.hex()}.jpg"
