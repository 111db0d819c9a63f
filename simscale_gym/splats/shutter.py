"""Shutters that are open for a while, row after row, before a moving scene: one picture bent and smeared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.one_line import one_line
from simscale_gym.splats.viewed_frame import ViewedFrame

Array = NDArray[np.float64]

MOST_SAMPLES = 16
"""Moments of the exposure that a pixel is drawn at: one for each pixel that it is smeared over, up to this many."""


@dataclass(frozen=True, eq=False)
class CameraMotion:
    """Motion of cameras, in their own axes (x right, y down, z forward).

    Attributes:
        velocities: Velocities of the cameras, `[C, 3]` [m/s].
        rates: Rates at which they turn about their axes, `[C, 3]` [rad/s].
    """

    velocities: Array
    rates: Array

    __repr__ = one_line

    @classmethod
    def of_ego(cls, cam_to_ego: Array, velocity: Array, yaw_rate: float) -> CameraMotion:
        """The motion of cameras on a vehicle.

        Args:
            cam_to_ego: Poses of the cameras in the ego frame, `[C, 4, 4]`.
            velocity: Velocity of the rear axle in the ego frame, `[2]` [m/s].
            yaw_rate: Yaw rate of the ego [rad/s].
        """
        turn, place = cam_to_ego[:, :3, :3], cam_to_ego[:, :3, 3]
        swing = yaw_rate * np.column_stack([-place[:, 1], place[:, 0], np.zeros(len(place))])
        moving = swing + np.array([velocity[0], velocity[1], 0.0])
        rates = yaw_rate * turn[:, 2]  # the ego's up in each camera
        return cls(np.einsum("cij,ci->cj", turn, moving), rates)


def expose_rows(
    light: NDArray[np.float32],
    viewed: ViewedFrame,
    motion: CameraMotion,
    shutter_time: float,
    readout_time: float,
) -> NDArray[np.float32]:
    """Pictures of a camera that exposes its rows one after the other, each for a while.

    One picture is warped along the flow of its pixels, which depth and the camera's motion give. So it holds for
    what stands still: another vehicle is smeared as if it stood. The flow is constant over the exposure, and what a
    near edge hides is not known: there, the edge's own colours are seen.

    Args:
        light: Linear light of the pictures, `[C, H, W, 3]` float32.
        viewed: Depth behind the pictures.
        motion: Motion of the cameras.
        shutter_time: Exposure of a row [s].
        readout_time: Time from the first row to the last [s].

    Returns:
        `[C, H, W, 3]` float32.
    """
    out, viewed = np.empty_like(light), viewed.in_memory()
    Ks = np.ascontiguousarray(viewed.Ks, np.float64)
    moves = (np.ascontiguousarray(motion.velocities), np.ascontiguousarray(motion.rates))
    _expose(light, viewed.alpha, viewed.depth, Ks, *moves, shutter_time, readout_time, out)
    return out


@njit(cache=True, error_model="numpy")
def pixel_flow(x, y, inverse_depth, velocity, rates):
    """Velocity [1/s] on the plane z = 1 of the still point seen at (x, y) by a camera that moves and turns."""
    wx, wy, wz = rates[1] - rates[2] * y, rates[2] * x - rates[0], rates[0] * y - rates[1] * x
    flow_x = -((velocity[0] - x * velocity[2]) * inverse_depth + wx - x * wz)
    flow_y = -((velocity[1] - y * velocity[2]) * inverse_depth + wy - y * wz)
    return flow_x, flow_y


@njit(cache=True, error_model="numpy", nogil=True)
def _expose(light, alpha, depth, Ks, velocities, rates, shutter, readout, out):
    """Gathers each pixel along its flow (see `expose_rows`)."""
    cameras, height, width = alpha.shape
    for c in range(cameras):
        fx, fy, cx, cy = Ks[c, 0, 0], Ks[c, 1, 1], Ks[c, 0, 2], Ks[c, 1, 2]
        for row in range(height):
            delay = ((row + 0.5) / height - 0.5) * readout
            y = (row + 0.5 - cy) / fy
            for col in range(width):
                inverse = 1.0 / depth[c, row, col] if alpha[c, row, col] > 0.5 else 0.0
                flow_x, flow_y = pixel_flow((col + 0.5 - cx) / fx, y, inverse, velocities[c], rates[c])
                flow_x, flow_y = flow_x * fx, flow_y * fy
                length = np.sqrt(flow_x * flow_x + flow_y * flow_y) * shutter
                samples = min(MOST_SAMPLES, 1 + int(length))
                red, green, blue = 0.0, 0.0, 0.0
                for k in range(samples):
                    time = delay + ((k + 0.5) / samples - 0.5) * shutter
                    u = min(max(col - flow_x * time, 0.0), width - 1.0)
                    v = min(max(row - flow_y * time, 0.0), height - 1.0)
                    i, j = min(int(v), height - 2), min(int(u), width - 2)
                    a, b = v - i, u - j
                    p, q = (1.0 - a) * (1.0 - b), (1.0 - a) * b
                    r, s = a * (1.0 - b), a * b
                    one, two = light[c, i, j], light[c, i, j + 1]
                    three, four = light[c, i + 1, j], light[c, i + 1, j + 1]
                    red += p * one[0] + q * two[0] + r * three[0] + s * four[0]
                    green += p * one[1] + q * two[1] + r * three[1] + s * four[1]
                    blue += p * one[2] + q * two[2] + r * three[2] + s * four[2]
                out[c, row, col, 0] = red / samples
                out[c, row, col, 1] = green / samples
                out[c, row, col, 2] = blue / samples
