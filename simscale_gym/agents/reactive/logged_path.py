"""The recorded way of a road user as a path: places on it, the speed that suits it, and where it waited."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import DT, Tracks

Array = NDArray[np.float64]

PLACE, SPEED, ASIDE_X, ASIDE_Y, DRIFT_X, DRIFT_Y, FREE = range(7)
"""Columns of ``walks [N, 7]``: place in the log [frames], speed along it [m/s]; displacement from the path [m] and
its rate [m/s] in the scene frame; 1 where somebody disturbed it, 0 where it is exactly where it was logged."""
WALK_OUT = 4.0
"""After its log a road user comes to rest over this time [s]."""
PAUSE_SPEED = 0.1
"""Slower than this [m/s] the log waits."""
LATERAL_ACCELERATION = 1.5
"""Largest lateral acceleration of a cyclist in a curve [m/s^2]."""
_STAND_FRAMES = 10  # the second that follows
_STAND_WAY = 0.3  # [m] in it that is less than any start, and more than jitter
_STOP_AHEAD = 30  # [frames] before the log stands that a vehicle brakes for it
_TAIL = round(WALK_OUT / DT)


class LogArrays(NamedTuple):
    """The recorded tracks as kernels take them; ``E`` is T and the frames in which they come to rest afterwards.

    Attributes:
        poses: ``[N, E, 3]``, gaps in a track filled by interpolation.
        velocities: ``[N, E, 2]`` [m/s], likewise.
        first: ``[N]`` first frame of each track, T where it has none.
        last: ``[N]`` last frame, -1 where it has none.
        way: ``[N, E]`` distance travelled [m].
        pace: ``[N, E]`` speed that suits the place [m/s]: as logged, but without what the log slowed to wait.
        gates: ``[N, E]`` lane whose light is passed between a frame and the next, or -1.
    """

    poses: Array
    velocities: Array
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    way: Array
    pace: Array
    gates: NDArray[np.int64]


def log_arrays(tracks: Tracks) -> LogArrays:
    """The kernels' view of ``tracks``, without gates."""
    n, t = tracks.valid.shape
    frames = np.arange(t)
    seen = tracks.valid.any(1)
    first = np.where(seen, tracks.valid.argmax(1), t).astype(np.int64)
    last = np.where(seen, t - 1 - tracks.valid[:, ::-1].argmax(1), -1).astype(np.int64)
    poses, velocities = np.zeros((n, t + _TAIL, 3)), np.zeros((n, t + _TAIL, 2))
    poses[:, :t], velocities[:, :t] = tracks.poses, tracks.velocities
    for row in np.flatnonzero(seen & (tracks.valid.sum(1) < last - first + 1)):
        known = np.flatnonzero(tracks.valid[row])
        for column in range(2):
            poses[row, :t, column] = np.interp(frames, known, poses[row, known, column])
            velocities[row, :t, column] = np.interp(frames, known, velocities[row, known, column])
        poses[row, :t, 2] = np.interp(frames, known, np.unwrap(poses[row, known, 2]))
    for row in np.flatnonzero(seen):
        _come_to_rest(poses[row], velocities[row], int(last[row]))
        poses[row, : first[row]] = poses[row, first[row]]
    steps = np.linalg.norm(np.diff(poses[..., :2], axis=1), axis=-1)
    way = np.concatenate([np.zeros((n, 1)), np.cumsum(steps, axis=1)], axis=1)
    pace = np.concatenate([steps / DT, np.zeros((n, 1))], axis=1)
    for row in np.flatnonzero(seen):
        _take_out_waits(pace[row], poses[row], way[row], int(first[row]), int(last[row]))
    return LogArrays(poses, velocities, first, last, way, pace, np.full(pace.shape, -1, np.int64))


def log_stops(log: LogArrays, frames: int) -> NDArray[np.int64]:
    """For each track and frame ``[N, T]`` the frame at which its log stands, now or within 3 s; -1 where it does not.

    It stands where it moves less than 0.3 m in the next second; after its last frame as in that.
    """
    standing = np.zeros((len(log.first), frames), bool)
    for row in np.flatnonzero(log.last >= 0):
        first, last = int(log.first[row]), int(log.last[row])
        here = np.arange(first, last + 1)
        ahead = np.minimum(here + _STAND_FRAMES, last)
        moved = np.linalg.norm(log.poses[row, ahead, :2] - log.poses[row, here, :2], axis=-1)
        slow = np.linalg.norm(log.velocities[row, last]) < _STAND_WAY * (1.0 / (_STAND_FRAMES * DT))
        standing[row, here] = (moved < _STAND_WAY) & ((here + _STAND_FRAMES <= last) | slow)
    at = np.where(standing, np.arange(frames), 2 * frames)
    following = np.minimum.accumulate(at[:, ::-1], axis=1)[:, ::-1]
    stops = np.where(following - np.arange(frames) <= _STOP_AHEAD, following, -1)
    for row in np.flatnonzero(log.last >= 0):
        last = int(log.last[row])
        stops[row, last:] = last if standing[row, last] else -1
    return stops


