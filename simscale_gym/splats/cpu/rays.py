"""Puts Gaussians before the rays of a turning sensor: which are within reach, and between which rays each is seen."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simscale_gym.kernels import take
from simscale_gym.splats.cpu import pack as lane
from simscale_gym.splats.cpu.cull import FINE
from simscale_gym.splats.cpu.pack import CHUNK, LEVELS, LOG_255
from simscale_gym.splats.cpu.project import FAST
from simscale_gym.splats.cpu.variants import chunk_bounds, chunk_rows

SECTOR = 16
"""Azimuths that are cast at once, one vector of float32."""

RECORD = 16
"""float32 values per Gaussian: W (nine, by row), which makes it a unit sphere; mean; and what follows."""
MEAN, PEAK, NEAREST, INSTANCE, LIGHT = 9, 12, 13, 14, 15

ALIVE, TURN, HALF_TURN, LOW, HIGH, WORK_ROWS = 16, 17, 18, 19, 20, 21  # further rows of the work space

NEAR = 0.05
"""Gaussians are met from this far on [m]."""

FLATTEST = 1e-3
"""Gaussians count as no flatter than this, thickness to width."""

MARGIN = 1e-4
"""Width added to bounds of angles, for what float32 and `_angle` round away [rad]."""

RED_LIGHT, GREEN_LIGHT, BLUE_LIGHT = 0.2126, 0.7152, 0.0722
"""Luminance of red, green and blue (Rec. 709)."""

f32 = np.float32


@njit(cache=True, nogil=True, error_model="numpy")
def cull_sphere(
    bounds, first_cluster, spheres, level_chunks, grains, instance_index, variants, eyes, focal, most, items
):
    """Lists the chunks within reach, at the level of detail that will do, by instance, then chunk.

    Args:
        bounds: `[M, 5]` of all templates' chunks (see `PackedGaussians`).
        first_cluster: First cluster of each template, `[P + 1]`.
        spheres: `[Q, 4]` of all templates' clusters.
        level_chunks: `[Q, 7]` of all templates' clusters.
        grains: `[Q, 6]` of all templates' clusters.
        instance_index: Template of each instance, `[I]`.
        variants: The instances' own colours and shapes.
        eyes: Place of the sensor in the instances' frames, `[I, 3]` float64.
        focal: Rays per radian.
        most: Farthest range [m].
        items: Written: instance, chunk, `[.., 2]` int32.

    Returns:
        Number of items.
    """
    count = 0
    for instance in range(len(instance_index)):
        ex, ey, ez = eyes[instance]
        template = instance_index[instance]
        for cluster in range(first_cluster[template], first_cluster[template + 1]):
            sx, sy, sz, radius = spheres[cluster]
            distance = math.sqrt((sx - ex) ** 2 + (sy - ey) ** 2 + (sz - ez) ** 2) - radius
            finest, level = FINE * max(distance, NEAR) / focal, 0
            while level + 1 < LEVELS and grains[cluster, level + 1] <= finest:
                level += 1
            for chunk in range(level_chunks[cluster, level], level_chunks[cluster, level + 1]):
                bx, by, bz, radius, reach = chunk_bounds(bounds, variants, instance, chunk)
                distance = math.sqrt((bx - ex) ** 2 + (by - ey) ** 2 + (bz - ez) ** 2)
                if distance - radius - reach <= most:
                    items[count, 0], items[count, 1] = instance, chunk
                    count += 1
    return count


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _angle(y, x):
    """Angle of a direction to about 1e-5 rad, in operations that vectorise (Abramowitz and Stegun 4.4.49's form)."""
    ax, ay = abs(x), abs(y)
    a = min(ax, ay) / max(max(ax, ay), f32(1e-30))
    s = a * a
    series = f32(0.05265332) - s * f32(0.01172120)
    series = f32(-0.33262347) + s * (f32(0.19354346) + s * (f32(-0.11643287) + s * series))
    angle = a * (f32(0.99997726) + s * series)
    angle = f32(math.pi / 2) - angle if ay > ax else angle
    angle = f32(math.pi) - angle if x < f32(0.0) else angle
    return -angle if y < f32(0.0) else angle


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _project_lanes(rows, rgb, view, most, work):
    """Fills the rows of `work`: the records of 256 Gaussians in the sensor's frame, and bounds of their angles.

    The ellipsoid where alpha is 1/255 is seen between two vertical planes through the sensor, tangents of its shadow
    on the ground, and between the two tangents of its shadow on the vertical plane through its mean.
    """
    r00, r01, r02, tx = view[0, 0], view[0, 1], view[0, 2], view[0, 3]
    r10, r11, r12, ty = view[1, 0], view[1, 1], view[1, 2], view[1, 3]
    r20, r21, r22, tz = view[2, 0], view[2, 1], view[2, 2], view[2, 3]
    for i in range(CHUNK):
        px, py, pz = rows[lane.X * CHUNK + i], rows[lane.Y * CHUNK + i], rows[lane.Z * CHUNK + i]
        x = r00 * px + r01 * py + r02 * pz + tx
        y = r10 * px + r11 * py + r12 * pz + ty
        z = r20 * px + r21 * py + r22 * pz + tz
        l00, l10, l11 = rows[lane.L00 * CHUNK + i], rows[lane.L10 * CHUNK + i], rows[lane.L11 * CHUNK + i]
        l20, l21, l22 = rows[lane.L20 * CHUNK + i], rows[lane.L21 * CHUNK + i], rows[lane.L22 * CHUNK + i]
        # W divides by the thickness: without a least one, float32 could not hold it for flat Gaussians
        thin = f32(FLATTEST) * (l00 + l11 + l22) + f32(1e-7)
        l00, l11, l22 = max(l00, thin), max(l11, thin), max(l22, thin)
        i0, i1, i2 = f32(1.0) / l00, f32(1.0) / l11, f32(1.0) / l22
        # Columns of W = L^-1 R^T, then rows of R L, all scaled to where alpha is 1/255.
        a0, b0, c0 = r00 * i0, r10 * i0, r20 * i0
        a1, b1, c1 = (r01 - l10 * a0) * i1, (r11 - l10 * b0) * i1, (r21 - l10 * c0) * i1
        a2, b2 = (r02 - l20 * a0 - l21 * a1) * i2, (r12 - l20 * b0 - l21 * b1) * i2
        c2 = (r22 - l20 * c0 - l21 * c1) * i2
        peak = rows[lane.LOG_OPACITY * CHUNK + i]
        extent = math.sqrt(max(f32(2.0) * (peak + f32(LOG_255)), f32(0.0)))
        l00, l10, l11, l20, l21, l22 = (
            l00 * extent, l10 * extent, l11 * extent, l20 * extent, l21 * extent, l22 * extent,
        )  # fmt: skip
        f0, f1, f2 = r00 * l00 + r01 * l10 + r02 * l20, r01 * l11 + r02 * l21, r02 * l22
        g0, g1, g2 = r10 * l00 + r11 * l10 + r12 * l20, r11 * l11 + r12 * l21, r12 * l22
        v0, v1, v2 = r20 * l00 + r21 * l10 + r22 * l20, r21 * l11 + r22 * l21, r22 * l22
        flat2 = x * x + y * y
        flat = math.sqrt(flat2)
        cos, sin = x / max(flat, f32(1e-12)), y / max(flat, f32(1e-12))
        # Along the mean's own direction on the ground, across it, and along the ray through the mean.
        p0, p1, p2 = cos * f0 + sin * g0, cos * f1 + sin * g1, cos * f2 + sin * g2
        q0, q1, q2 = cos * g0 - sin * f0, cos * g1 - sin * f1, cos * g2 - sin * f2
        distance = math.sqrt(flat2 + z * z)
        d0, d1, d2 = flat * p0 + z * v0, flat * p1 + z * v1, flat * p2 + z * v2
        nearest = distance - math.sqrt(d0 * d0 + d1 * d1 + d2 * d2) / max(distance, f32(1e-12))
        nearest = max(nearest, f32(NEAR))
        deep = p0 * p0 + p1 * p1 + p2 * p2
        free = flat2 - deep
        skew = p0 * q0 + p1 * q1 + p2 * q2
        root = math.sqrt(max(skew * skew + free * (q0 * q0 + q1 * q1 + q2 * q2), f32(0.0)))
        ahead = free > f32(0.01) * flat2  # otherwise it is all around, above or below
        inverse = f32(1.0) / max(free, f32(1e-20))
        left, right = (root - skew) * inverse, (-root - skew) * inverse
        e0, e1, e2 = flat * v0 - z * p0, flat * v1 - z * p1, flat * v2 - z * p2
        lean = p0 * v0 + p1 * v1 + p2 * v2
        spread = e0 * e0 + e1 * e1 + e2 * e2 + lean * lean - deep * (v0 * v0 + v1 * v1 + v2 * v2)
        root = math.sqrt(max(spread, f32(0.0)))
        low, high = (flat * z - lean - root) * inverse, (flat * z - lean + root) * inverse
        # low and high are slopes within the vertical plane through the mean; in another plane of the span, up to `side`
        # from it, the same height lies farther off: a slope that would end the span too early is taken flatter
        side = max(abs(left), abs(right))
        nearer = f32(1.0) / math.sqrt(f32(1.0) + side * side)
        low = low * nearer if low > f32(0.0) else low
        high = high * nearer if high < f32(0.0) else high
        a, b = _angle(left, f32(1.0)), _angle(right, f32(1.0))
        work[TURN * CHUNK + i] = _angle(y, x) + f32(0.5) * (a + b)
        work[HALF_TURN * CHUNK + i] = f32(0.5) * (a - b) + f32(MARGIN) if ahead else f32(4.0)
        work[LOW * CHUNK + i] = low - f32(MARGIN) * (f32(1.0) + low * low) if ahead else f32(-1e9)
        work[HIGH * CHUNK + i] = high + f32(MARGIN) * (f32(1.0) + high * high) if ahead else f32(1e9)
        work[i], work[CHUNK + i], work[2 * CHUNK + i] = a0, b0, c0
        work[3 * CHUNK + i], work[4 * CHUNK + i], work[5 * CHUNK + i] = a1, b1, c1
        work[6 * CHUNK + i], work[7 * CHUNK + i], work[8 * CHUNK + i] = a2, b2, c2
        work[MEAN * CHUNK + i], work[(MEAN + 1) * CHUNK + i], work[(MEAN + 2) * CHUNK + i] = x, y, z
        work[PEAK * CHUNK + i], work[NEAREST * CHUNK + i] = peak, nearest
        work[LIGHT * CHUNK + i] = (
            f32(RED_LIGHT) * rgb[i] + f32(GREEN_LIGHT) * rgb[CHUNK + i] + f32(BLUE_LIGHT) * rgb[2 * CHUNK + i]
        )
        alive = (extent > f32(0.0)) & (nearest < most)
        work[ALIVE * CHUNK + i] = f32(1.0) if alive else f32(0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _write_visible(work, first, slopes, columns, instance, records, spans, sectors):
    """Compacts the Gaussians that rays may meet into records from row `first` on.

    Returns:
        Number of records, and number of sectors that they touch altogether.
    """
    count, touched = 0, 0
    step = 2.0 * math.pi / columns
    turn = -(-columns // SECTOR) * SECTOR
    for i in range(CHUNK):
        if work[ALIVE * CHUNK + i] == f32(0.0):
            continue
        below = np.searchsorted(slopes, work[LOW * CHUNK + i])
        above = np.searchsorted(slopes, work[HIGH * CHUNK + i]) - 1
        left, right = 0, columns - 1
        middle, half = work[TURN * CHUNK + i], work[HALF_TURN * CHUNK + i]
        if half < math.pi:
            left = np.int64(math.ceil((middle - half + math.pi) / step - 0.5))
            right = np.int64(math.floor((middle + half + math.pi) / step - 0.5))
        if below > above or left > right:
            continue
        right -= left
        left %= columns
        right += left
        if right >= columns:
            right += turn - columns  # a second turn goes on behind the last sector of the first
        row = first + count
        for slot in range(RECORD):
            records[row, slot] = work[slot * CHUNK + i]
        records[row, INSTANCE] = f32(instance)
        spans[row, 0], spans[row, 1], spans[row, 2], spans[row, 3] = left, right, below, above
        sectors[row, 0], sectors[row, 1] = left // SECTOR, right // SECTOR
        sectors[row, 2], sectors[row, 3] = 0, 0
        count += 1
        touched += right // SECTOR - left // SECTOR + 1
    return count, touched


@njit(cache=True, nogil=True, error_model="numpy")
def project_to_rays(
    counter, items, lanes, variants, views, most, slopes, columns, records, spans, sectors, depths, tallies
):
    """Puts the listed chunks into the sensor's frame; run it on any number of threads with the same arguments.

    Args:
        counter: `[1]` int64, 0 at the start, shared by the threads.
        items: Instance, chunk, `[n, 2]` int32.
        lanes: All templates' chunks, `[M, 13, 256]`.
        variants: The instances' own colours and shapes.
        views: Node to sensor, `[I, 4, 4]` float32.
        most: Farthest range [m].
        slopes: Tangents of the beams' elevations, ascending, `[B]` float32.
        columns: Azimuths in a turn.
        records: Written: the Gaussians of item k from row 256 k on, `[n * 256, 16]` float32.
        spans: Written: first and last azimuth (a second turn starts at the next whole sector), first and last beam,
            `[n * 256, 4]` int16.
        sectors: Written: first and last sector, 0, 0, `[n * 256, 4]` int16.
        depths: Written: bit patterns of the nearest ranges, `[n * 256]` int32.
        tallies: Written: Gaussians, sectors touched, least and greatest pattern by item, `[n, 4]` int64.
    """
    work = np.empty(WORK_ROWS * CHUNK, f32)
    flat_lanes = lanes.reshape(len(lanes), lanes.shape[1] * CHUNK)
    while True:
        item = take(counter, 1)
        if item >= len(items):
            return
        instance, chunk = items[item]
        rows, rgb = chunk_rows(flat_lanes, variants, instance, chunk)
        _project_lanes(rows, rgb, views[instance], f32(most), work)
        first = item * CHUNK
        count, touched = _write_visible(work, first, slopes, columns, instance, records, spans, sectors)
        least, greatest = np.int32(0x7FFFFFFF), np.int32(0)
        for row in range(first, first + count):
            depth = f32(records[row, NEAREST]).view(np.int32)
            depths[row] = depth
            least, greatest = min(least, depth), max(greatest, depth)
        tallies[item, 0], tallies[item, 1] = count, touched
        tallies[item, 2], tallies[item, 3] = least, greatest
