"""EPDMS of a drive while it goes on: each step adds to what is known, and the figures are those of all of it so far.

The result is that of :func:`simscale_gym.metrics.score` on the same states, at a cost that does not grow with them
(history comfort excepted, whose filters end anew at every step).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics.areas import DIRECTION_LIMITS
from simscale_gym.metrics.centerline import PROGRESS_THRESHOLD
from simscale_gym.metrics.comfort import FEWEST_SAMPLES, comfort_flags
from simscale_gym.metrics.ego_boxes import center_offset
from simscale_gym.metrics.running_kernel import (
    AGAINST,
    ARC,
    DAC,
    FRESH_TALLY,
    LK,
    NC,
    START,
    TLC,
    TTC,
    advance,
)
from simscale_gym.metrics.score import COLUMNS, WEIGHTS
from simscale_gym.metrics.situation import Situation
from simscale_gym.scene import STATE_SIZE, TrackType, Vehicle

Array = NDArray[np.float64]

RUNNING_COLUMNS = (*(name for code, name in COLUMNS.items() if code != "ec"), "score")
"""What :meth:`RunningScore.columns` gives. There is no ``two_frame_extended_comfort``: it compares two plans made
half a second apart, and of what was driven there is only one; NAVSIM leaves it out where a frame has no predecessor."""

_SLACK = 1e-6  # [m] added to half diagonals, so that culling by distance never decides


@dataclass(frozen=True, eq=False)
class Ground:
    """What does not change while a drive is scored.

    Attributes:
        situation: Its map, centreline and route count; its agents, lights and history do not.
        types: ``[N]`` of the others (:class:`simscale_gym.scene.TrackType`).
        sizes: ``[N, 2+]`` length, width [m].
        light_ids: ``L`` lanes that have a light.
        vehicle: The ego.
    """

    situation: Situation
    types: NDArray[np.uint8]
    sizes: Array
    light_ids: Sequence[str] = ()
    vehicle: Vehicle = field(default_factory=Vehicle)

    @cached_property
    def arrays(self) -> tuple:
        """As the kernel takes them."""
        situation, rows = self.situation, self.situation.map.lane_rows
        route = set(situation.route_lane_ids)
        lights = [rows.get(token, -1) if token in route else -1 for token in self.light_ids]
        sizes, vehicle = np.ascontiguousarray(np.asarray(self.sizes, float)[:, :2]), self.vehicle
        reach = float(np.hypot(vehicle.length, vehicle.width)) / 2 + _SLACK
        return (
            (vehicle.length / 2, vehicle.width / 2, center_offset(vehicle), reach),
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
        n = len(self.types)
        return RunningScore(
            ground=self,
            states=past,
            past=len(past),
            areas=np.zeros(0, np.uint8),
            tally=FRESH_TALLY.copy(),
            marks=np.zeros((n, 3), bool),
            speeds=np.zeros(n),
            recent=(),
        )


@dataclass(frozen=True, eq=False)
class RunningScore:
    """A drive so far; never changes: :meth:`after` gives the one that is a step longer.

    Attributes:
        ground: What it is driven on.
        states: ``[H + T, 11]`` history, then the drive.
        past: H.
        areas: ``[T]`` bits of :class:`simscale_gym.metrics.EgoArea`.
        tally: What the kernel keeps count of.
        marks: ``[N, 3]`` contacts do not count any more, nor foreseen ones; was present before.
        speeds: ``[N]`` when first present [m/s].
        recent: Poses and presence of the others at the last ten steps, oldest first.
    """

    ground: Ground
    states: Array
    past: int
    areas: NDArray[np.uint8]
    tally: Array
    marks: NDArray[np.bool_]
    speeds: Array
    recent: tuple[tuple[Array, NDArray[np.bool_]], ...]

    @property
    def steps(self) -> int:
        """``T`` states of the drive."""
        return len(self.areas)

    def after(
        self, state: Array, poses: Array, velocities: Array, valid: NDArray[np.bool_], red: NDArray[np.bool_]
    ) -> RunningScore:
        """The drive with one more step, 0.1 s after the last.

        Args:
            state: ``[11]`` of the ego.
            poses: ``[N, 3]`` box centres and headings of the others.
            velocities: ``[N, 2]`` [m/s]; only where somebody is first present.
            valid: ``[N]`` present.
            red: ``[L]`` closed lights.
        """
        state, poses = np.ascontiguousarray(state, float), np.ascontiguousarray(poses, float)
        present = np.ascontiguousarray(valid, bool)
        if state.shape != (STATE_SIZE,) or poses.shape != (len(self.marks), 3):
            raise ArgumentError(
                f"after: state {state.shape}, poses {poses.shape}; expected [11], [{len(self.marks)}, 3]."
            )
        recent = (*self.recent[-9:], (poses, present))
        earlier = recent[-1], recent[max(-4, -len(recent))], recent[max(-7, -len(recent))], recent[0]
        states = np.concatenate([self.states, state[None]])
        areas = np.empty(self.steps + 1, np.uint8)
        areas[:-1] = self.areas
        tally, marks, speeds = self.tally.copy(), self.marks.copy(), self.speeds.copy()
        moving = np.ascontiguousarray(velocities, float)
        advance(
            tally, marks, speeds, areas, states[self.past :], earlier, moving, np.asarray(red, bool),
            self.ground.arrays,
        )  # fmt: skip
        return RunningScore(self.ground, states, self.past, areas, tally, marks, speeds, recent)

    @property
    def comfort(self) -> float:
        """HC; 1 without history or with too few samples to filter."""
        if not self.past or len(self.states) < FEWEST_SAMPLES:
            return 1.0
        drive = self.states[None, self.past :]
        return float(comfort_flags(drive, self.states[: self.past], self.ground.vehicle).all())

    @property
    def progress(self) -> float:
        """Way along the centreline [m]."""
        return max(0.0, float(self.tally[ARC] - self.tally[START]))

    def subscores(self, reference: float = 0.0) -> dict[str, float]:
        """By EPDMS code, EC excepted, with NAVSIM's rules for each.

        Args:
            reference: Way along the centreline [m] of a faultless drive over the same time, which progress is
                relative to. Where the better of the two is at most 5 m, EP is 1.
        """
        if not self.steps:
            raise ArgumentError("subscores: the drive has no step yet, expected one at least.")
        against = self.tally[AGAINST]
        ddc = 1.0 if against < DIRECTION_LIMITS[0] else 0.5 if against < DIRECTION_LIMITS[1] else 0.0
        nc, dac, tlc = (float(self.tally[place]) for place in (NC, DAC, TLC))
        best = max(reference, self.progress * (nc * dac * ddc * tlc))
        return {
            "nc": nc,
            "dac": dac,
            "ddc": ddc,
            "tlc": tlc,
            "ep": min(self.progress / best, 1.0) if best > PROGRESS_THRESHOLD else 1.0,
            "ttc": float(self.tally[TTC]),
            "lk": float(self.tally[LK]),
            "hc": self.comfort,
        }

    def columns(self, reference: float = 0.0) -> dict[str, float]:
        """:meth:`subscores` and the total (``score``) by NAVSIM's names: :data:`RUNNING_COLUMNS`."""
        return running_columns(self.subscores(reference))


def running_columns(scores: Mapping[str, float]) -> dict[str, float]:
    """``scores`` by code, EC excepted, and their total (``score``) by NAVSIM's names: :data:`RUNNING_COLUMNS`."""
    return {COLUMNS[code]: value for code, value in scores.items()} | {"score": running_total(scores)}


def running_total(scores: Mapping[str, float]) -> float:
    """EPDMS of ``scores`` by code, EC excepted: as :func:`simscale_gym.metrics.total_score`."""
    weight = sum(WEIGHTS[code] for code in WEIGHTS if code in scores)
    weighted = sum(WEIGHTS[code] * scores[code] for code in WEIGHTS if code in scores)
    return scores["nc"] * scores["dac"] * scores["ddc"] * scores["tlc"] * weighted / weight
