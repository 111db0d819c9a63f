"""The templates of a CPU rasteriser, one after another in arrays that grow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.cpu.pack import BLUE, CHUNK, LEVELS, PackedGaussians
from simscale_gym.splats.cpu.reshape import reshape_chunks
from simscale_gym.splats.cpu.variants import SHAPE_ROWS
from simscale_gym.splats.instances import Colors, Shape


class TemplateStore:
    """Chunks of all templates in the order in which they were added.

    Args:
        templates: The first ones.
    """

    def __init__(self, templates: Sequence[PackedGaussians] = ()) -> None:
        self._orders: list[np.ndarray] = []
        self.first_chunk = np.zeros(1, np.int64)
        self._lanes = np.empty((0, BLUE + 1, CHUNK), np.float32)
        self._bounds = np.empty((0, 5))
        self._spans = np.empty((0, 2), np.int64)
        self.first_cluster = np.zeros(1, np.int64)
        self._spheres = np.empty((0, 4))
        self._level_chunks, self._grains = np.empty((0, LEVELS + 1), np.int64), np.empty((0, LEVELS))
        self._sh_rest, self._sh_used = np.empty(0, np.float32), 0
        for template in templates:
            self.add(template)

    def __len__(self) -> int:
        return len(self._orders)

    @property
    def lanes(self) -> np.ndarray:
        """`[M, 13, 256]` (see `PackedGaussians`)."""
        return self._lanes[: self.first_chunk[-1]]

    @property
    def bounds(self) -> np.ndarray:
        """`[M, 5]` (see `PackedGaussians`)."""
        return self._bounds[: self.first_chunk[-1]]

    @property
    def sh_span(self) -> np.ndarray:
        """`[M, 2]`: where the view-dependent coefficients of each chunk start in `sh_rest`, and how many terms."""
        return self._spans[: self.first_chunk[-1]]

    @property
    def sh_rest(self) -> np.ndarray:
        """View-dependent coefficients of all templates' chunks, flat."""
        return self._sh_rest[: self._sh_used]

    @property
    def spheres(self) -> np.ndarray:
        """`[Q, 4]` (see `PackedGaussians`)."""
        return self._spheres[: self.first_cluster[-1]]

    @property
    def level_chunks(self) -> np.ndarray:
        """`[Q, 7]` (see `PackedGaussians`), counted through all templates."""
        return self._level_chunks[: self.first_cluster[-1]]

    @property
    def grains(self) -> np.ndarray:
        """`[Q, 6]` (see `PackedGaussians`)."""
        return self._grains[: self.first_cluster[-1]]

    def add(self, template: PackedGaussians) -> int:
        """Appends a template; returns its number. The cost is that of the template, on average."""
        start = int(self.first_chunk[-1])
        end = start + len(template.lanes)
        self._lanes = _grown(self._lanes, end)
        self._bounds, self._spans = _grown(self._bounds, end), _grown(self._spans, end)
        self._lanes[start:end], self._bounds[start:end] = template.lanes, template.bounds
        terms = template.sh_rest.shape[1] // 3
        self._spans[start:end, 0] = self._sh_used + np.arange(end - start) * terms * 3 * CHUNK
        self._spans[start:end, 1] = terms
        begin, self._sh_used = self._sh_used, self._sh_used + template.sh_rest.size
        self._sh_rest = _grown(self._sh_rest, self._sh_used)
        self._sh_rest[begin : self._sh_used] = template.sh_rest.reshape(-1)
        self.first_chunk = np.append(self.first_chunk, end)
        self._add_clusters(template, start)
        self._orders.append(template.order)
        return len(self._orders) - 1

    def _add_clusters(self, template: PackedGaussians, first_chunk: int) -> None:
        start = int(self.first_cluster[-1])
        end = start + len(template.spheres)
        self._spheres, self._grains = _grown(self._spheres, end), _grown(self._grains, end)
        self._level_chunks = _grown(self._level_chunks, end)
        self._spheres[start:end], self._grains[start:end] = template.spheres, template.grains
        self._level_chunks[start:end] = template.level_chunks + first_chunk
        self.first_cluster = np.append(self.first_cluster, end)

    def colors(self, number: int, rgb: np.ndarray) -> Colors:
        """Base colours `[N, 3]` for instances of template `number`, in the order that was packed."""
        start, end = self._of_one_level(number, "the colours")
        order, rgb = self._orders[number], np.asarray(rgb)
        _check_rows("rgb", rgb, order, 3)
        rows = np.zeros((3, (end - start) * CHUNK), np.float32)
        rows[:, : len(order)] = rgb[order].T
        return Colors(number, np.ascontiguousarray(rows.reshape(3, end - start, CHUNK).swapaxes(0, 1)))

    def shape(self, number: int, means: np.ndarray, quats: np.ndarray, scales: np.ndarray) -> Shape:
        """Gaussians `[N, 3]`, `[N, 4]`, `[N, 3]` for instances of template `number`, in the order that was packed."""
        start, end = self._of_one_level(number, "the shape")
        order = self._orders[number]
        means, quats, scales = (np.asarray(value, np.float32) for value in (means, quats, scales))
        for name, value, length in (("means", means, 3), ("quats", quats, 4), ("scales", scales, 3)):
            _check_rows(name, value, order, length)
        lanes, bounds = self._lanes[start:end, :SHAPE_ROWS].copy(), np.empty((end - start, 5))
        reshape_chunks(order, means, quats, scales, lanes, bounds)
        return Shape(number, (lanes, bounds))

    def _of_one_level(self, number: int, what: str) -> tuple[int, int]:
        """First chunk of a template, and where the next one starts."""
        if not 0 <= number < len(self):
            raise ArgumentError(f"template is {number}, expected a number in 0..{len(self) - 1}.")
        if np.isfinite(self._grains[self.first_cluster[number] : self.first_cluster[number + 1], 1]).any():
            raise ArgumentError(
                f"template {number} has levels of detail, which keep {what} they were packed with."
            )
        return int(self.first_chunk[number]), int(self.first_chunk[number + 1])


def _check_rows(name: str, value: np.ndarray, order: np.ndarray, length: int) -> None:
    """Raises ArgumentError where kernels, which check nothing, would read beyond the end."""
    least = int(order.max(initial=-1)) + 1
    if value.ndim != 2 or value.shape[1] != length or len(value) < least:
        raise ArgumentError(
            f"{name} has shape {value.shape}, expected [N, {length}], a row of each of the N Gaussians packed."
        )


def _grown(array: np.ndarray, rows: int) -> np.ndarray:
    """`array` with room for `rows` rows, at least doubled when it has to move."""
    if len(array) >= rows:
        return array
    grown = np.empty((max(rows, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
