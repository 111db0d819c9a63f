"""The extended predictive driver model score (EPDMS) of many proposals at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import box
from simscale_gym.metrics import areas as area
from simscale_gym.metrics import centerline, contacts
from simscale_gym.metrics.comfort import FEWEST_SAMPLES, comfort_flags
from simscale_gym.metrics.situation import Situation
from simscale_gym.one_line import one_line
from simscale_gym.progress import watch_compiler
from simscale_gym.scene import STATE_SIZE, Vehicle

Array = NDArray[np.float64]

COLUMNS = {
    "nc": "no_at_fault_collisions",
    "dac": "drivable_area_compliance",
    "ddc": "driving_direction_compliance",
    "tlc": "traffic_light_compliance",
    "ep": "ego_progress",
    "ttc": "time_to_collision_within_bound",
    "lk": "lane_keeping",
    "hc": "history_comfort",
    "ec": "two_frame_extended_comfort",
}
"""NAVSIM's column name of each subscore."""
MULTIPLIERS = ("nc", "dac", "ddc", "tlc")
"""Codes of the subscores that multiply the total."""
WEIGHTS = {"ep": 5.0, "ttc": 5.0, "lk": 2.0, "hc": 2.0, "ec": 2.0}
"""Weights of the averaged subscores."""
AVERAGED = tuple(code for code in WEIGHTS if code != "ec")
"""Codes of the subscores that are averaged where there is no earlier plan to compare with, that is no EC."""

_BLOCK = 256  # proposals at a time, so that their boxes stay in the cache
_SLACK = 1e-6


@dataclass(frozen=True, eq=False)
class Scores:
    """Subscores of ``P`` proposals, each ``[P]``, 0 (bad) to 1.

    Attributes:
        nc: No at-fault collision (1; 0.5 with an object; 0 with a road user).
        dac: Drivable area never left.
        ddc: Driving direction kept (1, 0.5, 0).
        tlc: No closed lane entered.
        ep: Progress relative to the best of all proposals scored together.
        ttc: Time to collision never under 1 s.
        lk: Lane kept.
        hc: Comfortable with the history before.
        progress: Way along the centreline [m].
        collision_step: ``[P]`` step of the first at-fault contact; T where there is none.
        ttc_step: ``[P]`` step of the first foreseen contact; T where there is none.
        comfort: ``[P, 6]`` whether each of :data:`simscale_gym.metrics.COMFORT_TERMS` is within its bounds.
        areas: ``[P, T]`` bits of :class:`simscale_gym.metrics.EgoArea`.
        ec: Extended comfort; None where it has not been compared (:func:`extended_comfort`).
    """

    nc: Array
    dac: Array
    ddc: Array
    tlc: Array
    ep: Array
    ttc: Array
    lk: Array
    hc: Array
    progress: Array
    collision_step: NDArray[np.int64]
    ttc_step: NDArray[np.int64]
    comfort: NDArray[np.bool_]
    areas: NDArray[np.uint8]
    ec: Array | None = None

    __repr__ = one_line

    def __len__(self) -> int:
        return len(self.nc)

    @property
    def product(self) -> Array:
        """Product of the four multiplied subscores."""
        return self.nc * self.dac * self.ddc * self.tlc

    @property
    def total(self) -> Array:
        """EPDMS: the product times the weighted mean of the others; EC takes part where it is known."""
        return total_score(self.product, self.ep, self.ttc, self.lk, self.hc, self.ec)

    def columns(self) -> dict[str, Array]:
        """Subscores and total (``score``) under NAVSIM's column names."""
        named = {name: getattr(self, code) for code, name in COLUMNS.items()}
        return {name: values for name, values in named.items() if values is not None} | {"score": self.total}

    def with_extended_comfort(self, ec: Array) -> Scores:
        """The same with EC ``[P]``."""
        if np.shape(ec) not in ((), self.nc.shape):
            raise ArgumentError(
                f"with_extended_comfort: {np.shape(ec)} values for {len(self)} proposals, expected as many."
            )
        return replace(self, ec=np.broadcast_to(np.asarray(ec, float), self.nc.shape))

    def against(self, reference: Scores) -> Scores:
        """Progress relative to the one proposal of ``reference``, for each as if only the two had been scored.

        NAVSIM evaluates an agent so, with PDM-Closed's plan as reference.
        """
        if len(reference) != 1:
            raise ArgumentError(f"against: reference holds {len(reference)} proposals, expected 1.")
        best = np.maximum(self.progress * self.product, float((reference.progress * reference.product)[0]))
        judged = best > centerline.PROGRESS_THRESHOLD
        ep = np.where(judged, np.clip(self.progress / np.where(judged, best, 1.0), 0.0, 1.0), 1.0)
        return replace(self, ep=ep)

    def human_filtered(self, human: Scores) -> Scores:
        """Subscores at which the one ``human`` proposal fails outright (0, not 0.5) do not count against others.

        The human is scored alone and without history, so that progress and comfort never fail; EC is not filtered
        (NAVSIM, pdm_score.py, as of 2025-09-29).
        """
        if len(human) != 1:
            raise ArgumentError(f"human_filtered: human holds {len(human)} proposals, expected 1.")
        codes = [code for code in COLUMNS if code != "ec" and getattr(human, code)[0] == 0.0]
        return replace(self, **{code: np.ones_like(getattr(self, code)) for code in codes})

    def take(self, rows: NDArray | slice) -> Scores:
        """Some of the proposals; their progress stays relative to the best of all."""
        arrays = {name: values for name, values in vars(self).items() if values is not None}
        return replace(self, **{name: values[rows] for name, values in arrays.items()})


