"""What a real camera does to a picture: exposure, colour balance, moving shutters, noise, lost frames."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.shutter import CameraMotion, expose_rows
from simscale_gym.splats.viewed_frame import ViewedFrame

Array = NDArray[np.float64]

MOST_LOST = 3
"""Frames that a camera loses in a row at most; the next one comes through."""

_LEVELS = 1 << 14  # of the table that encodes linear light; its steps are finer than those of 8 bits


class _Draw(IntEnum):
    """What is drawn for a camera, so that no two draws share their numbers."""

    LOOK = 0
    NOISE = 1
    LOSS = 2


@dataclass(frozen=True)
class CameraEffects:
    """Imperfections of cameras; everything is off by default.

    Pictures are taken as sRGB: light is linear behind its curve, where 1 is white. In this order: the shutter
    (motion blur, rolling shutter), exposure, noise, white balance, clipping, the sRGB curve, gamma. What is called a
    spread is drawn anew for every camera and episode.

    Attributes:
        exposure: Linear light is multiplied by 2 to this power [stops].
        exposure_spread: Standard deviation added to it [stops].
        gamma: Power that encoded values are raised to; above 1, mid-tones get darker.
        gamma_spread: Standard deviation added to its logarithm.
        white_balance: Gains of red, green and blue.
        white_balance_spread: Standard deviation added to the logarithms of the gains of red and blue.
        shutter_time: Exposure of every row, half of it before the picture's time [s]: motion blur.
        readout_time: Time from the first row to the last, the middle one at the picture's time [s]: rolling shutter.
        shot_noise: Standard deviation where light is 1; grows with the root of the light.
        read_noise: Standard deviation where it is dark.
        drop_rate: Probability that a camera loses a frame of its 10 Hz: then the last one that came is shown again.
            Never more than :data:`MOST_LOST` in a row.
    """

    exposure: float = 0.0
    exposure_spread: float = 0.0
    gamma: float = 1.0
    gamma_spread: float = 0.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    white_balance_spread: float = 0.0
    shutter_time: float = 0.0
    readout_time: float = 0.0
    shot_noise: float = 0.0
    read_noise: float = 0.0
    drop_rate: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            values = np.atleast_1d(np.asarray(getattr(self, field.name), float))
            if not np.isfinite(values).all() or (field.name != "exposure" and (values < 0.0).any()):
                raise ArgumentError(
                    f"CameraEffects.{field.name} is {getattr(self, field.name)!r}, expected finite, 0 or more."
                )
        if self.gamma == 0.0:
            raise ArgumentError("CameraEffects.gamma is 0, expected more.")
        if np.shape(self.white_balance) != (3,):
            raise ArgumentError(
                f"CameraEffects.white_balance is {self.white_balance!r}, expected three gains."
            )
        if self.drop_rate >= 1.0:
            raise ArgumentError(f"CameraEffects.drop_rate is {self.drop_rate!r}, expected less than 1.")
        if max(self.shutter_time, self.readout_time) > 0.1:
            times = (self.shutter_time, self.readout_time)
            raise ArgumentError(
                f"CameraEffects.shutter_time, readout_time are {times} s, expected 0.1 at most: the time of a frame."
            )

    @property
    def moves(self) -> bool:
        """Whether pictures depend on how cameras move."""
        return self.shutter_time > 0.0 or self.readout_time > 0.0


def shown_frame(effects: CameraEffects, seed: int, camera: str, frame: int, first: int) -> int:
    """The newest frame in `first` .. `frame` that `camera` did not lose; `first` is never lost."""
    lost = 0
    while (
        frame - lost > first
        and _generator(seed, frame - lost, camera, _Draw.LOSS).random() < effects.drop_rate
    ):
        lost += 1
    return frame - lost % (MOST_LOST + 1)


def apply_effects(
    pictures: NDArray[np.uint8],
    effects: CameraEffects,
    *,
    cameras: Sequence[str],
    seed: int,
    frame: int,
    viewed: ViewedFrame | None = None,
    motion: CameraMotion | None = None,
) -> NDArray[np.uint8]:
    """Pictures as the cameras would have taken them; lost frames are the caller's (`shown_frame`).

    The same arguments give the same pictures: every random number is drawn from seed, frame and camera.

    Args:
        pictures: uint8 `[C, H, W, 3]`.
        effects: What to apply.
        cameras: Names of the C cameras.
        seed: Seed of the episode.
        frame: Number of the scene's frame.
        viewed: Depth behind the pictures; needed for moving shutters.
        motion: Motion of the cameras; needed for moving shutters.

    Returns:
        uint8 `[C, H, W, 3]`.

    Raises:
        ArgumentError: A moving shutter without depth and motion.
    """
    light = _DECODED[pictures]
    if effects.moves:
        if motion is None or viewed is None:
            raise ArgumentError("motion, viewed: None, but shutter_time and readout_time need them.")
        light = expose_rows(light, viewed, motion, effects.shutter_time, effects.readout_time)
    out = np.empty_like(pictures)
    for number, camera in enumerate(cameras):
        gain, gains, gamma = camera_look(effects, seed, camera)
        exposed = light[number] * np.float32(gain)
        if effects.shot_noise > 0.0 or effects.read_noise > 0.0:
            rng = _generator(seed, frame, camera, _Draw.NOISE)
            exposed = with_noise(exposed, effects.shot_noise, effects.read_noise, rng)
        out[number] = encoded(exposed * gains.astype(np.float32), gamma)
    return out


def camera_look(effects: CameraEffects, seed: int, camera: str) -> tuple[float, Array, float]:
    """Gain, gains of red, green and blue `[3]`, and gamma of a camera in an episode."""
    stops, log_gamma, red, blue = _generator(seed, 0, camera, _Draw.LOOK).standard_normal(4)
    gain = 2.0 ** (effects.exposure + effects.exposure_spread * stops)
    tint = effects.white_balance_spread * np.array([red, 0.0, blue])
    gamma = effects.gamma * math.exp(effects.gamma_spread * log_gamma)
    return gain, np.asarray(effects.white_balance, float) * np.exp(tint), gamma


def with_noise(
    light: NDArray[np.float32], shot_noise: float, read_noise: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Linear light of any shape with a sensor's noise, normal with variance shot^2 light + read^2."""
    variance = np.float32(shot_noise**2) * light + np.float32(read_noise**2)
    return light + np.sqrt(variance) * rng.standard_normal(light.shape, np.float32)


def encoded(light: NDArray[np.float32], gamma: float = 1.0) -> NDArray[np.uint8]:
    """Linear light as bytes of sRGB, raised to `gamma`; clipped to 0..1."""
    step = np.arange(_LEVELS) / (_LEVELS - 1)
    curve = np.where(step <= 0.0031308, 12.92 * step, 1.055 * step ** (1 / 2.4) - 0.055)
    table = np.round(255.0 * curve**gamma).astype(np.uint8)
    return table[(np.clip(light, 0.0, 1.0) * np.float32(_LEVELS - 1) + np.float32(0.5)).astype(np.int32)]


def decoded(values: Array) -> Array:
    """Linear light of sRGB values 0..1 (IEC 61966-2-1)."""
    values = np.asarray(values, float)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


_DECODED = decoded(np.arange(256) / 255.0).astype(np.float32)


def _generator(seed: int, frame: int, camera: str, draw: _Draw) -> np.random.Generator:
    return np.random.default_rng([seed, frame, zlib.crc32(camera.encode()), int(draw)])
