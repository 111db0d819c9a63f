"""Clothed people from joints: lofted trunk, limbs, shoes and a head with hair and a hint of a face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.nodes.template import Template
from simscale_gym.dressing.surfels.loft import loft_pieces
from simscale_gym.dressing.surfels.surfels import unit

Array = NDArray[np.float64]

UPPER, LOWER, SKIN, HAIR, SHOES, EXTRA = range(6)
"""Colors of a person, in the order of the paints of its template."""

DETAIL = (1.0, 0.58, 0.34, 0.17)
"""Pieces along a line relative to the nearest level, for each level of detail."""


@dataclass(frozen=True, eq=False)
class Figure:
    """Joints of a person ``[3]`` each [m]; pairs are left, right.

    Attributes:
        pelvis, chest: Ends of the trunk (between the hips, between the shoulders).
        neck, head: Foot of the neck; middle of the head.
        hips, knees, ankles, shoulders, elbows, wrists: ``[2, 3]``.
        toes: ``[2, 3]`` direction of each foot.
        gaze: ``[3]`` direction of the face.
    """

    pelvis: Array
    chest: Array
    neck: Array
    head: Array
    hips: Array
    knees: Array
    ankles: Array
    shoulders: Array
    elbows: Array
    wrists: Array
    toes: Array
    gaze: Array


@dataclass(frozen=True)
class Build:
    """Stature and dress.

    Attributes:
        girth: Factor on the widths of trunk and limbs.
        head: Factor on the size of the head.
        coat: Length of the coat below the pelvis [m].
        long_hair: Hair down to the shoulders.
        bare_legs: Skin below the knees.
        helmet: A helmet in place of hair.
        backpack: A backpack on the back.
    """

    girth: float = 1.0
    head: float = 1.0
    coat: float = 0.06
    long_hair: bool = False
    bare_legs: bool = False
    helmet: bool = False
    backpack: bool = False


def body(figure: Figure, build: Build, lod: int) -> Template:
    """All pieces of a person at one level of detail."""
    parts = [_trunk(figure, build, lod), *_head(figure, build, lod)]
    for side in (0, 1):
        parts += _leg(figure, build, side, lod)
        parts += _arm(figure, build, side, lod)
    if build.backpack:
        parts.append(_backpack(figure, lod))
    return Template.concatenate(parts)


def limb(
    joints: ArrayLike,
    widths: ArrayLike,
    paint: int,
    size: tuple[int, int],
    lod: int,
    *,
    depth: float = 1.0,
    **options,
) -> Template:
    """A round limb through ``joints [K, 3]`` of half ``widths [K]`` [m]; ``size`` = rings and pieces around, near."""
    rings, around = (max(least, round(n * DETAIL[lod])) for n, least in zip(size, (2, 4), strict=True))
    widths = np.asarray(widths, float)
    k = (0.70, 0.66, 0.60, 0.56)[lod]
    return loft_pieces(
        joints, np.column_stack([widths * depth, widths]), rings, around, "cloth", k, paint=paint, **options
    )


def _trunk(figure: Figure, build: Build, lod: int) -> Template:
    pelvis, chest = figure.pelvis, figure.chest
    axis = unit(chest - pelvis)
    length = float(np.linalg.norm(chest - pelvis))
    ends = np.array(
        [-build.coat, -build.coat + 0.005, 0.0, 0.35 * length, 0.75 * length, length, length + 0.075]
    )
    widths = np.array([0.08, 0.186, 0.180, 0.158, 0.186, 0.172, 0.060]) * build.girth
    depths = np.array([0.06, 0.140, 0.134, 0.112, 0.125, 0.090, 0.055]) * build.girth
    rings, around = (max(4, round(n * DETAIL[lod])) for n in (18, 20))
    side = figure.shoulders[0] - figure.shoulders[1]
    k = (0.70, 0.66, 0.60, 0.56)[lod]
    trunk = loft_pieces(
        pelvis + ends[:, None] * axis, np.column_stack([depths, widths]), rings, around, "cloth", k,
        side=unit(side), paint=UPPER,
    )  # fmt: skip
    trunk.occlusion[:] = np.clip(0.6 + 0.4 * (trunk.centers[:, 2] - figure.pelvis[2] + 0.2) / 0.5, 0.4, 1.0)
    front = ((trunk.centers - pelvis) @ figure.gaze > 0.06) & (
        np.abs((trunk.centers - pelvis) @ unit(side)) < 0.02
    )
    trunk.albedo[front] *= 0.72  # the coat's closure
    return trunk


def _leg(figure: Figure, build: Build, side: int, lod: int) -> list[Template]:
    hip, knee, ankle = figure.hips[side], figure.knees[side], figure.ankles[side]
    upper = limb(
        [hip - [0, 0, 0.05], (hip + knee) / 2, knee],
        np.array([0.086, 0.082, 0.064]) * build.girth,
        LOWER,
        (9, 12),
        lod,
    )
    lower_paint = SKIN if build.bare_legs else LOWER
    calf = knee + 0.35 * (ankle - knee)
    widths = np.array([0.062, 0.062, 0.046]) * (0.85 if build.bare_legs else 1.0) * build.girth
    lower = limb([knee, calf, ankle], widths, lower_paint, (9, 11), lod, occlusion=0.85)
    toe = figure.toes[side]
    down = unit(ankle - knee)
    heel = ankle + 0.04 * down - 0.06 * toe
    shoe = limb(
        [heel, heel + 0.03 * toe, heel + 0.14 * toe, heel + 0.24 * toe, heel + 0.26 * toe],
        [0.012, 0.040, 0.046, 0.036, 0.01], SHOES, (7, 9), lod, occlusion=0.7,
    )  # fmt: skip
    return [upper, lower, shoe]


def _arm(figure: Figure, build: Build, side: int, lod: int) -> list[Template]:
    shoulder, elbow, wrist = figure.shoulders[side], figure.elbows[side], figure.wrists[side]
    out = unit(figure.shoulders[side] - figure.shoulders[1 - side])
    top = shoulder + np.array([0.0, 0.0, 0.040]) - 0.02 * out
    sleeve = limb(
        [top, top + 0.01 * out - [0, 0, 0.008], shoulder - [0, 0, 0.01], (shoulder + elbow) / 2, elbow],
        np.array([0.004, 0.030, 0.062, 0.056, 0.047]) * build.girth, UPPER, (10, 10), lod,
    )  # fmt: skip
    lower = limb([elbow, wrist], np.array([0.047, 0.036]) * build.girth, UPPER, (6, 9), lod, occlusion=0.9)
    reach = unit(wrist - elbow)
    hand = limb(
        [wrist, wrist + 0.03 * reach, wrist + 0.09 * reach, wrist + 0.15 * reach], [0.026, 0.036, 0.036, 0.01],
        SKIN, (5, 7), lod, depth=0.6,
    )  # fmt: skip
    return [sleeve, lower, hand]


def _head(figure: Figure, build: Build, lod: int) -> list[Template]:
    """Head and neck; the face's features are painted on."""
    face, up, size = unit(figure.gaze), np.array([0.0, 0.0, 1.0]), build.head
    neck = limb(
        [figure.neck - [0, 0, 0.03], figure.head - 0.05 * up], [0.06, 0.052], SKIN, (4, 9), lod, occlusion=0.7
    )
    heights = np.array([-0.125, -0.12, -0.095, -0.05, 0.0, 0.05, 0.09, 0.118, 0.126]) * size
    depths = np.array([0.01, 0.045, 0.075, 0.092, 0.100, 0.099, 0.083, 0.045, 0.005]) * size
    widths = np.array([0.01, 0.035, 0.055, 0.069, 0.076, 0.078, 0.068, 0.04, 0.005]) * size
    rings, around = (max(4, round(n * DETAIL[lod])) for n in (18, 22))
    path = figure.head + heights[:, None] * up + 0.012 * face
    sideways = np.cross(up, face)
    k = (0.72, 0.66, 0.60, 0.56)[lod]
    skull = loft_pieces(
        path, np.column_stack([depths, widths]), rings, around, "cloth", k, side=sideways, paint=SKIN
    )
    local = (skull.centers - figure.head) / size
    ahead, across, high = local @ face, local @ sideways, local[:, 2]
    hairline = np.where(
        ahead > 0.02, 0.065, np.where(ahead > -0.02, 0.0, -0.085 if not build.long_hair else -0.2)
    )
    hair = (high > hairline) & ~((ahead > 0.05) & (high < 0.075))
    skull.paint[hair] = EXTRA if build.helmet else HAIR
    skull.centers[hair] += skull.normals[hair] * (0.022 if build.helmet else 0.010) * size
    _paint_face(skull, ahead, across, high, ~hair)
    parts = [neck, skull]
    if build.long_hair and not build.helmet:
        back = figure.head - 0.055 * face
        parts.append(
            limb(
                [back + 0.04 * up, back - 0.08 * up, back - 0.20 * up, back - 0.24 * up],
                np.array([0.06, 0.085, 0.075, 0.02]) * size,
                HAIR,
                (8, 12),
                lod,
                depth=0.6,
            )
        )
    return parts


