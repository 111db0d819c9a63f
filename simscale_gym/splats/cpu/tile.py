"""Work space of an image tile of the blend: blocks of pixels, and the way from there to the images."""

from __future__ import annotations

import numpy as np
from numba import njit

from simscale_gym.splats.cpu.instructions import prefer_wide_vectors, prefetch_to_write
from simscale_gym.splats.cpu.project import FAST, TILE

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

PIXELS = TILE * TILE
RED_LINES, GREEN_LINES, BLUE_LINES = np.uint64(PIXELS), np.uint64(2 * PIXELS), np.uint64(3 * PIXELS)
DEPTH_LINES, ID_LINES = np.uint64(4 * PIXELS), np.uint64(6 * PIXELS)
U1, U2, U3 = np.uint64(1), np.uint64(2), np.uint64(3)

CACHE_LINE = 16
"""Length of a line of the processor's cache [float32 values]."""

f32 = np.float32


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def open_tile(state, stride, columns, rows):
    """Resets the work space of a tile of which columns x rows pixels lie in the image; returns its open blocks."""
    state[:] = f32(0.0)
    opened = np.uint64(0)
    for block in range(BLOCKS * BLOCKS):
        inside = (block % BLOCKS) * BLOCK < columns and (block // BLOCKS) * BLOCK < rows
        opened |= np.uint64(inside) << np.uint64(block)
        for i in range(LANES):
            state[block * stride + i] = f32(1.0)
            if stride == STATE_WITH_IDS:
                state[block * stride + PLANE_ID + i] = f32(-1.0)
    return opened


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def fetch_tile(first, rows, width, rgb, alpha, depth, transmittance):
    """Asks for the memory that a tile's pixels will go to: it takes as long to come as some hundred splats to blend.

    Args:
        first: Number of the tile's first pixel.
        rows: Rows of pixels of the tile that lie in the image.
        width: Image width [px].
        rgb: Colours of all cameras' images, flat.
        alpha: Alphas of all cameras' images, flat.
        depth: Depths of all cameras' images, flat.
        transmittance: Transmittances of all cameras' images, flat.
    """
    # the last columns of a tile at the image's edge lie in the next row or behind the array: prefetching cannot fault
    for pixel in range(first, first + rows * width, width):
        for x in range(0, 3 * TILE, CACHE_LINE):
            prefetch_to_write(rgb, 3 * pixel + x)
        for x in range(0, TILE, CACHE_LINE):
            prefetch_to_write(alpha, pixel + x)
            prefetch_to_write(depth, pixel + x)
            prefetch_to_write(transmittance, pixel + x)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def to_lines(state, stride, lines):
    """Puts a tile's planes, block by block in `state`, into the order of pixels: `lines` `[7 * 32 * 32]`."""
    prefer_wide_vectors()
    for plane in range(stride // LANES):
        for y in range(TILE):
            start = (y >> BLOCK_BITS) * BLOCKS * stride + (y & (BLOCK - 1)) * BLOCK + plane * LANES
            for block in range(BLOCKS):
                for x in range(BLOCK):
                    lines[plane * PIXELS + y * TILE + block * BLOCK + x] = state[start + block * stride + x]


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def write_tile(lines, first, columns, rows, width, background, rgb, alpha, depth, transmittance, ids):
    """Writes a tile's pixels to the images, arguments as of `fetch_tile`.

    Unsigned numbers, as they cannot wrap around, let it vectorise. One image after the other: streams side by side
    push each other out of the cache.
    """
    prefer_wide_vectors()
    end = np.uint64(columns)
    for y in range(rows):
        line, pixel = np.uint64(y * TILE), np.uint64(first + y * width)
        for x in range(end):
            left_over, at = abs(lines[line + x]), U3 * (pixel + x)
            rgb[at] = lines[line + RED_LINES + x] + left_over * background[0]
            rgb[at + U1] = lines[line + GREEN_LINES + x] + left_over * background[1]
            rgb[at + U2] = lines[line + BLUE_LINES + x] + left_over * background[2]
    for y in range(rows):
        line, pixel = np.uint64(y * TILE), np.uint64(first + y * width)
        for x in range(end):
            transmittance[pixel + x] = abs(lines[line + x])
    for y in range(rows):
        line, pixel = np.uint64(y * TILE), np.uint64(first + y * width)
        for x in range(end):
            alpha[pixel + x] = f32(1.0) - abs(lines[line + x])
    for y in range(rows):
        line, pixel = np.uint64(y * TILE), np.uint64(first + y * width)
        for x in range(end):
            covered = f32(1.0) - abs(lines[line + x])
            depth[pixel + x] = lines[line + DEPTH_LINES + x] / covered if covered > f32(0.0) else f32(0.0)
    if ids is not None:
        for y in range(rows):
            line, pixel = np.uint64(y * TILE), np.uint64(first + y * width)
            for x in range(end):
                ids[pixel + x] = np.int32(lines[line + ID_LINES + x])
