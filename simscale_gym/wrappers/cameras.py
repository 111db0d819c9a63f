"""Observed cameras in grey, at another size, or side by side as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray
from PIL import Image

from simscale_gym.errors import ArgumentError

Observation = Mapping[str, NDArray]
Picture = NDArray[np.uint8]

FRONT = ("cam_l0", "cam_f0", "cam_r0")
"""The three cameras that look ahead, from left to right."""

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class GrayCameras(gym.ObservationWrapper, RecordConstructorArgs):
    """Cameras in grey (ITU-R BT.601), uint8 ``[H, W, 1]``; all else stays.

    Raises:
        ArgumentError: The environment shows no cameras.
    """

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.ObservationWrapper.__init__(self, env)
        shapes = camera_shapes(env, "GrayCameras")
        self._cameras = tuple(shapes)
        self.observation_space = changed(
            env.observation_space, {name: (*shape[:-1], 1) for name, shape in shapes.items()}
        )

    def observation(self, observation: Observation) -> dict[str, NDArray]:
        """The observation with grey pictures."""
        gray = {name: np.rint(observation[name] @ _LUMA)[..., None] for name in self._cameras}
        return {**observation, **{name: picture.astype(np.uint8) for name, picture in gray.items()}}


class ResizedCameras(gym.ObservationWrapper, RecordConstructorArgs):
    """Cameras at another size, averaged where they get smaller. To draw them so, give the environment ``image_size``.

    Args:
        env: Environment with cameras.
        size: Height, width [px].

    Raises:
        ArgumentError: The environment shows no cameras, or no such size is possible.
    """

    def __init__(self, env: gym.Env, size: tuple[int, int]) -> None:
        RecordConstructorArgs.__init__(self, size=size)
        gym.ObservationWrapper.__init__(self, env)
        self._size = checked_size("ResizedCameras", size)
        shapes = camera_shapes(env, "ResizedCameras")
        self._cameras = tuple(shapes)
        self.observation_space = changed(
            env.observation_space, {name: (*self._size, shape[-1]) for name, shape in shapes.items()}
        )

    def observation(self, observation: Observation) -> dict[str, NDArray]:
        """The observation with pictures of that size."""
        return {**observation, **{name: resized(observation[name], self._size) for name in self._cameras}}


class Panorama(gym.ObservationWrapper, RecordConstructorArgs):
    """Cameras side by side as one entry ``panorama``, uint8 ``[H, W, C]``, in place of theirs.

    Args:
        env: Environment with these cameras.
        cameras: Names, from left to right.
        size: Height, width of the panorama [px]; None leaves it as it comes.
        trim: Shares of a picture's height that are cut off above and below, and of its width at both sides of all but
            the middle one, where neighbours see the same.

    Raises:
        ArgumentError: One of them is not observed, or nothing would be left.
    """

    def __init__(
        self,
        env: gym.Env,
        cameras: Sequence[str] = FRONT,
        size: tuple[int, int] | None = None,
        trim: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        RecordConstructorArgs.__init__(self, cameras=cameras, size=size, trim=trim)
        gym.ObservationWrapper.__init__(self, env)
        shapes = camera_shapes(env, "Panorama", cameras)
        if not all(0.0 <= share < 0.5 for share in trim):
            raise ArgumentError(f"Panorama: trim {tuple(trim)}, expected shares of 0 to less than 0.5.")
        self._cameras, self._trim = tuple(cameras), trim
        self._size = None if size is None else checked_size("Panorama", size)
        shown = self._panorama({name: np.zeros(shapes[name], np.uint8) for name in self._cameras})
        entries = {name: space for name, space in env.observation_space.items() if name not in shapes}
        self.observation_space = spaces.Dict(
            entries | {"panorama": spaces.Box(0, 255, shown.shape, np.uint8)}
        )

    def observation(self, observation: Observation) -> dict[str, NDArray]:
        """The observation with one picture."""
        rest = {name: value for name, value in observation.items() if name not in self._cameras}
        return rest | {"panorama": self._panorama(observation)}

    def _panorama(self, observation: Observation) -> Picture:
        middle = self._cameras[len(self._cameras) // 2]
        parts = []
        for name in self._cameras:
            picture = observation[name]
            rows, columns = (round(share * n) for share, n in zip(self._trim, picture.shape[:2], strict=True))
            columns = 0 if name == middle else columns
            parts.append(picture[rows : picture.shape[0] - rows, columns : picture.shape[1] - columns])
        whole = np.concatenate(parts, axis=1)
        return whole if self._size is None else resized(whole, self._size)


def camera_shapes(
    env: gym.Env, wrapper: str, names: Sequence[str] | None = None
) -> dict[str, tuple[int, ...]]:
    """Shapes ``(H, W, C)`` of the cameras that ``env`` shows, or of those that are named.

    Raises:
        ArgumentError: It shows none, one of them is missing, or they are stacked already.
    """
    entries = env.observation_space.spaces if isinstance(env.observation_space, spaces.Dict) else {}
    seen = [name for name in env.unwrapped.camera_names if name in entries]
    names = seen if names is None else names
    missing = [name for name in names if name not in seen]
    if missing or not names:
        found = ", ".join(entries) or "a vector"
        raise ArgumentError(
            f"{wrapper}: the environment observes {found}, expected {', '.join(missing) or 'cameras'}: make it with "
            'observation="camera" and these cameras.'
        )
    stacked = [name for name in names if len(entries[name].shape) != 3]
    if stacked:
        raise ArgumentError(f"{wrapper}: {stacked[0]} is stacked already; put this wrapper inside.")
    return {name: entries[name].shape for name in names}


def changed(space: spaces.Dict, shapes: Mapping[str, tuple[int, ...]]) -> spaces.Dict:
    """The observation space with pictures of other shapes."""
    return spaces.Dict(
        space.spaces | {name: spaces.Box(0, 255, shape, np.uint8) for name, shape in shapes.items()}
    )


def checked_size(wrapper: str, size: Sequence[int]) -> tuple[int, int]:
    """Height and width, both at least 1."""
    if len(size) != 2 or min(size) < 1:
        raise ArgumentError(f"{wrapper}: size {tuple(size)}, expected height and width [px], 1 or more.")
    return int(size[0]), int(size[1])


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture ``[H, W, C]`` at another size, averaged where it gets smaller, interpolated where it grows."""
    plain = picture[..., 0] if picture.shape[-1] == 1 else picture
    scaled = np.asarray(Image.fromarray(plain).resize(size[::-1], Image.Resampling.BILINEAR))
    return scaled.reshape(*size, picture.shape[-1])
