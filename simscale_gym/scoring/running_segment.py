"""EPDMS of a segment while it is driven, against what the human did in the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.metrics import Ground, RunningScore
from simscale_gym.metrics.centerline import arc_lengths_of
from simscale_gym.metrics.ego_boxes import ego_boxes
from simscale_gym.scene import LightStatus, Scene
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
        scene: Where.
        running: Of the drive.
        first: Frame of its first state.
        log_way: ``[F]`` way [m] of the log along the centreline from ``first`` on, frame by frame.
    """

    scene: Scene
    running: RunningScore
    first: int
    log_way: Array

    @classmethod
    def begin(cls, scene: Scene, history: Sequence[SimState]) -> RunningSegment:
        """The segment that begins in the last state of ``history``.

        What lies before it, and before that the log, counts for comfort (:func:`ego_history`).
        """
        state, tracks = history[-1], scene.tracks
        base = segment_ground(scene, state)
        ground = Ground(base, tracks.types, tracks.sizes, scene.lights.lane_ids, scene.vehicle)
        logged = scene.ego.states[min(state.frame, scene.num_frames - 1) :]
        _, centers = ego_boxes(logged[None], scene.vehicle)
        arcs = arc_lengths_of(base.line, centers[0])
        start = cls(
            scene, ground.begin(ego_history(scene, history)), state.frame, np.maximum(arcs - arcs[0], 0.0)
        )
        return start.after(state)

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
        """Of all of it so far, by EPDMS code; extended comfort cannot be judged of a drive."""
        return self.running.subscores(self.reference)
