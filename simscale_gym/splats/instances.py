"""What a rasteriser draws of one moment: templates at their places, in colours and shapes of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.one_line import one_line


@dataclass(frozen=True, eq=False)
class Colors:
    """Base colours for instances of one template, in the form in which the rasteriser that made them draws them.

    Attributes:
        template: Number of the template.
        values: `[M, 3, 256]` float32 by chunk (CPU), or a tensor `[N, 3]` (gsplat).
    """

    template: int
    values: Any


@dataclass(frozen=True, eq=False)
class Shape:
    """Places and sizes of the Gaussians for instances of one template, in the form of the rasteriser that made them.

    Attributes:
        template: Number of the template.
        values: Lanes `[M, 10, 256]` float32 and bounds `[M, 5]` by chunk (CPU), or tensors by name (gsplat).
    """

    template: int
    values: Any


@dataclass(frozen=True, eq=False)
class Instances:
    """Templates at their places, at one moment. What stands still in the world comes first: gsplat copies it once.

    Attributes:
        templates: Numbers, `[I]` int64.
        poses: Node to world, `[I, 4, 4]`, rigid.
        colors: Base colours of each instance, None for its template's own; () if all have those.
        shapes: Shape of each instance, None for its template's own; () if all have that.
        color_turns: Rotation from each node's frame to the one in which its view-dependent colours are given,
            `[I, 3, 3]`; its own, with which they turn, if None.
    """

    templates: np.ndarray
    poses: np.ndarray
    colors: Sequence[Colors | None] = ()
    shapes: Sequence[Shape | None] = ()
    color_turns: np.ndarray | None = None

    __repr__ = one_line

    def __post_init__(self) -> None:
        object.__setattr__(self, "templates", np.asarray(self.templates, np.int64))
        object.__setattr__(self, "poses", np.asarray(self.poses, np.float64))
        if self.color_turns is not None:
            object.__setattr__(self, "color_turns", np.asarray(self.color_turns, np.float64))

    def __len__(self) -> int:
        return len(self.templates)

    def check(self, templates: int) -> None:
        """Checks the instances before kernels see them, which check nothing.

        Args:
            templates: Number of templates that the rasteriser has.

        Raises:
            ArgumentError: Something is not of `[I]` instances, or not of the template that it is drawn with.
        """
        index = self.templates
        if index.ndim != 1 or ((index < 0) | (index >= templates)).any():
            raise ArgumentError(
                f"instances.templates is {index}, expected a list of numbers in 0..{templates - 1}."
            )
        check_finite("instances.poses", self.poses, (len(index), 4, 4))
        if self.color_turns is not None:
            check_finite("instances.color_turns", self.color_turns, (len(index), 3, 3))
        for name in ("colors", "shapes"):
            own = getattr(self, name)
            if len(own) not in (0, len(index)):
                raise ArgumentError(f"instances.{name} are {len(own)}, expected one of each of {len(index)}.")
            for number, value in zip(index, own, strict=False):
                if value is not None and value.template != number:
                    raise ArgumentError(
                        f"instances.{name}: made for template {value.template}, given to template {number}."
                    )


FIRST = Instances([0], np.eye(4)[None])
"""The first template once, at the origin."""


def check_finite(name: str, value: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raises ArgumentError unless `value` is finite and of `shape`."""
    if value.shape != shape or not np.isfinite(value).all():
        raise ArgumentError(f"{name} has shape {value.shape}, expected finite values of shape {shape}.")
