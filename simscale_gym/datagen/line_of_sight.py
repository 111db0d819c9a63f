"""Which road users the cameras see: inside of a picture, large enough there, and not behind others or a wall.

It is worked out from boxes and walls, not read off drawn pictures, because samples are chosen before anything is drawn:
it is the same for pictures of any renderer, for those of a log, and where none are drawn at all. Trees and poles hide
nobody. How far that agrees with what pictures show: ``python benchmarks/sight.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.dressing.surroundings.infer_shapes import infer_shapes
from simscale_gym.geometry import se3
from simscale_gym.scene import Scene, derived
from simscale_gym.sim import SimState

Array = NDArray[np.float64]

LEAST_PIXELS = 2.0
"""Height in the picture [px] under which nobody is seen."""
LEAST_POINTS = 2
"""Points of a box that must be seen."""
REACH = 200.0
"""Walls whose ends are all farther from the ego [m] hide nobody."""

_ALONG = np.array([1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 0.0, 0.0]) * 0.9
_ACROSS = np.array([1.0, -1.0, 1.0, -1.0, 0.0, 0.0, 1.0, -1.0]) * 0.9
_HEIGHTS = 0.3, 0.8  # shares of the box's
_NEAR = 0.1  # [m] before the camera


def seen_tracks(
    scene: Scene, state: SimState, cameras: Sequence[str], image_size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Whether any camera sees each track ``[N]``; never one that is absent, and none without a camera.

    Args:
        scene: The scene; its buildings hide what is behind them, or those that it is dressed with.
        state: The world.
        cameras: Names of the cameras; none see nobody.
        image_size: Height, width of their pictures [px].
    """
    rig, traffic = scene.rig.select(tuple(cameras)), state.traffic
    seen = np.zeros(len(traffic.valid), bool)
    if not cameras:
        return seen
    ego_to_world = scene.ego_to_world(state.ego[:3])
    cam_to_world = np.stack([ego_to_world @ camera.cam_to_ego for camera in rig])
    Ks = np.stack([camera.scaled_intrinsics(*image_size) for camera in rig])
    rows = np.flatnonzero(traffic.valid)
    seen[rows] = _seen(
        _boxes(scene, state, rows),
        _near_walls(scene, state.ego, float(ego_to_world[2, 3])),
        np.ascontiguousarray(cam_to_world[:, :3, 3]),
        np.ascontiguousarray(se3.invert_rigid(cam_to_world)),
        Ks,
        float(image_size[1]),
        float(image_size[0]),
    )
    return seen


def _boxes(scene: Scene, state: SimState, rows: NDArray[np.int64]) -> Array:
    """``[R, 8]`` centre x, y, cosine and sine of the heading, half length and width, bottom and top of tracks."""
    tracks, poses = scene.tracks, state.traffic.poses[rows]
    center = tracks.z[rows, min(state.frame, scene.num_frames - 1)]
    length, width, height = tracks.sizes[rows].T
    return np.column_stack(
        [
            poses[:, :2], np.cos(poses[:, 2]), np.sin(poses[:, 2]), length / 2, width / 2,
            center - height / 2, center + height / 2,
        ]
    )  # fmt: skip


def _near_walls(scene: Scene, ego: Array, ground: float) -> Array:
    """``[W, 5]`` x, y of both ends and the top of walls around the ego; buildings stand on its ground."""
    walls = _walls(scene)
    near = np.hypot(walls[:, [0, 2]] - ego[0], walls[:, [1, 3]] - ego[1]).min(1) < REACH
    return walls[near] + np.array([0.0, 0.0, 0.0, 0.0, ground])


@derived
def _walls(scene: Scene) -> Array:
    """``[W, 5]`` ends and height of the walls of the buildings; an asset shows its own, of which nothing is known."""
    shapes = scene.shapes
    if shapes is None and scene.asset is None:
        shapes = infer_shapes(scene)
    walls = [
        np.column_stack([b.footprint, np.roll(b.footprint, -1, axis=0), np.full(len(b.footprint), b.height)])
        for b in (() if shapes is None else shapes.buildings)
    ]
    return np.concatenate([np.zeros((0, 5)), *walls])


