"""What happened in an environment step, and what ends an episode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.metrics import RunningScore
from simscale_gym.scene import Scene, TrackType


@dataclass(frozen=True)
class Outcome:
    """What happened in one environment step, as the running score judges it.

    Attributes:
        contact: Types of tracks that the ego touched, at fault or not.
        at_fault: Types of tracks that the ego hit by its own fault. A contact is judged when it begins.
        out_of_road: Whether a corner of the ego was off the drivable area: what DAC counts.
        left_road: Whether it was so after all corners had been on the drivable area 0.1 s before.
        arrived: Whether the ego is where the log ended.
    """

    contact: frozenset[TrackType]
    at_fault: frozenset[TrackType]
    out_of_road: bool
    left_road: bool
    arrived: bool

    @property
    def terminated(self) -> bool:
        """The episode is over: at-fault collision, off the road, or goal."""
        return bool(self.at_fault) or self.left_road or self.arrived


def judge(
    scene: Scene, drives: Sequence[RunningScore], arrived: bool, before: RunningScore | None
) -> Outcome:
    """What happened over one environment step.

    Args:
        scene: The scene.
        drives: The drive after each of the step's simulation states.
        arrived: The ego has reached its goal.
        before: The drive before them; None at the start, where nothing was left yet.
    """
    met = [drive for drive in drives if drive.record.contacts.any()]
    off = [drive.off_road for drive in drives]
    came_from = [off[0] if before is None else before.off_road, *off[:-1]]
    return Outcome(
        contact=_types(scene, [drive.touching for drive in met]),
        at_fault=_types(scene, [drive.at_fault for drive in met]),
        out_of_road=any(off),
        left_road=any(now and not then for then, now in zip(came_from, off, strict=True)),
        arrived=arrived,
    )


def _types(scene: Scene, tracks: Sequence[NDArray[np.bool_]]) -> frozenset[TrackType]:
    return frozenset(TrackType(kind) for chosen in tracks for kind in scene.tracks.types[chosen])


def type_bits(types: Iterable[TrackType]) -> int:
    """A bit for each of ``types``."""
    return sum(1 << int(kind) for kind in types)


def track_types(bits: int) -> frozenset[TrackType]:
    """Inverse of :func:`type_bits`."""
    return frozenset(kind for kind in TrackType if bits >> int(kind) & 1)


def goal_arc(scene: Scene) -> float:
    """Arc length along the scene's route path at which the log ended [m]."""
    return float(polyline.project(scene.route_path, scene.ego.poses[-1, :2], scene.route_lengths)[0][0])
