"""NAVSIM's reactive traffic, number by number: what published reactive EPDMS figures were measured among.

Everything here is as in NAVSIM 2.2 (``navsim/planning/simulation/observation/navsim_idm_agents.py`` and the nuPlan
classes below it), oddities included; they are listed at :class:`NavsimTraffic`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.navsim_footprint import corridor, footprint, nearest_in, outline
from simscale_gym.agents.navsim_rails import Berth, Rails, berth, pose_at, rail_map
from simscale_gym.geometry import box
from simscale_gym.scene import DT, Scene, StateIndex, Tracks, TrackType, Vehicle
from simscale_gym.sim.collision import ego_boxes
from simscale_gym.sim.state import TrafficState

Array = NDArray[np.float64]

ABSENT, DRIVING, PARKED, LOGGED = 0, 1, 2, 3
"""Kinds of tracks: not there, on rails, held at its first pose while free of others, as recorded."""
PROGRESS, SPEED, TARGET = 0, 1, 2
"""Columns of the memory ``motion``."""

_STATIONARY = 0.1  # [m/s], navsim_idm_agents.py
_EXPONENT = 4  # idm_policy.py


@dataclass(frozen=True)
class NavsimTrafficConfig:
    """NAVSIM's settings (navsim_IDM_traffic_agents.yaml).

    Attributes:
        target_speed: Where neither this lane nor that of an earlier vehicle has a limit [m/s].
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


