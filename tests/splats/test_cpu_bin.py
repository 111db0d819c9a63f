"""Lists of splats by tile, sorted by depth."""

import numpy as np
import pytest

from simscale_gym.splats.cpu.bin import (
    KEY_BITS,
    MANY,
    ROW_BITS,
    ROW_MASK,
    count_tiles,
    list_tiles,
    sort_tile,
    split_items,
)
from simscale_gym.splats.cpu.pack import CHUNK


@pytest.mark.parametrize("count", [0, 1, 2, 100, MANY, MANY + 1, 9000])
@pytest.mark.parametrize("depths", [3, 1 << KEY_BITS])
def test_a_tile_is_sorted_by_depth_then_row(count, depths):
    rng = np.random.default_rng(count)
    entries = rng.integers(depths, size=count) << ROW_BITS | np.arange(count) * 7
    listed, spare = entries.copy(), np.empty(count + 5, np.int64)
    order = sort_tile(listed, spare, np.full(4096, -1, np.int32))
    np.testing.assert_array_equal(order[:count], np.sort(entries))


@pytest.mark.parametrize("parts", [1, 3, 8])
def test_lists_are_the_same_however_the_work_is_split(parts):
    rng = np.random.default_rng(0)
    items, columns, rows = 11, 5, 4
    tallies = np.zeros((items, 4), np.int64)
    tallies[:, 0] = rng.integers(0, CHUNK + 1, items)
    tallies[4] = 0  # a chunk of which nothing is in the image
    corners = rng.integers(0, [columns, rows], (2, items * CHUNK, 2))
    low, high = corners.min(axis=0), corners.max(axis=0)
    tiles = np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1).astype(np.int16)
    depths = rng.uniform(1.0, 80.0, items * CHUNK).astype(np.float32)
    for item in range(items):
        own = slice(item * CHUNK, item * CHUNK + tallies[item, 0])
        tallies[item, 1] = np.prod(high[own] - low[own] + 1, axis=1).sum()
        tallies[item, 2] = depths[own].min(initial=np.inf).view(np.int32)
        tallies[item, 3] = depths[own].max(initial=0.0).view(np.int32)
    shares = split_items(np.array([0, 4, items]), tallies, parts)
    counts = np.zeros((len(shares), columns * rows), np.int64)
    count_tiles(np.zeros(1, np.int64), shares, tallies, tiles, columns, counts)
    totals = counts.reshape(2, parts, -1).swapaxes(1, 2)
    ends = np.cumsum(totals).reshape(totals.shape)
    starts = np.ascontiguousarray((ends - totals).swapaxes(1, 2)).reshape(counts.shape)
    listed = np.zeros(tallies[:, 1].sum(), np.int64)
    list_tiles(
        np.zeros(1, np.int64), shares, tallies, tiles, depths.view(np.int32), columns, starts.copy(), listed
    )
    for camera, (first, last) in enumerate([(0, 4), (4, items)]):
        seen = np.concatenate(
            [np.arange(item * CHUNK, item * CHUNK + tallies[item, 0]) for item in range(first, last)]
        )
        for tile in range(columns * rows):
            x, y = tile % columns, tile // columns
            inside = (low[seen] <= [x, y]).all(axis=1) & (high[seen] >= [x, y]).all(axis=1)
            begin = starts.reshape(2, parts, -1)[camera, 0, tile]
            own = listed[begin : begin + totals[camera, tile].sum()]
            np.testing.assert_array_equal(own & ROW_MASK, seen[inside])
            order = np.argsort(own >> ROW_BITS, kind="stable")
            assert (np.diff(depths[seen[inside]][order]) > -1e-4).all()
