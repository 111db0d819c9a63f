"""A log of OpenScene or NAVSIM: a list of frames at 2 Hz, cut into pieces where it jumps or a scene of nuPlan ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simscale_gym.errors import DataError, shown
from simscale_gym.files.cache import cache_root
from simscale_gym.files.digests import stamped_key
from simscale_gym.files.fields import Fields
from simscale_gym.files.pickled import load_pickle
from simscale_gym.files.shelf import Shelf
from simscale_gym.geometry import se3
from simscale_gym.sources.navsim.keyframes import (
    Boxes,
    Keyframes,
    read_boxes,
    read_cameras,
    read_lights,
    read_route,
    unit_quats,
)

LEAST = 2.5
"""Shorter pieces [s] are passed over: no history and a second ahead fit into them."""

_MAX_GAP_US = 750_000  # between frames of one piece: OpenScene drops frames whose pictures are lost
_BOX_KEYS = ("gt_boxes", "gt_names", "gt_velocity_3d", "track_tokens")
_PRIVATE = "Logs of private test splits are published without boxes; take another split."


class Piece(NamedTuple):
    """Frames ``start`` to ``stop`` (exclusive) of a log."""

    name: str
    start: int
    stop: int


def pieces_of(path: Path) -> tuple[Piece, ...]:
    """Pieces of at least :data:`LEAST`, in time order; none of a log that is too short. The cache remembers them.

    Raises:
        DataError: Not a log, half of one, or its tokens or times cannot be.
    """
    folder = cache_root() / "compiled" / "navsim" / stamped_key([path])
    return tuple(Shelf(folder).kept("pieces", (Piece,), lambda: _pieces(read_frames(path))))


def read_frames(path: Path) -> list[Fields]:
    """The frames of a log; those of the last one stay in memory.

    Raises:
        DataError: Missing, truncated, not plain data, or no list of frames.
    """
    status = path.stat() if path.is_file() else None
    return _read_frames(path, (status.st_mtime_ns, status.st_size) if status else (0, 0))


@lru_cache(maxsize=1)
def _read_frames(path: Path, _changed: tuple[int, int]) -> list[Fields]:
    frames = load_pickle(path)
    if not isinstance(frames, list) or not frames:
        found = "an empty list" if isinstance(frames, list) else type(frames).__name__
        raise DataError(path, found=found, expected="a list of frames, one dictionary each")
    return [Fields.of(path, f"frame {number}", frame) for number, frame in enumerate(frames)]


def _pieces(frames: Sequence[Fields]) -> tuple[Piece, ...]:
    tokens = Counter(frame.text("token") for frame in frames)
    token, count = tokens.most_common(1)[0]
    if count > 1:
        raise frames[0].error(
            "token", f"{count} frames called {shown(token)}", "another token for each frame"
        )
    times = np.array([frame.integer("timestamp") for frame in frames])
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        raise frames[back[0] + 1].error(
            "timestamp", f"{times[back[0] + 1]} after {times[back[0]]}", "a later time [us]"
        )
    scenes = [frame.text("scene_token") for frame in frames]
    cuts = [
        0,
        *(
            k
            for k in range(1, len(frames))
            if scenes[k] != scenes[k - 1] or times[k] - times[k - 1] > _MAX_GAP_US
        ),
    ]
    found, seen = [], Counter()
    for start, stop in zip(cuts, [*cuts[1:], len(frames)], strict=True):
        if times[stop - 1] - times[start] >= LEAST * 1e6 - 0.1e6:
            seen[scenes[start]] += 1
            again = f"_{seen[scenes[start]]}" if seen[scenes[start]] > 1 else ""
            found.append(Piece(scenes[start] + again, start, stop))
    return tuple(found)


def read_piece(path: Path, piece: Piece) -> Keyframes:
    """The frames of a piece.

    Raises:
        DataError: A key is missing or holds something else than it should.
    """
    frames = read_frames(path)[piece.start : piece.stop]
    quats = np.stack([frame.array("ego2global_rotation", (4,), finite=True) for frame in frames])
    can_buses = [frame.array("can_bus", (18,), finite=True) for frame in frames if frame.has("can_bus")]
    return Keyframes(
        path=path,
        log=frames[0].text("log_name"),
        location=_location(frames),
        times_us=np.array([frame.integer("timestamp") for frame in frames]),
        places=np.stack([frame.array("ego2global_translation", (3,), finite=True) for frame in frames]),
        quats=unit_quats(frames, quats, "ego2global_rotation"),
        motion=np.stack([frame.array("ego_dynamic_state", (4,), finite=True) for frame in frames]),
        yaw_rates=np.stack(can_buses)[:, 15] if len(can_buses) == len(frames) else None,
        boxes=tuple(_boxes(frame) for frame in frames),
        lights=tuple(read_lights(frame) for frame in frames),
        route=read_route(frames),
        cameras=tuple(read_cameras(frame, "cams") if frame.has("cams") else {} for frame in frames),
    )


def _location(frames: Sequence[Fields]) -> str:
    first = frames[0].text("map_location")
    other = next((frame for frame in frames if frame.text("map_location") != first), None)
    if other is not None:
        raise other.error(
            "map_location", shown(other.get("map_location")), f"{first}, as in the frames before it"
        )
    return first


def drive_of(path: Path) -> np.ndarray:
    """Places ``[F, 3]`` of the ego in the whole log, global [m]."""
    return np.stack([frame.array("ego2global_translation", (3,), finite=True) for frame in read_frames(path)])


def _boxes(frame: Fields) -> Boxes:
    if not frame.has("anns"):
        raise frame.error(
            "anns", "no boxes of road users", f"a dictionary with {', '.join(_BOX_KEYS)}", _PRIVATE
        )
    turn = se3.quat_to_matrix(frame.array("ego2global_rotation", (4,), finite=True))
    place = frame.array("ego2global_translation", (3,), finite=True)
    return read_boxes(frame.child("anns"), _BOX_KEYS, place, turn, turn @ lidar_turn(frame))


def lidar_turn(frame: Fields) -> np.ndarray:
    """Rotation ``[3, 3]`` of the LiDAR's axes to the ego's; the same ones where the frame does not say."""
    if not frame.has("lidar2ego_rotation"):
        return np.eye(3)
    return se3.quat_to_matrix(frame.array("lidar2ego_rotation", (4,), finite=True))
