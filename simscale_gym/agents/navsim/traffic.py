"""NAVSIM's reactive traffic, number by number: what published reactive EPDMS figures were measured among.

Everything here is as in NAVSIM 2.2 (``navsim/planning/simulation/observation/navsim_idm_agents.py`` and the nuPlan
classes below it), oddities included; they are listed at :class:`NavsimTraffic`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.agents.navsim.kernel import (
    ABSENT,
    DRIVING,
    LOGGED,
    OPEN,
    PARKED,
    Driver,
    Memory,
    Names,
    drive,
    look,
    settle,
)
from simscale_gym.agents.navsim.rails import Berth, berth, rail_map
from simscale_gym.agents.navsim.shapes import PROGRESS, Shapes
from simscale_gym.agents.navsim.ties import first_of_nearest, footprint, strip
from simscale_gym.geometry import box
from simscale_gym.scene import Scene, StateIndex, Tracks, TrackType, derived
from simscale_gym.sim.state import Controller, TrafficState

Array = NDArray[np.float64]

_CONTROLLERS = np.array([Controller.LOG, Controller.IDM, Controller.STANDING, Controller.LOG])
"""Controllers that stand for ABSENT, DRIVING, PARKED and LOGGED."""

_STATIONARY = 0.1  # [m/s], navsim_idm_agents.py


@dataclass(frozen=True)
class NavsimTrafficConfig:
    """NAVSIM's settings (navsim_IDM_traffic_agents.yaml).

    Attributes:
        target_speed: Target speed where neither this lane nor that of an earlier vehicle has a limit [m/s].
        min_gap: Standing distance to what is ahead [m].
        headway: Time gap [s]; also how far ahead a footprint reaches.
        acceleration: Largest acceleration [m/s^2].
        deceleration: Largest braking [m/s^2].
        radius: Vehicles further than this from the ego vanish for good [m].
        snap_distance: A vehicle further than this from its lane's centerline is not driven [m].
    """

    target_speed: float = 10.0
    min_gap: float = 1.0
    headway: float = 1.5
    acceleration: float = 1.0
    deceleration: float = 2.0
    radius: float = 100.0
    snap_distance: float = 3.0


@dataclass(frozen=True)
class NavsimTraffic:
    """A traffic model for comparison with published reactive EPDMS numbers; "idm" is the one that looks right.

    What a driver would not do, and NAVSIM's traffic does:

    * Each vehicle is moved onto the centerline of the lane that it starts on, and stays on that one piece of lane: it
      brakes for the piece's last vertex but one, stands there, and knows no lights.
    * A vehicle that would then touch the ego or an earlier vehicle is left out, as is one more than ``snap_distance``
      from its centerline. Those that stand off the road, and those beyond ``snap_distance``, are held at their first
      pose (a moving one keeps its velocity there) whenever they touch nobody; all others vanish.
    * It sees boxes reaching ``headway`` seconds ahead, its own among them, whose gaps count as the distance; those of
      vehicles that moved before it in this step are already the new ones. The ego's box has its centre at the rear
      axle, and is that of the step before.
    * A speed limit is inherited by the vehicles after it (in the order of the tracks) whose lanes have none.
    * Pedestrians, cyclists and objects follow the log, unseen. Vehicles that appear later never do.

    Its memory is a :class:`simscale_gym.agents.navsim.kernel.Memory`.
    """

    reacts: ClassVar[bool] = True
    config: NavsimTrafficConfig = field(default_factory=NavsimTrafficConfig)

    def start(self, scene: Scene, frame: int, ego: Array) -> TrafficState:
        """The others as logged at ``frame``; those that will drive are moved onto their lanes by the first step."""
        tracks, at = scene.tracks, min(frame, scene.num_frames - 1)
        n = len(tracks)
        vehicle = tracks.types == TrackType.VEHICLE
        present = tracks.valid[:, at] if frame < scene.num_frames else np.zeros(n, bool)
        memory = Memory(
            kinds=np.where(vehicle, ABSENT, LOGGED).astype(np.int8),
            lanes=np.full(n, -1, np.int64),
            motion=np.zeros((n, 3)),
            seen=np.zeros((n, 3)),
            moved=np.zeros(n, bool),
            first=np.hstack([tracks.poses[:, at], tracks.velocities[:, at]]),
        )
        self._put_on_rails(scene, np.flatnonzero(vehicle & present), np.asarray(ego, float), memory)
        return TrafficState(
            tracks.poses[:, at].copy(), tracks.velocities[:, at].copy(), present.copy(), memory._asdict()
        )

    def step(self, scene: Scene, frame: int, ego: Array, traffic: TrafficState) -> TrafficState:
        """One vehicle after the other sees the present world, and the ego at ``frame``, and moves to ``frame + 1``."""
        memory = Memory(**{name: value.copy() for name, value in traffic.memory.items()})
        ego, rails, sizes = np.asarray(ego, float), rail_map(scene.map), scene.tracks.sizes
        config, names = self.config, _names(scene.tracks)
        box_at_axle = np.array([*ego[: StateIndex.HEADING + 1], scene.vehicle.length, scene.vehicle.width])
        ego_speed = math.hypot(ego[StateIndex.VX], ego[StateIndex.VY])
        driver = Driver(
            config.min_gap, config.headway, config.acceleration, config.deceleration, config.radius
        )
        rows, shapes = look(rails.rails, rails.ring_size, memory, sizes, box_at_axle, driver)
        at, lead = 0, OPEN
        while at < len(rows) - 1:
            at = drive(
                rails.rails, rails.limits, memory, sizes, box_at_axle, ego_speed, names, driver, rows, shapes, at, lead
            )  # fmt: skip
            if at < len(rows) - 1:
                lead = _settle_tie(scene, memory, rows, shapes, at, config.headway)
        state = _logged(scene, frame + 1, traffic, memory)
        settle(rails.rails, memory, sizes, state.poses, state.velocities, state.valid)
        return state

    def controllers(self, scene: Scene, traffic: TrafficState) -> NDArray[np.uint8]:
        """``IDM``, ``STANDING`` or ``LOG`` for all that are there."""
        return np.where(traffic.valid, _CONTROLLERS[traffic.memory["kinds"]], Controller.ABSENT).astype(
            np.uint8
        )

    def _put_on_rails(self, scene: Scene, rows: NDArray, ego: Array, memory: Memory) -> None:
        """Decide for the vehicles ``rows`` who drives and who is parked, in place."""
        rails, sizes = rail_map(scene.map), scene.tracks.sizes
        target, placed = self.config.target_speed, [scene.vehicle.boxes(ego)]
        for row in rows:
            place = berth(rails, memory.first[row, :3])
            memory.kinds[row] = PARKED if self._is_held(place, memory.first[row]) else ABSENT
            if place.lane < 0 or place.deviation > self.config.snap_distance:
                continue
            snapped = np.array([*place.pose, *sizes[row, :2]])
            if box.overlap(snapped, np.stack(placed)).any():
                continue
            placed.append(snapped)
            target = rails.limits[place.lane] or target
            memory.kinds[row], memory.lanes[row], memory.seen[row] = DRIVING, place.lane, place.pose
            memory.motion[row] = place.progress, np.hypot(*memory.first[row, 3:]), target

    def _is_held(self, place: Berth, first: Array) -> bool:
        """Whether a vehicle that does not drive is kept at its ``first`` pose and velocity ``[5]``."""
        stationary = np.hypot(first[3], first[4]) < _STATIONARY
        return (stationary and not place.on_road) or place.deviation > self.config.snap_distance


def _settle_tie(scene: Scene, memory: Memory, rows: NDArray, shapes: Shapes, at: int, headway: float) -> int:
    """The place in ``rows`` of who is ahead of the vehicle at ``rows[at]``, where several are equally near."""
    rails, sizes, row = rail_map(scene.map).rails, scene.tracks.sizes, rows[at]
    entries = np.array([shapely.Polygon(ring) for ring in shapes.boxes], object)
    for k in np.flatnonzero(shapes.counts):
        n = rows[k]
        entries[k] = footprint(rails, memory.lanes[n], memory.motion[n], sizes[n], headway)
    way = strip(rails, memory.lanes[row], memory.motion[row, PROGRESS], math.inf, sizes[row, 1])
    return first_of_nearest(way, entries, at, _names(scene.tracks).hidden[row][rows])


def _logged(scene: Scene, frame: int, traffic: TrafficState, memory: Memory) -> TrafficState:
    """The present state with those that follow the log at their places of ``frame``, and nobody else there."""
    tracks, at = scene.tracks, min(frame, scene.num_frames - 1)
    logged = memory.kinds == LOGGED
    return TrafficState(
        np.where(logged[:, None], tracks.poses[:, at], traffic.poses),
        np.where(logged[:, None], tracks.velocities[:, at], traffic.velocities),
        logged & tracks.valid[:, at] & (frame < scene.num_frames),
        memory._asdict(),
    )


@derived
def _names(tracks: Tracks) -> Names:
    """Derive :class:`Names`."""
    ids = (*tracks.ids, "ego")
    return Names(
        np.array([[other in own for other in ids] for own in tracks.ids], bool).reshape(
            len(tracks), len(ids)
        ),
        np.array(["ego" in name for name in ids]),
        np.array(["stop_line" in name for name in ids]),
    )
