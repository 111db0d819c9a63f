"""Pedestrians: gait, stature, clothes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.nodes.template import Template
from simscale_gym.dressing.people.body import Build, Figure, body
from simscale_gym.dressing.vehicles.wheels import contact_shadow

Array = NDArray[np.float64]

STRIDE_PHASES = 4
"""Templates of one stride (two steps)."""

STRIDE_LENGTH = 0.80
"""Length of a stride (two steps) over the height of the walker (Murray, Am. J. Phys. Med. 1967: 1.51 m at 1.75 m
for free walking is 0.86; city crowds walk shorter)."""

HEIGHT = 1.75
"""Height of the template [m]."""

CHILD_HEIGHT = 1.35
"""Below this height a pedestrian has the proportions of a child [m]."""

SKINS = ((0.86, 0.68, 0.58), (0.80, 0.60, 0.48), (0.66, 0.47, 0.36), (0.45, 0.31, 0.24))
HAIRS = ((0.14, 0.10, 0.08), (0.24, 0.16, 0.10), (0.42, 0.30, 0.18), (0.10, 0.09, 0.09), (0.62, 0.60, 0.58))
UPPERS = (
    (0.12, 0.13, 0.16), (0.20, 0.23, 0.30), (0.42, 0.43, 0.45), (0.16, 0.24, 0.40), (0.50, 0.14, 0.14),
    (0.72, 0.70, 0.66), (0.28, 0.33, 0.24), (0.62, 0.50, 0.34), (0.75, 0.55, 0.18), (0.30, 0.42, 0.52),
)  # fmt: skip
LOWERS = ((0.14, 0.17, 0.26), (0.10, 0.10, 0.11), (0.30, 0.30, 0.32), (0.22, 0.27, 0.38), (0.52, 0.46, 0.36))
SHOES = ((0.10, 0.09, 0.09), (0.78, 0.77, 0.75), (0.30, 0.20, 0.13))


def walking(phase: int) -> Figure:
    """Joints of a walker of 1.75 m at ``phase`` 0 .. 3 of a stride; 0 has the left leg ahead."""
    turn = 2.0 * np.pi * (phase / STRIDE_PHASES)
    swing = np.array([np.cos(turn), -np.cos(turn)])
    forward = np.array([-np.sin(turn), np.sin(turn)])  # > 0 while the leg swings forward
    thigh = 0.40 * swing + 0.04 + 0.22 * np.maximum(forward, 0.0)
    knee = 0.10 + 0.75 * np.maximum(forward, 0.0) + 0.12 * np.maximum(-swing, 0.0)
    side = np.array([1.0, -1.0])

    def swung(angle: Array, length: float) -> Array:
        return np.stack([np.sin(angle), np.zeros(2), -np.cos(angle)], 1) * length

    hips = np.stack([0 * side, 0.085 * side, 0 * side], 1)
    knees = hips + swung(thigh, 0.43)
    ankles = knees + swung(thigh - knee, 0.42)
    shin = thigh - knee
    lift = 0.085 - float(ankles[:, 2].min())
    hips, knees, ankles = (joints + np.array([0.0, 0.0, lift]) for joints in (hips, knees, ankles))
    pelvis = hips.mean(0) + np.array([0.0, 0.0, 0.03])
    chest = pelvis + np.array([0.035, 0.0, 0.47])
    shoulders = chest + np.stack([-0.05 * swing, 0.185 * side, -0.02 + 0 * side], 1)
    arm = -0.42 * swing + 0.05
    elbows = shoulders + swung(arm, 0.29) + np.stack([0 * side, 0.035 * side, 0 * side], 1)
    wrists = elbows + swung(arm + 0.35, 0.25)
    pitch = np.clip(-0.8 * shin - 0.15, -0.2, 0.9) * (swing < 0.2) - 0.30 * np.maximum(swing, 0.0)
    toes = np.stack([np.cos(pitch), 0.06 * side, -np.sin(pitch)], 1)
    return Figure(
        pelvis, chest, chest + np.array([0.01, 0.0, 0.06]), chest + np.array([0.035, 0.0, 0.20]),
        hips, knees, ankles, shoulders, elbows, wrists, toes, np.array([1.0, 0.0, 0.0]),
    )  # fmt: skip


def builds() -> tuple[Build, ...]:
    """The statures and dresses of the catalogue; the last two are children."""
    return (
        Build(),
        Build(girth=0.90, long_hair=True, coat=0.17),
        Build(girth=1.12, coat=0.10),
        Build(girth=0.92, backpack=True),
        Build(girth=0.86, long_hair=True, coat=0.05, bare_legs=True),
        Build(girth=0.98, head=1.22, coat=0.05, backpack=True),
        Build(girth=0.95, head=1.22, coat=0.14, long_hair=True),
    )


def person_template(build: Build, phase: int, lod: int) -> Template:
    """A pedestrian of 1.75 m."""
    person = body(walking(phase % STRIDE_PHASES), build, lod)
    if lod >= 3:
        return person
    return Template.concatenate([person, contact_shadow(0.35, 0.30, 0.16, 0.22)])


def outfit(rng: np.random.Generator, *, child: bool = False) -> Array:
    """Colors ``[6, 3]`` in the order of :mod:`simscale_gym.dressing.people.body`; children have no grey hair."""
    palettes = (UPPERS, LOWERS, SKINS, HAIRS[:4] if child else HAIRS, SHOES, UPPERS)
    rows = [palette[int(rng.integers(len(palette)))] for palette in palettes]
    colors = np.array(rows, float)
    return np.clip(colors * rng.uniform(0.85, 1.15, (6, 1)), 0.0, 1.0)
