"""A drawing surface in metres: ego-centred, heading up, antialiased by drawing at twice the size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from simscale_gym.geometry import se2

Array = NDArray[np.float64]
Color = tuple[int, int, int] | tuple[int, int, int, int]

_OVERSAMPLING = 2


class Canvas:
    """Draws in scene coordinates around a pose.

    Args:
        pose: ``[3]`` pose in the scene frame that the picture is drawn around; its heading points up.
        width, height: Size of the picture [pixel].
        scale: Pixels per metre.
        anchor: Place of the pose in the picture, as shares of width and height.
        background: Colour, or a finished canvas whose content is moved here (turned and resampled).
    """

    def __init__(
        self,
        pose: Array,
        width: int,
        height: int,
        scale: float,
        *,
        anchor: tuple[float, float] = (0.5, 0.7),
        background: Color | Canvas = (0, 0, 0),
    ) -> None:
        self._pose = np.array([pose[0], pose[1], pose[2] - np.pi / 2])
        self._size = (width, height)
        self._scale = scale * _OVERSAMPLING
        self._center = np.array([anchor[0] * width, anchor[1] * height]) * _OVERSAMPLING
        size = (width * _OVERSAMPLING, height * _OVERSAMPLING)
        moved = isinstance(background, Canvas)
        self._ground: Color = background._ground if moved else background
        self._image = self._moved(background, size) if moved else Image.new("RGB", size, background)
        self._draw = ImageDraw.Draw(self._image, "RGBA")
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) * _OVERSAMPLING
        self._reach = float(np.linalg.norm(corners - self._center, axis=1).max() / self._scale)

    def _moved(self, other: Canvas, size: tuple[int, int]) -> Image.Image:
        """The image of ``other``, moved to where this canvas shows it."""
        corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]) - self._center
        places = se2.points_to_world(self._pose, corners * np.array([1.0, -1.0]) / self._scale)
        origin, right, down = np.array(other._pixels(places))
        (a, d), (b, e) = right - origin, down - origin
        matrix = (a, b, origin[0], d, e, origin[1])
        return other._image.transform(
            size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST, fillcolor=self._ground
        )

    def sees(self, points: Array) -> bool:
        """Does the bounding box of ``points [K, 2]`` come near the picture?"""
        low, high = points[:, :2].min(0) - self._reach, points[:, :2].max(0) + self._reach
        return bool(((low <= self._pose[:2]) & (self._pose[:2] <= high)).all())

    def polygon(self, points: Array, color: Color, outline: Color | None = None) -> None:
        """Fill ``points [K, 2]``."""
        if self.sees(points):
            self._draw.polygon(self._pixels(points), fill=color, outline=outline, width=_OVERSAMPLING)

    def line(self, points: Array, color: Color, width: float) -> None:
        """Draw a polyline of ``points [K, 2]``, ``width`` [m] thick but at least one pixel."""
        if len(points) > 1 and self.sees(points):
            pixels = max(_OVERSAMPLING, round(width * self._scale))
            self._draw.line(self._pixels(points), fill=color, width=pixels, joint="curve")

    def dashes(self, points: Array, color: Color, width: float, *, on: int = 3, off: int = 4) -> None:
        """Every ``on`` of ``on + off`` segments of a polyline."""
        for start in range(0, len(points) - 1, on + off):
            self.line(points[start : start + on + 1], color, width)

    def dot(self, point: Array, color: Color, radius: float) -> None:
        """A disc of ``radius`` [m]."""
        (x, y), r = self._pixels(np.asarray(point)[None, :2])[0], max(2.0, radius * self._scale)
        self._draw.ellipse([x - r, y - r, x + r, y + r], fill=color)

    def image(self) -> Image.Image:
        """The finished picture."""
        return self._image.resize(self._size, Image.Resampling.BOX)

    def _pixels(self, points: Array) -> Sequence[tuple[float, float]]:
        local = se2.points_to_local(self._pose, points[:, :2]) * self._scale
        return [(float(x), float(y)) for x, y in local * np.array([1.0, -1.0]) + self._center]
