"""Casts the rays of a turning sensor at Gaussians: where each ray has lost half of its light.

Nothing is rasterised. A ray meets a Gaussian where its density along the ray is greatest: with W the map that makes
the Gaussian a unit sphere and m its mean, on the ray t d that is at t = (W d) (W m) / |W d|^2, the depth that RaDe-GS
(Zhang et al. 2024, arXiv:2406.01467) makes linear for splats. Here it is exact, and so is alpha there. What a ray meets
is sorted by t, ray by ray: a picture sorts Gaussians by their means, and wide ones then hide what lies in front.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simscale_gym.kernels import take
from simscale_gym.splats.cpu.bin import ROW_MASK, sort_tile
from simscale_gym.splats.cpu.blend import MAX_ALPHA
from simscale_gym.splats.cpu.instructions import prefetch
from simscale_gym.splats.cpu.pack import LOG_255
from simscale_gym.splats.cpu.project import FAST
from simscale_gym.splats.cpu.rays import INSTANCE, LIGHT, NEAR, NEAREST, PEAK, RECORD, SECTOR

MOST_HITS = 24
"""Gaussians kept by ray, until half of the light is lost; the first two count as one where there are more."""

RECHECK = 32
"""Gaussians between two looks at which rays are done."""

f32 = np.float32
CUTOFF, HALF = f32(-LOG_255), f32(0.5)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _meet(records, at, flat, rise, azimuths, ranges, logs):
    """Ranges [m] at which 16 rays of a beam meet a Gaussian, and the logarithm of its alpha there.

    Args:
        records: Records of all Gaussians (see `project_to_rays`), flat.
        at: First place of the Gaussian's record.
        flat: Cosine of the beam's elevation.
        rise: Sine of the beam's elevation.
        azimuths: Cosines, then sines of the rays' azimuths, `[32]`.
        ranges: Written: distances along the rays, `[16]` [m].
        logs: Written: logarithms of alpha, `[16]`.
    """
    a0, b0, c0 = records[at], records[at + np.uint64(1)], records[at + np.uint64(2)]
    a1, b1, c1 = records[at + np.uint64(3)], records[at + np.uint64(4)], records[at + np.uint64(5)]
    a2, b2, c2 = records[at + np.uint64(6)], records[at + np.uint64(7)], records[at + np.uint64(8)]
    mx, my, mz = records[at + np.uint64(9)], records[at + np.uint64(10)], records[at + np.uint64(11)]
    peak = records[at + np.uint64(PEAK)]
    m0, m1, m2 = a0 * mx + b0 * my + c0 * mz, a1 * mx + b1 * my + c1 * mz, a2 * mx + b2 * my + c2 * mz
    for i in range(np.uint64(SECTOR)):
        dx, dy = flat * azimuths[i], flat * azimuths[i + np.uint64(SECTOR)]
        y0 = a0 * dx + b0 * dy + c0 * rise
        y1 = a1 * dx + b1 * dy + c1 * rise
        y2 = a2 * dx + b2 * dy + c2 * rise
        t = (y0 * m0 + y1 * m1 + y2 * m2) / (y0 * y0 + y1 * y1 + y2 * y2)
        # From the mean to there, which is short: its image is no difference of large numbers.
        x, y, z = mx - t * dx, my - t * dy, mz - t * rise
        y0, y1, y2 = a0 * x + b0 * y + c0 * z, a1 * x + b1 * y + c1 * z, a2 * x + b2 * y + c2 * z
        ranges[i], logs[i] = t, peak - f32(0.5) * (y0 * y0 + y1 * y1 + y2 * y2)


@njit(cache=True, nogil=True, error_model="numpy")
def _keep(hits, lefts, rows, first, count, t, left, row):
    """Adds a hit to the `count` of a ray from `first` on, nearest first, and drops those behind half of the light.

    Returns:
        Number of hits, and the range at which half of the light is lost, infinite if it is not.
    """
    if count == MOST_HITS:
        lefts[first + 1] *= lefts[first]
        for k in range(first + 1, first + count):
            hits[k - 1], lefts[k - 1], rows[k - 1] = hits[k], lefts[k], rows[k]
        count -= 1
    # a later entry may be met earlier: the list is sorted by where Gaussians begin, not by where rays meet them
    at = first + count
    while at > first and hits[at - 1] > t:
        hits[at], lefts[at], rows[at] = hits[at - 1], lefts[at - 1], rows[at - 1]
        at -= 1
    hits[at], lefts[at], rows[at] = t, left, row
    light = f32(1.0)
    for k in range(count + 1):
        light *= lefts[first + k]
        if light <= HALF:
            return k + 1, hits[first + k]
    return count + 1, f32(np.inf)


@njit(cache=True, nogil=True, error_model="numpy")
def _cast_list(listed, stop, records, spans, base, columns, beams, azimuths, hits, lefts, rows, counts, far):
    """Casts the rays of a sector at the Gaussians of one list, nearest first.

    Rays are numbered by beam, 16 to a beam.

    Args:
        listed: Depth key and row of the sector's Gaussians, nearest first.
        stop: Number of entries of `listed`.
        records: Records of all Gaussians (see `project_to_rays`), `[n * 16]`.
        spans: First and last azimuth, first and last beam of each Gaussian, `[n, 4]`.
        base: Azimuth, or that of the second turn, at which the sector starts.
        columns: Azimuths of the sector that there are, 1 to 16.
        beams: Cosines and sines of the elevations, `[2, B]`.
        azimuths: Cosines, then sines of the sector's azimuths, `[32]`.
        hits: Ranges of the hits so far, `[B * 16 * 24]` [m].
        lefts: Share of the light that each hit leaves, `[B * 16 * 24]`.
        rows: Row of each hit's record, `[B * 16 * 24]`.
        counts: Number of hits of each ray so far, `[B * 16]`.
        far: Range at which a ray ends, `[B * 16]` [m].
    """
    ranges, logs, ends = np.empty(SECTOR, f32), np.empty(SECTOR, f32), np.empty(beams.shape[1], f32)
    farthest = f32(0.0)
    for i in range(stop):
        if i % RECHECK == 0:
            farthest = _ends(far, columns, ends)
        if i + 6 < stop:
            prefetch(records, (listed[i + 6] & ROW_MASK) * RECORD)
        row = listed[i] & ROW_MASK
        nearest = records[row * RECORD + NEAREST]
        if nearest > farthest:  # the list is sorted: nor does any that follows reach a ray that still looks
            return
        first, last = max(spans[row, 0] - base, 0), min(spans[row, 1] - base, columns - 1)
        for b in range(spans[row, 2], spans[row, 3] + 1):
            if nearest > ends[b]:
                continue
            _meet(records, np.uint64(row * RECORD), beams[0, b], beams[1, b], azimuths, ranges, logs)
            for k in range(first, last + 1):
                ray = b * SECTOR + k
                if logs[k] >= CUTOFF and f32(NEAR) < ranges[k] < far[ray]:
                    left = f32(1.0) - min(f32(math.exp(logs[k])), MAX_ALPHA)
                    count, end = _keep(hits, lefts, rows, ray * MOST_HITS, counts[ray], ranges[k], left, row)
                    counts[ray], far[ray] = count, min(far[ray], end)


@njit(cache=True, nogil=True, error_model="numpy")
def _ends(far, columns, ends):
    """Writes the farthest end of a ray of each beam; returns that of all."""
    farthest = f32(0.0)
    for b in range(len(ends)):
        end = f32(0.0)
        for k in range(columns):
            end = max(end, far[b * SECTOR + k])
        ends[b], farthest = end, max(farthest, end)
    return farthest


@njit(cache=True, nogil=True, error_model="numpy")
def cast_sectors(
    counter, turns, starts, counts, listed, records, spans, beams, azimuths, most, ranges, instances, lights
):
    """Casts all rays of a sector, one sector per turn; run it on any number of threads with the same arguments.

    Args:
        counter: `[1]` int64, 0 at the start, shared by the threads.
        turns: Sectors in the order of work, `[S]`.
        starts: First place of each sector's list, those of the first turn and then those of the second, `[2 S]`.
        counts: Length of each sector's list, `[2 S]`.
        listed: Depth key and row of the Gaussians, by sector (see `list_tiles`); left in any order within the sectors.
        records: Gaussians in the sensor's frame (see `project_to_rays`), `[n, 16]`.
        spans: First and last azimuth, first and last beam of each Gaussian, `[n, 4]`.
        beams: Cosines and sines of the elevations, `[2, B]` float32.
        azimuths: Cosines and sines of the azimuths, `[2, A]` float32.
        most: Farthest range [m].
        ranges: Written, `[B, A]` float32 [m]; infinite where half of the light goes on.
        instances: Written, `[B, A]` int32; -1 there.
        lights: Written: luminance, `[B, A]` float32; 0 there.
    """
    rays, sectors = beams.shape[1] * SECTOR, len(turns)
    hits, lefts = np.empty(rays * MOST_HITS, f32), np.empty(rays * MOST_HITS, f32)
    rows, found, far = np.empty(rays * MOST_HITS, np.int32), np.empty(rays, np.int64), np.empty(rays, f32)
    ways, flat_records = np.empty(2 * SECTOR, f32), records.reshape(records.size)
    spare, digits = np.empty(counts.max(), np.int64), np.empty(4096, np.int32)
    while True:
        turn = take(counter, 1)
        if turn >= sectors:
            return
        sector = turns[turn]
        base = sector * SECTOR
        columns = min(SECTOR, azimuths.shape[1] - base)
        # the last sector may be short: repeating azimuths fills the vector, and their rays are not written
        for k in range(2 * SECTOR):
            ways[k] = azimuths[k // SECTOR, base + k % SECTOR % columns]
        found[:], far[:] = 0, most
        for part in (sector, sector + sectors):
            start, stop = starts[part], counts[part]
            order = sort_tile(listed[start : start + stop], spare, digits)
            _cast_list(
                order, stop, flat_records, spans, part * SECTOR, columns, beams, ways,
                hits, lefts, rows, found, far,
            )  # fmt: skip
        for ray in range(rays):
            b, k = ray // SECTOR, base + ray % SECTOR
            if ray % SECTOR < columns:
                hit = far[ray] < most
                row = rows[ray * MOST_HITS + found[ray] - 1] if hit else 0
                ranges[b, k] = far[ray] if hit else np.inf
                instances[b, k] = np.int32(records[row, INSTANCE]) if hit else -1
                lights[b, k] = records[row, LIGHT] if hit else f32(0.0)
