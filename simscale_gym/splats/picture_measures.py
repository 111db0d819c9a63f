"""What a picture tells of itself: holes in the ground, pixels inside the ego's body, how coarse what it shows is."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.scene import Vehicle
from simscale_gym.splats.solid_matter import SolidMatter
from simscale_gym.splats.viewed_frame import ViewedFrame

Array = NDArray[np.float64]

ROWS = 18
"""A picture is looked at in so many rows, and in columns as far apart: the share of what is seen is told by 576 pixels
of 16:9, and by the same ones whatever its size."""

BELOW_HORIZON = 0.1
"""Downward slope of a ray that must meet the ground: 15 m away from a camera at 1.5 m."""

OPAQUE = 0.9
"""Alpha from which a pixel counts as covered."""

LEAST_SEEN = 0.25
"""Share of the pixels that must show what does not move for its coarseness to count: vehicles are fine enough."""

SHORT = 6.0
"""Depth is that of means: on flat Gaussians seen at a slant it falls short of the surface, by up to so many of their
standard deviations (measured on the town's ground, 0.76 and 1.5 m coarse, 4 to 13 m away)."""

GROWTH, STEPS = 1.15, 10
"""What seems to float where nothing is, is looked for farther along its ray: in so many steps, each so much farther."""

CLEARANCE = 0.3
"""Height above the road from which on matter is in the ego's way and not a kerb [m]."""


def picture_measures(
    frame: ViewedFrame, cam_to_world: Array, cam_to_ego: Array, vehicle: Vehicle, matter: SolidMatter
) -> tuple[Array, Array, Array]:
    """What pictures show.

    Args:
        frame: The pictures' depth and alpha.
        cam_to_world: Poses of the cameras in the scene, `[C, 4, 4]`.
        cam_to_ego: Poses of the cameras in the ego frame, `[C, 4, 4]`.
        vehicle: The ego.
        matter: The scene's Gaussians.

    Returns:
        Share of the pixels below the horizon that are covered (1 where there are none), share of all that show
        something inside the ego's body, and the angle under which Gaussians are seen [rad], the mean of the middle
        half of the pixels (0 where few are); each `[C]`.
    """
    half = vehicle.width / 2.0
    body = np.array([[-vehicle.rear_length, -half, CLEARANCE], [vehicle.front_length, half, vehicle.height]])
    out = np.empty((3, len(cam_to_world)))
    poses = cam_to_world[:, :3].copy(), cam_to_ego[:, :3].copy()
    Ks = np.ascontiguousarray(frame.Ks, np.float64)
    rows, columns = looked_at(*frame.alpha.shape[1:])
    _look(
        *frame.pixels(rows, columns),
        rows,
        columns,
        *poses,
        Ks,
        body,
        matter.low,
        matter.cell,
        matter.grains,
        out,
    )
    return out[0], out[1], out[2]


def looked_at(height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pixels of a picture that are looked at."""
    rows = min(ROWS, height)
    columns = min(max(1, round(width * rows / height)), width)
    counts = ((rows, height), (columns, width))
    return tuple(((np.arange(count) + 0.5) * size / count).astype(np.int64) for count, size in counts)


@njit(cache=True)
def _look(alpha, depth, at_rows, at_cols, cam_to_world, cam_to_ego, Ks, body, low, cell, grains, out):
    """Write coverage, share of pixels inside the ego and coarseness `[3, C]` (see `picture_measures`)."""
    cameras, rows, cols = alpha.shape
    angles, ray = np.empty(rows * cols), np.ones(3)
    for c in range(cameras):
        K = Ks[c]
        below, covered, within, seen = 0, 0, 0, 0
        for m in range(rows):
            ray[1] = (at_rows[m] + 0.5 - K[1, 2]) / K[1, 1]
            for n in range(cols):
                ray[0] = (at_cols[n] + 0.5 - K[0, 2]) / K[0, 0]
                opaque, z = alpha[c, m, n], depth[c, m, n]
                stretch = np.sqrt(1.0 + ray[0] * ray[0] + ray[1] * ray[1])
                if cam_to_world[c, 2, :3] @ ray < -BELOW_HORIZON * stretch:
                    below += 1
                    covered += opaque >= OPAQUE
                if opaque < 0.5:
                    continue
                within += _is_inside(cam_to_ego[c], z * ray, body)
                far = z
                for _ in range(STEPS):
                    grain = _grain(cam_to_world[c], far * ray, low, cell, grains)
                    if grain > 0.0 and (far - z) * stretch <= SHORT * grain:
                        angles[seen] = grain / max(far * stretch, 1e-3)
                        seen += 1
                        break
                    far *= GROWTH
        out[0, c] = covered / below if below else 1.0
        out[1, c] = within / (rows * cols)
        known = np.sort(angles[:seen])
        out[2, c] = known[seen // 4 : seen - seen // 4].mean() if seen > LEAST_SEEN * rows * cols else 0.0


@njit(cache=True)
def _is_inside(pose, point, box):
    """Whether `point` `[3]`, moved by `pose` `[3, 4]`, lies in `box` `[2, 3]`."""
    inside = True
    for k in range(3):
        at = pose[k, 3] + pose[k, :3] @ point
        inside &= box[0, k] < at < box[1, k]
    return inside


@njit(cache=True)
def _grain(pose, point, low, cell, grains):
    """Grain of the cell that `point` `[3]` lies in once `pose` `[3, 4]` has moved it, 0 beyond the grid."""
    index = 0
    for k in range(3):
        at = int(np.floor((pose[k, 3] + pose[k, :3] @ point - low[k]) / cell[k]))
        if not 0 <= at < grains.shape[k]:
            return 0.0
        index = index * grains.shape[k] + at
    return grains.flat[index]
