"""A motion-forecasting scenario: eleven seconds of road users at 10 Hz, without sizes, and a map."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError, shown
from simscale_gym.scene import DT, Scene, TrackType
from simscale_gym.scene.lane_matching import find_route
from simscale_gym.sources.argoverse2.columns import Columns, read_columns
from simscale_gym.sources.argoverse2.kinds import FORD_FUSION, SCENARIO_KINDS
from simscale_gym.sources.argoverse2.layout import name_of
from simscale_gym.sources.argoverse2.map_archive import read_map_archive
from simscale_gym.sources.inferred.extent import Extent
from simscale_gym.sources.inferred.lights import completed_lights
from simscale_gym.sources.inferred.motion import (
    Motion,
    Sampling,
    build_ego,
    build_tracks,
    resample,
    sampling_of,
)
from simscale_gym.sources.inferred.parked import held_still, with_car_parks
from simscale_gym.sources.inferred.roads import about_route, build_map

Array = NDArray[np.float64]

_COLUMNS = {
    "track_id": str, "object_type": str, "timestep": int, "position_x": float, "position_y": float,
    "heading": float, "velocity_x": float, "velocity_y": float, "start_timestamp": float,
    "end_timestamp": float, "num_timestamps": int, "city": str,
}  # fmt: skip
_AV = "AV"  # the track of the vehicle that recorded
_MAX_CELLS = 20_000_000  # tracks times frames
_SNAP = 0.01  # [s]
_PULLED = 10  # steps at either end of a track
_SAID = (
    "Road users have the usual size of their kind: scenarios hold none.",
    "The ego is a Ford Fusion Hybrid; its recorded point is the rear axle.",
    "The ego's first and last second follow its recorded velocity: recorded positions are pulled inwards there.",
    "The positions of others are as recorded, pulled inwards at the ends of their tracks.",
    "The ego's speed, acceleration, yaw rate and steering follow from its positions and headings.",
    "The ground is flat and all boxes stand on it: scenarios hold no heights.",
)


def read_scenario(file: Path) -> Scene:
    """The scene in ``scenario_<id>.parquet`` and the map beside it; its origin is the ego's first place.

    Raises:
        DataError: A file is missing or broken, a column is missing or wrong, or the ego is seen for under a second.
        MissingExtraError: Without the package pyarrow.
    """
    name = name_of(file)
    columns = read_columns(file, _COLUMNS)
    motions = _motions(file, columns)
    if _AV not in motions:
        raise DataError(
            file, field="track_id", found=f"no {_AV!r} among {len(motions)} tracks", expected="the ego"
        )
    _, ego_motion = motions.pop(_AV)
    sampling = _sampling(file, columns, ego_motion)
    positions, headings, velocities, _ = resample(ego_motion, sampling)
    positions[:, :2] = without_end_pull(positions[:, :2], velocities)
    origin = positions[0].copy()
    ego = build_ego(positions - origin, headings, FORD_FUSION, 0.0)
    extent = Extent.around(ego.poses, partial(DataError, file, field="position_x"))
    features = read_map_archive(file.with_name(f"log_map_archive_{name}.json"), origin, extent)
    road_map, _, said = build_map(str(columns["city"][0]), features, [])
    route = find_route(road_map, ego.poses)
    tracks = held_still(build_tracks(motions, sampling, origin, flat=True), said)
    road_map = with_car_parks(road_map, tracks, ego, said)
    lights = completed_lights({}, road_map, ego, FORD_FUSION, tracks, said)
    start = round(float(columns["start_timestamp"][0]) / 1e3 + sampling.start * 1e6)
    return Scene(
        id=name,
        log_id=name,
        source="argoverse2",
        origin=origin,
        timestamps_us=start + 100_000 * np.arange(len(sampling), dtype=np.int64),
        map=road_map,
        ego=ego,
        tracks=tracks,
        lights=lights,
        route=route,
        vehicle=FORD_FUSION,
        goal=ego.poses[-1],
        inferred=(*_SAID, *said, about_route(route)),
    )


def without_end_pull(positions: Array, velocities: Array) -> Array:
    """Positions ``[T, 2]`` at 10 Hz whose first and last second are driven at ``velocities [T, 2]`` [m/s].

    Argoverse smoothed positions so that a track's ends are drawn towards its middle: at constant speed, steps shrink
    by a half (in the samples of av2-api, for the ego and for others). Velocities are free of it.
    """
    steps, ends = np.diff(positions, axis=0), min(_PULLED, (len(positions) - 1) // 2)
    driven = DT * (velocities[:-1] + velocities[1:]) / 2.0
    steps[:ends], steps[len(steps) - ends :] = driven[:ends], driven[len(steps) - ends :]
    line = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return line + positions[ends] - line[ends]


def _motions(file: Path, columns: Columns) -> dict[str, tuple[TrackType, Motion]]:
    """The motion of each track over all frames of the scenario."""
    steps, frames = columns["timestep"], _length(file, columns)
    if steps.min() < 0 or steps.max() >= frames:
        found = f"{steps.min()}..{steps.max()}"
        raise DataError(
            file, field="timestep", found=found, expected=f"0..{frames - 1}, as num_timestamps says"
        )
    ids, first, track = np.unique(columns["track_id"], return_index=True, return_inverse=True)
    if len(ids) * frames > _MAX_CELLS:
        raise DataError(file, found=f"{len(ids)} tracks of {frames} frames", expected=f"{_MAX_CELLS} states")
    states = np.zeros((len(ids), frames, 5))
    valid = np.zeros((len(ids), frames), bool)
    valid[track, steps] = True
    if valid.sum() < len(steps):
        raise DataError(file, field="timestep", found="two rows of one track and time", expected="one row")
    names = ("position_x", "position_y", "heading", "velocity_x", "velocity_y")
    states[track, steps] = np.column_stack([columns[name] for name in names])
    motions = {}
    for row, key in enumerate(ids):
        kind = columns["object_type"][first[row]]
        if kind not in SCENARIO_KINDS:
            expected = f"one of {', '.join(SCENARIO_KINDS)}"
            raise DataError(file, field="object_type", found=shown(kind), expected=expected)
        track_type, size = SCENARIO_KINDS[kind]
        x = states[row]
        positions = np.column_stack([x[:, :2], np.zeros(frames)])
        motions[str(key)] = (track_type, Motion(positions, x[:, 2], x[:, 3:], np.array(size), valid[row]))
    return motions


def _length(file: Path, columns: Columns) -> int:
    """Frames of the scenario, which last 0.1 s each."""
    counts = columns["num_timestamps"]
    if not len(counts):
        raise DataError(file, found="an empty table", expected="a row for each track and time")
    seconds = float(columns["end_timestamp"][0] - columns["start_timestamp"][0]) / 1e9
    if not 1 <= counts[0] <= _MAX_CELLS:
        raise DataError(file, field="num_timestamps", found=str(counts[0]), expected=f"1..{_MAX_CELLS}")
    if abs(seconds - (counts[0] - 1) * DT) > 0.1 * max(1.0, seconds):
        found = f"{seconds:.2f} s for {counts[0]} times"
        raise DataError(file, field="end_timestamp", found=found, expected=f"{DT} s from time to time")
    return int(counts[0])


def _sampling(file: Path, columns: Columns, ego: Motion) -> Sampling:
    wrong = partial(DataError, file, field=f"timestep of {_AV!r}")
    return sampling_of(DT * np.arange(len(ego.valid)), ego.valid, snap=_SNAP, wrong=wrong)
