"""Frames of a log at 2 Hz, as arrays in the global frame: what logs and pickles of the second stage have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import shown
from simscale_gym.files.fields import Fields
from simscale_gym.geometry import se3
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import LightStatus, TrackType
from simscale_gym.sources.nuplan.schema import CATEGORIES

Array = NDArray[np.float64]

_KINDS = {name: TrackType(number) for number, name in enumerate(CATEGORIES)}


class Boxes(NamedTuple):
    """Road users of one frame, ``N`` of them.

    Attributes:
        tracks: Tokens of their tracks.
        kinds: Their kinds.
        places: ``[N, 3]`` centres, global [m].
        headings: ``[N]`` global [rad].
        velocities: ``[N, 2]`` over ground, global axes [m/s].
        sizes: ``[N, 3]`` length, width, height [m].
    """

    tracks: tuple[str, ...]
    kinds: tuple[TrackType, ...]
    places: Array
    headings: Array
    velocities: Array
    sizes: Array


@dataclass(frozen=True, eq=False)
class Keyframes:
    """``F`` frames, in the first ``E`` of which the ego is known: all of a log's.

    Attributes:
        path: Their file.
        log: Name of the log.
        location: nuPlan's name of the map.
        times_us: ``[F]`` times.
        places: ``[E, 3]`` rear axle, global [m].
        quats: ``[E, 4]`` ego to global, wxyz.
        motion: ``[E, 4]`` vx, vy, ax, ay along the axes of the ego frame.
        yaw_rates: ``[E]`` [rad/s], or None.
        boxes: Road users of each frame.
        lights: Status by connector id of each frame.
        route: Roadblock ids.
        cameras: What each of the first ``E`` frames says of its cameras, by lower-case name.
        level: Whether heights are not recorded.
    """

    path: Path
    log: str
    location: str
    times_us: NDArray[np.int64]
    places: Array
    quats: Array
    motion: Array
    yaw_rates: Array | None
    boxes: tuple[Boxes, ...]
    lights: tuple[Mapping[str, LightStatus], ...]
    route: tuple[str, ...]
    cameras: tuple[Mapping[str, Fields], ...]
    level: bool = False


def read_boxes(
    annotations: Fields, names: Sequence[str], place: Array, turn: Array, velocity_turn: Array
) -> Boxes:
    """The boxes of a frame, out of the ego frame.

    Args:
        annotations: The dictionary that holds them.
        names: Its keys for boxes, kinds, velocities, tokens of tracks.
        place: ``[3]`` of the ego.
        turn: ``[3, 3]`` ego to global.
        velocity_turn: ``[3, 3]`` axes of the velocities to global ones.

    Raises:
        DataError: Lists of different length, an unknown kind, a box that is not finite, or two of one track.
    """
    box_key, kind_key, velocity_key, track_key = names
    boxes = annotations.array(box_key, (None, 7), finite=True)
    count = len(boxes)
    velocities = annotations.array(velocity_key, (count, 3), finite=True)
    kinds = [_KINDS.get(name) for name in _texts(annotations, kind_key, count)]
    if None in kinds:
        wrong = _texts(annotations, kind_key, count)[kinds.index(None)]
        raise annotations.error(kind_key, shown(wrong), f"one of {', '.join(_KINDS)}")
    tracks = _texts(annotations, track_key, count)
    if len(set(tracks)) < count:
        double = next(token for token in tracks if tracks.count(token) > 1)
        raise annotations.error(track_key, f"two boxes of track {shown(double)}", "one of each track")
    if (boxes[:, 3:6] <= 0.0).any():
        row = int(np.flatnonzero((boxes[:, 3:6] <= 0.0).any(1))[0])
        raise annotations.error(f"{box_key}[{row}]", f"sides {boxes[row, 3:6].tolist()}", "positive ones")
    return Boxes(
        tracks=tuple(tracks),
        kinds=tuple(kinds),
        places=boxes[:, :3] @ turn.T + place,
        headings=wrap_angle(boxes[:, 6] + se3.matrix_to_rpy(turn)[2]),
        velocities=(velocities @ velocity_turn.T)[:, :2],
        sizes=boxes[:, 3:6],
    )


def _texts(fields: Fields, key: str, count: int) -> list[str]:
    """``count`` words, in a list or an array."""
    value = fields.get(key)
    words = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(words, list | tuple) or len(words) != count:
        found = len(words) if isinstance(words, list | tuple) else shown(value)
        raise fields.error(key, f"{found} entries", f"{count}, one for each box")
    wrong = next((word for word in words if not isinstance(word, str)), None)
    if wrong is not None:
        raise fields.error(key, shown(wrong), "text")
    return list(words)


def read_lights(frame: Fields) -> dict[str, LightStatus]:
    """Status by connector, of pairs of an id and whether the light is red."""
    value = frame.get("traffic_lights")
    if not isinstance(value, list | tuple):
        raise frame.error("traffic_lights", shown(value), "a list of pairs")
    lights = {}
    for entry in value:
        if not isinstance(entry, list | tuple) or len(entry) != 2 or not isinstance(entry[0], str | int):
            raise frame.error("traffic_lights", shown(entry), "pairs (lane_connector_id, is_red)")
        lights[str(entry[0])] = LightStatus.RED if entry[1] else LightStatus.GREEN
    return lights


def read_route(frames: Sequence[Fields]) -> tuple[str, ...]:
    """Roadblocks of the first frame that names some, without neighbours that repeat."""
    for frame in frames:
        value = frame.get("roadblock_ids")
        if not isinstance(value, list | tuple) or not all(isinstance(i, str | int) for i in value):
            raise frame.error("roadblock_ids", shown(value), "a list of ids")
        ids = [str(i) for i in value if str(i) != "None"]
        if ids:
            return tuple(i for row, i in enumerate(ids) if row == 0 or i != ids[row - 1])
    return ()


def read_cameras(frame: Fields, key: str) -> dict[str, Fields]:
    """Cameras that have an entry, by lower-case name."""
    return {name.lower(): camera for name, camera in frame.child(key).children() if camera.values}


def unit_quats(frames: Sequence[Fields], quats: Array, key: str) -> Array:
    """``quats [E, 4]``, of length 1 within rounding."""
    wrong = np.flatnonzero(np.abs(np.linalg.norm(quats, axis=1) - 1.0) > 0.1)
    if len(wrong):
        raise frames[wrong[0]].error(
            key, f"quaternion {quats[wrong[0]].tolist()}", "one of length 1 (w, x, y, z)"
        )
    return quats
