"""Bicycles, ridden and parked."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.nodes.template import Template, pieces
from simscale_gym.dressing.people.body import EXTRA, Build, Figure, body
from simscale_gym.dressing.surfels.loft import loft_pieces
from simscale_gym.dressing.vehicles.wheels import contact_shadow

Array = NDArray[np.float64]

LENGTH, HEIGHT, RIDDEN_HEIGHT = 1.78, 1.10, 1.78
"""Size of the template: from tyre to tyre, up to the handlebar, up to the rider's helmet [m]."""

WHEEL = 0.345
AXLES = (-0.53, 0.53)
JOINTS = {
    "rear": (-0.53, 0.0, WHEEL), "front": (0.53, 0.0, WHEEL), "crank": (-0.07, 0.0, 0.29), "seat": (-0.24, 0.0, 0.88),
    "head_low": (0.40, 0.0, 0.70), "head_high": (0.34, 0.0, 0.87),
    "stem": (0.32, 0.0, 1.00), "cluster": (-0.20, 0.0, 0.80),
}  # fmt: skip
"""Joints of a city bicycle's frame [m]."""

TUBES = (
    ("crank", "cluster", 0.017), ("cluster", "head_high", 0.016), ("crank", "head_low", 0.020),
    ("crank", "rear", 0.010), ("cluster", "rear", 0.009), ("head_low", "head_high", 0.020),
    ("head_low", "front", 0.012),
)  # fmt: skip
STEPS = (0.045, 0.09, 0.18, 0.36)
"""Length of the pieces of a tube at each level of detail [m]."""


def bicycle_template(lod: int) -> Template:
    """An unridden bicycle; its frame takes color 5."""
    parts = [_tube(JOINTS[a], JOINTS[b], radius, "cloth", lod, EXTRA) for a, b, radius in TUBES]
    parts += [_tube(JOINTS["cluster"], JOINTS["seat"], 0.013, "chrome", lod)]
    parts += [_tube(JOINTS["head_high"], JOINTS["stem"], 0.014, "chrome", lod)]
    grips = [
        (0.24, 0.29, 1.02),
        (0.32, 0.18, 1.03),
        (0.33, 0.0, 1.0),
        (0.32, -0.18, 1.03),
        (0.24, -0.29, 1.02),
    ]
    parts += [_tube(a, b, 0.013, "trim", lod) for a, b in pairwise(grips)]
    saddle = [(-0.38, 0, 0.90), (-0.36, 0, 0.905), (-0.26, 0, 0.91), (-0.12, 0, 0.905), (-0.10, 0, 0.90)]
    rings = max(2, round(6 * STEPS[0] / STEPS[lod]))
    parts.append(
        loft_pieces(
            saddle, [(0.01, 0.02), (0.03, 0.08), (0.03, 0.07), (0.02, 0.025), (0.01, 0.01)], rings, 7, "trim"
        )
    )
    parts.append(_crank(lod))
    for x in AXLES:
        parts += _wheel(x, lod)
    if lod < 3:
        parts.append(_lamps(lod))
        parts.append(contact_shadow(1.5, 0.12, 0.2, 0.30))
    return Template.concatenate(parts)


def cyclist_template(build: Build, lod: int) -> Template:
    """A bicycle and its rider."""
    return Template.concatenate([bicycle_template(lod), body(riding(), build, lod)])


def riding() -> Figure:
    """Joints of a rider: upright city posture, left foot low."""
    side = np.array([1.0, -1.0])
    pelvis, chest = np.array([-0.22, 0.0, 0.98]), np.array([0.0, 0.0, 1.40])
    hips = np.stack([[-0.20, -0.20], 0.085 * side, [0.95, 0.95]], 1)
    ankles = np.array([[-0.10, 0.10, 0.21], [-0.04, -0.10, 0.52]])
    knees = np.array([_knee(hip, ankle, 0.43, 0.42) for hip, ankle in zip(hips, ankles, strict=True)])
    shoulders = chest + np.stack([[0.02, 0.02], 0.185 * side, [-0.02, -0.02]], 1)
    wrists = np.stack([[0.22, 0.22], 0.27 * side, [1.05, 1.05]], 1)
    elbows = (shoulders + wrists) / 2 + np.stack([[-0.05, -0.05], 0.07 * side, [-0.04, -0.04]], 1)
    toes = np.array([[0.97, 0.02, -0.05], [0.98, -0.02, -0.15]])
    return Figure(
        pelvis, chest, chest + np.array([0.04, 0.0, 0.055]), chest + np.array([0.09, 0.0, 0.19]),
        hips, knees, ankles, shoulders, elbows, wrists, toes, np.array([1.0, 0.0, 0.0]),
    )  # fmt: skip


