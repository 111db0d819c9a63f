"""The road users of a scene in a browser, and the ego: figures that move, a batch for each part of each figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.browser.colors import linear
from simscale_gym.browser.figures import Part, color_of, figure, figure_of
from simscale_gym.geometry import se3
from simscale_gym.scene import Scene, TrackType
from simscale_gym.viewer.bev import EGO

Array = NDArray[np.float64]

_NOWHERE = -1e4  # height of those who are not there [m]


class _Batch(NamedTuple):
    """Figures of a kind: rows ``[K]`` of the tracks, and the handles of their parts."""

    rows: NDArray[np.int64]
    handles: Sequence[Any]


class RoadUsers:
    """The tracks of a scene and its ego as nodes of a viser scene.

    Args:
        root: A ``viser.SceneApi``.
        scene: The scene.
    """

    def __init__(self, root: Any, scene: Scene) -> None:
        self._scene, tracks = scene, scene.tracks
        self._others, self._own = (
            root.add_frame(f"/{name}", show_axes=False) for name in ("road users", "ego")
        )
        self._heights = _steady_heights(scene)
        kinds = [TrackType(kind) for kind in tracks.types.tolist()]
        names = [figure_of(kind, size) for kind, size in zip(kinds, tracks.sizes, strict=True)]
        colors = np.array([color_of(kind) for kind in kinds], np.uint8).reshape(-1, 3)
        self._batches = [
            _batch(root, f"/road users/{name}", figure(name), rows, tracks.sizes[rows], colors[rows])
            for name in sorted(set(names))
            for rows in [np.array([row for row, other in enumerate(names) if other == name])]
        ]
        vehicle = scene.vehicle
        size = np.array([[vehicle.length, vehicle.width, vehicle.height]])
        self._ego = _batch(root, "/ego/car", figure("car"), np.zeros(1, int), size, np.array([EGO], np.uint8))

    def show(self, others: bool | None = None, ego: bool | None = None) -> None:
        """Show or hide the others, the ego."""
        for frame, visible in ((self._others, others), (self._own, ego)):
            if visible is not None:
                frame.visible = visible

    def place(self, frame: int, ego: Array, poses: Array, valid: NDArray[np.bool_]) -> None:
        """Put all where they are.

        Args:
            frame: Frame of the scene, which says how high tracks lie.
            ego: ``[3]`` pose of the ego's rear axle.
            poses: ``[N, 3]`` poses of the tracks.
            valid: ``[N]`` who is there.
        """
        heights = self._heights[:, min(frame, self._heights.shape[1] - 1)]
        centers = np.column_stack([poses[:, :2], np.where(valid, heights, _NOWHERE)])
        turns = _turns(poses[:, 2])
        for batch in self._batches:
            _move(batch, centers[batch.rows], turns[batch.rows])
        vehicle, stand = self._scene.vehicle, self._scene.ego_to_world(ego)
        middle = stand @ np.array([vehicle.rear_axle_to_center, 0.0, vehicle.height / 2, 1.0])
        _move(self._ego, middle[None, :3], se3.matrix_to_quat(stand[None, :3, :3]))


def _steady_heights(scene: Scene) -> Array:
    """Heights ``[N, T]`` of box centres [m], those of unseen frames from the nearest seen one."""
    tracks = scene.tracks
    out = tracks.z.copy()
    frames = np.arange(tracks.z.shape[1])
    for row, seen in enumerate(tracks.valid):
        if seen.any() and not seen.all():
            out[row] = np.interp(frames, frames[seen], tracks.z[row, seen])
    return out


def _batch(
    root: Any,
    name: str,
    parts: Sequence[Part],
    rows: NDArray[np.int64],
    sizes: Array,
    colors: NDArray[np.uint8],
) -> _Batch:
    count = len(rows)
    handles = [
        root.add_batched_meshes_simple(
            f"{name}/{number}",
            part.vertices,
            part.faces,
            batched_wxyzs=np.tile(np.array([1.0, 0.0, 0.0, 0.0]), (count, 1)),
            batched_positions=np.tile(np.array([0.0, 0.0, _NOWHERE]), (count, 1)),
            batched_scales=sizes,
            batched_colors=linear(
                colors if part.color is None else np.tile(np.array(part.color), (count, 1))
            ),
            flat_shading=True,
            lod="off",
            cast_shadow=False,
            receive_shadow=False,
        )
        for number, part in enumerate(parts)
    ]
    return _Batch(rows, handles)


def _move(batch: _Batch, positions: Array, wxyzs: Array) -> None:
    for handle in batch.handles:
        handle.batched_positions = positions.astype(np.float32)
        handle.batched_wxyzs = wxyzs.astype(np.float32)


def _turns(headings: Array) -> Array:
    """Quaternions ``[N, 4]`` of headings ``[N]``."""
    zero = np.zeros_like(headings)
    return np.stack([np.cos(headings / 2), zero, zero, np.sin(headings / 2)], axis=1)
