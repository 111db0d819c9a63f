"""The kernel that writes the observation ``state`` of one environment, in the order of its layout."""

from __future__ import annotations

import numpy as np
from numba import njit

from simscale_gym.geometry.polyline import segment_at
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.metrics.area_index import is_covered
from simscale_gym.scene import LightStatus, TrackType
from simscale_gym.sim.kinematics import AX, HEADING, STEERING, STEERING_RATE, VX, VY, YAW_RATE

KINDS = (int(TrackType.VEHICLE), int(TrackType.BICYCLE), int(TrackType.PEDESTRIAN))
"""Kinds of tracks that the observation tells apart."""

_RED, _YELLOW = int(LightStatus.RED), int(LightStatus.YELLOW)
_SIDE = 0.3  # [m] beside the ego's own width within which somebody is in its way
_BACK_ON_WAY = 20.0  # [m] within which an ego beside the way is taken to come back to it
_STRIDE, _GROWTH = 0.5, 0.15  # [m] first stride towards the road's edge, and by which share strides grow
_HALVINGS = 5  # of the stride that the edge lies in


@njit(cache=True, nogil=True)
def fill_state(
    out, layout, ego, hull, poses, velocities, valid, types, sizes, path, lengths, arc, offset, limit, limit_along,
    goal, light_rows, light_places, status, road,
):  # fmt: skip
    """Write the observation to ``out [S]``, float32.

    Args:
        out: Row that is written.
        layout: :class:`simscale_gym.envs.state_layout.LayoutArrays`.
        ego: ``[11]``.
        hull: ``(front, rear, half width)`` of the ego from its rear axle [m].
        poses: ``[N, 3]`` box centres and headings of the tracks.
        velocities: ``[N, 2]`` their velocities [m/s].
        valid: ``[N]`` whether they are present.
        types: ``[N]`` their kinds.
        sizes: ``[N, 2+]`` their length and width [m].
        path: ``[K, 3]`` points of the way.
        lengths: ``[K]`` arc length at each [m].
        arc: Place of the ego along the way [m].
        offset: Its offset from it [m, left +].
        limit: Highest speed limit of the lanes here [m/s].
        limit_along: Highest one of those that run along the ego's heading [m/s].
        goal: Arc length of the goal [m], infinite where there is none.
        light_rows: ``[L]`` rows of the lights on the way.
        light_places: ``[L]`` where along the way their lanes begin [m].
        status: Status of all lights.
        road: :class:`simscale_gym.metrics.layers.Road`.
    """
    values, starts = out, layout.starts
    values[:] = 0.0
    way = _fill_path(values, starts[1], layout.ahead, ego, path, lengths, arc)
    at = starts[0]
    values[at], values[at + 1], values[at + 2] = offset, way[0, 2], -way[0, 3]
    values[at + 3], values[at + 4] = limit, limit_along
    values[at + 5], values[at + 6] = (goal - arc, 1.0) if goal < np.inf else (layout.reaches[0], 0.0)
    at = starts[2]
    values[at], values[at + 1], values[at + 2] = ego[VX], ego[AX], ego[YAW_RATE]
    values[at + 3], values[at + 4] = ego[STEERING], ego[STEERING_RATE]
    reach, front = layout.reaches[0], hull[0]
    _fill_light(values, starts[3], _RED, reach, front, arc, light_rows, light_places, status)
    _fill_light(values, starts[3] + 2, _YELLOW, reach, front, arc, light_rows, light_places, status)
    _fill_edges(values, starts[5], layout.bearings, layout.reaches[1], ego, hull, road)
    _fill_tracks(
        values, starts[4], starts[6], reach, way, offset, ego, hull, poses, velocities, valid, types, sizes
    )
    for i in range(len(out)):
        out[i] = min(max(out[i] / layout.scales[i], layout.lows[i]), layout.highs[i])


