"""Traffic signals out of surfels: pole, arm, housings with visors; their lamps apart, since they change."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.surfels.grading import SHARP_GROWTH, graded_edges
from simscale_gym.dressing.surfels.sharpness import AS_ASKED, Sharpness
from simscale_gym.dressing.surfels.sheets import SheetBuilder
from simscale_gym.dressing.surfels.surfels import SurfelBuilder, Surfels
from simscale_gym.scene.lights import LightStatus
from simscale_gym.scene.shapes import Fixture

Array = NDArray[np.float64]

FORWARD, LEFT, UP = np.eye(3)
HOUSING = (0.20, 0.34, 1.06)  # depth, width, height [m]
LENS_RADIUS = 0.105
LENS_STEP = 0.345  # between lens centres [m]
NEAR_HEAD_TOP = 3.55  # of the head on the pole of a signal with an arm [m]
BLACK, GREY = (0.065, 0.07, 0.07), (0.30, 0.31, 0.32)
# Lit and dark glass, green to red as in LightStatus.
LIT = np.array([[0.16, 1.00, 0.55], [1.00, 0.76, 0.14], [1.00, 0.16, 0.11]])
DARK = np.array([[0.05, 0.15, 0.11], [0.20, 0.15, 0.06], [0.22, 0.05, 0.05]])
LAMP_OF_STATUS = {LightStatus.GREEN: 0, LightStatus.YELLOW: 1, LightStatus.RED: 2}


def head_feet(height: float, reach: float) -> Array:
    """Middle of the lower edge of each housing's front ``[H, 3]`` [m], in the frame of the signal's foot."""
    depth, _, tall = HOUSING
    front = 0.09 + depth
    if reach == 0.0:
        return np.array([[front, 0.0, height - tall - 0.05]])
    return np.array(
        [[front, 0.0, min(NEAR_HEAD_TOP, height - 0.4) - tall], [front, reach, height - 0.75 * tall]]
    )


def lens_centers(height: float, reach: float) -> Array:
    """Lens centres ``[H, 3, 3]`` [m] of each housing, green to red from below."""
    steps = 0.185 + LENS_STEP * np.arange(3)
    offsets = np.stack([np.full(3, 0.012), np.zeros(3), steps], 1)
    return head_feet(height, reach)[:, None] + offsets


def add_signal(builder: SheetBuilder, height: float, reach: float, lod: float) -> None:
    """A signal without its lamps, at the origin, facing x; its arm goes to y = ``reach``."""
    around, cell = (8 if lod < 2.0 else 5), 0.3 * min(lod, 2.0)
    builder.tube((0, 0, 0), (0, 0, 0.35), 0.11, 0.10, 0.6 * cell, around, GREY, k=0.66)
    top = height if reach == 0.0 else height + 0.1
    builder.tube((0, 0, 0.35), (0, 0, top), 0.07, 0.055, cell, around, GREY, k=0.66)
    builder.ball((0, 0, top), 0.06, 10, GREY)
    if reach != 0.0:
        builder.tube((0, 0, height - 0.15), (0, reach, height), 0.055, 0.045, cell, around, GREY, k=0.66)
    for index, foot in enumerate(head_feet(height, reach)):
        _add_head(builder, foot, index == 1 or reach == 0.0, lod)
    if lod < 2.5:
        _add_crossing_parts(builder)


def _add_head(builder: SheetBuilder, foot: Array, plate: bool, lod: float) -> None:
    depth, wide, tall = HOUSING
    low = foot - [depth, wide / 2, 0.0]
    cell = (0.115 * min(lod, 3.0), 0.125 * min(lod, 3.0))
    builder.box(low, foot + np.array([0.0, wide / 2, tall]), cell, BLACK, k=0.66, noise=0.02, gloss=0.05)
    if plate:
        back = foot - [0.10, 0.0, 0.0]
        for side in ((-0.33, -wide / 2), (wide / 2, 0.33)):
            builder.rect(back, LEFT, UP, side, (-0.1, tall + 0.1), (0.09, 0.2 * lod), BLACK, k=0.62)
        for span in ((-0.1, 0.0), (tall, tall + 0.1)):
            builder.rect(back, LEFT, UP, (-0.33, 0.33), span, (0.15 * lod, 0.1), BLACK, k=0.62)
        if lod < 2.5:
            _add_rim(builder, back, tall)
    if lod < 4.0:
        bracket = foot + 0.3 * tall * UP
        builder.tube(bracket - depth * FORWARD, bracket - foot[0] * FORWARD, 0.03, 0.03, 0.1, 5, GREY)
    for step in range(3):
        _add_visor(builder, foot + (0.185 + LENS_STEP * step) * UP, lod)


def _add_rim(builder: SheetBuilder, back: Array, tall: float) -> None:
    """The pale border of a background plate."""
    pale = (0.82, 0.82, 0.80)
    for y in (-0.345, 0.325):
        builder.rect(back, LEFT, UP, (y, y + 0.02), (-0.09, tall + 0.09), (0.02, 0.1), pale)
    for z in (-0.115, tall + 0.095):
        builder.rect(back, LEFT, UP, (-0.32, 0.32), (z, z + 0.02), (0.1, 0.02), pale)


def _add_visor(builder: SheetBuilder, lens: Array, lod: float) -> None:
    """A hood over the upper half of a lens."""
    if lod > 3.0:
        return
    count, radius = 9, 0.145
    if builder.sharpness.limits:
        _add_hood(builder, lens, radius)
        return
    angle = np.linspace(0.0, np.pi, count)
    normal = np.stack([np.zeros(count), np.cos(angle), np.sin(angle)], 1)
    centers = lens + radius * normal + 0.085 * FORWARD
    across = 0.62 * np.pi * radius / count
    builder.add(centers, FORWARD, np.cross(normal, FORWARD), [0.055, across], BLACK, normal=normal)


def _add_hood(builder: SheetBuilder, lens: Array, radius: float) -> None:
    """A visor of ``radius`` [m] with sharp rims."""
    limits = builder.sharpness
    borders = graded_edges(0.005, 0.165, 0.1, True, True, limits.border, SHARP_GROWTH, steady=True)
    count = int(np.ceil(np.pi * radius / limits.chord(radius)))
    angle = np.tile((np.arange(count) + 0.5) * np.pi / count, len(borders) - 1)
    middle, long = (np.repeat(x, count) for x in ((borders[1:] + borders[:-1]) / 2, np.diff(borders)))
    normal = np.stack([np.zeros(len(angle)), np.cos(angle), np.sin(angle)], 1)
    centers = lens + radius * normal + middle[:, None] * FORWARD
    sigmas = 0.62 * np.column_stack([long, np.full(len(angle), np.pi * radius / count)])
    builder.add(centers, FORWARD, np.cross(normal, FORWARD), sigmas, BLACK, normal=normal)


def _add_crossing_parts(builder: SheetBuilder) -> None:
    """The head and the push button for people on foot, at the pole's side."""
    builder.box((-0.12, 0.09, 2.15), (0.10, 0.26, 2.75), (0.11, 0.12), BLACK, k=0.66)
    for z, color in ((2.30, DARK[0]), (2.60, DARK[2])):
        builder.disc((-0.01, 0.275, z), -FORWARD, UP, 0.08, 2, color, noise=0.0)
    builder.box((-0.05, 0.07, 1.05), (0.05, 0.13, 1.27), (0.05, 0.11), (0.80, 0.66, 0.12), k=0.66)


