"""Planners of others as agents of ours, by their methods: NAVSIM's ``AbstractAgent``, Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import AgentContext, Observation
from simscale_gym.evaluation.entrants import Sensing
from simscale_gym.scene import CAMERA_NAMES, Camera

_NAVSIM_SIZE = (1080, 1920)  # its feature builders crop pixels of this size


@dataclass
class NavsimCamera:
    """As NAVSIM's ``Camera``: a picture and where it was taken from; None and identity for a camera without one.

    Attributes:
        image: uint8 ``[H, W, 3]``.
        sensor2lidar_rotation: ``[3, 3]``; the LiDAR stands at the ego's origin.
        sensor2lidar_translation: ``[3]`` [m].
        intrinsics: ``[3, 3]`` [px].
        distortion: ``[5]``.
    """

    image: NDArray[np.uint8] | None = None
    sensor2lidar_rotation: NDArray | None = None
    sensor2lidar_translation: NDArray | None = None
    intrinsics: NDArray | None = None
    distortion: NDArray | None = None


@dataclass
class NavsimStatus:
    """As NAVSIM's ``EgoStatus``, in the ego frame.

    Attributes:
        ego_pose: ``[3]`` x, y, heading: zeros.
        ego_velocity: ``[2]`` [m/s].
        ego_acceleration: ``[2]`` [m/s^2].
        driving_command: ``[4]`` one-hot left, straight, right, unknown.
        in_global_frame: Whether it is in the global frame: no.
    """

    ego_pose: NDArray
    ego_velocity: NDArray
    ego_acceleration: NDArray
    driving_command: NDArray
    in_global_frame: bool = False


@dataclass
class NavsimLidar:
    """As NAVSIM's ``Lidar`` without a sweep."""

    lidar_pc: NDArray | None = None


@dataclass
class NavsimInput:
    """As NAVSIM's ``AgentInput``, of the present alone: lists of one.

    Attributes:
        ego_statuses: Status of the ego.
        cameras: An object with a camera for each of the eight names.
        lidars: No sweep.
    """

    ego_statuses: list[NavsimStatus]
    cameras: list[Any]
    lidars: list[NavsimLidar] = field(default_factory=lambda: [NavsimLidar()])


class NavsimCameras:
    """As NAVSIM's ``Cameras``: ``cam_f0`` and the others as attributes."""

    def __init__(self, cameras: Mapping[str, NavsimCamera]) -> None:
        for name in CAMERA_NAMES:
            setattr(self, name, cameras.get(name, NavsimCamera()))


class NavsimPlanner(Protocol):
    """What is asked of NAVSIM's ``AbstractAgent``."""

    def initialize(self) -> None:
        """Load weights."""

    def compute_trajectory(self, agent_input: Any) -> Any:
        """Something with ``poses`` ``[8, 3]`` at 0.5 .. 4.0 s, or ``[40, 3]`` at 0.1 .. 4.0 s."""


class NavsimAgent:
    """A NAVSIM agent as one of ours. It is shown the present alone: no earlier frames, no LiDAR.

    Args:
        agent: The agent; ``initialize`` is called once.
        cameras: Cameras that it looks through.
        image_size: Height, width of its pictures [px]; NAVSIM's feature builders crop pictures of 1080 by 1920.
    """

    def __init__(
        self,
        agent: NavsimPlanner,
        cameras: tuple[str, ...] = ("cam_f0", "cam_l0", "cam_r0"),
        image_size: tuple[int, int] = _NAVSIM_SIZE,
    ) -> None:
        self._agent, self._cameras = agent, {}
        self.sensing = Sensing(cameras=cameras, image_size=image_size)
        agent.initialize()

    def reset(self, context: AgentContext) -> None:
        """Note where the cameras are."""
        self._cameras = dict(context.cameras)

    def act(self, observation: Observation) -> NDArray:
        """``[8, 3]`` or ``[40, 3]`` the agent's plan."""
        seen = {name: _camera(camera, observation[name]) for name, camera in self._cameras.items()}
        ego = np.asarray(observation["ego"], float)
        status = NavsimStatus(np.zeros(3), ego[:2], ego[2:4], np.asarray(observation["command"]).astype(int))
        answer = self._agent.compute_trajectory(NavsimInput([status], [NavsimCameras(seen)]))
        return np.asarray(answer.poses, float)


def _camera(camera: Camera, image: NDArray[np.uint8]) -> NavsimCamera:
    mount = camera.cam_to_ego
    return NavsimCamera(image, mount[:3, :3], mount[:3, 3], camera.K, camera.distortion)


class PolicyAgent:
    """A policy of Stable-Baselines3 as an agent.

    One that was trained with action "trajectory" plans, and can be judged on everything; one with "control",
    "curvature" or "anchor" gives actions, and can be judged in closed loop (``parts=["drives"]``).

    Args:
        model: A model or policy with ``predict(observation, deterministic=...)``.
        sensing: What it was trained to see, and the kind of its actions.
        prepare: What the wrappers of its training did to an observation, such as flattening it; None for nothing.
        deterministic: Whether it takes the likeliest action instead of drawing one.
    """

    def __init__(
        self,
        model: Any,
        sensing: Sensing,
        prepare: Callable[[Observation], Any] | None = None,
        *,
        deterministic: bool = True,
    ) -> None:
        self._model, self._prepare, self._deterministic = model, prepare, deterministic
        self.sensing = sensing

    def reset(self, context: AgentContext) -> None:
        """Nothing to be remembered."""

    def act(self, observation: Observation) -> NDArray:
        """The policy's action."""
        seen = dict(observation) if self._prepare is None else self._prepare(observation)
        return self._model.predict(seen, deterministic=self._deterministic)[0]