@njit(cache=True, nogil=True)
def _fill_path(values, at, ahead, ego, path, lengths, arc):
    """Write the part ``path``; its points ``[K, 5]``: x, y in the ego frame, direction of the piece there, distance."""
    way, cos, sin = np.empty((len(ahead), 5)), np.cos(ego[HEADING]), np.sin(ego[HEADING])
    for n in range(len(ahead)):
        k, share = segment_at(lengths, arc + ahead[n])
        tx, ty = path[k + 1, 0] - path[k, 0], path[k + 1, 1] - path[k, 1]
        dx, dy = path[k, 0] + share * tx - ego[0], path[k, 1] + share * ty - ego[1]
        length = np.sqrt(tx * tx + ty * ty)
        way[n, 0], way[n, 1] = cos * dx + sin * dy, cos * dy - sin * dx
        way[n, 2], way[n, 3] = (cos * tx + sin * ty) / length, (cos * ty - sin * tx) / length
        way[n, 4] = ahead[n]
        values[at + 3 * n], values[at + 3 * n + 1] = way[n, 0], way[n, 1]
        if n:
            turn = np.arctan2(
                way[n - 1, 2] * way[n, 3] - way[n - 1, 3] * way[n, 2],
                way[n - 1, 2] * way[n, 2] + way[n - 1, 3] * way[n, 3],
            )
            values[at + 3 * n + 2] = turn / (ahead[n] - ahead[n - 1])
    values[at + 2] = values[at + 5]
    return way


@borrowing
def _fill_light(values, at, kind, reach, front, arc, light_rows, light_places, status):
    """Write whether a light of ``kind`` stands ahead of the rear axle, and the way from the front bumper to it."""
    distance = reach
    for n in range(len(light_rows)):
        ahead = light_places[n] - arc
        if status[light_rows[n]] == kind and ahead > 0.0 and ahead - front < distance:
            distance = ahead - front
    values[at], values[at + 1] = 1.0 if distance < reach else 0.0, distance


@borrowing
def _fill_edges(values, at, bearings, reach, ego, hull, road):
    """Write the room to the road's edge in each direction from the middle of the ego, less the ego's own extent."""
    cover, grid, starts, entries, flags = road.cover, road.grid, road.starts, road.entries, road.flags
    vertices, runs, run_boxes, ring_runs = road.vertices, road.runs, road.run_boxes, road.ring_runs
    cos, sin, middle = np.cos(ego[HEADING]), np.sin(ego[HEADING]), (hull[0] - hull[1]) / 2.0
    half_length, half_width = (hull[0] + hull[1]) / 2.0, hull[2]
    x, y = ego[0] + middle * cos, ego[1] + middle * sin
    for n in range(len(bearings)):
        ahead, left = bearings[n, 0], bearings[n, 1]
        dx, dy = cos * ahead - sin * left, sin * ahead + cos * left
        own = min(half_length / max(abs(ahead), 1e-9), half_width / max(abs(left), 1e-9))
        inside, outside, probe, stride, halvings = 0.0, np.inf, 0.0, _STRIDE, _HALVINGS
        while True:
            px, py = x + (own + probe) * dx, y + (own + probe) * dy
            if is_covered(cover, grid, starts, entries, flags, vertices, runs, run_boxes, ring_runs, px, py):
                inside = probe
            else:
                outside = probe
            if outside == np.inf and inside < reach:  # on, in growing strides
                probe, stride = min(probe + stride, reach), stride * (1.0 + _GROWTH)
            elif 0.0 < outside < np.inf and halvings > 0:  # back, to where it was left
                probe, halvings = (inside + outside) / 2.0, halvings - 1
            else:
                break
        values[at + n] = inside


