"""EPDMS of a segment while it is driven, against what the human did in the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.metrics import DriveGround, DriveRecord, RunningScore
from simscale_gym.metrics.centerline import arc_lengths_of
from simscale_gym.one_line import one_line
from simscale_gym.scene import LightStatus, Scene, on_other_level
from simscale_gym.scoring.fitness import touched
from simscale_gym.scoring.scene_ground import segment_ground
from simscale_gym.scoring.segment import ego_history
from simscale_gym.sim import SimState

Array = NDArray[np.float64]

_RED = int(LightStatus.RED)
_NO_LIGHTS = np.zeros(0, bool)


@dataclass(frozen=True, eq=False)
class RunningSegment:
    """A segment so far; never changes: :meth:`after` gives the one that is a step longer.

    Its progress is judged against the log's: how far the human came in the same time from the same frame on, along
    the same centreline, taken as faultless. NAVSIM's reference is a plan of PDM-Closed, which lasts for 4 s; over an
    executed drive of any length the log is what there is, and nuPlan's closed-loop score takes it as well. As with
    NAVSIM, EP is 1 where neither comes farther than 5 m. Once the log has ended, its way stays what it was.

    Attributes:
        scene: Scene that is driven in.
        running: Running score of the drive.
        first: Frame of its first state.
        log_way: ``[F]`` way of the log along the centreline from ``first`` on, frame by frame [m].
    """

    scene: Scene
    running: RunningScore
    first: int
    log_way: Array

    __repr__ = one_line

    @classmethod
    def begin(cls, scene: Scene, history: Sequence[SimState], *, replayed: bool = False) -> RunningSegment:
        """The segment that begins in the last state of ``history``.

        Args:
            scene: Scene that is driven in.
            history: States up to the present, which comes last. Those before it, and before them the log, count for
                comfort (:func:`ego_history`).
            replayed: Whether the others do not react, so that whom the ego touches at the start is left out, as by
                NAVSIM's log replay.
        """
        ground = running_ground(scene, history[-1], replayed)
        running = ground.begin(ego_history(scene, history))
        return cls(scene, running, history[-1].frame, _log_way(scene, ground, history[-1])).after(history[-1])

    @classmethod
    def resume(
        cls, scene: Scene, begin: SimState, record: DriveRecord, *, replayed: bool = False
    ) -> RunningSegment:
        """The segment that began in the state ``begin`` and came to ``record``."""
        ground = running_ground(scene, begin, replayed)
        return cls(scene, RunningScore(ground, record), begin.frame, _log_way(scene, ground, begin))

    def after(self, state: SimState) -> RunningSegment:
        """The segment with ``state``, 0.1 s after its last."""
        traffic, lights = state.traffic, self.scene.lights
        red = lights.column(state.frame) == _RED if lights.lane_ids else _NO_LIGHTS
        running = self.running.after(state.ego, traffic.poses, traffic.velocities, traffic.valid, red)
        return RunningSegment(self.scene, running, self.first, self.log_way)

    @property
    def reference(self) -> float:
        """Way of the log so far [m]."""
        return float(self.log_way[min(self.running.steps, len(self.log_way)) - 1])

    def subscores(self) -> dict[str, float]:
        """Subscores of the segment so far, by EPDMS code; extended comfort cannot be judged of a drive."""
        return self.running.subscores(self.reference)


def running_ground(scene: Scene, begin: SimState, replayed: bool) -> DriveGround:
    """What a segment from ``begin`` on is judged on; see :meth:`RunningSegment.begin` for ``replayed``."""
    tracks, dropped = scene.tracks, on_other_level(scene)
    if replayed:
        dropped = dropped | touched(scene, begin)
    situation = segment_ground(scene, begin)
    kept = dropped if dropped.any() else None
    return DriveGround(situation, tracks.types, tracks.sizes, scene.lights.lane_ids, scene.vehicle, kept)


def _log_way(scene: Scene, ground: DriveGround, begin: SimState) -> Array:
    logged = scene.ego.states[min(begin.frame, scene.num_frames - 1) :]
    centers = np.ascontiguousarray(scene.vehicle.boxes(logged)[:, :2])
    arcs = arc_lengths_of(ground.situation.line, centers)
    return np.maximum(arcs - arcs[0], 0.0)
