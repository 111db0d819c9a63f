"""Grades of a street: how finely it is dressed for cameras that show few pixels, more, or many."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Grade:
    """One of the ways in which a street is dressed.

    Attributes:
        most: Greatest focal length that it is for [px].
        detail: Distances up to which things are built in full (see `dress_static`).
        focal: Focal length that borders and textures are cut for [px]; 0 for as coarse as they ask for.
    """

    most: float
    detail: float
    focal: float


COARSE = Grade(400.0, 0.75, 0.0)
"""For pictures up to 480 pixels wide: what planners are trained with, and exports are enlarged from."""

GRADES = (COARSE, Grade(900.0, 1.0, 600.0), Grade(math.inf, 1.5, 1545.0))
"""All, the coarsest first. nuPlan's cameras have 206, 515 and 1545 pixels at widths of 256, 640 and 1920."""


def grade_of(focal: float) -> Grade:
    """The grade for cameras of focal length ``focal`` [px]."""
    return next(grade for grade in GRADES if focal <= grade.most)
