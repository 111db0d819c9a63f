"""What stands beside an asset of WorldEngine: the recording that it was made of, and its configuration.

Layout: OpenDriveLab/WorldEngine, `digitaltwin_config.py`, and OpenDriveLab/MTGS, `nuplan_scripts`. The recording,
`video_scene_dict.pkl`, is a pickle with quaternions of pyquaternion; `configs/*.yaml` is YAML with tags of Python. Both
are read as data.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from simscale_gym.errors import DataError, shown
from simscale_gym.files.fields import Fields
from simscale_gym.files.restricted_pickle import StandIn, unpickle
from simscale_gym.geometry.se3 import quat_to_matrix, rigid
from simscale_gym.one_line import one_line

MAX_PICKLE_BYTES = 2**30
MAX_CONFIG_BYTES = 2**18

_LARGEST = 1e15
"""Numbers beyond this [m, pixel] are none of a recording; products of those within it stay finite."""


@dataclass(frozen=True, eq=False)
class VideoCamera:
    """One camera of a recording.

    Attributes:
        timestamps_us: When each image was taken, `[F]` int64 [us].
        images: File of each image, as the recording names it.
        camera_to_ego: Pose in the ego frame (rear axle, x forward, z up) for each frame, `[F, 4, 4]`; camera axes
            are OpenCV's.
        K: Intrinsics, `[3, 3]` [pixel]; those that COLMAP refined where there are.
        distortion: Radial and tangential coefficients k1, k2, p1, p2, k3, `[5]`.
    """

    timestamps_us: np.ndarray
    images: tuple[str, ...]
    camera_to_ego: np.ndarray
    K: np.ndarray
    distortion: np.ndarray


@dataclass(frozen=True, eq=False)
class VideoScene:
    """A recording.

    Attributes:
        token: Name of the recording.
        log_name: The nuPlan log that it is part of.
        map_location: The city.
        timestamps_us: Times of the frames, `[F]` int64 [us].
        ego_to_recon: Poses of the ego in the frame of the reconstruction, `[F, 4, 4]`.
        valid: Frames that were used, `[F]`.
        recon_to_world: Translation from the frame of the reconstruction to the map's, `[3]` [m].
        cameras: The recording's cameras by name.
        frames: All that the file says of each frame, boxes of other road users included.
    """

    token: str
    log_name: str
    map_location: str
    timestamps_us: np.ndarray
    ego_to_recon: np.ndarray
    valid: np.ndarray
    recon_to_world: np.ndarray
    cameras: dict[str, VideoCamera]
    frames: tuple[dict[str, Any], ...]

    __repr__ = one_line


def read_video_scene(path: str | os.PathLike[str]) -> VideoScene:
    """Reads the first recording of a `video_scene_dict.pkl`, as WorldEngine does. Nothing of it is run.

    Raises:
        DataError: No such file, damaged, more than plain data, or a field is missing or misshapen.
    """
    path = Path(path)
    tree = unpickle(_bytes(path, MAX_PICKLE_BYTES), path, names=_quaternion)
    scenes = Fields.of(path, "", tree)
    if not scenes.values:
        raise DataError(path, found="no recording", expected="one at least")
    scene = scenes.child(next(iter(scenes)))
    frames = [frame for _, frame in scene.children("frame_infos")]
    if not frames:
        raise scene.error("frame_infos", "list []", "a list of frames")
    first = frames[0].child("cams")
    if not first.values:
        raise DataError(path, field=first.place, found="no camera", expected="one at least")
    return VideoScene(
        token=scene.text("video_token"),
        log_name=scene.text("log_name"),
        map_location=scene.text("map_location"),
        timestamps_us=_times(frames),
        ego_to_recon=np.stack([_finite(frame, "ego2global", (4, 4)) for frame in frames]),
        valid=np.array([not _flag(frame, "skipped") for frame in frames]),
        recon_to_world=_finite(scene, "global2world_translation", (3,)),
        cameras={name: _camera([frame.child("cams").child(name) for frame in frames]) for name in first},
        frames=tuple(frame.values for frame in frames),
    )


def read_asset_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads one of WorldEngine's `configs/*.yaml`: its objects as dictionaries, its tuples as lists.

    Raises:
        DataError: No such file, no YAML, or it asks for more than objects and tuples.
    """
    path = Path(path)
    try:
        tree = yaml.load(_bytes(path, MAX_CONFIG_BYTES), _PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError, LookupError) as error:
        raise DataError(
            path, found=f"no plain YAML ({' '.join(str(error).split())})"[:200], expected="a configuration"
        ) from None
    return Fields.of(path, "", tree).values


