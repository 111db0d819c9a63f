"""One sample of a data set: what a planner is shown and told, as arrays, without the simulation behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.datagen.class_map import class_map
from simscale_gym.datagen.moments import Moments
from simscale_gym.geometry import polyline, se2
from simscale_gym.metrics import COLUMNS, Scores
from simscale_gym.one_line import one_line
from simscale_gym.scene import Scene, StateIndex
from simscale_gym.scene.road_view import road_view
from simscale_gym.sim import SimState

Array = NDArray[np.float64]

COMMANDS = 4
"""Left, straight, right, unknown (:mod:`simscale_gym.scene.road_view`)."""
HISTORY_POSES = 4
"""Poses of the past at 2 Hz, the present last: NAVSIM's."""
ROUTE_POINTS, ROUTE_SPACING = 32, 2.0
"""Points of the route ahead, and the way between them [m]: TransFuser looks 64 m far."""

SUBSCORES = tuple(code for code in COLUMNS if code != "ec")
"""EPDMS codes of the subscores of one drive; extended comfort compares two plans. Tables of NAVSIM's planners name them
NC, DAC, DDC, TLC, EP, TTC, LK, HC."""
SCORES = (*SUBSCORES, "score")
"""What a row says of a drive: its subscores and their total."""


@dataclass(frozen=True, eq=False)
class SampleArrays:
    """Numbers of a sample. Its ego frame is the present rear axle: x forward, y left, z up.

    Attributes:
        status: ``[8]`` command (one-hot left, straight, right, unknown), velocity x, y [m/s], acceleration x, y
            [m/s^2]: what NAVSIM's planners are told.
        history: ``[4, 3]`` x, y, heading of the ego at -1.5, -1.0, -0.5, 0 s.
        target: ``[8, 3]`` x, y, heading of the label at 0.5 .. 4.0 s, as it was driven.
        target_10hz: ``[40, 3]`` the same at 0.1 .. 4.0 s.
        boxes: ``[N, 7]`` x, y, z of the centre, length, width, height [m] and heading of those present now.
        box_velocities: ``[N, 2]`` [m/s] over ground, along the axes of the ego frame.
        box_types: ``[N]`` kinds (:class:`simscale_gym.scene.TrackType`).
        box_ids: ``[N]`` tokens of their tracks.
        box_seen: ``[N]`` whether any of the data set's cameras sees them (:mod:`simscale_gym.datagen.line_of_sight`).
        route: ``[32, 3]`` x, y, heading of the route from the ego's place on, 2 m apart; it ends in repeats of its
            last point.
        class_map: ``[256, 256]`` what lies where (:mod:`simscale_gym.datagen.class_map`).
        vocabulary_scores: ``[K, 8]`` :data:`SUBSCORES` of each trajectory of the data set's vocabulary, driven from
            here; K is 0 where none were asked for.
        ego_state: ``[11]`` present state in the scene frame (:class:`simscale_gym.scene.StateIndex`).
        ego_to_scene: ``[4, 4]`` ego frame to scene frame.
        origin: ``[3]`` global place of the scene's origin [m].
        camera_Ks: ``[C, 3, 3]`` intrinsics of the pictures [px].
        cam_to_ego: ``[C, 4, 4]`` optical axes (x right, y down, z forward) to the ego frame.
    """

    status: NDArray[np.float32]
    history: NDArray[np.float32]
    target: NDArray[np.float32]
    target_10hz: NDArray[np.float32]
    boxes: NDArray[np.float32]
    box_velocities: NDArray[np.float32]
    box_types: NDArray[np.uint8]
    box_ids: NDArray[np.str_]
    box_seen: NDArray[np.bool_]
    route: NDArray[np.float32]
    class_map: NDArray[np.uint8]
    vocabulary_scores: NDArray[np.float16]
    ego_state: Array
    ego_to_scene: Array
    origin: Array
    camera_Ks: Array
    cam_to_ego: Array

    __repr__ = one_line

    def named(self) -> dict[str, NDArray]:
        """The arrays by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, eq=False)
class DataSample:
    """A sample as it is read from a data set.

    Attributes:
        row: What the data set's row says of it (:data:`simscale_gym.datagen.layout.ROW_SCHEMA`).
        arrays: Its numbers.
        pictures: uint8 ``[H, W, 3]`` by camera, by camera and number of half seconds before, as ``cam_f0.1``, and by
            camera and number of half seconds behind, as ``cam_f0.plus1``.
        read_moments: Function that decodes :attr:`moments`.
        step: Of rollouts, arrays of what the policy saw and did (:class:`simscale_gym.datagen.drives.DrivenStep`).
    """

    row: Mapping[str, object]
    arrays: SampleArrays
    pictures: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    read_moments: Callable[[], Moments] | None = None
    step: Mapping[str, NDArray] = field(default_factory=dict)

    __repr__ = one_line

    @cached_property
    def moments(self) -> Moments:
        """Who was where around the present; decoded when first asked for, for training does without."""
        assert self.read_moments is not None
        return self.read_moments()


def sample_arrays(
    scene: Scene,
    past: Sequence[Array],
    present: SimState,
    future: Sequence[Array],
    cameras: Sequence[str],
    image_size: tuple[int, int],
    vocabulary_scores: NDArray[np.float16],
    seen: NDArray[np.bool_],
) -> SampleArrays:
    """The numbers of a sample.

    Args:
        scene: The scene.
        past: Poses or states of the ego ``[4, 3 or more]`` at -1.5 .. 0 s, scene frame.
        present: State now.
        future: Poses or states of the ego ``[40, 3 or more]`` at 0.1 .. 4.0 s, scene frame.
        cameras: Names of the cameras.
        image_size: Height, width of their pictures [px].
        vocabulary_scores: ``[K, 8]`` subscores of a vocabulary.
        seen: ``[N]`` whether any camera sees each track of the scene.
    """
    ego, rig = present.ego, scene.rig.select(tuple(cameras))
    pose, to_scene = ego[:3], scene.ego_to_world(ego[:3])
    driven = se2.poses_to_local(pose, np.array(future)[:HORIZON_STEPS, :3]).astype(np.float32)
    boxes, velocities, there = _others(scene, present, float(to_scene[2, 3]))
    return SampleArrays(
        status=_status(scene, ego),
        history=se2.poses_to_local(pose, np.array(past)[:, :3]).astype(np.float32),
        target=driven[PLAN_STRIDE - 1 :: PLAN_STRIDE],
        target_10hz=driven,
        boxes=boxes.astype(np.float32),
        box_velocities=velocities.astype(np.float32),
        box_types=scene.tracks.types[there].astype(np.uint8),
        box_ids=np.array([scene.tracks.ids[n] for n in there], dtype=np.str_),
        box_seen=seen[there],
        route=_route(scene, pose).astype(np.float32),
        class_map=class_map(scene, pose, boxes, scene.tracks.types[there]),
        vocabulary_scores=vocabulary_scores,
        ego_state=ego.astype(float),
        ego_to_scene=to_scene,
        origin=np.asarray(scene.origin, float),
        camera_Ks=np.array([camera.scaled_intrinsics(*image_size) for camera in rig]),
        cam_to_ego=np.array([camera.cam_to_ego for camera in rig]),
    )


def score_values(scores: Scores) -> dict[str, float]:
    """Subscores and total of the one drive that ``scores`` judges, by :data:`SCORES`."""
    return {code: float((scores.total if code == "score" else getattr(scores, code))[0]) for code in SCORES}


def _status(scene: Scene, ego: Array) -> NDArray[np.float32]:
    command = np.eye(COMMANDS)[road_view(scene, ego).command]
    moving = ego[[StateIndex.VX, StateIndex.VY, StateIndex.AX, StateIndex.AY]]
    return np.concatenate([command, moving]).astype(np.float32)


def _others(scene: Scene, state: SimState, ground: float) -> tuple[Array, Array, NDArray[np.int64]]:
    """Boxes ``[N, 7]`` and velocities ``[N, 2]`` of those present, nearest first, and their rows of the tracks."""
    traffic, tracks, pose = state.traffic, scene.tracks, state.ego[:3]
    there = np.flatnonzero(traffic.valid)
    distance = np.hypot(*(traffic.poses[there, :2] - pose[:2]).T)
    there = there[np.argsort(distance, kind="stable")]
    poses = se2.poses_to_local(pose, traffic.poses[there])
    height = tracks.z[there, min(state.frame, scene.num_frames - 1)] - ground
    boxes = np.column_stack([poses[:, :2], height, tracks.sizes[there], poses[:, 2]])
    turned = se2.points_to_local(np.array([0.0, 0.0, pose[2]]), traffic.velocities[there])
    return boxes.reshape(-1, 7), turned.reshape(-1, 2), there


def _route(scene: Scene, pose: Array) -> Array:
    path, lengths = scene.route_path, scene.route_lengths
    here = polyline.project(path, pose[None, :2], lengths)[0][0]
    ahead = np.minimum(here + ROUTE_SPACING * np.arange(ROUTE_POINTS), lengths[-1])
    return se2.poses_to_local(pose, polyline.at_arc_length(path, ahead, lengths))
