"""Which chunks of Gaussians can touch which image: conservative, so that nothing visible is lost."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simscale_gym.splats.cpu.pack import LEVELS, LOG_255
from simscale_gym.splats.cpu.variants import chunk_bounds

WIDEST = math.sqrt(2.0 * LOG_255)
"""Extent of an opaque splat in standard deviations, where its alpha falls to 1/255."""

FINE = 0.6
"""A level of detail will do where its grain is at most this wide on the image [px]. The blur that every splat gets
has a standard deviation of 0.55 px."""

SLACK = 1e-4
"""Relative margin for the float32 rounding of the projection that follows."""


@njit(cache=True, nogil=True, error_model="numpy")
def clamp_limits(focal, centre, size):
    """Limits of the direction x/z at which the Jacobian is taken: the frustum widened by 0.3 tan(fov / 2).

    gsplat 1.5.3, `persp_proj`.

    Args:
        focal: Focal length [px].
        centre: Principal point [px].
        size: Image size along the same axis [px].

    Returns:
        Lower and upper limit of x/z.
    """
    margin = 0.3 * 0.5 * size / focal
    return -(centre / focal + margin), (size - centre) / focal + margin


@njit(cache=True, nogil=True, error_model="numpy")
def _axis_misses(position, depth, radius, reach, focal, centre, size, blur):
    """Whether all splats around (position, depth) lie beyond either edge of the image along one axis.

    A splat at x with reach r covers at most x focal/z + centre ± (r focal/z sqrt(1 + t^2) + blur), t the
    clamped direction. Times z > 0, each edge is a plane through the camera, and a sphere of means is on its
    outer side if its centre is by more than the radius.
    """
    low, high = clamp_limits(focal, centre, size)
    steepest = max(abs(low), abs(high))
    margin = reach * focal * math.sqrt(1.0 + steepest * steepest) * (1.0 + SLACK)
    near_edge, far_edge = centre + blur, size - centre + blur
    outside_near = -focal * position - near_edge * depth - radius * math.hypot(focal, near_edge) > margin
    outside_far = focal * position - far_edge * depth - radius * math.hypot(focal, far_edge) > margin
    return outside_near or outside_far


@njit(cache=True, nogil=True, error_model="numpy")
def _level(sphere, grains, view, focal, near):
    """The coarsest level of a cluster that will do for a camera, by how near its nearest Gaussian may be."""
    bx, by, bz, radius = sphere
    x = view[0, 0] * bx + view[0, 1] * by + view[0, 2] * bz + view[0, 3]
    y = view[1, 0] * bx + view[1, 1] * by + view[1, 2] * bz + view[1, 3]
    z = view[2, 0] * bx + view[2, 1] * by + view[2, 2] * bz + view[2, 3]
    # the grain that projects to FINE pixels at the nearest point that the cluster's sphere allows
    finest = FINE * max(math.sqrt(x * x + y * y + z * z) - radius, near) / focal
    level = 0
    while level + 1 < LEVELS and grains[level + 1] <= finest:
        level += 1
    return level


@njit(cache=True, nogil=True, error_model="numpy")
def cull_chunks(
    bounds, first_cluster, spheres, level_chunks, grains, instance_index, variants, views, cameras, width, height,
    near, far, eps2d, items,
):  # fmt: skip
    """Lists the chunks to project, by camera, then instance, then chunk.

    Args:
        bounds: `[M, 5]` of all templates' chunks (see `PackedGaussians`).
        first_cluster: First cluster of each template, `[P + 1]`.
        spheres: `[Q, 4]` of all templates' clusters.
        level_chunks: `[Q, 7]` of all templates' clusters.
        grains: `[Q, 6]` of all templates' clusters.
        instance_index: Template of each instance, `[I]`.
        variants: The instances' own colours and shapes.
        views: Node to camera, `[C, I, 4, 4]` float64.
        cameras: fx, fy, cx, cy, `[C, 4]` float64 [px].
        width: Image width [px].
        height: Image height [px].
        near: Nearest depth of a mean [m].
        far: Farthest depth of a mean [m].
        eps2d: Blur added to the projected covariance [px^2].
        items: Written: camera, instance, chunk, `[.., 3]` int32.

    Returns:
        Number of items up to the end of each camera, as the array `[C + 1]` that starts with 0.
    """
    ends = np.zeros(len(cameras) + 1, np.int64)
    blur = WIDEST * math.sqrt(eps2d) * (1.0 + SLACK)
    count = 0
    for camera in range(len(cameras)):
        fx, fy, cx, cy = cameras[camera]
        for instance in range(len(instance_index)):
            view = views[camera, instance]
            template = instance_index[instance]
            for cluster in range(first_cluster[template], first_cluster[template + 1]):
                level = _level(spheres[cluster], grains[cluster], view, max(fx, fy), near)
                for chunk in range(level_chunks[cluster, level], level_chunks[cluster, level + 1]):
                    bx, by, bz, radius, reach = chunk_bounds(bounds, variants, instance, chunk)
                    x = view[0, 0] * bx + view[0, 1] * by + view[0, 2] * bz + view[0, 3]
                    y = view[1, 0] * bx + view[1, 1] * by + view[1, 2] * bz + view[1, 3]
                    z = view[2, 0] * bx + view[2, 1] * by + view[2, 2] * bz + view[2, 3]
                    # float32 rounds places by 6e-8 of their size; a tenth of SLACK is far above that
                    radius += SLACK * (radius + abs(x) + abs(y) + abs(z)) * 0.1
                    if z + radius < near or z - radius > far:
                        continue
                    if _axis_misses(x, z, radius, reach, fx, cx, float(width), blur):
                        continue
                    if _axis_misses(y, z, radius, reach, fy, cy, float(height), blur):
                        continue
                    items[count, 0], items[count, 1], items[count, 2] = camera, instance, chunk
                    count += 1
        ends[camera + 1] = count
    return ends
