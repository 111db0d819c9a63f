"""Lists the splats of an image by tile, and sorts a tile's list by depth."""

from __future__ import annotations

import itertools

import numpy as np
from numba import njit

from simscale_gym.kernels import take
from simscale_gym.splats.cpu.pack import CHUNK

KEY_BITS = 22
"""Bits of the depth key, over the image's own range of depths. At 1 to 500 m that tells depths apart that differ
by 4e-6 of their value; closer ones keep the order in which they were projected (instance, then Morton order)."""

ROW_BITS = 32
ROW_MASK = (1 << ROW_BITS) - 1
"""Bits of an entry of a tile's list that hold the row of its record; the depth key stands above them."""

MANY = 2048
"""Longer lists are sorted in fewer passes, by longer digits."""


@njit(cache=True, nogil=True, error_model="numpy")
def count_tiles(counter, shares, tallies, tiles, tile_columns, counts):
    """Counts splats by tile, a share of the items per turn; run it on any number of threads.

    Args:
        counter: `[1]` int64, 0 at the start, shared by the threads.
        shares: First item and the one behind the last, and what makes a key of a depth pattern: (pattern - origin)
            >> shift; `[s, 4]` int64.
        tallies: Splats, tiles touched, least and greatest depth pattern by item (see `project_chunks`), `[n, 4]`.
        tiles: First and last tile column, first and last tile row of each splat, `[n * 256, 4]` int16.
        tile_columns: Tiles side by side in an image.
        counts: Written: the share's splats in each tile, `[s, tiles]` int64; 0 at the start.
    """
    while True:
        share = take(counter, 1)
        if share >= len(shares):
            return
        own = counts[share]
        for item in range(shares[share, 0], shares[share, 1]):
            for row in range(item * CHUNK, item * CHUNK + tallies[item, 0]):
                left, right, top, bottom = tiles[row, 0], tiles[row, 1], tiles[row, 2], tiles[row, 3]
                for y in range(top, bottom + 1):
                    for tile in range(y * tile_columns + left, y * tile_columns + right + 1):
                        own[tile] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def list_tiles(counter, shares, tallies, tiles, depths, tile_columns, starts, listed):
    """Lists splats by tile, a share of the items per turn; run it on any number of threads.

    Args:
        counter: `[1]` int64, 0 at the start, shared by the threads.
        shares: Items of each share and how its keys are made (see `count_tiles`), `[s, 4]`.
        tallies: Splats, tiles touched, least and greatest depth pattern by item (see `project_chunks`), `[n, 4]`.
        tiles: First and last tile column, first and last tile row of each splat, `[n * 256, 4]` int16.
        depths: Bit patterns of the splats' depths, `[n * 256]` int32.
        tile_columns: Tiles side by side in an image.
        starts: First place of the share's part of each tile's list, `[s, tiles]` int64; advanced to its end.
        listed: Written: depth key and row of the record, key << 32 | row, by tile, int64.
    """
    while True:
        share = take(counter, 1)
        if share >= len(shares):
            return
        first, last, origin, shift = shares[share]
        ends = starts[share]
        for item in range(first, last):
            for row in range(item * CHUNK, item * CHUNK + tallies[item, 0]):
                entry = (depths[row] - origin) >> shift << ROW_BITS | row
                left, right, top, bottom = tiles[row, 0], tiles[row, 1], tiles[row, 2], tiles[row, 3]
                for y in range(top, bottom + 1):
                    for tile in range(y * tile_columns + left, y * tile_columns + right + 1):
                        place = ends[tile]
                        listed[place] = entry
                        ends[tile] = place + 1


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _starts_of_digits(entries, counts, bits, passes):
    """Writes where the entries of each value of each digit of the key start: `passes` tables of 2^bits."""
    # one pass over the list counts all digits: sorting by one digit does not change how often another occurs
    mask = (1 << bits) - 1
    counts[: passes << bits] = 0
    for i in range(len(entries)):
        key = entries[i] >> ROW_BITS
        for digit in range(passes):
            counts[(digit << bits) + (key >> digit * bits & mask)] += 1
    for digit in range(passes):
        total = np.int32(0)
        for value in range(digit << bits, (digit + 1) << bits):
            count = counts[value]
            counts[value] = total
            total += count


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _sort_by_digit(source, target, starts, shift, mask, end):
    for i in range(end):
        entry = source[i]
        value = entry >> shift & mask
        place = starts[value]
        starts[value] = place + 1
        target[place] = entry


@njit(cache=True, nogil=True, error_model="numpy")
def sort_tile(entries, spare, counts):
    """Sorts a tile's list by depth, then row: a radix sort, which keeps the order of equal keys.

    Args:
        entries: Depth key and row of the tile's splats (see `list_tiles`), `[n]`; sorted in place if n is more than
            `MANY`.
        spare: Work space, `[n]` or more, int64.
        counts: Work space, `[4096]` int32.

    Returns:
        Entries, nearest first, in one of the two.
    """
    end = len(entries)
    # lowest digit first: each pass keeps the order of the one before among equal digits, so that in the end equal keys
    # stand in the order of their rows; 2 passes of 11 bits, or 3 of 8 whose tables are cheaper to clear for short lists
    if end > MANY:
        _starts_of_digits(entries, counts, 11, 2)
        _sort_by_digit(entries, spare, counts, ROW_BITS, 2047, end)
        _sort_by_digit(spare, entries, counts[2048:], ROW_BITS + 11, 2047, end)
        return entries
    _starts_of_digits(entries, counts, 8, 3)
    _sort_by_digit(entries, spare, counts, ROW_BITS, 255, end)
    _sort_by_digit(spare, entries, counts[256:], ROW_BITS + 8, 255, end)
    _sort_by_digit(entries, spare, counts[512:], ROW_BITS + 16, 255, end)
    return spare


def split_items(item_ends: np.ndarray, tallies: np.ndarray, parts: int) -> np.ndarray:
    """Divides every camera's items into shares of about equally many tiles touched.

    Args:
        item_ends: Number of items up to the end of each camera, `[C + 1]`.
        tallies: Splats, tiles touched, least and greatest depth pattern by item (see `project_chunks`), `[n, 4]`.
        parts: Shares per camera.

    Returns:
        The shares, as `count_tiles` takes them, `[C * parts, 4]` int64.
    """
    shares = np.zeros((len(item_ends) - 1, parts, 4), np.int64)
    for camera, (first, last) in enumerate(itertools.pairwise(item_ends)):
        own = tallies[first:last]
        seen = own[own[:, 0] > 0]
        if not len(seen):
            continue
        # cut by tiles touched, not by items: that is what counting and listing cost
        touched = np.cumsum(own[:, 1])
        cuts = first + np.searchsorted(touched, touched[-1] * np.arange(1, parts) // parts)
        shares[camera, 0, 0], shares[camera, 1:, 0] = first, cuts
        shares[camera, :-1, 1], shares[camera, -1, 1] = cuts, last
        origin = seen[:, 2].min()
        shares[camera, :, 2] = origin
        shares[camera, :, 3] = max(0, int(seen[:, 3].max() - origin).bit_length() - KEY_BITS)
    return shares.reshape(-1, 4)
