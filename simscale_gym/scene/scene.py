"""A scene: one recorded clip, immutable, in a local frame whose origin is kept in float64."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import SceneError
from simscale_gym.geometry import polyline, se3
from simscale_gym.one_line import one_line
from simscale_gym.scene.cameras import CameraRig, nuplan_rig
from simscale_gym.scene.derived import NAME
from simscale_gym.scene.lane_sequence import lanes_of_block
from simscale_gym.scene.lights import TrafficLights
from simscale_gym.scene.recorded_pictures import RecordedPictures
from simscale_gym.scene.road_map import RoadMap
from simscale_gym.scene.shapes import Shapes
from simscale_gym.scene.tracks import Tracks
from simscale_gym.scene.vehicle import STATE_SIZE, StateIndex, Vehicle
from simscale_gym.scene.way import Way, make_way

Array = NDArray[np.float64]

DT = 0.1
"""Time between the frames of a scene [s]: every source resamples its log to 10 Hz."""


@dataclass(frozen=True, eq=False)
class EgoLog:
    """What the recorded ego did.

    Attributes:
        states: ``[T, 11]`` (:class:`StateIndex`) at the rear axle, scene frame.
        z: ``[T]`` height of the rear axle's ground point above the scene origin [m].
        roll, pitch: ``[T]`` [rad].
    """

    states: Array
    z: Array
    roll: Array
    pitch: Array

    __repr__ = one_line

    @property
    def poses(self) -> Array:
        """``[T, 3]`` x, y, heading."""
        return self.states[:, : StateIndex.HEADING + 1]


class _WhenAsked:
    """A field that may be given as a function without arguments, which is called when the field is first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, scene: Any, owner: type) -> Any:
        if scene is None:
            return None  # the default
        value = scene.__dict__[self._name]
        if callable(value):
            value = scene.__dict__[self._name] = value()
        return value

    def __set__(self, scene: Any, value: Any) -> None:
        scene.__dict__[self._name] = value


@dataclass(frozen=True, eq=False)
class Scene:
    """One recorded clip at 10 Hz.

    Attributes:
        id: Unique within its source.
        log_id: The log that it was cut from; scenes of one log share road and traffic.
        source: Name of the source ("town", "nuplan", "argoverse2", ...).
        origin: ``[3]`` global position of the scene frame's origin [m], float64; axes are parallel.
        timestamps_us: ``[T]`` int64, 100 000 us apart.
        map: Road map in the scene frame.
        ego: The recorded ego.
        tracks: The recorded others.
        lights: The recorded traffic lights.
        route: Roadblock ids from the ego's place to its goal, in driving order.
        vehicle: The ego's dimensions.
        rig: The ego's cameras.
        shapes: Side shapes of the source; None where it has none (a look is then inferred from the map). A reader may
            give a function that reads them: they take long to read, and are not needed where nothing is drawn.
        goal: ``[3]`` pose that the log drives to, or None.
        inferred: What the source did not say and the reader worked out, one sentence each.
        asset: Folder of the scene's trained Gaussian asset, or None.
        recorded: Pictures that the log's cameras took; None where its source has none.
    """

    id: str
    log_id: str
    source: str
    origin: Array
    timestamps_us: NDArray[np.int64]
    map: RoadMap
    ego: EgoLog
    tracks: Tracks
    lights: TrafficLights
    route: tuple[str, ...]
    vehicle: Vehicle = field(default_factory=Vehicle)
    rig: CameraRig = field(default_factory=nuplan_rig)
    shapes: Shapes | None = _WhenAsked()
    goal: Array | None = None
    inferred: tuple[str, ...] = ()
    asset: Path | None = None
    recorded: RecordedPictures | None = None

    def __repr__(self) -> str:
        """One line, which reads nothing that is read when asked for."""
        asset = ", with an asset" if self.asset else ""
        return (
            f"Scene({self.id!r}, {self.source}: {DT * self.num_frames:.1f} s, {len(self.tracks)} road users, "
            f"{len(self.map.lanes)} lanes{asset})"
        )

    def __post_init__(self) -> None:
        t = len(self.timestamps_us)
        if self.ego.states.shape != (t, STATE_SIZE) or not np.isfinite(self.ego.states).all():
            found = self.ego.states.shape
            raise SceneError(
                f"scene {self.id}: ego.states {found} or NaN, expected finite {(t, STATE_SIZE)}."
            )
        if self.tracks.valid.shape[1] != t:
            raise SceneError(
                f"scene {self.id}: tracks have {self.tracks.valid.shape[1]} frames, expected {t}."
            )
        if self.lights.lane_ids and self.lights.status.shape != (len(self.lights.lane_ids), t):
            raise SceneError(
                f"scene {self.id}: lights.status is {self.lights.status.shape}, expected [L, {t}]."
            )

    def with_asset(self, folder: Path) -> Scene:
        """The same scene with a trained asset; what was worked out from its log stays, old looks do not."""
        twin = object.__new__(Scene)
        twin.__dict__.update({k: v for k, v in vars(self).items() if k != NAME}, asset=folder)
        return twin

    @property
    def num_frames(self) -> int:
        """Frames ``T`` of the clip."""
        return len(self.timestamps_us)

    @property
    def duration(self) -> float:
        """Time from the first to the last frame [s]."""
        return (self.num_frames - 1) * DT

    @cached_property
    def way(self) -> Way:
        """The line that the ego should follow: see :func:`simscale_gym.scene.way.make_way`."""
        return make_way(self.map, self.ego.poses, self.route)

    @cached_property
    def route_path(self) -> Array:
        """The line ``[K, 3]`` (x, y, heading) of :attr:`way`."""
        return self.way.points

    @cached_property
    def route_lengths(self) -> Array:
        """Arc length ``[K]`` [m] at each point of :attr:`route_path`."""
        return self.way.lengths

    @cached_property
    def route_lane_ids(self) -> tuple[str, ...]:
        """All lanes and connectors of the roadblocks that :attr:`way` leads along."""
        blocks = dict.fromkeys(self.way.blocks)
        return tuple(dict.fromkeys(lane for block in blocks for lane in lanes_of_block(self.map, block)))

    @cached_property
    def lights_on_route(self) -> tuple[NDArray[np.int64], Array]:
        """Rows ``[L]`` of the lights on the route, and where along :attr:`route_path` their lanes begin ``[L]`` [m].

        They are those of all lanes and connectors of the roadblocks that the path runs through.
        """
        passed = {self.map.lanes[lane].roadblock_id for lane in self.way.lanes}
        on_route = [lane for lane in self.route_lane_ids if self.map.lanes[lane].roadblock_id in passed]
        rows = [row for row, lane in enumerate(self.lights.lane_ids) if lane in on_route]
        starts = [self.map.lanes[self.lights.lane_ids[row]].centerline[0, :2] for row in rows]
        places = polyline.project(self.route_path, np.array(starts).reshape(-1, 2), self.route_lengths)[0]
        return np.array(rows, np.int64), places

    def ego_to_world(self, pose: Array) -> Array:
        """Transform ``[4, 4]`` of an ego at planar ``pose [3]``.

        Height, roll and pitch are those of the nearest logged pose (as WorldEngine lifts poses to 3-D).
        """
        nearest = int(np.argmin(((self.ego.poses[:, :2] - np.asarray(pose)[:2]) ** 2).sum(1)))
        rotation = se3.rpy_to_matrix(self.ego.roll[nearest], self.ego.pitch[nearest], pose[2])
        return se3.rigid(rotation, np.array([pose[0], pose[1], self.ego.z[nearest]]))
