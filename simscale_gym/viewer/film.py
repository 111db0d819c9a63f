"""One picture of everything (cameras over the bird's-eye view), and films of many."""

from __future__ import annotations

import base64
import math
import tempfile
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
_ROWS = (("cam_l0", "cam_f0", "cam_r0"), ("cam_l1", "", "cam_r1"), ("cam_l2", "cam_b0", "cam_r2"))
"""Where cameras stand who look all around: as one sits, what is ahead on top, what is behind below."""
_PANEL_WIDTH, _BEV_HEIGHT, _SCALE = 300, 420, 7.0
_LEAST_WIDTH, _LEAST_SCALE = 960, 4.0
_PERTURBED, _PLAN = ("perturbed way", bev.PERTURBED), ("expert's plan", bev.PLAN)
_LEGEND = (
    ("ego and its way", bev.EGO),
    _PERTURBED,
    ("log", bev.LOG),
    _PLAN,
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
    """Cameras as they look around the ego, a bird's-eye view and a panel of text.

    Cameras ahead stand in a row over the bird's-eye view, those behind in a second row. With cameras that look to the
    sides, all stand around the bird's-eye view.

    Args:
        scene: The scene.
        state: Ego and traffic at the moment to draw.
        images: uint8 ``[h, w, 3]`` by camera, all of one size.
        overlay: Ways for the bird's-eye view.
        lines: Text for the panel.

    Returns:
        uint8 ``[H, W, 3]``; both even.
    """
    rows = [row for row in _ROWS if any(name in images for name in row)]
    around = _ROWS[1] in rows
    cell = _cell(images, rows, around)
    width = max(_LEAST_WIDTH, cell[0] * (3 if around else _widest(rows, images)) + around * _PANEL_WIDTH)
    top = 0 if around else cell[1] * len(rows)
    height = max(3 * cell[1], _BEV_HEIGHT) if around else top + _BEV_HEIGHT
    picture = Image.new("RGB", (width, height), _BACKGROUND)
    for y, row in enumerate(_ROWS if around else rows):
        shown = row if around else [name for name in row if name in images]
        left = 0 if around else (width - cell[0] * len(shown)) // 2
        for x, name in enumerate(shown):
            if name in images:
                camera = Image.fromarray(images[name]).resize(cell, Image.Resampling.BICUBIC)
                picture.paste(camera, (left + x * cell[0], y * cell[1]))
    size = cell if around else (width - _PANEL_WIDTH, _BEV_HEIGHT)
    scale = max(_LEAST_SCALE, _SCALE * size[1] / _BEV_HEIGHT)
    picture.paste(draw_bev(scene, state, overlay, *size, scale), cell if around else (0, top))
    _panel(ImageDraw.Draw(picture), width - _PANEL_WIDTH, top, height, scene, state, overlay, lines)
    return np.asarray(picture)


def _widest(rows: Sequence[Sequence[str]], images: Mapping[str, NDArray[np.uint8]]) -> int:
    """Most cameras in a row."""
    return max((sum(name in images for name in row) for row in rows), default=0)


def _cell(
    images: Mapping[str, NDArray[np.uint8]], rows: Sequence[Sequence[str]], around: bool
) -> tuple[int, int]:
    """Even width and height of a camera, enlarged where all are narrower than the panel needs."""
    if not images:
        return 0, 0
    height, width = next(iter(images.values())).shape[:2]
    room = _LEAST_WIDTH - _PANEL_WIDTH if around else _LEAST_WIDTH
    factor = max(1.0, room / (width * (3 if around else _widest(rows, images))))
    return 2 * math.ceil(width * factor / 2), 2 * math.ceil(height * factor / 2)


def _panel(
    draw: ImageDraw.ImageDraw,
    left: int,
    top: int,
    bottom: int,
    scene: Scene,
    state: SimState,
    overlay: Overlay,
    lines: Sequence[str],
) -> None:
    small, large = ImageFont.load_default(13), ImageFont.load_default(30)
    x, y = left + 18, top + 14
    draw.text((x, y), f"{3.6 * state.ego[StateIndex.VX]:.0f} km/h", fill=_TEXT, font=large)
    draw.text((x, y + 42), f"{scene.id}  {state.frame / 10:.1f} s", fill=_FAINT, font=small)
    absent = {_PERTURBED: len(overlay.perturbed) < 2, _PLAN: not overlay.plans}
    legend = [entry for entry in _LEGEND if not absent.get(entry)]
    under = bottom - 12 - 19 * math.ceil(len(legend) / 2)
    for place, (name, color) in enumerate(legend):
        left_end, line = x + _PANEL_WIDTH // 2 * (place % 2), under + 19 * (place // 2)
        draw.rectangle([left_end, line + 3, left_end + 16, line + 12], fill=color)
        draw.text((left_end + 26, line), name, fill=_FAINT, font=small)
    pitch = min(18.0, (under - y - 80) / max(len(lines), 1))
    for row, line in enumerate(lines):
        draw.text((x, y + 72 + pitch * row), line, fill=_TEXT, font=small)


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


class Film:
    """Frames that notebooks play and :meth:`save` writes.

    Args:
        frames: uint8 ``[H, W, 3]`` each, all of one size, both even.
        fps: Frames per second.
    """

    def __init__(self, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
        self.frames, self.fps = tuple(frames), fps

    def save(self, path: str | Path) -> Path:
        """Write an .mp4 file; its path.

        Raises:
            DataError: It cannot be written.
        """
        path = Path(path)
        with FilmWriter(path, self.fps) as writer:
            for frame in self.frames:
                writer.add(frame)
        return path

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        return f"Film({len(self)} frames, {len(self) / self.fps:.1f} s)"

    def _repr_html_(self) -> str:
        """The film itself, within the page."""
        with tempfile.TemporaryDirectory() as folder:
            content = self.save(Path(folder) / "film.mp4").read_bytes()
        source = f"data:video/mp4;base64,{base64.b64encode(content).decode()}"
        return f'<video controls loop muted autoplay style="max-width: 100%" src="{source}"></video>'