@lru_cache(maxsize=256)
def _lamps(height: float, reach: float, status: LightStatus, sharpness: Sharpness) -> Surfels:
    builder = SurfelBuilder(np.random.default_rng(5), k=0.62, sharpness=sharpness)
    lit = LAMP_OF_STATUS.get(status, -1)
    # cut finely, a lens right before its housing is covered by the housing's larger pieces here and there
    before = 0.03 * FORWARD if sharpness.limits else 0.0 * FORWARD
    for head in lens_centers(height, reach) + before:
        for lamp, center in enumerate(head):
            if lamp != lit:
                builder.disc(center, LEFT, UP, LENS_RADIUS, 2, DARK[lamp], noise=0.0, gloss=0.12)
                continue
            # Brighter in the middle, as a camera sees a lamp, and a weak glow around it.
            bright = np.clip(LIT[lamp] + 0.28, 0.0, 1.0)
            builder.disc(center, LEFT, UP, LENS_RADIUS, 2, LIT[lamp], noise=0.0, emissive=1.0, opacity=0.985)
            builder.add(center + 0.02 * FORWARD, LEFT, UP, [0.042, 0.042], bright, opacity=0.85, emissive=1.0)
            builder.add(
                center + 0.20 * FORWARD, LEFT, UP, [0.15, 0.15], LIT[lamp], opacity=0.30, emissive=1.0
            )
    return builder.build()


def signal_lamp_surfels(fixture: Fixture, status: LightStatus, sharpness: Sharpness = AS_ASKED) -> Surfels:
    """The lamps of a signal as they show ``status``; all dark when it is UNKNOWN.

    Their number does not depend on the status but for the few surfels of the glow.
    """
    lamps = _lamps(round(fixture.height, 2), round(fixture.reach, 2), LightStatus(status), sharpness)
    return lamps.transformed(fixture_pose(fixture))


def fixture_pose(fixture: Fixture) -> Array:
    """Transform ``[4, 4]`` to the scene from the frame of a fixture's foot (x where it faces, y left, z up)."""
    cos, sin = np.cos(fixture.heading), np.sin(fixture.heading)
    pose = np.eye(4)
    pose[:2, :2] = [[cos, -sin], [sin, cos]]
    pose[:2, 3] = fixture.x, fixture.y
    return pose