def total_score(
    product: Array, ep: Array, ttc: Array, lk: Array, hc: Array, ec: Array | None = None
) -> Array:
    """Total of subscores; without EC its weight is left out too."""
    named = {"ep": ep, "ttc": ttc, "lk": lk, "hc": hc} | ({} if ec is None else {"ec": ec})
    weight = sum(WEIGHTS[code] for code in named)
    return product * sum(WEIGHTS[code] * np.asarray(values) for code, values in named.items()) / weight


def score(
    situation: Situation, states: Array, *, history: bool = True, vehicle: Vehicle | None = None
) -> Scores:
    """Score proposals as NAVSIM v2 does.

    Args:
        situation: What they meet.
        states: ``[P, T, 11]`` simulated ego states (:class:`simscale_gym.scene.StateIndex`), the first now, T as
            in the situation.
        history: Judge comfort together with the situation's history. Without, HC is 1.
        vehicle: The ego; None for the default one.
    """
    watch_compiler()
    states = _checked(states, situation.steps)
    vehicle, past = vehicle or Vehicle(), situation.history if history else None
    if past is not None and len(past) + situation.steps < FEWEST_SAMPLES:
        raise ArgumentError(
            f"score: {situation.steps} steps are too few to judge comfort, expected {FEWEST_SAMPLES}."
        )
    blocks = [
        _score_block(situation, states[i : i + _BLOCK], past, vehicle)
        for i in range(0, max(len(states), 1), _BLOCK)
    ]
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    product = columns["nc"] * columns["dac"] * columns["ddc"] * columns["tlc"]
    return Scores(ep=centerline.ego_progress(columns["progress"], product), **columns)


def _checked(states: Array, steps: int) -> Array:
    states = np.ascontiguousarray(states, float)
    if states.ndim != 3 or states.shape[1:] != (steps, STATE_SIZE):
        raise ArgumentError(
            f"score: states have shape {states.shape}, expected [P, {steps}, {STATE_SIZE}] as the situation's steps."
        )
    bad = ~np.isfinite(states).all((1, 2))
    if bad.any():
        raise ArgumentError(f"score: {bad.sum()} proposals are not finite, the first is {int(bad.argmax())}.")
    return states


def _score_block(
    situation: Situation, states: Array, past: Array | None, vehicle: Vehicle
) -> dict[str, NDArray]:
    boxes = vehicle.boxes(states)
    corners, centers = box.corners(boxes), np.ascontiguousarray(boxes[..., :2])
    polygons, index = situation.map.polygons, situation.map.index
    flags, others = situation.flags, situation.others
    reach = float(np.hypot(vehicle.length, vehicle.width)) / 2 + _SLACK
    areas = area.ego_areas(corners, centers, polygons, index, flags)
    nc, collision_step = contacts.collisions(states, corners, centers, areas, others, reach)
    ttc, ttc_step = contacts.time_to_collision(
        states, corners, centers, areas, others, reach, polygons, index, flags
    )
    comfort = np.ones((len(states), 6), bool)
    if past is not None:
        comfort = comfort_flags(states, np.ascontiguousarray(past, float), vehicle)
    return {
        "nc": nc,
        "dac": area.drivable_area(areas),
        "ddc": area.driving_direction(areas, centers),
        "tlc": contacts.traffic_lights(corners, situation.lights),
        "ttc": ttc,
        "lk": centerline.lane_keeping(situation.line, centers, areas),
        "hc": comfort.all(1).astype(float),
        "progress": centerline.raw_progress(situation.line, centers),
        "collision_step": collision_step,
        "ttc_step": ttc_step,
        "comfort": comfort,
        "areas": areas,
    }