@njit(cache=True)
def _seen(
    boxes: Array, walls: Array, eyes: Array, viewmats: Array, Ks: Array, width: float, height: float
) -> NDArray:
    """Whether each of ``boxes [R, 8]`` is seen from any of ``eyes [C, 3]``, ``[R]``."""
    out = np.zeros(len(boxes), np.bool_)
    for n in range(len(boxes)):
        for c in range(len(eyes)):
            points = 0
            for k in range(len(_ALONG) * len(_HEIGHTS)):
                x, y, z = _point(boxes[n], k)
                if _is_inside(x, y, z, boxes[n], viewmats[c], Ks[c], width, height):
                    points += not _is_hidden(eyes[c], x, y, z, n, boxes, walls)
                if points == LEAST_POINTS:
                    break
            if points == LEAST_POINTS:
                out[n] = True
                break
    return out


@njit(cache=True)
def _point(box: Array, k: int) -> tuple[float, float, float]:
    along, across = _ALONG[k % len(_ALONG)] * box[4], _ACROSS[k % len(_ALONG)] * box[5]
    share = _HEIGHTS[k // len(_ALONG)]
    return (
        box[0] + box[2] * along - box[3] * across,
        box[1] + box[3] * along + box[2] * across,
        box[6] + share * (box[7] - box[6]),
    )


@njit(cache=True)
def _is_inside(
    x: float, y: float, z: float, box: Array, viewmat: Array, K: Array, width: float, height: float
) -> bool:
    """Whether the point of ``box`` lies inside of the picture, in which the box is large enough."""
    depth = viewmat[2, 0] * x + viewmat[2, 1] * y + viewmat[2, 2] * z + viewmat[2, 3]
    if depth < _NEAR or K[1, 1] * (box[7] - box[6]) < LEAST_PIXELS * depth:
        return False
    right = viewmat[0, 0] * x + viewmat[0, 1] * y + viewmat[0, 2] * z + viewmat[0, 3]
    down = viewmat[1, 0] * x + viewmat[1, 1] * y + viewmat[1, 2] * z + viewmat[1, 3]
    u, v = K[0, 0] * right / depth + K[0, 2], K[1, 1] * down / depth + K[1, 2]
    return 0.0 <= u < width and 0.0 <= v < height


@njit(cache=True)
def _is_hidden(eye: Array, x: float, y: float, z: float, own: int, boxes: Array, walls: Array) -> bool:
    for n in range(len(boxes)):
        if n != own and _meets_box(eye, x, y, z, boxes[n]):
            return True
    for w in range(len(walls)):  # noqa: SIM110  (numba)
        if _meets_wall(eye, x, y, z, walls[w]):
            return True
    return False


@njit(cache=True)
def _meets_box(eye: Array, x: float, y: float, z: float, box: Array) -> bool:
    """Whether the line of sight to the point passes through a box."""
    dx, dy = x - eye[0], y - eye[1]
    ox, oy = eye[0] - box[0], eye[1] - box[1]
    first, last = 0.0, 1.0
    for axis in range(3):
        if axis == 0:
            start, step, low, high = box[2] * ox + box[3] * oy, box[2] * dx + box[3] * dy, -box[4], box[4]
        elif axis == 1:
            start, step, low, high = box[2] * oy - box[3] * ox, box[2] * dy - box[3] * dx, -box[5], box[5]
        else:
            start, step, low, high = eye[2], z - eye[2], box[6], box[7]
        if abs(step) < 1e-12:
            if start <= low or start >= high:
                return False
            continue
        enters, leaves = (low - start) / step, (high - start) / step
        first, last = max(first, min(enters, leaves)), min(last, max(enters, leaves))
        if first >= last:
            return False
    return True


@njit(cache=True)
def _meets_wall(eye: Array, x: float, y: float, z: float, wall: Array) -> bool:
    """Whether the line of sight to the point passes through an upright wall."""
    dx, dy = x - eye[0], y - eye[1]
    wx, wy = wall[2] - wall[0], wall[3] - wall[1]
    across = dx * wy - dy * wx
    if abs(across) < 1e-12:
        return False
    ox, oy = wall[0] - eye[0], wall[1] - eye[1]
    at, along = (ox * wy - oy * wx) / across, (ox * dy - oy * dx) / across
    return 0.0 < at < 1.0 and 0.0 <= along <= 1.0 and eye[2] + at * (z - eye[2]) < wall[4]
