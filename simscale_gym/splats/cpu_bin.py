"""Sorts the splats of an image by depth and lists them by tile."""

from __future__ import annotations

import itertools

import numpy as np
from numba import njit

from simscale_gym.splats.cpu_pack import CHUNK
from simscale_gym.splats.cpu_threads import prefetch, take

DIGIT_BITS = 11
DIGITS = 1 << DIGIT_BITS
"""The depth key has two digits of 11 bits, over the image's own range of depths: two passes of a radix sort.

At a range of 1 to 500 m that tells depths apart that differ by 4e-6 of their value; closer ones keep the
order in which they were projected (instance, then Morton order)."""


@njit(cache=True, nogil=True, error_model="numpy")
def _count_tiles(tiles, row, tile_columns, counts):
    """Counts one splat in each tile that its box touches."""
    left, right, top, bottom = tiles[row, 0], tiles[row, 1], tiles[row, 2], tiles[row, 3]
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            counts[y * tile_columns + x] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _sort_band(band, tallies, tiles, depths, tile_columns, keys, rows, order, counts):
    """Writes to `order` the rows of the splats of a band, nearest first, and counts them by tile.

    Returns:
        Their number.
    """
    first_item, last_item, least, most, _, origin, shift = band
    low, high = np.zeros(DIGITS, np.int32), np.zeros(DIGITS, np.int32)
    for item in range(first_item, last_item):
        if (tallies[item, 3] - origin) >> shift < least or (tallies[item, 2] - origin) >> shift > most:
            continue
        for row in range(item * CHUNK, item * CHUNK + tallies[item, 0]):
            key = (depths[row] - origin) >> shift
            if least <= key <= most:
                low[key & (DIGITS - 1)] += 1
                high[key >> DIGIT_BITS] += 1
                _count_tiles(tiles, row, tile_columns, counts)
    _to_starts(low)
    _to_starts(high)
    count = 0
    for item in range(first_item, last_item):
        if (tallies[item, 3] - origin) >> shift < least or (tallies[item, 2] - origin) >> shift > most:
            continue
        for row in range(item * CHUNK, item * CHUNK + tallies[item, 0]):
            key = (depths[row] - origin) >> shift
            if least <= key <= most:
                place = low[key & (DIGITS - 1)]
                low[key & (DIGITS - 1)] = place + 1
                keys[place], rows[place] = key >> DIGIT_BITS, row
                count += 1
    for i in range(count):
        place = high[keys[i]]
        high[keys[i]] = place + 1
        order[place] = rows[i]
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _to_starts(counts):
    """Turns counts into starts, in place."""
    total = 0
    for i in range(len(counts)):
        count = counts[i]
        counts[i] = total
        total += count


@njit(cache=True, nogil=True, error_model="numpy")
def sort_bands(counter, bands, tallies, tiles, depths, tile_columns, keys, rows, order, lengths, counts):
    """Sorts bands of depth, one per turn; run it on any number of threads with the same arguments.

    Args:
        counter: `[1]` int64, 0 at the start, shared by the threads.
        bands: First item and the one behind the last, least and greatest key, start in the work space, and what
            makes a key of a depth pattern: (pattern - origin) >> shift; `[b, 7]` int64.
        tallies: As written by `project_chunks`, `[n, 4]`.
        tiles: As written by `project_chunks`, `[n * 256, 4]`.
        depths: As written by `project_chunks`, `[n * 256]`.
        tile_columns: Tiles side by side in an image.
        keys: Work space, int32.
        rows: Work space, int32.
        order: Written: rows of each band's splats, nearest first, from its start in the work space on, int32.
        lengths: Written: number of splats of each band, `[b]` int64.
        counts: Written: splats in each tile, `[b, tiles]` int64; 0 at the start.
    """
    while True:
        band = take(counter, 1)
        if band >= len(bands):
            return
        room = slice(bands[band, 4], None)
        lengths[band] = _sort_band(
            bands[band],
            tallies,
            tiles,
            depths,
            tile_columns,
            keys[room],
            rows[room],
            order[room],
            counts[band],
        )


@njit(cache=True, nogil=True, error_model="numpy")
def list_bands(counter, bands, lengths, tiles, tile_columns, order, starts, listed):
    """Lists the sorted splats by tile, one band per turn; run it on any number of threads.

    Args:
        counter: `[1]` int64, 0 at the start, shared by the threads.
        bands: As for `sort_bands`, `[b, 7]`.
        lengths: As written by `sort_bands`, `[b]`.
        tiles: As written by `project_chunks`, `[n * 256, 4]`.
        tile_columns: Tiles side by side in an image.
        order: As written by `sort_bands`.
        starts: Where the band's part of each tile's list starts, `[b, tiles]` int64; advanced to its end.
        listed: Written: rows of the records by tile, nearest first, int32.
    """
    flat_tiles = tiles.reshape(tiles.size)
    while True:
        band = take(counter, 1)
        if band >= len(bands):
            return
        first, ends = bands[band, 4], starts[band]
        last = first + lengths[band]
        for i in range(first, last):
            if i + 12 < last:
                prefetch(flat_tiles, np.int64(order[i + 12]) * 4)
            row = order[i]
            left, right, top, bottom = tiles[row, 0], tiles[row, 1], tiles[row, 2], tiles[row, 3]
            for y in range(top, bottom + 1):
                for tile in range(y * tile_columns + left, y * tile_columns + right + 1):
                    place = ends[tile]
                    listed[place] = row
                    ends[tile] = place + 1


def depth_bands(item_ends: np.ndarray, tallies: np.ndarray, parts: int) -> np.ndarray:
    """Divides every camera's splats into bands of depth that hold about equally many.

    The cuts only share out work: they do not change the outcome.

    Args:
        item_ends: Number of items up to the end of each camera, `[C + 1]`.
        tallies: As written by `project_chunks`, `[n, 4]`.
        parts: Bands per camera.

    Returns:
        The bands, as `sort_bands` takes them, `[C * parts, 7]` int64.
    """
    bands = np.zeros((len(item_ends) - 1, parts, 7), np.int64)
    for camera, (first, last) in enumerate(itertools.pairwise(item_ends)):
        seen = tallies[first:last][tallies[first:last, 0] > 0]
        if not len(seen):
            continue
        origin = seen[:, 2].min()
        shift = max(0, int(seen[:, 3].max() - origin).bit_length() - 2 * DIGIT_BITS)
        keys = (seen[:, 2:].mean(axis=1).astype(np.int64) - origin) >> shift
        by_depth = np.argsort(keys)
        share = np.cumsum(seen[by_depth, 0])
        cuts = keys[by_depth[np.searchsorted(share, share[-1] * np.arange(1, parts) // parts)]]
        bands[camera, :, 0], bands[camera, :, 1] = first, last
        bands[camera, 1:, 2], bands[camera, :-1, 3], bands[camera, -1, 3] = cuts + 1, cuts, DIGITS * DIGITS
        bands[camera, :, 4], bands[camera, :, 5], bands[camera, :, 6] = share[-1], origin, shift
    bands = bands.reshape(-1, 7)
    bands[:, 4] = np.cumsum(bands[:, 4]) - bands[:, 4]  # every band has room for all of its camera's splats
    return bands
