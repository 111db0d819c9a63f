"""The Gaussians of a scene in a browser: so many as it can hold, fine along the way and merged elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import se3
from simscale_gym.rendering import Renderer
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import SH_C0

_PLACES = 24
"""Places along the way from which the fineness is chosen."""
_EYE = 1.5  # height of eyes above the road [m]

NODE = "/gaussians"


def still_gaussians(renderer: Renderer, most: int) -> Gaussians:
    """What stands still, as it is looked at from the recorded way: ``most`` Gaussians at most."""
    ego = renderer.scene.ego
    rows = np.linspace(0, len(ego.z) - 1, _PLACES).round().astype(int)
    places = np.column_stack([ego.poses[rows, :2], ego.z[rows] + _EYE])
    return renderer.still(places, most)


def add_gaussians(root: Any, gaussians: Gaussians) -> Any:
    """Put Gaussians into a ``viser.SceneApi``; of colors that depend on the direction the mean is shown."""
    return root.add_gaussian_splats(
        NODE,
        gaussians.means,
        covariances(gaussians),
        np.clip(gaussians.sh[:, 0] * SH_C0 + 0.5, 0.0, 1.0),
        gaussians.opacities[:, None],
    )


def covariances(gaussians: Gaussians) -> NDArray[np.float32]:
    """Covariances ``[N, 3, 3]`` [m^2]."""
    axes = se3.quat_to_matrix(gaussians.quats).astype(np.float32) * gaussians.scales[:, None, :]
    return axes @ axes.swapaxes(1, 2)
