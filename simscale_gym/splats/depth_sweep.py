"""A sweep of ranges, as a turning LiDAR gives them, cast at the Gaussians that the cameras see.

A ray ends where it has lost half of its light: where a sensor has its first strong return, and what neither faint
Gaussians in front of a surface nor leaks through it move. Rays are infinitely thin, so that nothing is averaged over an
edge, and glass is as solid as its Gaussians are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.one_line import one_line
from simscale_gym.splats.instances import FIRST, Instances

if TYPE_CHECKING:
    from simscale_gym.splats.cpu.rasterizer import CpuRasterizer

Array = NDArray[np.float64]

STEEPEST = 1.2
"""Greatest elevation [rad]."""

MOST_CHANNELS, MOST_AZIMUTHS = 512, 8192

DETAIL = 2.0
"""Gaussians are drawn merged where they are this much finer than 0.6 of the space between two rays."""


@dataclass(frozen=True)
class LidarConfig:
    """A turning sensor; the defaults are one with 32 channels where nuPlan's vehicles have theirs.

    Attributes:
        channels: Rows of rays, evenly from `lowest` to `highest`.
        lowest: Elevation of the first row [rad].
        highest: Elevation of the last row [rad].
        elevations: Elevations of all rows, ascending [rad], in place of the three above; () takes the three.
        azimuths: Rays of a row, evenly around.
        least_range: Nearest return [m]; what is nearer hides what is behind.
        most_range: Farthest return [m].
        mount: Place of the sensor in the ego frame [m], x forward, y left, z up.
        tilt: Roll, pitch, yaw of the sensor in the ego frame [rad].
        noise: Standard deviation of the ranges [m].
        dropout: Share of returns that are lost.
    """

    channels: int = 32
    lowest: float = math.radians(-25.0)
    highest: float = math.radians(15.0)
    elevations: tuple[float, ...] = ()
    azimuths: int = 360
    least_range: float = 1.0
    most_range: float = 75.0
    mount: tuple[float, float, float] = (1.5185, 0.0, 1.6309)
    tilt: tuple[float, float, float] = (0.0, 0.0, 0.0)
    noise: float = 0.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if not all(isinstance(number, Real) and math.isfinite(number) for number in numbers):
                self._refuse(field.name, "finite numbers")
        if not all(isinstance(value, tuple) for value in (self.elevations, self.mount, self.tilt)):
            self._refuse("elevations, mount, tilt", "tuples")
        whole = all(isinstance(n, Integral) for n in (self.channels, self.azimuths))
        if not whole or not (1 <= self.channels <= MOST_CHANNELS and 4 <= self.azimuths <= MOST_AZIMUTHS):
            self._refuse(
                "channels, azimuths", f"1 to {MOST_CHANNELS} and 4 to {MOST_AZIMUTHS}, whole numbers"
            )
        rows = np.array(self.elevations or (self.lowest, self.highest), float)
        if np.abs(rows).max() > STEEPEST or (np.diff(rows) < 0.0).any() or len(rows) > MOST_CHANNELS:
            name = "elevations" if self.elevations else "lowest, highest"
            self._refuse(name, f"-{STEEPEST} to {STEEPEST} rad, ascending, {MOST_CHANNELS} at most")
        if not 0.0 <= self.least_range < self.most_range:
            self._refuse("least_range, most_range", "0 <= least_range < most_range [m]")
        if len(self.mount) != 3 or len(self.tilt) != 3:
            self._refuse("mount, tilt", "three numbers each")
        if not (self.noise >= 0.0 and 0.0 <= self.dropout < 1.0):
            self._refuse("noise, dropout", "0 or more [m] and 0 to less than 1")

    def _refuse(self, names: str, expected: str) -> None:
        found = ", ".join(repr(getattr(self, name)) for name in names.split(", "))
        raise ArgumentError(f"LidarConfig.{names}: {found}, expected {expected}.")

    @property
    def rows(self) -> Array:
        """Elevation of each channel, ascending, `[B]` [rad]."""
        if self.elevations:
            return np.array(self.elevations, float)
        return np.linspace(self.lowest, self.highest, self.channels)

    @property
    def shape(self) -> tuple[int, int]:
        """Channels and azimuths, `B, A`."""
        return len(self.elevations) or self.channels, self.azimuths

    @property
    def is_noisy(self) -> bool:
        """Whether two sweeps of the same may differ."""
        return self.noise > 0.0 or self.dropout > 0.0

    @property
    def sensor_to_ego(self) -> Array:
        """`[4, 4]`."""
        return se3.rigid(se3.rpy_to_matrix(*self.tilt), np.asarray(self.mount, float))

    @property
    def directions(self) -> Array:
        """Unit vectors of the rays in the ego frame, `[B, A, 3]`: each row from behind by the right to the front."""
        turn = (np.arange(self.azimuths) + 0.5) * (2.0 * math.pi / self.azimuths) - math.pi
        elevation, azimuth = np.meshgrid(self.rows, turn, indexing="ij")
        flat = np.cos(elevation)
        rays = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], -1)
        return rays @ self.sensor_to_ego[:3, :3].T

    def points(self, ranges: NDArray[np.float32]) -> Array:
        """What rays with these ranges `[B, A]` (0 for none) met, `[M, 3]` in the ego frame [m], row after row."""
        met = ranges > 0.0
        return self.directions[met] * ranges[met][:, None] + np.asarray(self.mount, float)


@dataclass(frozen=True, eq=False)
class Sweep:
    """Ranges around the ego.

    Attributes:
        ranges: `[B, A]` float32 [m]; 0 where there is none.
        valid: Whether the ray has a return, `[B, A]`.
        intensity: Luminance of what the rays meet, 0..1, `[B, A]` float32; 0 where there is none.
        instances: Place of what they meet among the instances that were given, `[B, A]` int32; -1 where there is none.
    """

    ranges: NDArray[np.float32]
    valid: NDArray[np.bool_]
    intensity: NDArray[np.float32]
    instances: NDArray[np.int32]

    __repr__ = one_line

    @classmethod
    def of(
        cls,
        ranges: NDArray[np.float32],
        valid: NDArray[np.bool_],
        intensity: NDArray[np.float32],
        instances: NDArray[np.int32],
    ) -> Sweep:
        """A sweep of these values, with nothing where there is no return."""
        zero = np.float32(0.0)
        return cls(
            np.where(valid, ranges, zero),
            valid,
            np.where(valid, intensity, zero),
            np.where(valid, instances, np.int32(-1)),
        )


def rays_per_radian(config: LidarConfig) -> float:
    """Rays per radian, times `DETAIL`: stands for a camera's focal length [px] where that chooses the detail drawn."""
    return DETAIL * config.azimuths / (2.0 * math.pi)