@borrowing
def _place_on_way(way, x, y) -> tuple[float, float, float, float]:
    """Way along and offset beside (left +) of the place nearest to (x, y), and the direction of the way there.

    Behind the first point and beyond the last one the way goes straight on.
    """
    least, best_along, best_beside, best_x, best_y = np.inf, 0.0, 0.0, 1.0, 0.0
    for n in range(len(way) - 1):
        tx, ty = way[n + 1, 0] - way[n, 0], way[n + 1, 1] - way[n, 1]
        length = np.sqrt(tx * tx + ty * ty)
        if length < 1e-6:
            continue
        tx, ty = tx / length, ty / length
        rx, ry = x - way[n, 0], y - way[n, 1]
        s = tx * rx + ty * ry
        inside = s
        if n > 0:
            inside = max(inside, 0.0)
        if n < len(way) - 2:
            inside = min(inside, length)
        ox, oy = rx - inside * tx, ry - inside * ty
        distance = ox * ox + oy * oy
        if distance < least:
            least = distance
            best_along, best_beside = way[n, 4] + inside, np.copysign(np.sqrt(distance), tx * ry - ty * rx)
            best_x, best_y = tx, ty
    return best_along, best_beside, best_x, best_y


@njit(cache=True, nogil=True)
def _fill_tracks(values, lead, at, reach, way, offset, ego, hull, poses, velocities, valid, types, sizes):
    """Write the parts ``lead`` and ``tracks``: nearest first, the lower row of equals."""
    columns = 14
    most = (len(values) - at) // columns
    rows, nearest, count = np.empty(most, np.int64), np.empty(most), 0
    cos, sin = np.cos(ego[HEADING]), np.sin(ego[HEADING])
    gap, speed = reach, 0.0
    for n in range(len(valid)):
        if not valid[n]:
            continue
        dx, dy = poses[n, 0] - ego[0], poses[n, 1] - ego[1]
        distance = dx * dx + dy * dy
        if distance < (reach + hull[0]) ** 2:
            x, y, turn = cos * dx + sin * dy, cos * dy - sin * dx, poses[n, 2] - ego[HEADING]
            along, beside, wx, wy = _place_on_way(way, x, y)
            c = abs(np.cos(turn) * wx + np.sin(turn) * wy)
            s = abs(np.cos(turn) * wy - np.sin(turn) * wx)
            own = offset * min(max(1.0 - along / _BACK_ON_WAY, 0.0), 1.0)
            room = hull[2] + _SIDE + (s * sizes[n, 0] + c * sizes[n, 1]) / 2.0
            between = along - hull[0] - (c * sizes[n, 0] + s * sizes[n, 1]) / 2.0
            if along > hull[0] / 2.0 and between < gap and abs(beside - own) < room:
                vx, vy = velocities[n, 0], velocities[n, 1]
                gap, speed = between, (cos * vx + sin * vy) * wx + (cos * vy - sin * vx) * wy
        if count == most and distance >= nearest[count - 1]:
            continue
        place = count if count < most else count - 1
        while place > 0 and nearest[place - 1] > distance:
            nearest[place], rows[place] = nearest[place - 1], rows[place - 1]
            place -= 1
        nearest[place], rows[place] = distance, n
        count = min(count + 1, most)
    values[lead], values[lead + 1], values[lead + 2] = 1.0 if gap < reach else 0.0, gap, speed
    for k in range(count):
        n, place = rows[k], at + k * columns
        dx, dy, vx, vy = poses[n, 0] - ego[0], poses[n, 1] - ego[1], velocities[n, 0], velocities[n, 1]
        x, y, turn = cos * dx + sin * dy, cos * dy - sin * dx, poses[n, 2] - ego[HEADING]
        along, beside, _, _ = _place_on_way(way, x, y)
        values[place], values[place + 1], values[place + 2] = 1.0, x, y
        values[place + 3], values[place + 4] = np.cos(turn), np.sin(turn)
        values[place + 5], values[place + 6] = cos * vx + sin * vy - ego[VX], cos * vy - sin * vx - ego[VY]
        values[place + 7], values[place + 8] = sizes[n, 0], sizes[n, 1]
        for kind in range(len(KINDS)):
            values[place + 9 + kind] = types[n] == KINDS[kind]
        values[place + 12], values[place + 13] = along, beside
