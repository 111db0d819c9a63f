"""The judgement of a drive while it goes on: what each step did, and the EPDMS of all of it so far.

The figures are those of :func:`simscale_gym.metrics.score` on the same states, at a cost that does not grow with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics.areas import NON_DRIVABLE
from simscale_gym.metrics.running_comfort import RunningComfort
from simscale_gym.metrics.running_kernel import (
    ARC,
    AT_FAULT,
    FRESH_TALLY,
    MEMORY,
    START,
    TOUCHING,
    judge_step,
)
from simscale_gym.metrics.running_subscores import RUNNING_CODES, fill_subscores
from simscale_gym.metrics.score import COLUMNS, WEIGHTS
from simscale_gym.metrics.situation import Situation
from simscale_gym.one_line import one_line
from simscale_gym.scene import STATE_SIZE, TrackType, Vehicle

Array = NDArray[np.float64]

RUNNING_COLUMNS = (*(name for code, name in COLUMNS.items() if code != "ec"), "score")
"""What :meth:`RunningScore.columns` gives. There is no ``two_frame_extended_comfort``: it compares two plans made
half a second apart, and of what was driven there is only one; NAVSIM leaves it out where a frame has no predecessor."""

_TO_COME = np.zeros(1, np.uint8)  # the area that the kernel fills in
_SLACK = 1e-6  # [m] added to half diagonals, so that culling by distance never decides
LOOK_BACK = 10
"""Steps at which the others are kept: those that the time to collision of 0.9 s ago meets."""


@dataclass(frozen=True, eq=False)
class DriveGround:
    """What does not change while a drive is scored.

    Attributes:
        situation: Situation of which map, centreline and route count; its agents, lights and history do not.
        types: ``[N]`` kinds of the others (:class:`simscale_gym.scene.TrackType`).
        sizes: ``[N, 2+]`` length, width of the others [m].
        light_ids: Ids of the ``L`` lanes that have a light.
        vehicle: The ego.
        dropped: ``[N]`` others that are left out altogether, as NAVSIM's log replay leaves out whom the ego touches at
            the start; None for nobody.
    """

    situation: Situation
    types: NDArray[np.uint8]
    sizes: Array
    light_ids: Sequence[str] = ()
    vehicle: Vehicle = field(default_factory=Vehicle)
    dropped: NDArray[np.bool_] | None = None

    __repr__ = one_line

    @cached_property
    def arrays(self) -> tuple:
        """The arrays that the kernel takes, in its order."""
        situation, rows = self.situation, self.situation.map.lane_rows
        route = set(situation.route_lane_ids)
        lights = [rows.get(token, -1) if token in route else -1 for token in self.light_ids]
        sizes, vehicle = np.ascontiguousarray(np.asarray(self.sizes, float)[:, :2]), self.vehicle
        reach = float(np.hypot(vehicle.length, vehicle.width)) / 2 + _SLACK
        return (
            (vehicle.length / 2, vehicle.width / 2, vehicle.rear_axle_to_center, reach),
            (sizes, np.hypot(sizes[:, 0], sizes[:, 1]) / 2 + _SLACK, np.asarray(self.types) <= TrackType.PEDESTRIAN),
            np.array(lights, np.int64),
            tuple(situation.map.polygons),
            tuple(situation.map.index),
            situation.flags,
            tuple(situation.line),
        )  # fmt: skip

    def begin(self, history: Array | None = None) -> RunningScore:
        """A drive of which no step is known yet.

        Args:
            history: ``[H, 11]`` ego states before the first step, as of
                :class:`simscale_gym.metrics.Situation`; None or empty where comfort is not judged.
        """
        past = np.zeros((0, STATE_SIZE)) if history is None else np.array(history, float)
        if past.ndim != 2 or past.shape[1] != STATE_SIZE or not np.isfinite(past).all():
            raise ArgumentError(
                f"history: shape {past.shape} or not finite, expected finite [H, {STATE_SIZE}]."
            )
        comfort = RunningComfort.begin() if len(past) else None
        for state in past:
            comfort = comfort.after(state, self.vehicle.rear_axle_to_center)
        n = len(self.types)
        record = DriveRecord(
            steps=0,
            tally=FRESH_TALLY.copy(),
            marks=np.zeros((n, 3), bool),
            speeds=np.zeros(n),
            contacts=np.zeros((n, 2), bool),
            areas=np.zeros(0, np.uint8),
            states=np.zeros((0, STATE_SIZE)),
            recent=(),
            comfort=comfort,
        )
        return RunningScore(self, record)


@dataclass(frozen=True, eq=False)
class DriveRecord:
    """All that is remembered of a drive; as large after an hour as after a second.

    Attributes:
        steps: States so far.
        tally: What the kernel keeps count of.
        marks: ``[N, 3]`` contact was judged; foreseen ones do not count any more; was present before.
        speeds: ``[N]`` speeds of the others when first present [m/s].
        contacts: ``[N, 2]`` contacts of the last step: touched, and touched anew by the ego's fault.
        areas: ``[12]`` bits of :class:`simscale_gym.metrics.EgoArea` at the last states, the newest last.
        states: ``[12, 11]`` last states of the ego, the newest last; fewer where the drive is younger.
        recent: Poses and presence of the others at the last ten steps, oldest first.
        comfort: Comfort of history and drive; None where it is not judged.
    """

    steps: int
    tally: Array
    marks: NDArray[np.bool_]
    speeds: Array
    contacts: NDArray[np.bool_]
    areas: NDArray[np.uint8]
    states: Array
    recent: tuple[tuple[Array, NDArray[np.bool_]], ...]
    comfort: RunningComfort | None

    __repr__ = one_line


@dataclass(frozen=True, eq=False)
class RunningScore:
    """A drive so far; never changes: :meth:`after` gives the one that is a step longer.

    Attributes:
        ground: What it is driven on.
        record: What is remembered of it.
    """

    ground: DriveGround
    record: DriveRecord

    @property
    def steps(self) -> int:
        """``T`` states of the drive."""
        return self.record.steps

    @property
    def touching(self) -> NDArray[np.bool_]:
        """Tracks ``[N]`` that the ego touches at the last step."""
        return self.record.contacts[:, TOUCHING]

    @property
    def at_fault(self) -> NDArray[np.bool_]:
        """Tracks ``[N]`` that the ego touches at the last step for the first time, and by its own fault.

        As in NAVSIM, who was touched before is not asked about again. NC is lower than 1 from the first of these
        steps on, and only from there.
        """
        return self.record.contacts[:, AT_FAULT]

    @property
    def off_road(self) -> bool:
        """A corner of the ego is off the drivable area at the last step. DAC is 0 from the first such step on."""
        return bool(self.record.areas[-1] & NON_DRIVABLE)

    def after(
        self, state: Array, poses: Array, velocities: Array, valid: NDArray[np.bool_], red: NDArray[np.bool_]
    ) -> RunningScore:
        """The drive with one more step, 0.1 s after the last.

        Args:
            state: ``[11]`` state of the ego.
            poses: ``[N, 3]`` box centres and headings of the others.
            velocities: ``[N, 2]`` velocities of the others [m/s]; read only where somebody is first present.
            valid: ``[N]`` whether the other is present.
            red: ``[L]`` whether the light is closed.
        """
        record, ground = self.record, self.ground
        state, poses = np.ascontiguousarray(state, float), np.ascontiguousarray(poses, float)
        if state.shape != (STATE_SIZE,) or poses.shape != (len(record.marks), 3):
            raise ArgumentError(
                f"after: state {state.shape}, poses {poses.shape}; expected [11], [{len(record.marks)}, 3]."
            )
        present = np.ascontiguousarray(valid if ground.dropped is None else valid & ~ground.dropped, bool)
        recent = (*record.recent[1 - LOOK_BACK :], (poses, present))
        earlier = recent[-1], recent[max(-4, -len(recent))], recent[max(-7, -len(recent))], recent[0]
        changed = DriveRecord(
            steps=record.steps + 1,
            tally=record.tally.copy(),
            marks=record.marks.copy(),
            speeds=record.speeds.copy(),
            contacts=np.zeros_like(record.contacts),
            areas=np.concatenate([record.areas[1 - MEMORY :], _TO_COME]),
            states=np.concatenate([record.states[1 - MEMORY :], state[None]]),
            recent=recent,
            comfort=record.comfort and record.comfort.after(state, ground.vehicle.rear_axle_to_center),
        )
        judge_step(
            changed.tally, changed.marks, changed.speeds, changed.contacts, changed.areas, changed.states,
            not record.steps, earlier, np.ascontiguousarray(velocities, float), np.asarray(red, bool), ground.arrays,
        )  # fmt: skip
        return RunningScore(ground, changed)

    @property
    def progress(self) -> float:
        """Way along the centreline [m]."""
        tally = self.record.tally
        return max(0.0, float(tally[ARC] - tally[START]))

    def subscores(self, reference: float = 0.0) -> dict[str, float]:
        """Subscores of the drive by EPDMS code, EC excepted, with NAVSIM's rules for each.

        Args:
            reference: Way along the centreline [m] of a faultless drive over the same time, which progress is
                relative to. Where the better of the two is at most 5 m, EP is 1.
        """
        if not self.steps:
            raise ArgumentError("subscores: the drive has no step yet, expected one at least.")
        comfort, out = self.record.comfort, np.empty(len(RUNNING_CODES))
        fill_subscores(self.record.tally, comfort is None or comfort.comfortable, float(reference), out)
        return dict(zip(RUNNING_CODES, out.tolist(), strict=True))

    def columns(self, reference: float = 0.0) -> dict[str, float]:
        """:meth:`subscores` and the total (``score``) by NAVSIM's names: :data:`RUNNING_COLUMNS`."""
        return running_columns(self.subscores(reference))


def running_columns(scores: Mapping[str, float]) -> dict[str, float]:
    """NAVSIM's columns (:data:`RUNNING_COLUMNS`) of ``scores`` by code, EC excepted, and their total, ``score``."""
    return {COLUMNS[code]: value for code, value in scores.items()} | {"score": running_total(scores)}


def running_total(scores: Mapping[str, float]) -> float:
    """EPDMS of ``scores`` by code, EC excepted: as :func:`simscale_gym.metrics.total_score`."""
    weight = sum(WEIGHTS[code] for code in WEIGHTS if code in scores)
    weighted = sum(WEIGHTS[code] * scores[code] for code in WEIGHTS if code in scores)
    return scores["nc"] * scores["dac"] * scores["ddc"] * scores["tlc"] * weighted / weight
