"""Moving nodes: for each track one rigid set of Gaussians, at several levels of detail, lit by its heading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.light.bake import Sunlight, frame_quats
from simscale_gym.dressing.light.relight import LitSurfaces, relight
from simscale_gym.dressing.nodes.node_looks import Look, look_of, look_template
from simscale_gym.dressing.nodes.template import Template
from simscale_gym.dressing.people.person import STRIDE_LENGTH, STRIDE_PHASES
from simscale_gym.dressing.surfels.surfels import Surfels
from simscale_gym.errors import ArgumentError
from simscale_gym.scene import TrackType
from simscale_gym.splats.gaussians import Gaussians

Array = NDArray[np.float32]

NODE_LODS = (8.0, 25.0, 60.0)
"""Distances at which a node gives way to the next coarser of its four levels [m], for FOCAL.

The pieces along painted borders of a car are 0.014 m (near) and 0.032 m wide, 2.5 px at 3 and 6 m; the two far
levels follow borders by clipped cells of 0.23 and 0.60 m. Renders of both levels at a change differ by 0.02 to
0.05 of full scale on average over the node."""

FOCAL = 532.0
"""Focal length that NODE_LODS holds for [px]: 640 px wide at 62 degrees."""


def lod_at(distance: ArrayLike, focal: float = FOCAL) -> NDArray[np.int64]:
    """Level of detail for nodes at ``distance`` [m] seen with ``focal`` [px]: 0 near .. 3 very far."""
    return np.searchsorted(NODE_LODS, np.asarray(distance, float) * (FOCAL / focal), side="right")


def stride_phase(travelled: ArrayLike, height: ArrayLike) -> NDArray[np.int64]:
    """Phase of the stride that a pedestrian of ``height`` [m] shows after walking ``travelled`` [m]."""
    stride = STRIDE_LENGTH * np.maximum(np.asarray(height, float), 0.5)
    return np.floor(np.asarray(travelled, float) / stride * STRIDE_PHASES).astype(np.int64) % STRIDE_PHASES


def node_surfels(track_type: int, size: ArrayLike, seed: int, *, lod: int = 0, phase: int = 0) -> Surfels:
    """What a track looks like, in its own frame.

    The frame's origin is the centre of the box projected to the road, x forward, y left, z up.

    Args:
        track_type: A :class:`TrackType`.
        size: ``[3]`` length, width, height of the box [m].
        seed: Seed of kind, clothes and paint.
        lod: Level of detail, 0 .. 3.
        phase: Phase of a pedestrian's stride, 0 .. 3.
    """
    return NodeModel.of(track_type, size, seed).level(lod, phase).surfels


@dataclass(frozen=True, eq=False)
class NodeLevel:
    """One level of detail of a node.

    Attributes:
        surfels: Geometry and materials of the level.
        brake: ``[N]`` whether a surfel lights up when braking.
    """

    surfels: Surfels
    brake: NDArray[np.bool_]

    @cached_property
    def surfaces(self) -> LitSurfaces:
        """What light needs to know."""
        return LitSurfaces.of(self.surfels, self.brake)

    @cached_property
    def gaussians(self) -> Gaussians:
        """Geometry with unlit colors, in the order of the surfels."""
        s = self.surfels
        return Gaussians.from_rgb(s.centers, frame_quats(s.u, s.v), s.sigmas, s.opacity, s.albedo)


@dataclass(frozen=True, eq=False)
class NodeModel:
    """A track's look; its levels are made when first asked for, out of templates that tracks of a kind share.

    Attributes:
        look: Template, stretch and colors.
        templates: Function that gives templates (arguments of :func:`look_template`).
    """

    look: Look
    templates: Callable[[str, str, int, int], Template]
    _levels: dict[tuple[int, int], NodeLevel] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        track_type: int,
        size: ArrayLike,
        seed: int,
        templates: Callable[[str, str, int, int], Template] | None = None,
    ) -> NodeModel:
        """The look of a track (arguments as of :func:`node_surfels`); templates are made here if None."""
        size = np.asarray(size, float)
        if size.shape != (3,) or not np.isfinite(size).all() or (size <= 0.0).any():
            raise ArgumentError(f"size is {size}, expected three lengths above 0: length, width, height [m].")
        if track_type not in set(TrackType):
            names = ", ".join(f"{t.value} {t.name}" for t in TrackType)
            raise ArgumentError(f"track_type is {track_type!r}, expected one of {names}.")
        return cls(look_of(TrackType(track_type), size, seed), templates or _template)

    def level(self, lod: int, phase: int = 0) -> NodeLevel:
        """Level of detail ``lod`` 0 .. 3, at ``phase`` of the stride (pedestrians only)."""
        if lod not in range(len(NODE_LODS) + 1):
            raise ArgumentError(f"lod is {lod}, expected 0 (near) .. {len(NODE_LODS)} (very far).")
        key = (lod, phase % STRIDE_PHASES if self.look.walks else 0)
        if key not in self._levels:
            template = self.templates(self.look.family, self.look.name, *key)
            surfels = template.stretched(self.look.scale, self.look.paints)
            self._levels[key] = NodeLevel(surfels, template.brake)
        return self._levels[key]


def shaded_rgb(
    model: NodeModel,
    lod: int,
    heading: float,
    sun_visibility: Array | float,
    light: Sunlight,
    *,
    phase: int = 0,
    braking: bool = False,
) -> Array:
    """Colors ``[N, 3]`` sRGB of a node's level, in the order of its Gaussians.

    Args:
        model: The node.
        lod: Level of detail.
        heading: Heading of the node in the scene [rad].
        sun_visibility: Share of the sun seen from the node, one or ``[N]``.
        light: The scene's light.
        phase: Phase of a pedestrian's stride, 0 .. 3.
        braking: Whether brake lamps shine.
    """
    return relight(model.level(lod, phase).surfaces, heading, sun_visibility, light, braking=braking)


@lru_cache(maxsize=256)
def _template(family: str, name: str, lod: int, phase: int) -> Template:
    """Templates are pure functions of their names: made once, shared by all tracks."""
    return look_template(family, name, lod, phase)
