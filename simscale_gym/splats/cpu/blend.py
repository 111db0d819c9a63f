"""Blends depth-sorted splats into pixels, tile by tile: gsplat 1.5.3, `RasterizeToPixels3DGSFwd.cu`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simscale_gym.kernels import take
from simscale_gym.splats.cpu.bin import ROW_MASK, sort_tile
from simscale_gym.splats.cpu.instructions import lowest_bit, prefer_wide_vectors, prefetch
from simscale_gym.splats.cpu.pack import LOG_255
from simscale_gym.splats.cpu.project import (
    BLUE,
    BOX,
    DEPTH,
    FALL_X,
    FALL_Y,
    FAST,
    GREEN,
    HALF_WIDTH,
    INSTANCE,
    INVERSE_TOP,
    LOG_PEAK,
    MEAN_X,
    MEAN_Y,
    RECORD,
    RED,
    SHEAR,
    SLOPE,
    TILE,
)
from simscale_gym.splats.cpu.tile import (
    BLOCK,
    BLOCK_BITS,
    BLOCKS,
    LANES,
    PIXELS,
    PLANE_BLUE,
    PLANE_DEPTH,
    PLANE_GREEN,
    PLANE_ID,
    PLANE_RED,
    PLANE_WEIGHT,
    STATE,
    STATE_WITH_IDS,
    fetch_tile,
    open_tile,
    to_lines,
    write_tile,
)

EVERY_ROW = np.uint64(0x0101010101010101)
"""A bit for the first block of each row of a tile."""

AHEAD = 12
"""Splats from the one at work to the one that is fetched."""

RECHECK = 32
"""Splats between two looks at which blocks are finished."""

ROUNDING = np.float32(1e-3)
"""Added to the ends of an ellipse's rows [px], far above what float32 rounds away."""

f32 = np.float32
MAX_ALPHA = f32(0.999)
MIN_TRANSMITTANCE = f32(1e-4)
CUTOFF = f32(-LOG_255)

