"""The cameras of the ego in a browser: frusta that move with it, and the pictures that they see."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import se3
from simscale_gym.scene import Scene

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]

_DEPTH = 1.4
"""How far before the camera its picture stands [m]."""
_COLOR = (255, 170, 60)
_ORDER = {"cam_l": 0, "cam_f": 1, "cam_r": 2}
_COLUMNS = 3


class CameraViews:
    """Cameras of a scene's rig as nodes of a viser scene.

    Args:
        root: A ``viser.SceneApi``.
        scene: The scene.
        cameras: Names of the cameras.
    """

    def __init__(self, root: Any, scene: Scene, cameras: Sequence[str]) -> None:
        self._scene, self._rig = scene, scene.rig.select(tuple(cameras))
        self._frame = root.add_frame("/cameras", show_axes=False)
        self._frusta = {
            camera.name: root.add_camera_frustum(
                f"/cameras/{camera.name}",
                fov=float(2.0 * np.arctan2(camera.height / 2, camera.K[1, 1])),
                aspect=camera.width / camera.height,
                scale=_DEPTH,
                color=_COLOR,
                cast_shadow=False,
                receive_shadow=False,
            )
            for camera in self._rig
        }

    def show(self, visible: bool) -> None:
        """Show or hide them."""
        self._frame.visible = visible

    def place(self, ego: Array) -> None:
        """Move them with the ego, whose rear axle is at ``ego [3]``."""
        stand = self._scene.ego_to_world(ego)
        for camera in self._rig:
            pose, frustum = stand @ camera.cam_to_ego, self._frusta[camera.name]
            frustum.position, frustum.wxyz = pose[:3, 3], se3.matrix_to_quat(pose[:3, :3])

    def put(self, pictures: Mapping[str, Picture]) -> None:
        """Show pictures, uint8 ``[H, W, 3]`` by camera, in their frusta."""
        for name, picture in pictures.items():
            if name in self._frusta:
                self._frusta[name].image = picture


def side_by_side(pictures: Mapping[str, Picture]) -> Picture:
    """Pictures of one size, three in a row, those of the left cameras before those of the front ones."""
    names = sorted(pictures, key=lambda name: (name[-1], _ORDER.get(name[:5], 3)))
    blank = np.zeros_like(pictures[names[0]])
    shown = [pictures[name] for name in names]
    if len(shown) > _COLUMNS:
        shown += [blank] * (-len(shown) % _COLUMNS)
    rows = [shown[k : k + _COLUMNS] for k in range(0, len(shown), _COLUMNS)]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


class Painter:
    """A thread that paints whatever was asked for last, and passes over what was asked for meanwhile.

    Args:
        paint: Function that paints what was asked for.
    """

    def __init__(self, paint: Callable[[int], None]) -> None:
        self._paint, self._changed = paint, threading.Condition()
        self._wanted: int | None = None
        self._busy = self._over = False
        threading.Thread(target=self._run, name="pictures", daemon=True).start()

    def ask(self, step: int) -> None:
        """Have state ``step`` painted next."""
        with self._changed:
            self._wanted = step
            self._changed.notify_all()

    def settle(self, timeout: float | None = None) -> bool:
        """Wait until all is painted; whether it is within ``timeout`` [s]."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._over or not (self._busy or self._wanted is not None), timeout
            )

    def stop(self) -> None:
        """Paint no more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._over or self._wanted is not None)
                if self._over:
                    return
                step, self._wanted, self._busy = self._wanted, None, True
            self._paint(step)