def depth_sweep(
    rasterizer: CpuRasterizer,
    ego_to_world: Array,
    config: LidarConfig,
    instances: Instances = FIRST,
) -> Sweep:
    """Sweeps once, at one moment, without noise: nothing moves while the sensor turns.

    Args:
        rasterizer: Rasteriser that holds the Gaussians.
        ego_to_world: Pose of the ego in the rasteriser's frame, `[4, 4]`, rigid.
        config: The rays.
        instances: What there is; by default its first template.

    Raises:
        ArgumentError: The rasterizer is not the CPU's.
    """
    if not hasattr(rasterizer, "cast"):
        raise ArgumentError(
            f"rasterizer: {type(rasterizer).__name__} casts no rays, expected a CpuRasterizer (backend 'cpu')."
        )
    ranges, met, intensity = rasterizer.cast(
        np.asarray(ego_to_world, float) @ config.sensor_to_ego,
        config.rows,
        config.azimuths,
        instances,
        most=config.most_range,
        rays_per_radian=rays_per_radian(config),
    )
    valid = (ranges >= config.least_range) & (ranges < config.most_range)
    return Sweep.of(ranges, valid, np.clip(intensity, 0.0, 1.0), met)


def disturbed(sweep: Sweep, config: LidarConfig, rng: np.random.Generator) -> Sweep:
    """The sweep with the sensor's noise, and without the returns that it loses."""
    noise = np.float32(config.noise) * rng.standard_normal(sweep.ranges.shape, np.float32)
    kept = sweep.valid & (rng.random(sweep.ranges.shape, np.float32) >= config.dropout)
    ranges = np.clip(sweep.ranges + noise, max(config.least_range, 1e-3), config.most_range)
    return Sweep.of(ranges.astype(np.float32), kept, sweep.intensity, sweep.instances)