COLUMN = (np.arange(LANES) % BLOCK).astype(f32)
ROW = (np.arange(LANES) // BLOCK).astype(f32)

# exp(q) = p(q)^8 for q in [-log 255, 0]: quartic with p(0) = 1 and the least greatest error (linear programming on 4001
# points, weight exp(q) + 0.1). Alpha is off by 6e-6 at most, and by 6e-5 of its value.
E0, E1, E2, E3, E4 = f32(1.0), f32(0.12499368), f32(0.007797218), f32(0.00031516564), f32(7.506488e-06)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
def _blend_block(state, base, dx, dy, fall_x, fall_y, shear, peak, red, green, blue, depth, number, ids):
    """Adds one splat to one block; (dx, dy) leads from the splat's mean to the block's first pixel centre.

    Whether `ids` is None is known when this is compiled: without ids the kernel is the same as if there were none.
    """
    for i in range(np.uint64(LANES)):
        x = dx + COLUMN[i]
        y = dy + ROW[i] + shear * x
        q = peak + fall_x * x * x + fall_y * y * y
        power = E0 + q * (E1 + q * (E2 + q * (E3 + q * E4)))
        power *= power  # three times squared is to the 8th, see E0 .. E4
        power *= power
        power *= power
        alpha = power if power < MAX_ALPHA else MAX_ALPHA
        open_part = state[base + i]
        weight = alpha * open_part
        left = open_part - weight
        hit = q >= CUTOFF
        added = hit & (left > MIN_TRANSMITTANCE)
        # a splat that would take the last light is left out, as in gsplat, and the sign notes that nothing follows
        closed = -abs(open_part) if hit else open_part
        state[base + i] = left if added else closed
        weight = weight if added else f32(0.0)
        state[base + i + np.uint64(PLANE_RED)] += weight * red
        state[base + i + np.uint64(PLANE_GREEN)] += weight * green
        state[base + i + np.uint64(PLANE_BLUE)] += weight * blue
        state[base + i + np.uint64(PLANE_DEPTH)] += weight * depth
        if ids is not None:
            most, whose = state[base + i + np.uint64(PLANE_WEIGHT)], state[base + i + np.uint64(PLANE_ID)]
            state[base + i + np.uint64(PLANE_ID)] = number if weight > most else whose
            state[base + i + np.uint64(PLANE_WEIGHT)] = weight if weight > most else most


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
def _touched_blocks(record, box, left, top):
    """The blocks of a tile that a splat touches, as bits: block number b is bit b.

    Within two columns of blocks all of its box counts. Beyond, each row's part of its ellipse (see `_ellipse_blocks`).
    """
    first = max(np.int32(box[BOX] - left), np.int32(0)) >> np.int32(BLOCK_BITS)
    last = min(np.int32(box[BOX + 1] - left), np.int32(TILE - 1)) >> np.int32(BLOCK_BITS)
    above = max(np.int32(box[BOX + 2] - top), np.int32(0)) >> np.int32(BLOCK_BITS)
    below = min(np.int32(box[BOX + 3] - top), np.int32(TILE - 1)) >> np.int32(BLOCK_BITS)
    if last - first >= 2:
        return _ellipse_blocks(record, f32(left), f32(top), f32(first), f32(last), above, below)
    row = (np.uint64(2) << np.uint64(last)) - (np.uint64(1) << np.uint64(first))  # bits first .. last
    rows = (~np.uint64(0) >> np.uint64(BLOCKS * (BLOCKS - 1 - below + above))) << np.uint64(BLOCKS * above)
    return row * EVERY_ROW & rows


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
def _ellipse_blocks(record, left, top, first, last, above, below):
    """The blocks that the ellipse of alpha = 1/255 touches, within columns `first` to `last`, rows `above` to `below`.

    At the height dy it spans SLOPE dy ± HALF_WIDTH sqrt(1 - dy^2 INVERSE_TOP): the widest place within a row of
    blocks is at the height of the ellipse's own outermost point, clamped. All rows are worked out, so that it
    vectorises.
    """
    mean_x, mean_y = record[MEAN_X] - left, record[MEAN_Y] - top
    slope, half_width, inverse_top = record[SLOPE], record[HALF_WIDTH], record[INVERSE_TOP]
    outermost = -record[SHEAR] * math.sqrt((CUTOFF - record[LOG_PEAK]) / record[FALL_X])
    least, most = first * f32(BLOCK), last * f32(BLOCK) + f32(BLOCK - 1)
    blocks = np.uint64(0)
    for row in range(np.int32(BLOCKS)):
        dy = f32(row) * f32(BLOCK) - mean_y
        at_right = min(max(outermost, dy), dy + f32(BLOCK - 1))
        at_left = min(max(-outermost, dy), dy + f32(BLOCK - 1))
        chord_right = half_width * math.sqrt(max(f32(1.0) - at_right * at_right * inverse_top, f32(0.0)))
        chord_left = half_width * math.sqrt(max(f32(1.0) - at_left * at_left * inverse_top, f32(0.0)))
        end = math.floor(min(mean_x + slope * at_right + chord_right + ROUNDING, most))
        begin = math.ceil(max(mean_x + slope * at_left - chord_left - ROUNDING, least))
        found = (row >= above) & (row <= below) & (begin <= end)
        end = np.int32(max(end, f32(0.0))) >> np.int32(BLOCK_BITS)
        begin = np.int32(min(begin, f32(TILE - 1))) >> np.int32(BLOCK_BITS)
        span = (np.uint64(2) << np.uint64(end)) - (np.uint64(1) << np.uint64(begin))
        blocks |= (span if found else np.uint64(0)) << np.uint64(row * BLOCKS)
    return blocks


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
def _blend_splat(record, blocks, left, top, state, stride, ids):
    """Adds one splat to the blocks of a tile whose bits are set."""
    mean_x, mean_y = record[MEAN_X] - f32(left), record[MEAN_Y] - f32(top)
    fall_x, fall_y, shear, peak = record[FALL_X], record[FALL_Y], record[SHEAR], record[LOG_PEAK]
    red, green, blue, depth, number = (
        record[RED],
        record[GREEN],
        record[BLUE],
        record[DEPTH],
        record[INSTANCE],
    )
    while blocks != np.uint64(0):
        block = lowest_bit(blocks)
        blocks &= blocks - np.uint64(1)  # clears the lowest bit
        dx = f32(block % BLOCKS * BLOCK) - mean_x
        dy = f32(block // BLOCKS * BLOCK) - mean_y
        base = np.uint64(block) * np.uint64(stride)
        _blend_block(state, base, dx, dy, fall_x, fall_y, shear, peak, red, green, blue, depth, number, ids)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _still_open(state, stride, opened):
    """The blocks of `opened` that still have a pixel that is not finished, as bits."""
    for block in range(BLOCKS * BLOCKS):
        if (opened >> np.uint64(block)) & np.uint64(1):
            most = f32(-1.0)
            for i in range(np.uint64(LANES)):
                value = state[np.uint64(block) * np.uint64(stride) + i]
                most = value if value > most else most
            if most <= f32(0.0):
                opened &= ~(np.uint64(1) << np.uint64(block))
    return opened


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def blend_tiles(
    counter, turns, tile_columns, starts, counts, listed, records, boxes, backgrounds, width, height,
    rgb, alpha, depth, transmittance, ids,
):  # fmt: skip
    """Blends whole tiles, one per turn; run it on any number of threads with the same arguments.

    Args:
        counter: `[1]` int64, 0 at the start, shared by the threads.
        turns: Tiles in the order of work, camera * tiles + tile, costliest first, `[C * tiles]` int64.
        tile_columns: Tiles side by side in an image.
        starts: First place of each tile's list, `[C, tiles]`.
        counts: Length of each tile's list, `[C, tiles]`.
        listed: Depth key and row of the splats, by tile (see `list_tiles`); left in any order within the tiles.
        records: Splats, `[n, 16]` float32.
        boxes: The same memory as int16, `[n, 32]`.
        backgrounds: Colour behind everything, `[C, 3]` float32.
        width: Image width [px].
        height: Image height [px].
        rgb: Written, `[C, H, W, 3]` float32.
        alpha: Written, `[C, H, W]` float32.
        depth: Written, `[C, H, W]` float32 [m].
        transmittance: Written: 1 - alpha, `[C, H, W]` float32.
        ids: Written: the instance of the splat of the greatest weight, `[C, H, W]` int32; or None.
    """
    prefer_wide_vectors()
    stride = STATE if ids is None else STATE_WITH_IDS
    state = np.empty(BLOCKS * BLOCKS * stride, f32)
    touched, lines = np.empty(RECHECK, np.uint64), np.empty(STATE_WITH_IDS // LANES * PIXELS, f32)
    longest = counts.max()
    spare, digits = np.empty(longest, np.int64), np.empty(4096, np.int32)
    flat_records = records.reshape(records.size)
    flat_rgb, flat_alpha = rgb.reshape(rgb.size), alpha.reshape(alpha.size)
    flat_depth, flat_transmittance = depth.reshape(depth.size), transmittance.reshape(transmittance.size)
    flat_ids = None if ids is None else ids.reshape(ids.size)
    tiles = counts.shape[1]
    while True:
        turn = take(counter, 1)
        if turn >= len(turns):
            return
        camera, tile = turns[turn] // tiles, turns[turn] % tiles
        left, top = tile % tile_columns * TILE, tile // tile_columns * TILE
        columns, rows = min(TILE, width - left), min(TILE, height - top)
        first = (camera * height + top) * width + left
        fetch_tile(first, rows, width, flat_rgb, flat_alpha, flat_depth, flat_transmittance)
        opened = open_tile(state, stride, columns, rows)
        start, end = starts[camera, tile], counts[camera, tile]
        order = sort_tile(listed[start : start + end], spare, digits)
        at = 0
        while at < end and opened != np.uint64(0):
            pause = min(at + RECHECK, end)
            # which blocks first, for all, then the blending: the first loop runs while records are still on their way
            for i in range(at, pause):
                if i + AHEAD < end:
                    prefetch(flat_records, (order[i + AHEAD] & ROW_MASK) * RECORD)
                row = order[i] & ROW_MASK
                touched[i - at] = _touched_blocks(records[row], boxes[row], left, top)
            for i in range(at, pause):
                _blend_splat(
                    records[order[i] & ROW_MASK], touched[i - at] & opened, left, top, state, stride, ids
                )
            at = pause
            opened = _still_open(state, stride, opened)
        to_lines(state, stride, lines)
        write_tile(
            lines, first, columns, rows, width, backgrounds[camera],
            flat_rgb, flat_alpha, flat_depth, flat_transmittance, flat_ids,
        )  # fmt: skip
