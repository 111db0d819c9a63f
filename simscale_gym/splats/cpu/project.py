"""Projects the Gaussians of chunks to splats: EWA as in gsplat 1.5.3, `ProjectionEWA3DGSFused.cu`.

Every chunk is projected whole and without branches, so that it vectorises; the visible splats are compacted
after that.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simscale_gym.kernels import take
from simscale_gym.splats.cpu import pack as lane
from simscale_gym.splats.cpu.cull import clamp_limits
from simscale_gym.splats.cpu.pack import CHUNK, LOG_255
from simscale_gym.splats.cpu.variants import chunk_rows

TILE_BITS = 5
TILE = 1 << TILE_BITS
"""Side of an image tile [px]: few duplicates per splat, and the tile's pixels stay in the first cache."""

RECORD = 16
"""float32 values per splat, one cache line. Slots 10 and 11 hold four int16: the box of pixels."""
MEAN_X, MEAN_Y, FALL_X, FALL_Y, SHEAR, LOG_PEAK, RED, GREEN, BLUE, DEPTH = range(10)
BOX = 20  # slot 10 as int16: first and last column, first and last row
SLOPE, HALF_WIDTH, INVERSE_TOP, INSTANCE = 12, 13, 14, 15  # a number below 2^24: float32 holds it

BOX_X, BOX_Y = 10, 11  # the box's slots as float32
ALIVE, TILES_X, TILES_Y, TOUCHED, TOWARDS = 16, 17, 18, 19, 20  # further rows of the work space
WORK_ROWS = 23

FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
"""Fast arithmetic, but comparisons with NaN and infinity keep their meaning: degenerate splats rely on it."""

