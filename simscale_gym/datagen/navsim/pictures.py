"""Pictures of a NAVSIM export: JPEG files of nuPlan's size, whatever size they were drawn at."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simscale_gym.datagen.navsim.frames import PICTURE_SIZE
from simscale_gym.datagen.sample import DataSample
from simscale_gym.datagen.shard import picture_name
from simscale_gym.scene import CAMERA_NAMES

QUALITY = 90


def full_size(picture: NDArray[np.uint8]) -> bytes:
    """A picture ``[H, W, 3]`` as a JPEG file of 1920 x 1080 pixels."""
    height, width = PICTURE_SIZE
    image, buffer = Image.fromarray(picture), io.BytesIO()
    image.resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def write_pictures(
    folder: Path, log_name: str, sample: DataSample, tokens: Mapping[int, str]
) -> dict[tuple[int, str], str]:
    """Write the pictures of a sample, and say where they are, by step and camera.

    Args:
        folder: Folder that holds those of all logs.
        log_name: Name of the log.
        sample: The sample.
        tokens: Token of the frame at each step.
    """
    written = {}
    for step, camera in shown(sample, tokens):
        path = f"{log_name}/{camera.upper()}/{tokens[step]}.jpg"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(full_size(sample.pictures[picture_name(camera, step)]))
        written[step, camera] = path
    return written


def shown(sample: DataSample, steps: Iterable[int]) -> list[tuple[int, str]]:
    """Steps and cameras of which ``sample`` has a picture."""
    return [(s, name) for s in steps for name in CAMERA_NAMES if picture_name(name, s) in sample.pictures]


def is_black(sample: DataSample) -> bool:
    """Whether a picture shows nothing at all, which NAVSIM's builders of features take for none."""
    return any(not picture.any() for picture in sample.pictures.values())
