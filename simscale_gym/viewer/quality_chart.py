"""A chart of drives whose pictures were judged: what the camera saw, over how far that can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from simscale_gym.errors import ArgumentError
from simscale_gym.one_line import one_line

Array = NDArray[np.float64]
Color = tuple[int, int, int]

FACTOR_NAMES = {
    "coverage": "holes in the ground",
    "in_body": "pixels inside the ego's body",
    "near_share": "surfaces close before the lens",
    "blocked": "surfaces inside the ego's body",
    "coarseness": "blur: coarse Gaussians",
    "view_distance": "far from known views",
    "extrapolation": "far from the log",
}
"""What makes each factor of the score fall."""

COLORS: tuple[Color, ...] = (
    (213, 94, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (140, 110, 80),
    (130, 130, 130),
)
"""Colors of factors: Okabe and Ito's, which people with any color vision tell apart, and two quiet ones."""

_DRIVES: tuple[Color, ...] = ((20, 22, 25), (0, 114, 178))
_INK, _FAINT, _GRID, _WARNING = (20, 22, 25), (105, 110, 116), (225, 228, 231), (178, 50, 0)
_WIDTH, _LEFT, _RIGHT, _PLOT_HEIGHT = 1280, 60, 20, 220
_HEAD, _GAP, _CAPTION, _NAME, _AXIS, _KEY = 84, 4, 32, 26, 58, 22
_FINE = 4  # lines are drawn this many times larger


@dataclass(frozen=True, eq=False)
class JudgedDrive:
    """What a camera saw along a drive.

    Attributes:
        name: Name of the drive, in words.
        along: Distance driven at each picture, rising, `[T]` [m].
        pictures: uint8 `[T, H, W, 3]`.
        scores: Scores of the pictures, 0 to 1, `[T]`.
        factors: Factors of the scores, `[T]` each, by name.
    """

    name: str
    along: Array
    pictures: NDArray[np.uint8]
    scores: Array
    factors: Mapping[str, Array]

    __repr__ = one_line


def quality_chart(
    drives: Sequence[JudgedDrive], title: str, subtitle: str, *, least: float, shown: int = 6
) -> Image.Image:
    """One strip of pictures for each drive, and below a plot of their scores with the factors of the first.

    Each picture stands over its place in the plot.

    Args:
        drives: One or two, over the same distance.
        title: Title of the chart.
        subtitle: Line below the title, smaller.
        least: Score below which pictures are not trusted.
        shown: Number of pictures in a strip.

    Raises:
        ArgumentError: There are more than two drives, or none.
    """
    if not 1 <= len(drives) <= len(_DRIVES):
        raise ArgumentError(f"drives: {len(drives)}, expected one or two.")
    width = (_WIDTH - _LEFT - _RIGHT) // shown
    height = round(width * drives[0].pictures.shape[1] / drives[0].pictures.shape[2])
    strip = _NAME + height + _CAPTION
    top = _HEAD + len(drives) * strip + 10
    keys = _keys(drives, least)
    bottom = top + _PLOT_HEIGHT + _AXIS
    page = Image.new("RGB", (_WIDTH, bottom + _KEY * max(map(len, keys)) + 8), "white")
    draw = ImageDraw.Draw(page)
    draw.text((_LEFT, 16), title, _INK, ImageFont.load_default(26))
    draw.text((_LEFT, 51), subtitle, _FAINT, ImageFont.load_default(15))
    for row, (drive, color) in enumerate(zip(drives, _DRIVES, strict=False)):
        _strip(page, drive, color, _HEAD + row * strip, (width, height), least, shown)
    plot = _Plot(drives[0].along, (_LEFT, top, _LEFT + shown * width, top + _PLOT_HEIGHT), width)
    plot.lines(page, drives, least)
    plot.numbers(draw, shown)
    _legend(draw, keys, bottom)
    return page


def _keys(drives: Sequence[JudgedDrive], least: float) -> list[list[tuple[str, Color, int]]]:
    """Columns of what the lines are: words, color, thickness [px]."""
    scores = [
        (f"score, {drive.name.split(':')[0]}", color, 4)
        for drive, color in zip(drives, _DRIVES, strict=False)
    ]
    scores.append((f"{least:.2f}: below it an episode ends", _WARNING, 1))
    factors = [(FACTOR_NAMES.get(name, name), color, 2) for name, color in _falling(drives[0]).items()]
    if not factors:
        return [scores]
    half = (len(factors) + 1) // 2
    head = [("what makes it fall, as factors of the score", _FAINT, 0)]
    return [scores, head + factors[:half], [("", _FAINT, 0), *factors[half:]]]