HUGEST = np.float32(1e30)
f32 = np.float32


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _log(value):
    """Natural logarithm of a positive float32 to about 1e-6, in operations that vectorise."""
    bits = f32(value).view(np.int32)
    exponent = np.int32((bits - np.int32(0x3F3504F3)) >> 23)  # numba widens int32 arithmetic to int64
    mantissa = np.int32(bits - (exponent << 23)).view(f32)
    s = (mantissa - f32(1.0)) / (mantissa + f32(1.0))  # log m = 2 atanh s, |s| <= 0.172
    s2 = s * s
    series = f32(1.0) + s2 * (f32(1 / 3) + s2 * (f32(1 / 5) + s2 * (f32(1 / 7) + s2 * f32(1 / 9))))
    return f32(exponent) * f32(0.6931471805599453) + f32(2.0) * s * series


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _project_lanes(rows, view, camera, width, height, near, far, eps2d, antialiased, work):
    """Projects the 256 Gaussians of a chunk into the rows of `work`; ALIVE says which reach the image.

    Both are flat: with two-dimensional arrays the compiler cannot tell that rows do not overlap.

    The exponent is kept as log peak + FALL_X dx^2 + FALL_Y (dy + SHEAR dx)^2: the conic's Cholesky form,
    which unlike the conic itself does not cancel for thin splats far from their mean, and is never above the
    peak.
    """
    r00, r01, r02, tx = view[0, 0], view[0, 1], view[0, 2], view[0, 3]
    r10, r11, r12, ty = view[1, 0], view[1, 1], view[1, 2], view[1, 3]
    r20, r21, r22, tz = view[2, 0], view[2, 1], view[2, 2], view[2, 3]
    fx, fy, cx, cy = camera[0], camera[1], camera[2], camera[3]
    wide, high = f32(width), f32(height)
    u_low, u_high = clamp_limits(fx, cx, wide)
    v_low, v_high = clamp_limits(fy, cy, high)
    u_low, u_high, v_low, v_high = f32(u_low), f32(u_high), f32(v_low), f32(v_high)
    soften, half = f32(0.5) if antialiased else f32(0.0), f32(0.5)
    for i in range(CHUNK):
        px, py, pz = rows[lane.X * CHUNK + i], rows[lane.Y * CHUNK + i], rows[lane.Z * CHUNK + i]
        x = r00 * px + r01 * py + r02 * pz + tx
        y = r10 * px + r11 * py + r12 * pz + ty
        z = r20 * px + r21 * py + r22 * pz + tz
        inverse = f32(1.0) / max(z, f32(1e-12))
        u, v = x * inverse, y * inverse
        # the linearisation blows up far off the axis: gsplat takes it at the edge of the widened frustum there
        uc, vc = min(max(u, u_low), u_high), min(max(v, v_low), v_high)
        # Rows a, b of the Jacobian times the rotation, then through the Cholesky factor.
        sx, sy = fx * inverse, fy * inverse
        a0, a1, a2 = sx * (r00 - uc * r20), sx * (r01 - uc * r21), sx * (r02 - uc * r22)
        b0, b1, b2 = sy * (r10 - vc * r20), sy * (r11 - vc * r21), sy * (r12 - vc * r22)
        l00, l10, l11 = rows[lane.L00 * CHUNK + i], rows[lane.L10 * CHUNK + i], rows[lane.L11 * CHUNK + i]
        l20, l21, l22 = rows[lane.L20 * CHUNK + i], rows[lane.L21 * CHUNK + i], rows[lane.L22 * CHUNK + i]
        p0, p1, p2 = l00 * a0 + l10 * a1 + l20 * a2, l11 * a1 + l21 * a2, l22 * a2
        q0, q1, q2 = l00 * b0 + l10 * b1 + l20 * b2, l11 * b1 + l21 * b2, l22 * b2
        sharp_xx, sharp_yy = p0 * p0 + p1 * p1 + p2 * p2, q0 * q0 + q1 * q1 + q2 * q2
        xy = p0 * q0 + p1 * q1 + p2 * q2
        n0, n1, n2 = p1 * q2 - p2 * q1, p2 * q0 - p0 * q2, p0 * q1 - p1 * q0
        sharp_det = n0 * n0 + n1 * n1 + n2 * n2  # Cauchy-Binet: no difference of large numbers
        xx, yy = sharp_xx + eps2d, sharp_yy + eps2d
        det = sharp_det + eps2d * (sharp_xx + sharp_yy) + eps2d * eps2d
        # antialiased: the blur of eps2d must not add light, so opacity falls by the root of the determinants' ratio
        peak = rows[lane.LOG_OPACITY * CHUNK + i] + soften * _log(max(sharp_det / det, f32(1e-12)))
        spread = f32(2.0) * (peak + f32(LOG_255))  # squared extent in standard deviations
        reach_x, reach_y = math.sqrt(max(spread * xx, f32(0.0))), math.sqrt(max(spread * yy, f32(0.0)))
        mx, my = fx * u + cx, fy * v + cy
        alive = (z >= near) & (z <= far) & (spread > f32(0.0)) & (det > f32(0.0))
        alive &= (xx > f32(0.0)) & (yy > f32(0.0)) & (xx < HUGEST) & (yy < HUGEST)
        # The box of pixel centres, which lie half a pixel off the corners, cut at the edges of the image.
        x0, x1 = (
            math.ceil(max(mx - reach_x - half, f32(0.0))),
            math.floor(min(mx + reach_x - half, wide - f32(1.0))),
        )
        y0, y1 = (
            math.ceil(max(my - reach_y - half, f32(0.0))),
            math.floor(min(my + reach_y - half, high - f32(1.0))),
        )
        alive &= (x0 <= x1) & (y0 <= y1)
        left, right = np.int32(x0 if alive else f32(0.0)), np.int32(x1 if alive else f32(0.0))
        top, bottom = np.int32(y0 if alive else f32(0.0)), np.int32(y1 if alive else f32(0.0))
        # two int16 in the bits of one float32: a record stays one cache line
        work[BOX_X * CHUNK + i] = np.int32(left | (right << 16)).view(f32)
        work[BOX_Y * CHUNK + i] = np.int32(top | (bottom << 16)).view(f32)
        left, right, top, bottom = (
            left >> TILE_BITS,
            right >> TILE_BITS,
            top >> TILE_BITS,
            bottom >> TILE_BITS,
        )
        work[TILES_X * CHUNK + i] = np.int32(left | (right << 16)).view(f32)
        work[TILES_Y * CHUNK + i] = np.int32(top | (bottom << 16)).view(f32)
        work[TOUCHED * CHUNK + i] = f32((right - left + 1) * (bottom - top + 1))
        work[ALIVE * CHUNK + i] = f32(1.0) if alive else f32(0.0)
        work[MEAN_X * CHUNK + i], work[MEAN_Y * CHUNK + i], work[DEPTH * CHUNK + i] = (
            mx - f32(0.5),
            my - f32(0.5),
            z,
        )
        work[FALL_X * CHUNK + i], work[FALL_Y * CHUNK + i] = f32(-0.5) / xx, f32(-0.5) * xx / det
        work[SHEAR * CHUNK + i], work[LOG_PEAK * CHUNK + i] = -xy / xx, peak
        work[SLOPE * CHUNK + i], work[HALF_WIDTH * CHUNK + i] = (
            xy / yy,
            math.sqrt(max(spread * det / yy, f32(0.0))),
        )
        work[INVERSE_TOP * CHUNK + i] = f32(1.0) / (spread * yy)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _shade_lanes(rows, rgb, rest, terms, eye, turn, is_turned, brightest, work):
    """Fills the colour rows of `work`: the constant term, and `terms` more of the spherical harmonics.

    Args:
        rows: Rows of the chunk, X to LOG_OPACITY at least, `[10 * 256]`.
        rgb: Constant term of the chunk's colours, `[3 * 256]`.
        rest: The colour coefficients behind the constant one, `[terms * 3 * 256]`.
        terms: Number of coefficients behind the constant one: 0, 3, 8 or 15.
        eye: Camera position in the node's frame, `[3]` [m].
        turn: Rotation from the node's frame to the one of the coefficients, `[3, 3]`.
        is_turned: Whether `turn` is to be applied.
        brightest: Greatest colour; brighter ones are cut off there.
        work: Work space of `_project_lanes`; its rows RED, GREEN and BLUE are written.
    """
    for i in range(3 * CHUNK):
        work[RED * CHUNK + i] = rgb[i]
    if terms > 0:
        for i in range(CHUNK):
            dx = rows[lane.X * CHUNK + i] - eye[0]
            dy = rows[lane.Y * CHUNK + i] - eye[1]
            dz = rows[lane.Z * CHUNK + i] - eye[2]
            unit = f32(1.0) / math.sqrt(max(dx * dx + dy * dy + dz * dz, f32(1e-20)))
            work[TOWARDS * CHUNK + i] = dx * unit
            work[(TOWARDS + 1) * CHUNK + i] = dy * unit
            work[(TOWARDS + 2) * CHUNK + i] = dz * unit
        if is_turned:
            _turn_lanes(turn, work)
    for degree in range(1, 4):
        if terms >= (degree + 1) * (degree + 1) - 1:
            for channel in range(3):
                _add_degree(degree, work, rest[channel * CHUNK :], (RED + channel) * CHUNK)
    for i in range(3 * CHUNK):
        work[RED * CHUNK + i] = min(max(work[RED * CHUNK + i], f32(0.0)), brightest)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _turn_lanes(turn, work):
    """Rotates the directions in `work`."""
    for i in range(CHUNK):
        x = work[TOWARDS * CHUNK + i]
        y = work[(TOWARDS + 1) * CHUNK + i]
        z = work[(TOWARDS + 2) * CHUNK + i]
        work[TOWARDS * CHUNK + i] = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z
        work[(TOWARDS + 1) * CHUNK + i] = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z
        work[(TOWARDS + 2) * CHUNK + i] = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _add_degree(degree, work, rest, first):
    """Adds the terms of one degree to one channel, the row of `work` that starts at `first`."""
    for i in range(CHUNK):
        x = work[TOWARDS * CHUNK + i]
        y = work[(TOWARDS + 1) * CHUNK + i]
        z = work[(TOWARDS + 2) * CHUNK + i]
        if degree == 1:
            value = _degree_1(x, y, z, rest, i)
        elif degree == 2:
            value = _degree_2(x, y, z, rest, i)
        else:
            value = _degree_3(x, y, z, rest, i)
        work[first + i] += value


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _degree_1(x, y, z, rest, at):
    """Sum of the three terms of degree 1 (see `spherical_harmonics.sh_basis`)."""
    step = 3 * CHUNK
    return f32(0.48860251190292) * (z * rest[at + step] - y * rest[at] - x * rest[at + 2 * step])


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _degree_2(x, y, z, rest, at):
    """Sum of the five terms of degree 2 (see `spherical_harmonics.sh_basis`)."""
    step = 3 * CHUNK
    return (
        f32(1.0925484305920792) * x * y * rest[at + 3 * step]
        - f32(1.0925484305920792) * y * z * rest[at + 4 * step]
        + (f32(0.9461746957575601) * z * z - f32(0.3153915652525201)) * rest[at + 5 * step]
        - f32(1.0925484305920792) * x * z * rest[at + 6 * step]
        + f32(0.5462742152960395) * (x * x - y * y) * rest[at + 7 * step]
    )


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _degree_3(x, y, z, rest, at):
    """Sum of the seven terms of degree 3 (see `spherical_harmonics.sh_basis`)."""
    step = 3 * CHUNK
    cos_2, sin_2 = x * x - y * y, f32(2.0) * x * y
    ring = f32(0.4570457994644658) - f32(2.285228997322329) * z * z
    return (
        f32(-0.5900435899266435) * (x * sin_2 + y * cos_2) * rest[at + 8 * step]
        + f32(1.445305721320277) * z * sin_2 * rest[at + 9 * step]
        + ring * y * rest[at + 10 * step]
        + z * (f32(1.865881662950577) * z * z - f32(1.119528997770346)) * rest[at + 11 * step]
        + ring * x * rest[at + 12 * step]
        + f32(1.445305721320277) * z * cos_2 * rest[at + 13 * step]
        - f32(0.5900435899266435) * (x * cos_2 - y * sin_2) * rest[at + 14 * step]
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _write_visible(work, first, records, tiles, depths):
    """Compacts the splats that cover at least one pixel centre into records from row `first` on.

    Returns:
        Number of records, number of tiles that their boxes touch altogether, and the least and greatest depth pattern.
    """
    count, touched = 0, f32(0.0)
    least, greatest = np.int32(0x7FFFFFFF), np.int32(0)
    for i in range(CHUNK):
        if work[ALIVE * CHUNK + i] == f32(0.0):
            continue
        row = first + count
        for slot in range(RECORD):
            records[row, slot] = work[slot * CHUNK + i]
        tiles[row, 0], tiles[row, 1] = work[TILES_X * CHUNK + i], work[TILES_Y * CHUNK + i]
        depth = f32(work[DEPTH * CHUNK + i]).view(np.int32)
        depths[row] = depth
        least, greatest = min(least, depth), max(greatest, depth)
        touched += work[TOUCHED * CHUNK + i]
        count += 1
    return count, np.int64(touched), least, greatest


@njit(cache=True, nogil=True, error_model="numpy")
def project_chunks(
    counter, items, lanes, sh_rest, sh_span, variants, views, eyes, turns, is_turned, cameras, width, height,
    limits, antialiased, records, tiles, depths, tallies,
):  # fmt: skip
    """Projects the listed chunks; run it on any number of threads with the same arguments.

    Args:
        counter: `[1]` int64, 0 at the start, shared by the threads.
        items: Camera, instance, chunk, `[n, 3]` int32.
        lanes: All templates' chunks, `[M, 13, 256]`.
        sh_rest: All templates' view-dependent coefficients, flat.
        sh_span: Start in `sh_rest` and number of terms of each chunk, `[M, 2]`.
        variants: The instances' own colours and shapes.
        views: Node to camera, `[C, I, 4, 4]` float32.
        eyes: Camera positions in the nodes' frames, `[C, I, 3]` float32 [m].
        turns: Rotations from the nodes' frames to those of their colours, `[I, 3, 3]` float32.
        is_turned: Whether an instance's `turns` are to be applied, `[I]`.
        cameras: fx, fy, cx, cy, `[C, 4]` float32 [px].
        width: Image width [px].
        height: Image height [px].
        limits: near [m], far [m], eps2d [px^2], brightest colour, `[4]` float32.
        antialiased: Whether to lower the opacity of splats that the blur enlarges.
        records: Written: the splats of item k from row 256 k on, `[n * 256, 16]`.
        tiles: Written: first and last tile column, first and last tile row, four int16 in
            `[n * 256, 2]` float32.
        depths: Written: bit patterns of the depths, which sort like the depths, `[n * 256]` int32.
        tallies: Written: splats, tiles touched, least and greatest depth pattern by item, `[n, 4]` int64.
    """
    work = np.empty(WORK_ROWS * CHUNK, f32)
    flat_lanes = lanes.reshape(len(lanes), lanes.shape[1] * CHUNK)
    near, far, eps2d, brightest = limits[0], limits[1], limits[2], limits[3]
    while True:
        start = take(counter, 4)
        if start >= len(items):
            return
        for item in range(start, min(start + 4, len(items))):
            camera, instance, chunk = items[item]
            rows, rgb = chunk_rows(flat_lanes, variants, instance, chunk)
            view = views[camera, instance]
            _project_lanes(rows, view, cameras[camera], width, height, near, far, eps2d, antialiased, work)
            if work[ALIVE * CHUNK : (ALIVE + 1) * CHUNK].max() > f32(0.0):
                begin, terms = sh_span[chunk]
                rest = sh_rest[begin : begin + terms * 3 * CHUNK]
                eye, turn = eyes[camera, instance], turns[instance]
                _shade_lanes(rows, rgb, rest, terms, eye, turn, is_turned[instance], brightest, work)
            work[INSTANCE * CHUNK : (INSTANCE + 1) * CHUNK] = f32(instance)
            tally = _write_visible(work, item * CHUNK, records, tiles, depths)
            tallies[item, 0], tallies[item, 1], tallies[item, 2], tallies[item, 3] = tally
