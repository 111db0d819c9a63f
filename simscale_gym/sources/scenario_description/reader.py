"""Scenes from ScenarioDescription pickles, the format of ScenarioNet and MetaDrive.

What the format has no place for (lane graph, roadblocks, intersections, the ego's rear axle, its dynamics,
its route) is worked out here and said in ``Scene.inferred``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError, shown
from simscale_gym.files.fields import Fields
from simscale_gym.files.pickled import load_pickle
from simscale_gym.scene import DT, EgoLog, LightStatus, RoadMap, Scene, Vehicle
from simscale_gym.scene.lane_matching import find_route
from simscale_gym.sources.inferred.ego_motion import (
    with_recorded_speed,
    without_jumps,
    without_slips,
)
from simscale_gym.sources.inferred.ego_spline import through_keyframes
from simscale_gym.sources.inferred.extent import Extent
from simscale_gym.sources.inferred.lights import completed_lights
from simscale_gym.sources.inferred.motion import Motion, Sampling, build_ego, build_tracks, resample
from simscale_gym.sources.inferred.parked import held_still, with_car_parks
from simscale_gym.sources.inferred.roads import about_route, build_map
from simscale_gym.sources.scenario_description import tracks as scenario_tracks
from simscale_gym.sources.scenario_description.features import read_features
from simscale_gym.sources.scenario_description.lights import read_lights

Array = NDArray[np.float64]

SUMMARY_NAME = "dataset_summary.pkl"
_MAPPING_NAME = "dataset_mapping.pkl"  # names the sub-folder of each file
_OLD_NAMES = ("AgentType", "RoadLineType", "RoadEdgeType", "metadrive")
_CONVERT = (
    "The file is older than ScenarioNet's format: convert the original data anew, "
    "as with `python -m scenarionet.convert_waymo`."
)
_MOST_FRAMES = 2**31
_AT_REAR_AXLE = ("nuscenes",)  # its ego_pose table is the rear axle; every other converter stores box centres


def list_scenario_descriptions(path: str | Path) -> list[Path]:
    """Scenario files at ``path``: a file, or a folder searched with its sub-folders.

    A folder's ``dataset_summary.pkl`` (with ``dataset_mapping.pkl``) is obeyed where there is one, else every
    ``sd_*.pkl`` counts.

    Raises:
        DataError: Nothing there, or the summary names a file that is missing.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(path, found="no such file or folder", expected="a ScenarioDescription file or folder")
    files = _from_summary(path) if (path / SUMMARY_NAME).is_file() else sorted(path.rglob("sd_*.pkl"))
    if not files:
        raise DataError(path, found="no sd_*.pkl", expected=f"{SUMMARY_NAME} or files called sd_*.pkl")
    return files


def read_scenario_description(path: str | Path) -> Scene:
    """The scene in the file ``path``, at 10 Hz, its origin at the ego's first place.

    Raises:
        DataError: No such pickle, something in it is not plain data, or a field is missing or misshapen.
    """
    path = Path(path)
    record = Fields.of(path, "", _unpickled(path))
    metadata, tracks = _metadata(record), record.child("tracks")
    frames = record.integer("length", 1, _MOST_FRAMES)
    sdc_id = metadata.name("sdc_id")
    motions = {
        key: (scenario_tracks.track_type(track.text("type")), scenario_tracks.read_motion(track, frames))
        for key, track in tracks.children()
    }
    if sdc_id not in motions:
        raise metadata.error("sdc_id", shown(sdc_id), "the id of one of tracks")
    sampling = scenario_tracks.read_sampling(metadata, frames, motions[sdc_id][1].valid)
    dataset = metadata.name("dataset", "").lower()
    ego, vehicle, origin, said = _read_ego(motions.pop(sdc_id)[1], sampling, dataset in _AT_REAR_AXLE)
    flat = bool(np.ptp(ego.z) == 0.0)
    extent = Extent.around(ego.poses, partial(record.error, f"tracks.{sdc_id}.state.position"))
    others = build_tracks(motions, sampling, origin, flat)
    if flat:
        said.append("The ego's height is the same throughout: the ground is flat and all boxes stand on it.")
    recorded = read_lights(record, sampling)
    way = None if flat else np.column_stack([ego.poses[:, :2], ego.z])
    road_map, ruled = _read_map(record, metadata, list(recorded), (origin, extent, way), dataset, said)
    others = held_still(others, said)
    road_map = with_car_parks(road_map, others, ego, said)
    lights = completed_lights(_by_connector(recorded, ruled, said), road_map, ego, vehicle, others, said)
    route = find_route(road_map, ego.poses)
    said.append(about_route(route))
    start = round(sampling.start * 1e6)
    return Scene(
        id=record.name("id"),
        log_id=metadata.name("scenario_id", record.name("id")),
        source="scenario_description",
        origin=origin,
        timestamps_us=start + 100_000 * np.arange(len(sampling), dtype=np.int64),
        map=road_map,
        ego=ego,
        tracks=others,
        lights=lights,
        route=route,
        vehicle=vehicle,
        goal=ego.poses[-1],
        inferred=tuple(said),
    )


