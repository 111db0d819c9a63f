"""What a planner is shown, the same from a data set and from an environment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import AgentContext, Observation
from simscale_gym.errors import ArgumentError

STATUS_SIZE = 8
"""Command (one-hot left, straight, right, unknown), velocity x, y [m/s], acceleration x, y [m/s^2]."""
_EGO_VALUES = 4  # of the observation "ego" that are part of the status: vx, vy, ax, ay


@dataclass(frozen=True)
class InputSpec:
    """The pictures that a planner is built for.

    Attributes:
        cameras: Names of the cameras, in the order in which the planner takes their pictures.
        image_size: Height, width of each picture [px].
    """

    cameras: tuple[str, ...] = ("cam_f0", "cam_l0", "cam_r0")
    image_size: tuple[int, int] = (72, 128)

    def __str__(self) -> str:
        height, width = self.image_size
        return f"{', '.join(self.cameras)} at {height} x {width}"


def check_cameras(spec: InputSpec, context: AgentContext) -> None:
    """Refuse an environment that shows other pictures than the planner was trained on.

    Raises:
        ArgumentError: A camera is missing, or its pictures have another size.
    """
    shown = {name: (camera.height, camera.width) for name, camera in context.cameras.items()}
    for name in spec.cameras:
        if shown.get(name) != spec.image_size:
            found = f"{name} at {shown[name][0]} x {shown[name][1]}" if name in shown else f"no {name}"
            raise ArgumentError(
                f"planner: the environment shows {found}, expected {spec}. Make the environment with "
                f"cameras={spec.cameras}, image_size={spec.image_size}."
            )


def observed_inputs(
    observation: Observation, spec: InputSpec
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pictures ``[C, H, W, 3]`` and status ``[8]`` of an environment's observation, as items have them."""
    status = np.concatenate([observation["command"], observation["ego"][:_EGO_VALUES]])
    return np.stack([observation[name] for name in spec.cameras]), status.astype(np.float32)
