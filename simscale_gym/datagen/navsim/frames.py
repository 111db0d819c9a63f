"""Frames of a log as OpenScene has them, and NAVSIM reads them: a dictionary for each moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.datagen.moments import INTERVAL_US, Moments
from simscale_gym.datagen.navsim.names import VEHICLE, token
from simscale_gym.datagen.navsim.places import Place
from simscale_gym.geometry import se2, se3
from simscale_gym.scene import CAMERA_NAMES, LightStatus, Scene, StateIndex, TrackType
from simscale_gym.scoring.driving_command import driving_command

Array = NDArray[np.float64]

FRAMES_BEFORE, FRAMES_BEHIND = 4, 8
"""Frames of a scene up to its present and after it."""
PICTURE_SIZE = (1080, 1920)
"""Height, width that NAVSIM's builders of features cut in pixels; any other gives a wrong panorama or none."""

_COMMANDS = 4
_CAN_BUS = 18
_MOVING = [StateIndex.VX, StateIndex.VY, StateIndex.AX, StateIndex.AY]


def steady(moments: Moments, presents: Iterable[int]) -> NDArray[np.bool_]:
    """Where tracks ``[N, M]`` are kept: NAVSIM freezes for four seconds who is seen in one frame of those it scores.

    Args:
        moments: The moments.
        presents: Presents of the scenes that are cut from them, in half seconds from the moments' own.
    """
    windows = [slice(moments.row(step), moments.row(step + FRAMES_BEHIND) + 1) for step in presents]
    valid = moments.valid.copy()
    while any((single := valid[:, window].sum(1) == 1).any() for window in windows):
        for window in windows:
            single = valid[:, window].sum(1) == 1
            valid[single, window] = False
    return valid