def _unpickled(path: Path) -> object:
    """What the pickle holds.

    Raises:
        DataError: It is none, or from before April 2023, when MetaDrive's own classes stood in these files.
    """
    try:
        content = load_pickle(path)
    except DataError as error:
        if not any(name in error.found for name in _OLD_NAMES):
            raise
        raise DataError(
            path, found=error.found, expected="plain data, as since April 2023", hint=_CONVERT
        ) from None
    if isinstance(content, tuple):
        raise DataError(path, found="a tuple of tracks, as of 2021", expected="a dictionary", hint=_CONVERT)
    return content


def _metadata(record: Fields) -> Fields:
    """The ``metadata``, without which there is neither clock nor ego."""
    if not record.has("metadata"):
        wrong = record.error("metadata", "none", "a dictionary with ts and sdc_id")
        raise DataError(
            wrong.path, field="metadata", found=wrong.found, expected=wrong.expected, hint=_CONVERT
        )
    return record.child("metadata")


def _from_summary(folder: Path) -> list[Path]:
    summary = load_pickle(folder / SUMMARY_NAME)
    mapping_file = folder / _MAPPING_NAME
    mapping = load_pickle(mapping_file) if mapping_file.is_file() else {}
    names, places = Fields.of(folder / SUMMARY_NAME, "", summary), Fields.of(mapping_file, "", mapping)
    files = []
    for name in names:
        if Path(name).name != name:
            raise names.error(
                shown(name), "a path", "the name of a file; its folder stands in " + _MAPPING_NAME
            )
        files.append(folder / places.name(name, "") / name)
    for file in files:
        if not _is_file(file):
            raise DataError(folder / SUMMARY_NAME, field=file.name, found="no such file", expected=f"{file}")
    return files


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _read_ego(motion: Motion, sampling: Sampling, at_axle: bool) -> tuple[EgoLog, Vehicle, Array, list[str]]:
    """The ego's log in the scene frame, its dimensions, the origin ``[3]`` and what was inferred."""
    said = []
    sizes = motion.sizes
    if sizes[1] > sizes[0]:
        sizes = sizes[[1, 0, 2]]
        said.append("The ego's length and width were swapped in the file.")
    vehicle = scenario_tracks.ego_vehicle(sizes)
    positions, headings, velocities, _ = resample(motion, sampling)
    positions[:, :2], headings, apart = through_keyframes(positions[:, :2], headings)
    jumps = slips = 0
    if apart > 1:
        said.append(
            f"The ego was recorded every {apart * DT:.1f} s, with straight lines between: it drives a smooth curve."
        )
    else:
        positions[:, :2], jumps = without_jumps(positions[:, :2])
        positions[:, :2], slips = without_slips(positions[:, :2])
    if jumps:
        said.append(f"{jumps} jumps of the ego's recorded position are smoothed away.")
    if slips:
        said.append(
            f"{slips} steps of the ego are longer or shorter than its speed: its clock slipped there."
        )
    ground = positions[:, 2] - (0.0 if at_axle or not positions[:, 2].any() else vehicle.height / 2)
    positions = np.column_stack([positions[:, :2], ground])
    origin = positions[0].copy()
    offset = 0.0 if at_axle else vehicle.rear_axle_to_center
    ego = build_ego(positions - origin, headings, vehicle, offset)
    place = "is the rear axle" if at_axle else f"is the box centre, {offset:.2f} m ahead of the rear axle"
    said.append(f"The ego's recorded point {place}; the wheel base is 0.6 of its length.")
    recorded = with_recorded_speed(ego.states, velocities, vehicle.wheel_base) if apart == 1 else None
    if recorded is None:
        said.append(
            "The ego's speed, acceleration, yaw rate and steering follow from its positions and headings."
        )
    else:
        ego = replace(ego, states=recorded)
        said.append(
            "The ego's acceleration, yaw rate and steering follow from its recorded speed and headings."
        )
    return ego, vehicle, origin, said


def _read_map(
    record: Fields, metadata: Fields, lit: list[str], place: tuple[Array, Extent, Array | None], dataset: str,
    said: list[str],
) -> tuple[RoadMap, dict[str, list[str]]]:  # fmt: skip
    """The map, and the connectors that the lights at the lanes ``lit`` rule.

    ``place``: the origin, where the map may reach, and the ego's way.
    """
    # nuScenes has no speed limits: its converter writes 100 km/h on every connector.
    features = read_features(
        record.child("map_features"),
        *place[:2],
        trust_speed_limits=dataset not in _AT_REAR_AXLE,
        way=place[2],
    )
    name = metadata.name("map", dataset or "scenario_description")
    road_map, ruled, sentences = build_map(name, features, lit)
    said += sentences
    return road_map, ruled


def _by_connector(
    recorded: dict[str, NDArray[np.uint8]], ruled: dict[str, list[str]], said: list[str]
) -> dict[str, NDArray[np.uint8]]:
    """Status ``[T]`` of the connectors that lights rule; of several lights the first that was ever seen counts."""
    status: dict[str, NDArray[np.uint8]] = {}
    for key, connectors in ruled.items():
        for connector in connectors:
            known = status.get(connector)
            blank = known is None or (known == LightStatus.UNKNOWN).all()
            status[connector] = recorded[key] if blank else known
    if lost := len(recorded) - sum(bool(ids) for ids in ruled.values()):
        said.append(f"{lost} traffic lights stand at no known connector and are left out.")
    return status