def log_paces(log: LogArrays, frames: int) -> Array:
    """Mean speed ``[N, T]`` [m/s] of each track's log in the second after each frame; -1 where there is no log."""
    rows, here = np.arange(len(log.first))[:, None], np.arange(frames)[None]
    ahead = np.minimum(here + _STAND_FRAMES, np.maximum(log.last, 0)[:, None])
    known = (here >= log.first[:, None]) & (ahead - here > _STAND_FRAMES // 2)
    way = log.way[rows, ahead] - log.way[rows, here]
    return np.where(known, way / np.maximum((ahead - here) * DT, DT), -1.0)


def _come_to_rest(poses: Array, velocities: Array, last: int) -> None:
    """Let ``poses [E, 3]`` roll out straight ahead after ``last`` with a steady deceleration, in place."""
    t = np.minimum(np.arange(len(poses) - last) * DT, WALK_OUT)[:, None]
    velocity = velocities[last].copy()
    poses[last:, :2] = poses[last, :2] + (t - t * t / (2.0 * WALK_OUT)) * velocity
    poses[last:, 2] = poses[last, 2]
    velocities[last:] = (1.0 - t / WALK_OUT) * velocity


def _take_out_waits(pace: Array, poses: Array, way: Array, first: int, last: int) -> None:
    """Replace slowing down for a wait in ``pace [E]`` by cruising as fast as the curve allows, in place."""
    moving = pace[first:last][pace[first:last] > 0.3]
    if not len(moving) or pace[first:last].min() >= PAUSE_SPEED:
        return
    cruise = float(np.percentile(moving, 70))
    slow = pace[first : last + 1] < 0.7 * cruise
    edges = np.flatnonzero(np.diff(np.r_[False, slow, False].astype(np.int8)))
    for begin, end in edges.reshape(-1, 2) + first:
        if end > last or pace[begin:end].min() >= PAUSE_SPEED:
            continue
        rows = np.arange(begin, end)
        back, ahead = np.maximum(rows - 5, first), np.minimum(rows + 5, last)
        turned = np.abs((poses[ahead, 2] - poses[back, 2] + np.pi) % (2.0 * np.pi) - np.pi)
        radius = np.maximum(way[ahead] - way[back], 0.5) / np.maximum(turned, 1e-3)
        curve = np.maximum(np.sqrt(LATERAL_ACCELERATION * radius), 0.8)
        pace[rows] = np.maximum(pace[rows], np.minimum(cruise, curve))


@borrowing
def log_point(log: LogArrays, n: int, place: float) -> tuple[float, float, float, float, float]:
    """Pose and velocity of track ``n`` at ``place`` [frames]; after its end it comes to rest straight ahead."""
    i = min(int(place), log.way.shape[1] - 2)
    share = min(place - i, 1.0)
    a, b = log.poses[n, i], log.poses[n, i + 1]
    u, v = log.velocities[n, i], log.velocities[n, i + 1]
    turn = (b[2] - a[2] + np.pi) % (2.0 * np.pi) - np.pi
    return (
        a[0] + share * (b[0] - a[0]),
        a[1] + share * (b[1] - a[1]),
        a[2] + share * turn,
        u[0] + share * (v[0] - u[0]),
        u[1] + share * (v[1] - u[1]),
    )


@borrowing
def wrapped(angle: float) -> float:
    """``angle`` [rad] in [-pi, pi)."""
    return angle - 2.0 * np.pi * np.floor((angle + np.pi) / (2.0 * np.pi))


@borrowing
def log_speed(log: LogArrays, n: int, place: float) -> float:
    """Speed [m/s] along the path of track ``n`` from ``place`` on."""
    i = min(int(place), log.way.shape[1] - 2)
    return (log.way[n, i + 1] - log.way[n, i]) / DT


@borrowing
def advance_place(log: LogArrays, n: int, place: float, distance: float, frame: int) -> float:
    """The place ``distance`` [m] further along the path of track ``n``.

    Where its log waits it waits too, but not beyond the time ``frame`` at which the log went on: who comes late
    waits the less.
    """
    end = log.way.shape[1] - 1
    while place < end:
        i = int(place)
        length, rest = log.way[n, i + 1] - log.way[n, i], i + 1 - place
        if length < PAUSE_SPEED * DT:
            if place >= frame:
                return place
            place = min(i + 1.0, float(frame))
        elif distance <= rest * length:
            return place + distance / length
        else:
            distance -= rest * length
            place = i + 1.0
    return float(end)


@borrowing
def wait_ahead(log: LogArrays, n: int, place: float, lag: float, sight: float) -> float:
    """Distance [m] to the next place where track ``n`` has to wait, or its path ends; ``sight`` if it is further.

    Args:
        log: The recorded tracks.
        n: The track.
        place: Place of the track in its log [frames].
        lag: Time by which it is late [frames]; so much of its waits it need not wait.
        sight: Distance up to which to look [m].
    """
    way, end = 0.0, log.way.shape[1] - 1
    while place < end and way < sight:
        i = int(place)
        length, rest = log.way[n, i + 1] - log.way[n, i], i + 1 - place
        if length < PAUSE_SPEED * DT:
            lag -= rest
            if lag < 0.0:
                return way
        way += rest * length
        place = i + 1.0
    return min(way, sight)


@borrowing
def lay_out_log(log: LogArrays, n: int, place: float, distance: float, chord: float, segments: Array) -> int:
    """Lay out the path of track ``n`` from ``place`` as straight segments, as :func:`idm_kernel.lay_out`."""
    x, y, _, _, _ = log_point(log, n, place)
    count, ahead, i = 0, 0.0, int(place) + 1
    while ahead < distance and count < len(segments) and i < log.way.shape[1]:
        dx, dy = log.poses[n, i, 0] - x, log.poses[n, i, 1] - y
        length = np.sqrt(dx * dx + dy * dy)
        if length >= chord:
            segments[count, 0], segments[count, 1] = x, y
            segments[count, 2], segments[count, 3] = dx / length, dy / length
            segments[count, 4], segments[count, 5], segments[count, 6] = length, ahead, np.inf
            x, y = log.poses[n, i, 0], log.poses[n, i, 1]
            ahead += length
            count += 1
        i += 1
    return count