def _knee(hip: Array, ankle: Array, thigh: float, shin: float) -> Array:
    """The knee, bent forward, of a leg with both ends given."""
    reach = ankle - hip
    distance = min(float(np.linalg.norm(reach)), thigh + shin - 1e-3)
    along = (thigh**2 - shin**2 + distance**2) / (2 * distance)
    direction = reach / np.linalg.norm(reach)
    forward = np.array([1.0, 0.0, 0.0]) - direction[0] * direction
    return (
        hip + along * direction + np.sqrt(max(thigh**2 - along**2, 0.0)) * forward / np.linalg.norm(forward)
    )


def _tube(
    start: ArrayLike, end: ArrayLike, radius: float, material: str, lod: int, paint: int = 0
) -> Template:
    length = float(np.linalg.norm(np.subtract(end, start)))
    rings = max(1, int(np.ceil(length / STEPS[lod])))
    side = (0.0, 1.0, 0.0) if abs(end[1] - start[1]) < 0.5 * length else (0.0, 0.0, 1.0)
    return loft_pieces(
        [start, end], [(radius, radius)] * 2, rings, 5 - min(lod, 1), material, 0.72, side=side, paint=paint
    )


def _wheel(x: float, lod: int) -> list[Template]:
    around = (46, 26, 14, 8)[lod]
    angle = (np.arange(around) + 0.5) / around * 2 * np.pi
    out = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], 1)
    step = np.cross(out, [0.0, 1.0, 0.0]) * 0.68 * 2 * np.pi * WHEEL / around
    hub = np.array([x, 0.0, WHEEL])
    parts = []
    for radius, width, material in ((WHEEL - 0.012, 0.011, "rubber"), (WHEEL - 0.034, 0.007, "chrome"))[
        : 2 if lod < 2 else 1
    ]:
        for side in (1.0, -1.0):
            rows = np.tile([0.0, side, 0.0], (around, 1))
            parts.append(
                pieces(hub + radius * out + rows * 0.012, step, out * width, rows, material, occlusion=0.8)
            )
    parts.append(
        pieces(hub + (WHEEL - 0.002) * out, step, np.tile([0, 0.012, 0.0], (around, 1)), out, "rubber")
    )
    if lod < 2:
        for spoke in angle[:: 3 if lod == 0 else 4]:
            rim = hub + 0.30 * np.array([np.cos(spoke), 0.0, np.sin(spoke)])
            ends = hub + np.linspace(0.0, 1.0, 4)[:, None] * (rim - hub)
            middle, along = (ends[1:] + ends[:-1]) / 2, (ends[1:] - ends[:-1]) * 0.68
            across = np.cross(along[0], [0.0, 1.0, 0.0])
            thin = np.tile(across / np.linalg.norm(across) * 0.0022, (3, 1))
            parts.append(pieces(middle, along, thin, np.tile([0, 1.0, 0.0], (3, 1)), "chrome", opacity=0.8))
    parts.append(_tube(hub - [0, 0.05, 0], hub + np.array([0, 0.05, 0]), 0.018, "chrome", lod))
    return parts


def _crank(lod: int) -> Template:
    crank = np.array(JOINTS["crank"])
    feet = (crank + np.array([0.0, 0.08, -0.16]), crank + np.array([0.02, -0.08, 0.16]))
    arms = [
        _tube(crank + np.array([0, y, 0]), foot, 0.010, "trim", lod)
        for y, foot in zip((0.06, -0.06), feet, strict=True)
    ]
    pedals = [
        _tube(f + np.array([0, 0, 0]), f + np.array([0, y, 0]), 0.022, "trim", lod)
        for f, y in zip(feet, (0.09, -0.09), strict=True)
    ]
    return Template.concatenate(
        [*arms, *pedals, _tube(crank - [0, 0.05, 0], crank - [0, 0.035, 0], 0.09, "trim", lod)]
    )


def _lamps(lod: int) -> Template:
    front = _tube((0.42, 0, 0.90), (0.47, 0, 0.90), 0.030, "head_lit", lod)
    return Template.concatenate([front, _tube((-0.36, 0, 0.76), (-0.38, 0, 0.76), 0.030, "tail", lod)])
