"""One picture of everything (cameras over the bird's-eye view), and films of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.scene import Scene, StateIndex
from simscale_gym.sim import SimState
from simscale_gym.viewer import bev
from simscale_gym.viewer.bev import Overlay, draw_bev

Array = NDArray[np.float64]

_BACKGROUND, _TEXT, _FAINT = (22, 25, 28), (236, 238, 240), (150, 155, 160)
_LEFT_TO_RIGHT = ("cam_l2", "cam_l1", "cam_l0", "cam_f0", "cam_r0", "cam_r1", "cam_r2", "cam_b0")
_PANEL_WIDTH, _BEV_HEIGHT, _SCALE = 300, 420, 7.0
_LEAST_WIDTH = 960
_LEGEND = (
    ("ego and its way", bev.EGO),
    ("perturbed way", bev.PERTURBED),
    ("log", bev.LOG),
    ("expert's plan", bev.PLAN),
    ("vehicle", bev.TRACK_COLORS[0]),
    ("cyclist", bev.TRACK_COLORS[1]),
    ("pedestrian", bev.TRACK_COLORS[2]),
)


def film_frame(
    scene: Scene,
    state: SimState,
    images: Mapping[str, NDArray[np.uint8]],
    overlay: Overlay,
    lines: Sequence[str] = (),
) -> NDArray[np.uint8]:
    """Cameras in a row (left to right as they look) over the bird's-eye view and a panel of text.

    Args:
        scene: The scene.
        state: Ego and traffic at the moment to draw.
        images: uint8 ``[h, w, 3]`` by camera, all of one size.
        overlay: Ways for the bird's-eye view.
        lines: Text for the panel.

    Returns:
        uint8 ``[H, W, 3]``; both even.
    """
    ordered = [images[name] for name in _LEFT_TO_RIGHT if name in images]
    strip = _strip(ordered) if ordered else None
    width = strip.width if strip else _LEAST_WIDTH
    top = strip.height if strip else 0
    picture = Image.new("RGB", (width, top + _BEV_HEIGHT), _BACKGROUND)
    if strip:
        picture.paste(strip, (0, 0))
    picture.paste(draw_bev(scene, state, overlay, width - _PANEL_WIDTH, _BEV_HEIGHT, _SCALE), (0, top))
    _panel(ImageDraw.Draw(picture), width - _PANEL_WIDTH, top, scene, state, lines)
    return np.asarray(picture)


def _strip(images: Sequence[NDArray[np.uint8]]) -> Image.Image:
    """Images side by side, enlarged where they are narrower than the panel below needs."""
    strip = Image.fromarray(np.concatenate(images, axis=1))
    factor = max(1.0, _LEAST_WIDTH / strip.width)
    size = (2 * round(strip.width * factor / 2), 2 * round(strip.height * factor / 2))
    return strip if factor == 1.0 and size == strip.size else strip.resize(size, Image.Resampling.BICUBIC)


def _panel(
    draw: ImageDraw.ImageDraw, left: int, top: int, scene: Scene, state: SimState, lines: Sequence[str]
) -> None:
    small, large = ImageFont.load_default(13), ImageFont.load_default(30)
    x, y = left + 18, top + 14
    draw.text((x, y), f"{3.6 * state.ego[StateIndex.VX]:.0f} km/h", fill=_TEXT, font=large)
    draw.text((x, y + 42), f"{scene.id}  {state.frame / 10:.1f} s", fill=_FAINT, font=small)
    for row, line in enumerate(lines):
        draw.text((x, y + 72 + 18 * row), line, fill=_TEXT, font=small)
    for row, (name, color) in enumerate(reversed(_LEGEND)):
        line = top + _BEV_HEIGHT - 24 - 19 * row
        draw.rectangle([x, line + 3, x + 16, line + 12], fill=color)
        draw.text((x + 26, line), name, fill=_FAINT, font=small)


class FilmWriter:
    """Writes frames to an .mp4 file (H.264), whole or not at all: after an error or no frame there is no file.

    Args:
        path: The file; its folder is made.
        fps: Frames per second.
    """

    def __init__(self, path: Path, fps: float) -> None:
        import imageio.v2 as imageio

        self._open = ExitStack()
        self._writer = imageio.get_writer(
            self._open.enter_context(atomic_write(path)),
            format="FFMPEG",
            fps=fps,
            codec="libx264",
            quality=8,
            macro_block_size=2,
            output_params=["-preset", "veryfast"],
        )
        self._open.callback(self._writer.close)

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Append uint8 ``[H, W, 3]``."""
        self._writer.append_data(frame)

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)