class _Names(NamedTuple):
    """What NAVSIM reads out of tokens, which it compares as parts of each other.

    Attributes:
        hidden: ``[N, N + 1]`` whether a track does not see another one, or the ego (last column).
        like_ego: ``[N + 1]`` taken to move as the ego does.
        still: ``[N + 1]`` taken to stand.
    """

    hidden: NDArray[np.bool_]
    like_ego: NDArray[np.bool_]
    still: NDArray[np.bool_]


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

    Memory: ``kinds [N]``, ``lanes [N]`` rows, ``motion [N, 3]`` (progress [m], speed and target speed [m/s]),
    ``seen [N, 3]`` the pose at which a vehicle is seen until it ``moved [N]``, ``first [N, 5]`` the pose and velocity
    that a parked one is held at.
    """

    config: NavsimTrafficConfig = field(default_factory=NavsimTrafficConfig)

    def start(self, scene: Scene, frame: int, ego: Array) -> TrafficState:
        """The others as logged at ``frame``; those that will drive are moved onto their lanes by the first step."""
        tracks, at = scene.tracks, min(frame, scene.num_frames - 1)
        n = len(tracks)
        vehicle = tracks.types == TrackType.VEHICLE
        present = tracks.valid[:, at] if frame < scene.num_frames else np.zeros(n, bool)
        memory = {
            "kinds": np.where(vehicle, ABSENT, LOGGED).astype(np.int8),
            "lanes": np.full(n, -1, np.int64),
            "motion": np.zeros((n, 3)),
            "seen": np.zeros((n, 3)),
            "moved": np.zeros(n, bool),
            "first": np.hstack([tracks.poses[:, at], tracks.velocities[:, at]]),
        }
        self._put_on_rails(scene, np.flatnonzero(vehicle & present), np.asarray(ego, float), memory)
        return TrafficState(
            tracks.poses[:, at].copy(), tracks.velocities[:, at].copy(), present.copy(), memory
        )

    def step(self, scene: Scene, frame: int, ego: Array, traffic: TrafficState) -> TrafficState:
        """One vehicle after the other sees the present world, and the ego at ``frame``, and moves to ``frame + 1``."""
        memory = {name: value.copy() for name, value in traffic.memory.items()}
        self._drive(scene, np.asarray(ego, float), memory)
        return _placed(scene, frame + 1, traffic, memory)

    def controllers(self, scene: Scene, traffic: TrafficState) -> dict[str, str]:
        """``idm``, ``standing`` or ``log``."""
        names = {DRIVING: "idm", PARKED: "standing", LOGGED: "log"}
        kinds = traffic.memory["kinds"]
        return {scene.tracks.ids[n]: names.get(int(kinds[n]), "log") for n in np.flatnonzero(traffic.valid)}

    def _put_on_rails(self, scene: Scene, rows: NDArray, ego: Array, memory: dict[str, NDArray]) -> None:
        """Decide for the vehicles ``rows`` who drives and who is parked, in place."""
        rails, sizes = rail_map(scene.map), scene.tracks.sizes
        target, placed = self.config.target_speed, [ego_boxes(ego, scene.vehicle)]
        for row in rows:
            place = berth(rails, memory["first"][row, :3])
            memory["kinds"][row] = PARKED if self._is_held(place, memory["first"][row]) else ABSENT
            if place.lane < 0 or place.deviation > self.config.snap_distance:
                continue
            snapped = np.array([*place.pose, *sizes[row, :2]])
            if box.overlap(snapped, np.stack(placed)).any():
                continue
            placed.append(snapped)
            target = rails.limits[place.lane] or target
            memory["kinds"][row], memory["lanes"][row], memory["seen"][row] = DRIVING, place.lane, place.pose
            memory["motion"][row] = place.progress, np.hypot(*memory["first"][row, 3:]), target

    def _is_held(self, place: Berth, first: Array) -> bool:
        """Whether a vehicle that does not drive is kept at its ``first`` pose and velocity ``[5]``."""
        stationary = np.hypot(first[3], first[4]) < _STATIONARY
        return (stationary and not place.on_road) or place.deviation > self.config.snap_distance

    def _drive(self, scene: Scene, ego: Array, memory: dict[str, NDArray]) -> None:
        """Drop who is too far away, then move the others in their order, in place."""
        config, names, rails = self.config, _names(scene.tracks), rail_map(scene.map).rails
        kinds, lanes, motion, sizes = memory["kinds"], memory["lanes"], memory["motion"], scene.tracks.sizes
        for row in np.flatnonzero(kinds == DRIVING):
            x, y, _ = pose_at(rails, lanes[row], motion[row, PROGRESS])
            if math.dist((x, y), ego[:2]) > config.radius:
                kinds[row] = ABSENT
        rows = np.flatnonzero(kinds == DRIVING)
        entries = np.full(len(kinds) + 1, None, object)
        entries[-1] = outline(_ego_box_at_axle(ego, scene.vehicle))
        for row in rows:
            entries[row] = (
                footprint(
                    rails, lanes[row], motion[row, PROGRESS], motion[row, SPEED], sizes[row], config.headway
                )
                if memory["moved"][row]
                else outline(np.array([*memory["seen"][row], *sizes[row, :2]]))
            )
        for row in rows:
            way = corridor(rails, lanes[row], motion[row, PROGRESS], sizes[row, 1])
            lead, gap = nearest_in(way, entries, row, names.hidden[row])
            self._advance(scene, row, lead, gap, ego, memory)
            entries[row] = footprint(
                rails, lanes[row], motion[row, PROGRESS], motion[row, SPEED], sizes[row], config.headway
            )
        memory["moved"][rows] = True

    def _advance(
        self, scene: Scene, row: int, lead: int, gap: float, ego: Array, memory: dict[str, NDArray]
    ) -> None:
        """One Euler step of a vehicle behind ``lead`` (-1: none, then it is the end of the path), in place."""
        config, rails = self.config, rail_map(scene.map)
        lane, motion = memory["lanes"][row], memory["motion"]
        progress, speed = motion[row, PROGRESS], motion[row, SPEED]
        if rails.limits[lane] > 0.0:
            motion[row, TARGET] = rails.limits[lane]
        lead_speed = 0.0
        if lead < 0:
            gap = rails.rails.progress[rails.rails.starts[lane + 1] - 1] - progress
            gap -= scene.tracks.sizes[row, 0] / 2
        else:
            heading = pose_at(rails.rails, lane, progress)[2]
            lead_speed = _speed_along(scene, lead, heading, rails.rails, ego, memory)
        root = 2.0 * math.sqrt(config.acceleration * config.deceleration)
        wished = config.min_gap + speed * config.headway + speed * (speed - lead_speed) / root
        ratio = wished / max(gap, config.min_gap)
        change = config.acceleration * (1.0 - (speed / motion[row, TARGET]) ** _EXPONENT - ratio**2)
        motion[row, PROGRESS] = progress + DT * speed
        motion[row, SPEED] = max(
            speed + DT * min(max(change, -config.deceleration), config.acceleration), 0.0
        )


def _speed_along(
    scene: Scene, lead: int, heading: float, rails: Rails, ego: Array, memory: dict[str, NDArray]
) -> float:
    """Speed of ``lead`` (the ego is the last one) along ``heading`` [m/s]."""
    names = _names(scene.tracks)
    if names.like_ego[lead]:
        speed = math.hypot(ego[StateIndex.VX], ego[StateIndex.VY])
        return speed * math.cos(ego[StateIndex.HEADING] - heading)
    if names.still[lead]:
        return 0.0
    motion = memory["motion"][lead]
    return motion[SPEED] * math.cos(pose_at(rails, memory["lanes"][lead], motion[PROGRESS])[2] - heading)


def _placed(scene: Scene, frame: int, traffic: TrafficState, memory: dict[str, NDArray]) -> TrafficState:
    """Where everybody is at ``frame``: on rails, held, or as logged."""
    tracks, at = scene.tracks, min(frame, scene.num_frames - 1)
    kinds, rails = memory["kinds"], rail_map(scene.map).rails
    poses, velocities = traffic.poses.copy(), traffic.velocities.copy()
    logged = kinds == LOGGED
    poses[logged], velocities[logged] = tracks.poses[logged, at], tracks.velocities[logged, at]
    valid = logged & tracks.valid[:, at] & (frame < scene.num_frames)
    for row in np.flatnonzero(kinds == DRIVING):
        motion = memory["motion"][row]
        poses[row] = pose_at(rails, memory["lanes"][row], motion[PROGRESS])
        velocities[row] = motion[SPEED] * np.array([np.cos(poses[row, 2]), np.sin(poses[row, 2])])
        valid[row] = True
    taken = [np.array([*poses[row], *tracks.sizes[row, :2]]) for row in np.flatnonzero(kinds == DRIVING)]
    for row in np.flatnonzero(kinds == PARKED):
        poses[row], velocities[row] = memory["first"][row, :3], memory["first"][row, 3:]
        own = np.array([*poses[row], *tracks.sizes[row, :2]])
        valid[row] = not (taken and box.overlap(own, np.stack(taken)).any())
        if valid[row]:
            taken.append(own)
    return TrafficState(poses, velocities, valid, memory)


def _ego_box_at_axle(ego: Array, vehicle: Vehicle) -> Array:
    """The ego as the others see it: its box, centred at the rear axle (navsim_IDM_traffic_agents.py)."""
    return np.array([*ego[: StateIndex.HEADING + 1], vehicle.length, vehicle.width])


@lru_cache(maxsize=8)
def _names(tracks: Tracks) -> _Names:
    """Derive :class:`_Names`; kept for the last few scenes."""
    ids = (*tracks.ids, "ego")
    return _Names(
        np.array([[other in own for other in ids] for own in tracks.ids], bool).reshape(
            len(tracks), len(ids)
        ),
        np.array(["ego" in name for name in ids]),
        np.array(["stop_line" in name for name in ids]),
    )
