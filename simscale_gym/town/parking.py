"""Parked cars in the kerbside strips of a town."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import box, polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.town.town_map import Draft
from simscale_gym.town.traffic import draw_sizes

Array = NDArray[np.float64]

PLACE = 6.3
"""Length of a parking place [m]."""

_BEND, _AFTER_BEND = 0.012, (4.0, 14.0)
"""Sharper bends [1/m] have no parking on their outer side, nor [m] beyond their end and before their beginning."""


def park_cars(rng: np.random.Generator, draft: Draft) -> tuple[Array, Array]:
    """Poses ``[K, 3]`` (box centres) and sizes ``[K, 3]`` of parked cars."""
    config, poses = draft.config, []
    for road in draft.roads:
        edge = road.street.half_width(config.lane_width)
        for side, start, end in road.parking:
            places = int((end - start - 4.5) / PLACE)
            taken = np.flatnonzero(rng.random(places) < config.parked_share)
            at = start + 2.25 + PLACE * (taken + 0.5) + rng.uniform(-0.4, 0.4, len(taken))
            at = at[~_behind_a_bend(road.line, at, side)]
            middle = polyline.at_arc_length(road.line, at)
            facing = middle[:, 2] + (np.pi if side > 0 else 0.0) + rng.normal(0.0, 0.015, len(at))
            poses.append(np.column_stack([middle, facing, np.full(len(at), side), np.full(len(at), edge)]))
    rows = np.concatenate(poses) if poses else np.zeros((0, 6))
    sizes = draw_sizes(rng, len(rows))
    gap = rng.uniform(0.12, 0.28, len(rows)) + rng.uniform(0.0, 1.0, len(rows)) * config.parked_overhang
    gap = np.where(rng.random(len(rows)) < 0.85, np.minimum(gap, 0.28), gap)
    offset = rows[:, 4] * (rows[:, 5] + config.parking_width - gap - sizes[:, 1] / 2)
    x = rows[:, 0] - offset * np.sin(rows[:, 2])
    y = rows[:, 1] + offset * np.cos(rows[:, 2])
    parked = np.column_stack([x, y, wrap_angle(rows[:, 3])])
    free = _clear_of_earlier(np.column_stack([parked, sizes[:, :2] + 0.4]))
    return parked[free], sizes[free]


def _behind_a_bend(line: Array, at: Array, side: int) -> NDArray[np.bool_]:
    """At which of the ways ``at [K]`` along ``line`` nobody parks: where those who follow the bend head for the kerb.

    ``side`` is -1 at the right of the line, where one drives along it, and 1 at the left, where one drives against it.
    """
    before = at[:, None] + side * np.linspace(-_AFTER_BEND[0], _AFTER_BEND[1], 10)
    s = polyline.arc_lengths(line)
    curvature = np.interp(before, s, polyline.curvature(polyline.with_headings(line)))
    return (-side * curvature).max(1) > _BEND


def _clear_of_earlier(boxes: Array) -> NDArray[np.bool_]:
    """Which of ``boxes [K, 5]`` do not overlap an earlier one that stays (inside of bends places lie closer)."""
    hit = np.tril(box.overlap(boxes[:, None], boxes[None]), -1)
    free = np.ones(len(boxes), bool)
    for k in range(len(boxes)):
        free[k] = not (hit[k] & free).any()
    return free