class _PlainLoader(yaml.SafeLoader):
    """Takes tags of Python's objects and tuples for mappings and sequences."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Mappings that merge others could double in each line."""
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.constructor.ConstructorError(problem="a merged mapping", problem_mark=node.start_mark)


_PlainLoader.add_multi_constructor(
    "tag:yaml.org,2002:python/object:", lambda loader, tag, node: loader.construct_mapping(node, deep=True)
)
_PlainLoader.add_constructor(
    "tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node, deep=True)
)


class _Quaternion(StandIn):
    """Stands in for pyquaternion's class, whose state is an array `q`, wxyz."""

    def __setstate__(self, state: Any) -> None:
        numbers = state["q"]
        if not isinstance(numbers, np.ndarray) or numbers.shape != (4,) or numbers.dtype.kind not in "iuf":
            raise ValueError("a quaternion without its four numbers")
        self.numbers = numbers.astype(np.float64)

    def plain(self) -> np.ndarray:
        return self.numbers


def _quaternion(module: str, name: str) -> Any:
    if module in ("pyquaternion.quaternion", "pyquaternion") and name == "Quaternion":
        return type("_Quaternion", (_Quaternion,), {})  # of this stream alone: it can set attributes
    return None


def _bytes(path: Path, limit: int) -> bytes:
    if not path.is_file():
        raise DataError(path, found="no file", expected="a recording or configuration of WorldEngine")
    if path.stat().st_size > limit:
        found = f"{path.stat().st_size} bytes"
        raise DataError(path, found=found, expected=f"at most {limit} bytes")
    return path.read_bytes()


def _camera(frames: list[Fields]) -> VideoCamera:
    refined = frames[0].child("colmap_param") if _given(frames[0], "colmap_param") else frames[0]
    return VideoCamera(
        timestamps_us=_times(frames),
        images=tuple(frame.text("data_path") for frame in frames),
        camera_to_ego=np.stack([_camera_to_ego(frame) for frame in frames]),
        K=_finite(refined, "cam_intrinsic", (3, 3)),
        distortion=_finite(refined, "distortion", (5,)),
    )


def _camera_to_ego(frame: Fields) -> np.ndarray:
    rotation = _finite(frame, "sensor2ego_rotation", (4,), (3, 3))
    if rotation.ndim == 1:
        if not 0.5 < np.abs(rotation).sum() < 4.0:  # of unit length within a factor of two
            raise frame.error("sensor2ego_rotation", f"{rotation}", "a unit quaternion")
        rotation = quat_to_matrix(rotation)
    return rigid(rotation, _finite(frame, "sensor2ego_translation", (3,)))


def _times(frames: list[Fields]) -> np.ndarray:
    return np.array([frame.integer("timestamp", 0, 2**62) for frame in frames], np.int64)


def _finite(fields: Fields, key: str, *shapes: tuple[int, ...]) -> np.ndarray:
    """Finite numbers of one of the given shapes, none so large that products of them are not."""
    numbers = fields.array(key, *shapes, finite=True)
    if (np.abs(numbers) > _LARGEST).any():
        raise fields.error(key, shown(fields.values[key]), f"numbers up to {_LARGEST:g}")
    return numbers


def _given(fields: Fields, key: str) -> bool:
    value = fields.values.get(key)
    return value is not None and not (isinstance(value, dict) and not value)


def _flag(fields: Fields, key: str) -> bool:
    """Whether a mark is there and set."""
    value = fields.values.get(key, False)
    if not isinstance(value, bool | int | float | np.number | np.bool_ | None):
        raise fields.error(key, shown(value), "true or false")
    return bool(value)
