"""Start and step of the reactive traffic models: a thin shell around the kernels."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.reactive.crowd import DRIVING, GONE, PENDING, REPLAYED, STANDING, Crowd
from simscale_gym.agents.reactive.entry import enter_present
from simscale_gym.agents.reactive.idm_kernel import HEADWAY, LARGEST_ACCELERATION, DriverParameters
from simscale_gym.agents.reactive.scene_arrays import SceneArrays, scene_arrays
from simscale_gym.agents.reactive.traffic_kernel import advance_traffic
from simscale_gym.kernels import Lent
from simscale_gym.scene import Scene, TrackType, derived, on_other_level
from simscale_gym.sim.state import Controller, TrafficState

Array = NDArray[np.float64]

ROUTE_LANES = 24
"""Lanes that a route can hold."""
_HUMAN_HEADWAY, _HUMAN_ACCELERATION = 0.8, 2.5  # [s], [m/s^2]
_OF_KIND = np.zeros(REPLAYED + 1, np.uint8)
_OF_KIND[[DRIVING, STANDING, REPLAYED]] = Controller.IDM, Controller.STANDING, Controller.LOG
_OF_TYPE = np.full(len(TrackType), Controller.YIELDING_LOG, np.uint8)
_OF_TYPE[[TrackType.PEDESTRIAN, TrackType.BICYCLE]] = Controller.PEDESTRIAN, Controller.CYCLIST


class Drivers(Protocol):
    """Who sits behind the wheels: hashable, so that worlds are known by it."""

    def drivers(self, ids: tuple[str, ...]) -> tuple[Array, NDArray[np.bool_]]:
        """What differs from driver to driver ``[N, 4]``; who does what it did until it is disturbed ``[N]``."""


class Settings(Protocol):
    """What all drivers have in common."""

    driver: DriverParameters
    leave_distance: float


def start_reactive(scene: Scene, frame: int, drivers: Drivers) -> TrafficState:
    """The others as logged at ``frame``."""
    n, at, world = len(scene.tracks), min(frame, scene.num_frames - 1), reactive_world(scene, drivers)
    crowd = Crowd(
        kinds=np.full(n, PENDING, np.int8),
        routes=np.full((n, ROUTE_LANES), -1, np.int64),
        motion=np.zeros((n, 6)),
        walks=np.zeros((n, 7)),
        poses=scene.tracks.poses[:, at].copy(),
        velocities=scene.tracks.velocities[:, at].copy(),
        valid=np.zeros(n, bool),
    )
    elsewhere = on_other_level(scene)
    crowd.kinds[elsewhere] = GONE
    enter_all(world, crowd, at)
    crowd.kinds[(crowd.kinds == PENDING) & (world.record.scene.log.last <= at)] = GONE
    return _replayed(scene, at, _state_of(crowd), elsewhere)


def step_reactive(
    scene: Scene, frame: int, ego: Array, traffic: TrafficState, drivers: Drivers, settings: Settings
) -> TrafficState:
    """The others at ``frame + 1``; see :func:`move_crowd`."""
    memory = traffic.memory
    before = Crowd(
        memory["kinds"], memory["routes"], memory["motion"], memory["walks"], traffic.poses, traffic.velocities,
        traffic.valid,
    )  # fmt: skip
    crowd = Crowd(*map(np.empty_like, before))
    ego, world = np.ascontiguousarray(ego, float), reactive_world(scene, drivers)
    move_crowd(
        world, before, crowd, settings.driver, ego, scene.vehicle.boxes(ego), frame, settings.leave_distance
    )
    return _state_of(crowd)


class ReactiveWorld(NamedTuple):
    """A scene and its drivers as :func:`move_crowd` takes them.

    Attributes:
        scene: The scene.
        traits: ``[N, 4]`` what differs from driver to driver.
        replays: ``[N]`` vehicles that do what they did until they are disturbed.
        elsewhere: ``[N]`` tracks on other levels, which are where they were recorded and are met by nobody.
        poses, velocities: ``[N, T, 3]``, ``[N, T, 2]`` as recorded.
    """

    scene: SceneArrays
    traits: Array
    replays: NDArray[np.bool_]
    elsewhere: NDArray[np.bool_]
    poses: Array
    velocities: Array


@derived
def reactive_world(scene: Scene, drivers: Drivers) -> Lent:
    """A :class:`ReactiveWorld`, lent: ``scene`` with its ``drivers``."""
    tracks, (traits, replays) = scene.tracks, drivers.drivers(scene.tracks.ids)
    if not scene.lights.complete:
        traits = _brisk(traits)
    return Lent(
        ReactiveWorld(
            scene_arrays(scene), traits, replays, on_other_level(scene), tracks.poses, tracks.velocities
        )
    )


@njit(cache=True)
def enter_all(world: ReactiveWorld, crowd: Crowd, frame: int):
    """Let all that are recorded at ``frame`` take part, whether there is room or not."""
    enter_present(world.scene, crowd, frame, world.replays, np.empty(5), False)


@njit(cache=True)
def move_crowd(world: ReactiveWorld, before: Crowd, crowd: Crowd, driver: DriverParameters, ego: Array, ego_box: Array,
               frame: int, leave_distance: float):  # fmt: skip
    """Write to ``crowd`` where everybody in ``before``, at ``frame``, is one step later.

    The arguments are those of :func:`simscale_gym.agents.reactive.traffic_kernel.advance_traffic`.
    """
    elsewhere, frames = world.elsewhere, world.poses.shape[1]
    met = before.valid & ~elsewhere
    seen = Crowd(
        before.kinds, before.routes, before.motion, before.walks, before.poses, before.velocities, met
    )
    crowd.kinds[:], crowd.routes[:], crowd.motion[:], crowd.walks[:] = (
        before.kinds, before.routes, before.motion, before.walks
    )  # fmt: skip
    crowd.poses[:], crowd.velocities[:], crowd.valid[:] = before.poses, before.velocities, met
    advance_traffic(
        world.scene, seen, crowd, driver, world.traits, world.replays, ego, ego_box, frame, leave_distance
    )
    at = min(frame + 1, frames - 1)
    for n in range(len(elsewhere)):
        if elsewhere[n]:
            crowd.poses[n], crowd.velocities[n] = world.poses[n, at], world.velocities[n, at]
            crowd.valid[n] = world.scene.present[n, at] and frame + 1 < frames


def reactive_controllers(scene: Scene, traffic: TrafficState) -> NDArray[np.uint8]:
    """``IDM``, ``LOG``, ``YIELDING_LOG``, ``CYCLIST``, ``PEDESTRIAN`` or ``STANDING`` for all that are there."""
    by_kind = _OF_KIND[traffic.memory["kinds"]]
    controllers = np.where(by_kind, by_kind, _OF_TYPE[scene.tracks.types])
    controllers[on_other_level(scene)] = Controller.LOG
    return controllers * traffic.valid


def _brisk(traits: Array) -> Array:
    """``traits [N, 4]`` of drivers who keep up with their logs: people start faster than IDM, and follow nearer."""
    brisk = traits.copy()
    brisk[:, HEADWAY] = np.minimum(traits[:, HEADWAY], _HUMAN_HEADWAY)
    brisk[:, LARGEST_ACCELERATION] = np.maximum(traits[:, LARGEST_ACCELERATION], _HUMAN_ACCELERATION)
    return brisk


def _replayed(scene: Scene, frame: int, traffic: TrafficState, elsewhere: NDArray[np.bool_]) -> TrafficState:
    """``traffic`` with the tracks ``elsewhere [N]`` (on other levels) where they were recorded; absent past the log."""
    if not elsewhere.any():
        return traffic
    tracks, at = scene.tracks, min(frame, scene.num_frames - 1)
    column = elsewhere[:, None]
    return TrafficState(
        np.where(column, tracks.poses[:, at], traffic.poses),
        np.where(column, tracks.velocities[:, at], traffic.velocities),
        np.where(elsewhere, tracks.valid[:, at] & (frame < scene.num_frames), traffic.valid),
        traffic.memory,
    )


def _state_of(crowd: Crowd) -> TrafficState:
    memory = {"kinds": crowd.kinds, "routes": crowd.routes, "motion": crowd.motion, "walks": crowd.walks}
    return TrafficState(crowd.poses, crowd.velocities, crowd.valid, memory)