def _legend(draw: ImageDraw.ImageDraw, keys: Sequence[Sequence[tuple[str, Color, int]]], top: int) -> None:
    """Columns of :func:`_keys`."""
    font = ImageFont.load_default(14)
    for column, entries in enumerate(keys):
        for row, (words, color, thick) in enumerate(entries):
            x, y = _LEFT + 400 * column, top + _KEY * row
            if thick:
                draw.rectangle([x, y + 10 - thick // 2, x + 22, y + 9 + (thick + 1) // 2], color)
            draw.text((x + (30 if thick else 0), y), words, _INK if thick else _FAINT, font)


def _strip(
    page: Image.Image,
    drive: JudgedDrive,
    color: Color,
    top: int,
    size: tuple[int, int],
    least: float,
    shown: int,
) -> None:
    """The drive's name, its pictures at equal distances, and their scores below."""
    draw, (width, height) = ImageDraw.Draw(page), size
    draw.rectangle([_LEFT, top + 7, _LEFT + 22, top + 11], color)
    draw.text((_LEFT + 30, top), drive.name, color, ImageFont.load_default(16))
    places = np.linspace(drive.along[0], drive.along[-1], shown)
    for column, place in enumerate(places):
        k, x, y = int(np.argmin(np.abs(drive.along - place))), _LEFT + column * width, top + _NAME
        picture = Image.fromarray(drive.pictures[k]).resize((width - _GAP, height), Image.Resampling.LANCZOS)
        page.paste(picture, (x + _GAP // 2, y))
        trusted = drive.scores[k] >= least
        words = f"{drive.scores[k]:.2f}" + ("" if trusted else "  not trusted")
        middle = x + width / 2
        draw.text(
            (middle, y + height + 4),
            words,
            _INK if trusted else _WARNING,
            ImageFont.load_default(16),
            anchor="ma",
        )


class _Plot:
    """Scores over distance.

    Args:
        along: Distances [m].
        box: Left, top, right, bottom [px].
        margin: Width of a picture of the strip above [px]: its first and last stand half of it inside.
    """

    def __init__(self, along: Array, box: tuple[int, int, int, int], margin: int) -> None:
        self._along, self._box = along, box
        self._ends = box[0] + margin / 2, box[2] - margin / 2

    def _x(self, along: Array | float) -> Array | float:
        first, last = self._along[0], self._along[-1]
        share = (along - first) / max(last - first, 1e-9)
        return self._ends[0] + share * (self._ends[1] - self._ends[0])

    def _y(self, score: Array | float) -> Array | float:
        _, top, _, bottom = self._box
        return bottom - 10 - (bottom - top - 24) * score

    def lines(self, page: Image.Image, drives: Sequence[JudgedDrive], least: float) -> None:
        """Grid, threshold, factors of the first drive, scores of all."""
        left, top, right, bottom = self._box
        size = (right - left, bottom - top)
        fine = Image.new("RGB", (size[0] * _FINE, size[1] * _FINE), "white")
        draw = ImageDraw.Draw(fine)

        def line(x: Array, y: Array, color: Color, width: float) -> None:
            points = np.column_stack([np.subtract(x, left), np.subtract(y, top)]) * _FINE
            draw.line([tuple(map(float, p)) for p in points], color, round(width * _FINE), joint="curve")

        for score in np.linspace(0.0, 1.0, 5):
            line([left, right], [self._y(score)] * 2, _GRID, 1)
        for x in range(left, right, 12):
            line([x, x + 6], [self._y(least)] * 2, _WARNING, 1.3)
        for name, color in _falling(drives[0]).items():
            line(self._x(drives[0].along), self._y(drives[0].factors[name]), color, 2.0)
        for drive, color in reversed(list(zip(drives, _DRIVES, strict=False))):
            line(self._x(drive.along), self._y(drive.scores), color, 4.0 if drive is drives[0] else 8.0)
        page.paste(fine.resize(size, Image.Resampling.BOX), (left, top))

    def numbers(self, draw: ImageDraw.ImageDraw, shown: int) -> None:
        """The numbers of the axes: those of the distance stand below the pictures."""
        left, _, right, bottom = self._box
        small = ImageFont.load_default(14)
        for score in np.linspace(0.0, 1.0, 5):
            draw.text((left - 8, self._y(score)), f"{score:.2f}", _FAINT, small, anchor="rm")
        for place in np.linspace(self._along[0], self._along[-1], shown):
            draw.text((self._x(place), bottom + 2), f"{place:.0f} m", _FAINT, small, anchor="ma")
        draw.text(((left + right) / 2, bottom + 22), "distance driven", _FAINT, small, anchor="ma")


def _falling(drive: JudgedDrive) -> dict[str, Color]:
    """Factors that fall somewhere, in the order in which they do, with their colors."""
    fall = {
        name: float(np.argmax(factor < 0.99)) for name, factor in drive.factors.items() if factor.min() < 0.99
    }
    return dict(zip(sorted(fall, key=fall.__getitem__), COLORS, strict=False))
