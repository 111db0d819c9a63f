"""Block letters for shop signs and road signs: a 5 x 7 dot font, cut into upright bars."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

COLUMNS, ROWS = 5, 7
# One string per glyph: seven rows from the top, each the five dots as a number in base 32.
GLYPHS = {
    "A": "EHHVHHH", "B": "UHHUHHU", "C": "EHGGGHE", "D": "UHHHHHU", "E": "VGGUGGV", "F": "VGGUGGG",
    "G": "EHGNHHF", "H": "HHHVHHH", "I": "E44444E", "K": "HIKOKIH", "L": "GGGGGGV", "M": "HRLLHHH",
    "N": "HHPLJHH", "O": "EHHHHHE", "P": "UHHUGGG", "R": "UHHUKIH", "S": "FGGE11U", "T": "V444444",
    "U": "HHHHHHE", "V": "HHHHHA4", "W": "HHHLLLA", "Y": "HHHA444", "Z": "V1248GV", "0": "EHJLPHE",
    "1": "4C4444E", "2": "EH1248V", "3": "V2421HE", "4": "26AIV22", "5": "VGU11HE", "6": "68GUHHE",
    "7": "V124888", "8": "EHHEHHE", "9": "EHHF12C", " ": "0000000",
}  # fmt: skip


def cut_bars(bars: Array, inked: NDArray[np.bool_], size: float) -> tuple[Array, NDArray[np.bool_]]:
    """Bars as of :func:`text_bars` cut into pieces at most ``size`` [m] wide and high."""
    out, ink = [], []
    for (left, right, bottom, top), on in zip(bars, inked, strict=True):
        columns, rows = (
            max(1, int(np.ceil(extent / size - 1e-6))) for extent in (right - left, top - bottom)
        )
        x, z = np.linspace(left, right, columns + 1), np.linspace(bottom, top, rows + 1)
        low, high = (
            np.stack(np.meshgrid(x[part], z[part]), -1).reshape(-1, 2) for part in (slice(-1), slice(1, None))
        )
        out.append(np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], 1))
        ink.append(np.full(columns * rows, on))
    return np.concatenate(out), np.concatenate(ink)


MAX_RUN = 2  # dots merged into one bar: longer ones bulge in the middle


@lru_cache(maxsize=256)
def text_dots(text: str) -> NDArray[np.bool_]:
    """The dots of ``text`` that are ink, ``[7, W]``, top row first."""
    rows = ["0".join(f"{int(GLYPHS[letter][row], 32):05b}" for letter in text) for row in range(ROWS)]
    return np.array([[symbol == "1" for symbol in row] for row in rows])


def runs(values: NDArray[np.int64], longest: int) -> NDArray[np.int64]:
    """Runs of equal values along the rows of an image.

    Args:
        values: ``[H, W]`` image of values.
        longest: Longer runs are cut.

    Returns:
        Row, first column, end column, value ``[M, 4]``.
    """
    height, width = values.shape
    starts = np.ones((height, width), bool)
    starts[:, 1:] = values[:, 1:] != values[:, :-1]
    columns = np.broadcast_to(np.arange(width), (height, width))
    origin = np.maximum.accumulate(np.where(starts, columns, 0), axis=1)
    starts |= (columns - origin) % longest == 0
    row, first = np.nonzero(starts)
    following = np.append(first[1:], 0)
    end = np.where(following > first, following, width)
    end[:-1] = np.where(row[1:] == row[:-1], following[:-1], width)
    return np.stack([row, first, end, values[row, first]], 1)


@lru_cache(maxsize=128)
def text_bars(text: str, height: float) -> tuple[Array, NDArray[np.bool_], float]:
    """Bars, inked and blank, that fill the rectangle around ``text``.

    Ink on a board of larger surfels would drown in them, so the board is cut out where the text stands.

    Args:
        text: Letters, digits and blanks of the font.
        height: Height of the capitals [m].

    Returns:
        Left, right, bottom, top ``[M, 4]`` [m] from the text's lower left corner; which are ink ``[M]``; and the
        text's width [m].
    """
    dots = text_dots(text)
    row, left, right, ink = runs(dots.astype(np.int64), MAX_RUN).T
    bars = np.stack([left, right, ROWS - 1 - row, ROWS - row], 1) * (height / ROWS)
    return bars, ink > 0, dots.shape[1] * height / ROWS
