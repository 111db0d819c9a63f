"""Blends depth-sorted splats into pixels, tile by tile: gsplat 1.5.3, `RasterizeToPixels3DGSFwd.cu`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simscale_gym.splats.cpu_pack import LOG_255
from simscale_gym.splats.cpu_project import (
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
from simscale_gym.splats.cpu_threads import prefetch, take

BLOCK_BITS = 2
BLOCK = 1 << BLOCK_BITS
"""A block of 4 x 4 pixels is one vector of 16 lanes."""

LANES = BLOCK * BLOCK
BLOCKS = TILE // BLOCK
"""Blocks along one side of a tile."""

PLANE_RED, PLANE_GREEN, PLANE_BLUE, PLANE_DEPTH = LANES, 2 * LANES, 3 * LANES, 4 * LANES
PLANE_WEIGHT, PLANE_ID = 5 * LANES, 6 * LANES
STATE, STATE_WITH_IDS = 5 * LANES, 7 * LANES
"""Values of a block: transmittance (its sign says whether the pixel is finished), red, green, blue, depth; with ids
also the greatest weight so far, and whose it was."""

RECHECK = 32
"""Splats between two looks at which blocks are finished."""

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
        power *= power
        power *= power
        power *= power
        alpha = power if power < MAX_ALPHA else MAX_ALPHA
        open_part = state[base + i]
        weight = alpha * open_part
        left = open_part - weight
        hit = q >= CUTOFF
        added = hit & (left > MIN_TRANSMITTANCE)
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
def _blend_splat(record, box, left, top, state, stride, finished, ids):
    """Adds one splat to the blocks of a tile that its ellipse touches.

    At the height dy the ellipse of alpha = 1/255 spans SLOPE dy ± HALF_WIDTH sqrt(1 - dy^2 INVERSE_TOP): the
    widest place within a row of blocks is at the height of the ellipse's own outermost point, clamped.
    """
    mean_x, mean_y = record[MEAN_X], record[MEAN_Y]
    fall_x, fall_y, shear, peak = record[FALL_X], record[FALL_Y], record[SHEAR], record[LOG_PEAK]
    red, green, blue, depth, number = (
        record[RED],
        record[GREEN],
        record[BLUE],
        record[DEPTH],
        record[INSTANCE],
    )
    first = max(np.int64(box[BOX]) - left, 0) >> BLOCK_BITS
    last = min(np.int64(box[BOX + 1]) - left, TILE - 1) >> BLOCK_BITS
    above = max(np.int64(box[BOX + 2]) - top, 0) >> BLOCK_BITS
    below = min(np.int64(box[BOX + 3]) - top, TILE - 1) >> BLOCK_BITS
    wide = last - first >= 2
    slope, half_width, inverse_top = record[SLOPE], record[HALF_WIDTH], record[INVERSE_TOP]
    outermost = -shear * math.sqrt((CUTOFF - peak) / fall_x) if wide else f32(0.0)
    for block_y in range(above, below + 1):
        dy = f32(top + block_y * BLOCK) - mean_y
        begin, end = first, last
        if wide:
            at_right = min(max(outermost, dy), dy + f32(BLOCK - 1))
            at_left = min(max(-outermost, dy), dy + f32(BLOCK - 1))
            chord_right = half_width * math.sqrt(max(f32(1.0) - at_right * at_right * inverse_top, f32(0.0)))
            chord_left = half_width * math.sqrt(max(f32(1.0) - at_left * at_left * inverse_top, f32(0.0)))
            edge_right = min(mean_x + slope * at_right + chord_right - f32(left), f32(TILE))
            edge_left = max(mean_x + slope * at_left - chord_left - f32(left), f32(-1.0))
            edge_right, edge_left = max(edge_right, f32(-1.0)), min(edge_left, f32(TILE))
            begin = max(first, np.int64(math.floor(edge_left)) >> BLOCK_BITS)
            end = min(last, np.int64(math.ceil(edge_right)) >> BLOCK_BITS)
        for block_x in range(begin, end + 1):
            block = block_y * BLOCKS + block_x
            if not finished[block]:
                dx = f32(left + block_x * BLOCK) - mean_x
                base = np.uint64(block) * np.uint64(stride)
                _blend_block(
                    state, base, dx, dy, fall_x, fall_y, shear, peak, red, green, blue, depth, number, ids
                )


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _open_tile(state, stride, finished, columns, rows):
    """Resets the work space of a tile of which columns x rows pixels lie in the image."""
    state[:] = f32(0.0)
    for block in range(BLOCKS * BLOCKS):
        inside = (block % BLOCKS) * BLOCK < columns and (block // BLOCKS) * BLOCK < rows
        finished[block] = not inside
        for i in range(LANES):
            state[block * stride + i] = f32(1.0)
            if stride == STATE_WITH_IDS:
                state[block * stride + PLANE_ID + i] = f32(-1.0)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _all_finished(state, stride, finished):
    """Marks the blocks none of whose pixels is open; says whether that is all of them."""
    every = True
    for block in range(BLOCKS * BLOCKS):
        if not finished[block]:
            most = f32(-1.0)
            for i in range(np.uint64(LANES)):
                value = state[np.uint64(block) * np.uint64(stride) + i]
                most = value if value > most else most
            finished[block] = most <= f32(0.0)
            every &= finished[block]
    return every


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _write_tile(state, stride, left, top, columns, rows, background, rgb, alpha, depth, transmittance, ids):
    """Writes a tile's pixels to the image."""
    for y in range(rows):
        for x in range(columns):
            block = (y >> BLOCK_BITS) * BLOCKS + (x >> BLOCK_BITS)
            at = block * stride + (y & (BLOCK - 1)) * BLOCK + (x & (BLOCK - 1))
            left_over = abs(state[at])
            covered = f32(1.0) - left_over
            rgb[top + y, left + x, 0] = state[at + PLANE_RED] + left_over * background[0]
            rgb[top + y, left + x, 1] = state[at + PLANE_GREEN] + left_over * background[1]
            rgb[top + y, left + x, 2] = state[at + PLANE_BLUE] + left_over * background[2]
            transmittance[top + y, left + x] = left_over
            alpha[top + y, left + x] = covered
            depth[top + y, left + x] = state[at + PLANE_DEPTH] / covered if covered > f32(0.0) else f32(0.0)
            if ids is not None:
                ids[top + y, left + x] = np.int32(state[at + PLANE_ID])


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
        starts: Where each tile's list starts, `[C, tiles]`.
        counts: How long it is, `[C, tiles]`.
        listed: Rows of the records, nearest first, int32.
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
    stride = STATE if ids is None else STATE_WITH_IDS
    state = np.empty(BLOCKS * BLOCKS * stride, f32)
    finished = np.empty(BLOCKS * BLOCKS, np.bool_)
    flat_records = records.reshape(records.size)
    tiles = counts.shape[1]
    while True:
        turn = take(counter, 1)
        if turn >= len(turns):
            return
        camera, tile = turns[turn] // tiles, turns[turn] % tiles
        left, top = tile % tile_columns * TILE, tile // tile_columns * TILE
        columns, rows = min(TILE, width - left), min(TILE, height - top)
        _open_tile(state, stride, finished, columns, rows)
        at, end = starts[camera, tile], starts[camera, tile] + counts[camera, tile]
        while at < end:
            pause = min(at + RECHECK, end)
            for i in range(at, pause):
                if i + 6 < end:
                    prefetch(flat_records, np.int64(listed[i + 6]) * RECORD)
                row = listed[i]
                _blend_splat(records[row], boxes[row], left, top, state, stride, finished, ids)
            at = pause
            if _all_finished(state, stride, finished):
                break
        _write_tile(
            state, stride, left, top, columns, rows, backgrounds[camera],
            rgb[camera], alpha[camera], depth[camera], transmittance[camera], None if ids is None else ids[camera],
        )  # fmt: skip
