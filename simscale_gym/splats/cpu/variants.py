"""Colours and shapes of a frame's instances that are not their templates', as kernels read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from simscale_gym.splats.cpu.pack import CHUNK, LOG_OPACITY, RED
from simscale_gym.splats.instances import Instances

SHAPE_ROWS = LOG_OPACITY + 1
"""Rows of a chunk that make the shape of its Gaussians: X to LOG_OPACITY."""


class Variants(NamedTuple):
    """What a frame's instances do not take from their templates.

    Attributes:
        first: First chunk of each instance's template, `[I]`.
        color_at: Row of `colors` at which each instance's begin, `[I]`; -1 for those of the template.
        colors: Rows RED to BLUE of chunk after chunk, `[K, 3 * 256]` float32.
        shape_at: Row of `shapes` and `bounds` at which each instance's begin, `[I]`; -1 for those of the template.
        shapes: Rows X to LOG_OPACITY of chunk after chunk, `[S, 10 * 256]` float32.
        bounds: Bounds of the same chunks, `[S, 5]` (see `PackedGaussians`).
    """

    first: np.ndarray
    color_at: np.ndarray
    colors: np.ndarray
    shape_at: np.ndarray
    shapes: np.ndarray
    bounds: np.ndarray

    @classmethod
    def of(
        cls, instances: Instances, first_chunk: np.ndarray, room: Callable[[str, int], np.ndarray]
    ) -> Variants:
        """Lays the variants of instances side by side.

        Args:
            instances: Instances of a frame.
            first_chunk: Start of each template's chunks, `[P + 1]`.
            room: Memory for a name and a number of float32 values.
        """
        colors = [own and own.values for own in instances.colors]
        shapes = [own and own.values[0] for own in instances.shapes]
        bounds = [own.values[1] for own in instances.shapes if own]
        color_at, rgb = _joined(colors, len(instances), 3, "colors", room)
        shape_at, lanes = _joined(shapes, len(instances), SHAPE_ROWS, "shapes", room)
        bounds = np.concatenate(bounds) if bounds else np.empty((0, 5))
        return cls(first_chunk[instances.templates], color_at, rgb, shape_at, lanes, bounds)


def _joined(
    parts: Sequence[np.ndarray | None],
    count: int,
    rows: int,
    name: str,
    room: Callable[[str, int], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Row at which each of `count` parts `[m, rows, 256]` starts, -1 for None, and all of them `[M, rows * 256]`."""
    starts = np.full(count, -1, np.int64)
    own = [(place, part) for place, part in enumerate(parts) if part is not None]
    ends = np.cumsum([len(part) for _, part in own], dtype=np.int64)
    total = int(ends[-1]) if own else 0
    whole = room(name, total * rows * CHUNK)[: total * rows * CHUNK].reshape(total, rows * CHUNK)
    for (place, part), end in zip(own, ends, strict=True):
        starts[place] = end - len(part)
        whole[end - len(part) : end] = part.reshape(len(part), rows * CHUNK)
    return starts, whole


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def chunk_rows(lanes, variants, instance, chunk):
    """Rows X to LOG_OPACITY and, apart, RED to BLUE of a chunk as an instance shows it, both flat.

    Args:
        lanes: All templates' chunks, `[M, 13 * 256]`.
        variants: The frame's.
        instance: Place among the frame's instances.
        chunk: Number of a chunk of its template.
    """
    rows = lanes[chunk]
    rgb = rows[RED * CHUNK :]
    own = chunk - variants.first[instance]
    if variants.color_at[instance] >= 0:
        rgb = variants.colors[variants.color_at[instance] + own]
    if variants.shape_at[instance] >= 0:
        rows = variants.shapes[variants.shape_at[instance] + own]
    return rows, rgb


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def chunk_bounds(bounds, variants, instance, chunk):
    """Bounds `[5]` of a chunk as an instance shows it."""
    if variants.shape_at[instance] >= 0:
        return variants.bounds[variants.shape_at[instance] + chunk - variants.first[instance]]
    return bounds[chunk]