def _paint_face(skull: Template, ahead: Array, across: Array, high: Array, skin: NDArray[np.bool_]) -> None:
    """Eyes in shadowed sockets, brows, mouth, darker under the chin; in place."""
    front = skin & (ahead > 0.055)
    side = np.abs(across)
    skull.albedo[front & (side > 0.017) & (side < 0.046) & (np.abs(high - 0.012) < 0.011)] = 0.38
    skull.albedo[front & (side > 0.014) & (side < 0.050) & (np.abs(high - 0.034) < 0.008)] = 0.55
    mouth = front & (side < 0.026) & (np.abs(high + 0.062) < 0.008)
    skull.albedo[mouth] = (0.72, 0.50, 0.50)
    skull.albedo[front & (side < 0.014) & (high > -0.045) & (high < -0.02)] *= 0.9
    skull.occlusion[skin & (high < -0.08)] = 0.55


def _backpack(figure: Figure, lod: int) -> Template:
    back = -unit(figure.gaze * [1.0, 1.0, 0.0])
    low, high = (
        figure.pelvis + 0.10 * np.array([0, 0, 1.0]) + 0.17 * back,
        figure.chest - [0, 0, 0.03] + 0.15 * back,
    )
    path = [low, low + 0.02 * (high - low), (low + high) / 2, high - 0.06 * (high - low), high]
    return limb(path, [0.03, 0.14, 0.155, 0.125, 0.03], EXTRA, (12, 14), lod, depth=0.6)
