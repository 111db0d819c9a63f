"""What the parts of vehicles and of other moving things are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Material:
    """A surface.

    Attributes:
        albedo: sRGB 0..1; of paint, the factor on the vehicle's own color.
        gloss: Strength of mirrored surroundings.
        paint: Takes the owner's color: 1 the one that the part asks for, 2 the second.
        emissive: 1 for a lit lamp, shown as it is.
        brake: Lights up when the vehicle brakes.
    """

    albedo: tuple[float, float, float]
    gloss: float = 0.0
    paint: int = 0
    emissive: float = 0.0
    brake: bool = False


MATERIALS = {
    "paint": Material((1.0, 1.0, 1.0), 0.09, paint=1),
    "paint_low": Material((0.82, 0.82, 0.82), 0.06, paint=1),
    "seam": Material((0.34, 0.34, 0.34), 0.0, paint=1),
    "roof": Material((1.0, 1.0, 1.0), 0.09, paint=1),
    "accent": Material((1.0, 1.0, 1.0), 0.06, paint=2),
    "cargo": Material((0.80, 0.80, 0.79), 0.03),
    "cargo_seam": Material((0.50, 0.50, 0.50), 0.02),
    "glass": Material((0.10, 0.11, 0.118), 0.24),
    "screen": Material((0.11, 0.12, 0.128), 0.16),
    "inside": Material((0.06, 0.065, 0.07), 0.15),
    "trim": Material((0.06, 0.06, 0.065), 0.08),
    "plastic": Material((0.13, 0.13, 0.135), 0.03),
    "void": Material((0.03, 0.03, 0.032), 0.0),
    "grille": Material((0.05, 0.05, 0.055), 0.05),
    "chrome": Material((0.55, 0.56, 0.58), 0.35),
    "rubber": Material((0.12, 0.12, 0.125), 0.0),
    "rim": Material((0.60, 0.61, 0.63), 0.22),
    "rim_dark": Material((0.20, 0.20, 0.21), 0.10),
    "disc": Material((0.30, 0.30, 0.31), 0.08),
    "head": Material((0.80, 0.83, 0.87), 0.30),
    "head_inner": Material((0.28, 0.30, 0.33), 0.35),
    "head_lit": Material((1.0, 1.0, 0.97), 0.0, emissive=1.0),
    "tail": Material((0.72, 0.05, 0.05), 0.08, brake=True),
    "tail_dark": Material((0.33, 0.03, 0.035), 0.14),
    "reverse": Material((0.78, 0.76, 0.75), 0.15),
    "amber": Material((0.86, 0.45, 0.10), 0.12),
    "plate": Material((0.90, 0.90, 0.87), 0.02),
    "ink": Material((0.10, 0.10, 0.13), 0.0),
    "cloth": Material((1.0, 1.0, 1.0), 0.0, paint=1),
    "matt": Material((0.5, 0.5, 0.5)),
    "sign": Material((0.95, 0.62, 0.12), 0.0, emissive=1.0),
}
"""Albedos by eye against dashcam pictures; glass stays dark, what it mirrors comes from its gloss."""