@dataclass(frozen=True, eq=False)
class LogFrames:
    """What the frames of a log are made from.

    Attributes:
        scene: The scene.
        place: Where it lies for NAVSIM.
        moments: Moments of the sample.
        kept: ``[N, M]`` whether a track is annotated, from :func:`steady`.
        log_name: Name of the log, which is that of its file, too.
        tokens: Token of the frame at each step (half seconds from the present) that the log holds, in order.
        timestamp_us: Time of the present.
        pictures: Path of a picture under the folder of pictures, by step and camera.
    """

    scene: Scene
    place: Place
    moments: Moments
    kept: NDArray[np.bool_]
    log_name: str
    tokens: Mapping[int, str]
    timestamp_us: int
    pictures: Mapping[tuple[int, str], str]

    def frames(self) -> list[dict[str, Any]]:
        """All frames, each with the keys of OpenScene's."""
        steps = list(self.tokens)
        around = [None, *self.tokens.values(), None]
        return [
            self._frame(step, index) | {"sample_prev": around[index], "sample_next": around[index + 2]}
            for index, step in enumerate(steps)
        ]

    @property
    def shift(self) -> Array:
        """``[3]`` what poses of the scene frame are moved by to be global."""
        return np.append(self.place.origin[:2], 0.0)

    def pose(self, step: int) -> Array:
        """Global ``[3]`` pose of the ego."""
        return self.moments.ego[self.moments.row(step), :3] + self.shift

    def moving(self, step: int) -> Array:
        """``[4]`` velocity x, y and acceleration x, y in the ego frame."""
        return self.moments.ego[self.moments.row(step), _MOVING]

    def time_us(self, step: int) -> int:
        """Time of the frame."""
        return self.timestamp_us + step * INTERVAL_US

    def command(self, step: int) -> NDArray[np.int64]:
        """One-hot left, straight, right, unknown."""
        ego = self.moments.ego[self.moments.row(step)]
        return np.eye(_COMMANDS, dtype=int)[driving_command(self.scene.map, self.scene.route, ego[:3])]

    def lights(self, step: int) -> list[tuple[int, bool]]:
        """Numbers of the lane connectors whose light is known, and whether it is red: pairs, never triples."""
        status = self.moments.lights[:, self.moments.row(step)].tolist()
        known = zip(self.moments.light_lanes.tolist(), status, strict=True)
        lanes = self.place.lanes
        return [
            (lanes[lane], value == LightStatus.RED)
            for lane, value in known
            if value != LightStatus.UNKNOWN and lane in lanes
        ]

    def annotations(self, step: int) -> dict[str, Any]:
        """Tracks in the ego frame of this very frame: boxes ``[N, 7]``, names, velocities ``[N, 3]``, tokens."""
        moments, at = self.moments, self.moments.row(step)
        rows = np.flatnonzero(self.kept[:, at])
        ego = se2.poses_to_local(moments.present, moments.ego[at, None, :3])[0]
        poses = se2.poses_to_local(ego, moments.poses[rows, at])
        heights = moments.heights[rows, at] + self._ground(0) - self._ground(step)
        velocities = se2.points_to_local(np.array([0.0, 0.0, ego[2]]), moments.velocities[rows, at])
        ids = moments.ids[rows].tolist()
        return {
            "gt_boxes": np.column_stack([poses[:, :2], heights, moments.sizes[rows], poses[:, 2]]),
            "gt_names": np.array([TrackType(kind).name.lower() for kind in moments.types[rows]], dtype=str),
            "gt_velocity_3d": np.column_stack([velocities, np.zeros(len(rows))]),
            "instance_tokens": [token(self.tokens.get(step, step), track) for track in ids],
            "track_tokens": ids,
        }

    def cameras(self, step: int) -> dict[str, dict[str, Any]]:
        """All eight cameras; an empty dictionary for those without a picture."""
        return {name.upper(): self._camera(step, name) for name in CAMERA_NAMES}

    def _camera(self, step: int, name: str) -> dict[str, Any]:
        if (step, name) not in self.pictures:
            return {}
        camera = self.scene.rig.cameras[name]
        return {
            "data_path": self.pictures[step, name],
            "sensor2lidar_rotation": camera.cam_to_ego[:3, :3],
            "sensor2lidar_translation": camera.cam_to_ego[:3, 3],
            "cam_intrinsic": camera.scaled_intrinsics(*PICTURE_SIZE),
            "distortion": np.asarray(camera.distortion, float),
        }

    def _frame(self, step: int, index: int) -> dict[str, Any]:
        to_global = self.scene.ego_to_world(self.moments.ego[self.moments.row(step), :3])
        to_global[:3, 3] += self.place.origin
        quat, moving = se3.matrix_to_quat(to_global[:3, :3]), self.moving(step)
        base = self.scene.log_id
        return {
            "token": self.tokens[step], "frame_idx": index, "timestamp": self.time_us(step),
            "log_name": self.log_name, "log_token": token(base), "scene_name": f"log-{base}-{self.scene.id}",
            "scene_token": token(self.log_name, "scene"), "map_location": self.place.location,
            "roadblock_ids": self.place.blocks(self.scene.route), "vehicle_name": VEHICLE,
            "can_bus": self._can_bus(step, to_global[:3, 3], quat), "lidar_path": "",
            "lidar2ego_translation": np.zeros(3), "lidar2ego_rotation": [1.0, 0.0, 0.0, 0.0],
            "ego2global_translation": to_global[:3, 3].copy(), "ego2global_rotation": quat.tolist(),
            "ego_dynamic_state": moving.tolist(), "traffic_lights": self.lights(step),
            "driving_command": self.command(step), "cams": self.cameras(step),
            "ego2global": to_global, "lidar2ego": np.eye(4), "lidar2global": to_global,
            "anns": self.annotations(step), "occ_gt_final_path": None, "flow_gt_final_path": None,
        }  # fmt: skip

    def _can_bus(self, step: int, position: Array, quat: Array) -> Array:
        """Position, rotation (wxyz), acceleration, velocity, angular rate, and two zeros ``[18]``."""
        vx, vy, ax, ay = self.moving(step)
        rate = self.moments.ego[self.moments.row(step), StateIndex.YAW_RATE]
        values = [*position, *quat, ax, ay, 0.0, vx, vy, 0.0, 0.0, 0.0, rate]
        return np.pad(values, (0, _CAN_BUS - len(values)))

    def _ground(self, step: int) -> float:
        return float(self.scene.ego_to_world(self.moments.ego[self.moments.row(step), :3])[2, 3])


def scene_steps(present: int = 0, behind: int = FRAMES_BEHIND) -> Sequence[int]:
    """Steps of the frames of a scene whose present is ``present``."""
    return range(present - FRAMES_BEFORE + 1, present + behind + 1)
