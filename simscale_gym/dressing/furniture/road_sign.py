"""Faces of road signs, painted on a small raster and cut into surfels: speed limits, stop, yield, parking, crossing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.surfels.lettering import GLYPHS, ROWS, text_dots
from simscale_gym.dressing.surfels.surfels import SurfelBuilder
from simscale_gym.errors import ArgumentError

Array = NDArray[np.float64]

FORWARD, LEFT, UP = np.eye(3)
HALF = 0.36  # half the width of the raster [m]
SIGN_RADIUS = 0.33  # of round and eight-sided signs [m]
RED, WHITE, BLUE, BLACK, YELLOW = range(5)
OUTSIDE = -1
MOST_CELLS = 90  # across a face
SAMPLES = 3  # along each side of a cell, to mix the paints that meet in it
GREY = (0.50, 0.51, 0.52)
PAINTS = np.array(
    [[0.76, 0.07, 0.09], [0.93, 0.93, 0.92], [0.07, 0.24, 0.60], [0.06, 0.06, 0.07], [0.95, 0.75, 0.10]]
)
PICTOGRAMS = ("stop", "yield", "crossing", "parking")


def add_sign_face(builder: SurfelBuilder, center: Array, label: str, lod: float) -> None:
    """The painted face of a sign at ``center [3]``, looking along x, and its grey back.

    Args:
        builder: Takes the surfels.
        center: Middle of the face [m].
        label: A number ("30"), "stop", "yield", "crossing" or "parking".
        lod: Level of detail, larger is coarser.
    """
    count, rear_count = (int(np.clip(n * (2.0 / lod) ** 0.75, low, n)) for n, low in ((26, 6), (12, 5)))
    if builder.sharpness.limits:
        count = int(np.clip(2.0 * HALF / builder.sharpness.border, count, MOST_CELLS))
        rear_count = max(rear_count, count // 2)
    front, share, paint = _painted_cells(label, count)
    rear, rear_share, _ = _painted_cells(label, rear_count)
    axes = (LEFT, UP)
    builder.add(center + front[0], *axes, front[1], paint, opacity=0.985 * share, gloss=0.05)
    back, wide = {"normal": -FORWARD, "opacity": 0.98 * rear_share}, 1.0 if builder.sharpness.limits else 1.25
    builder.add(center + rear[0] - 0.035 * FORWARD, *axes, np.multiply(rear[1], wide), GREY, **back)


def _painted_cells(label: str, count: int) -> tuple[tuple[Array, list[float]], Array, Array]:
    """Cells of a face cut into ``count`` by ``count``.

    Returns:
        Places ``[N, 3]`` [m] and standard deviations [m] of the cells; the share of them that the sign fills ``[N]``;
        the mean of the paints in them ``[N, 3]``.
    """
    fine = SAMPLES * count
    level = HALF - (np.arange(fine) + 0.5) * 2.0 * HALF / fine
    # Seen from ahead, with x towards the eye, the reader's right is +y.
    across, up = np.meshgrid(-level, level)
    paint = sign_paint(label, across, up)
    inside = (paint != OUTSIDE).astype(float)
    cells = (count, SAMPLES, count, SAMPLES)
    share = inside.reshape(cells).mean((1, 3))
    mixed = (PAINTS[paint] * inside[..., None]).reshape(*cells, 3).mean((1, 3)) / np.maximum(share, 1e-6)[
        ..., None
    ]
    row, column = np.nonzero(share > 0.2)
    size = 2.0 * HALF / count
    places = np.stack([0.0 * row, (column + 0.5) * size - HALF, HALF - (row + 0.5) * size], 1)
    return (places, [0.62 * size, 0.62 * size]), share[row, column], mixed[row, column]


def sign_paint(label: str, across: Array, up: Array) -> NDArray[np.int64]:
    """Row of ``PAINTS`` at places ``across`` (to the reader's right), ``up`` [m]; ``OUTSIDE`` beside the sign."""
    radius = np.hypot(across, up)
    if label == "stop":
        edge = np.maximum(np.maximum(np.abs(across), np.abs(up)), (np.abs(across) + np.abs(up)) * 0.7071)
        paint = np.where(edge < SIGN_RADIUS - 0.025, RED, WHITE)
        paint[_text_mask("STOP", across, up, 0.19)] = WHITE
        return np.where(edge < SIGN_RADIUS, paint, OUTSIDE)
    if label == "yield":
        edge = np.maximum(0.866 * np.abs(across) - 0.5 * up, up) - 0.02
        paint = np.where(edge < 0.11, WHITE, RED)
        return np.where(edge < 0.19, paint, OUTSIDE)
    if label == "crossing":
        edge = np.maximum(np.abs(across), np.abs(up))
        triangle = np.maximum(0.866 * np.abs(across) + 0.5 * (up + 0.02), -(up + 0.02)) < 0.145
        paint = np.where(triangle, WHITE, BLUE)
        paint[_walker(across, up + 0.01)] = BLACK
        return np.where(edge < 0.31, paint, OUTSIDE)
    if label == "parking":
        edge = np.maximum(np.abs(across), np.abs(up))
        paint = np.where(_text_mask("P", across, up, 0.42), WHITE, BLUE)
        return np.where(edge < 0.31, paint, OUTSIDE)
    if not label.isdigit():
        known = ", ".join(repr(name) for name in PICTOGRAMS)
        raise ArgumentError(f"label is {label!r}: a sign shows a number such as '30', or one of {known}.")
    paint = np.where(radius < 0.245, WHITE, RED)
    paint[_text_mask(label, across, up, 0.26 if len(label) < 3 else 0.2)] = BLACK
    return np.where(radius < SIGN_RADIUS, paint, OUTSIDE)


def _text_mask(text: str, across: Array, up: Array, height: float) -> NDArray[np.bool_]:
    """Places covered by the ink of centred ``text``; digits are narrowed a little so that two fit a round sign."""
    assert all(letter in GLYPHS for letter in text)
    dots = text_dots(text)
    step = height / ROWS
    column = np.floor(across / (0.92 * step) + 0.5 * dots.shape[1]).astype(int)
    row = np.floor(0.5 * ROWS - up / step).astype(int)
    inside = (column >= 0) & (column < dots.shape[1]) & (row >= 0) & (row < ROWS)
    return inside & dots[np.clip(row, 0, ROWS - 1), np.clip(column, 0, dots.shape[1] - 1)]


def _walker(across: Array, up: Array) -> NDArray[np.bool_]:
    """A walking figure."""
    head = np.hypot(across - 0.005, up - 0.115) < 0.03
    trunk = (np.abs(across) < 0.026) & (up > -0.02) & (up < 0.085)
    stride = np.abs(np.abs(across) - 0.45 * (0.0 - up)) < 0.02
    legs = stride & (up <= 0.0) & (up > -0.125)
    arms = (np.abs(np.abs(across) - 0.5 * (0.075 - up)) < 0.014) & (up > 0.0) & (up < 0.075)
    return head | trunk | legs | arms
