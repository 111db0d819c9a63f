"""Random Gaussians and cameras for the tests of the rasteriser."""

from __future__ import annotations

import numpy as np

from simscale_gym.splats.gaussians import Gaussians

WIDTH, HEIGHT = 64, 36
K = np.array([[50.0, 0.0, 32.0], [0.0, 50.0, 18.0], [0.0, 0.0, 1.0]])
FRONT = np.eye(4)


def random_gaussians(rng, low, high, scales, *, count=300, opacity=(0.02, 1.0), terms=1):
    """Random Gaussians in a box, standard deviations log-uniform within `scales`."""
    sh = rng.normal(0.0, 0.6 / np.sqrt(terms), (count, terms, 3))
    quats = rng.normal(size=(count, 4))
    values = (
        rng.uniform(low, high, (count, 3)),
        quats / np.linalg.norm(quats, axis=1, keepdims=True),
        np.exp(rng.uniform(*np.log(scales), (count, 3))),
        rng.uniform(*opacity, count),
        sh,
    )
    return Gaussians(*(value.astype(np.float32) for value in values)).validate()


def decibel(image, expected, peak=1.0):
    return 10.0 * np.log10(peak**2 / max(np.mean((image - expected) ** 2), 1e-20))


def look(yaw=0.0, position=(0.0, 0.0, 0.0)):
    """World to camera of a camera turned about its vertical axis."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    view = np.eye(4)
    view[:3, :3] = [[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]]
    view[:3, 3] = -view[:3, :3] @ position
    return view
