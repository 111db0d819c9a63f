"""Sorts the splats of an image by depth and lists them by tile."""

from __future__ import annotations

import numpy as np
from numba import njit

from simscale_gym.splats.cpu_pack import CHUNK
from simscale_gym.splats.cpu_threads import prefetch, take

DIGIT_BITS = 11
DIGITS = 1 << DIGIT_BITS
"""The depth key has two digits of 11 bits, over the image's own range of depths: two passes of a radix sort.

At a range of 1 to 500 m that tells depths apart that differ by 4e-6 of their value; nearer ones keep the order
in which they were projected (instance, then Morton order)."""


@njit(cache=True, nogil=True, error_model="numpy")
def _depth_range(tallies, first_item, last_item):
    """Least depth pattern of an image and the shift that brings the range into 22 bits."""
    least, greatest = np.int64(0x7FFFFFFF), np.int64(0)
    for item in range(first_item, last_item):
        if tallies[item, 0] > 0:
            least, greatest = min(least, tallies[item, 2]), max(greatest, tallies[item, 3])
    shift = 0
    while (greatest - least) >> shift >= DIGITS * DIGITS:
        shift += 1
    return least, shift


@njit(cache=True, nogil=True, error_model="numpy")
def _to_starts(counts):
    """Turns counts into starts, in place."""
    total = 0
    for i in range(len(counts)):
        count = counts[i]
        counts[i] = total
        total += count


@njit(cache=True, nogil=True, error_model="numpy")
def _sort_by_depth(tallies, first_item, last_item, tiles, depths, first_column, last_column, keys, rows, order):
    """Writes to `order` the rows of the splats that touch a band of tile columns, nearest first.

    Returns:
        Their number.
    """
    least, shift = _depth_range(tallies, first_item, last_item)
    low, high = np.zeros(DIGITS, np.int32), np.zeros(DIGITS, np.int32)
    for item in range(first_item, last_item):
        for row in range(item * CHUNK, item * CHUNK + tallies[item, 0]):
            if tiles[row, 0] <= last_column and tiles[row, 1] >= first_column:
                key = (depths[row] - least) >> shift
                low[key & (DIGITS - 1)] += 1
                high[key >> DIGIT_BITS] += 1
    _to_starts(low)
    _to_starts(high)
    count = 0
    for item in range(first_item, last_item):
        for row in range(item * CHUNK, item * CHUNK + tallies[item, 0]):
            if tiles[row, 0] <= last_column and tiles[row, 1] >= first_column:
                key = (depths[row] - least) >> shift
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
def _list_by_tile(order, count, tiles, first_column, last_column, tile_columns, starts, counts, start, listed):
    """Lists the ordered splats by tile of a band: `listed[starts[t] : starts[t] + counts[t]]` for tile t."""
    flat_tiles = tiles.reshape(tiles.size)
    tile_rows = len(counts) // tile_columns
    for i in range(count):
        if i + 12 < count:
            prefetch(flat_tiles, np.int64(order[i + 12]) * 4)
        row = order[i]
        left, right = max(tiles[row, 0], first_column), min(tiles[row, 1], last_column)
        for y in range(tiles[row, 2], tiles[row, 3] + 1):
            for x in range(left, right + 1):
                counts[y * tile_columns + x] += 1
    for y in range(tile_rows):
        for x in range(first_column, last_column + 1):
            starts[y * tile_columns + x] = start
            start += counts[y * tile_columns + x]
            counts[y * tile_columns + x] = 0
    for i in range(count):
        if i + 12 < count:
            prefetch(flat_tiles, np.int64(order[i + 12]) * 4)
        row = order[i]
        left, right = max(tiles[row, 0], first_column), min(tiles[row, 1], last_column)
        for y in range(tiles[row, 2], tiles[row, 3] + 1):
            for x in range(left, right + 1):
                tile = y * tile_columns + x
                listed[starts[tile] + counts[tile]] = row
                counts[tile] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def bin_bands(
    counter, bands, item_ends, tallies, tiles, depths, tile_columns, keys, rows, order, starts, counts, listed
):  # fmt: skip
    """Sorts and lists whole bands of tile columns, one per turn; run it on any number of threads.

    Bands are independent of each other and their number does not change the outcome.

    Args:
        counter: `[1]` int64, 0 at the start, shared by the threads.
        bands: Camera, first and last tile column, start in the work space, start in `listed`, `[b, 5]` int64.
        item_ends: Number of items up to the end of each camera, `[C + 1]`.
        tallies: As written by `project_chunks`, `[n, 4]`.
        tiles: As written by `project_chunks`, `[n * 256, 4]`.
        depths: As written by `project_chunks`, `[n * 256]`.
        tile_columns: Tiles side by side in an image.
        keys: Work space, int32.
        rows: Work space, int32.
        order: Work space, int32.
        starts: Written: where each tile's list starts, `[C, tiles]` int64.
        counts: Written: how long it is, `[C, tiles]` int64; 0 at the start.
        listed: Written: rows of the records, nearest first, int32.
    """
    while True:
        band = take(counter, 1)
        if band >= len(bands):
            return
        camera, first_column, last_column, scratch, start = bands[band]
        first_item, last_item = item_ends[camera], item_ends[camera + 1]
        count = _sort_by_depth(
            tallies, first_item, last_item, tiles, depths, first_column, last_column,
            keys[scratch:], rows[scratch:], order[scratch:],
        )  # fmt: skip
        _list_by_tile(
            order[scratch:], count, tiles, first_column, last_column, tile_columns,
            starts[camera], counts[camera], start, listed,
        )  # fmt: skip
