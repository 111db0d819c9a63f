"""A scene's tracks as templates of a rasteriser: which to draw, where, and how lit."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.looks.look_cache import LookCache
from simscale_gym.dressing.looks.packed_look import PackedLook
from simscale_gym.dressing.nodes.node import NodeModel, lod_at, shaded_rgb, stride_phase
from simscale_gym.dressing.nodes.template_store import TemplateStore
from simscale_gym.geometry import se3
from simscale_gym.scene import Scene
from simscale_gym.splats.rasterizer import Rasterizer

Array = NDArray[np.float64]

REACH = 160.0
"""Tracks farther from the camera are not drawn [m]."""

_HEADING_STEP = np.radians(2.0)  # light is a function of heading and shade in these steps,
_SHADE_STEPS = 16  # so a picture depends on the state alone, not on what was drawn before


class _Key(NamedTuple):
    row: int
    lod: int
    phase: int


class NodeSet:
    """Templates of all tracks' levels of detail, made when first needed and relit as they turn.

    Args:
        scene: Its tracks are read.
        look: Gives light and shadows.
        rasterizer: Receives the templates.
        cache: Keeps the geometry of levels of detail.
    """

    def __init__(self, scene: Scene, look: PackedLook, rasterizer: Rasterizer, cache: LookCache) -> None:
        tracks = scene.tracks
        self._light, self._rasterizer = look.light, rasterizer
        self._shade, self._ground = look.shade, look.ground
        templates = TemplateStore(cache)
        self._heights = tracks.sizes[:, 2]
        self._models = [
            NodeModel.of(int(kind), size, zlib.crc32(name.encode()), templates.get)
            for kind, size, name in zip(tracks.types, tracks.sizes, tracks.ids, strict=True)
        ]
        self._walks = np.array([model.look.walks for model in self._models], bool)
        self._templates: dict[_Key, int] = {}
        self._lit: dict[_Key, tuple[int, int, bool]] = {}

    def instances(
        self,
        eye: Array,
        focal: float,
        poses: Array,
        valid: NDArray[np.bool_],
        braking: NDArray[np.bool_] | None = None,
    ) -> tuple[list[int], Array]:
        """Templates ``[I]`` to draw and their poses ``[I, 4, 4]``, lit for where they are.

        Args:
            eye: ``[3]`` of the ego.
            focal: Of the sharpest camera [px].
            poses: ``[N, 3]``.
            valid: ``[N]``.
            braking: ``[N]``.
        """
        distance = np.hypot(*(poses[:, :2] - eye[:2]).T)
        rows = np.flatnonzero(valid & (distance < REACH))
        levels = lod_at(distance[rows], focal)
        along = poses[rows, 0] * np.cos(poses[rows, 2]) + poses[rows, 1] * np.sin(poses[rows, 2])
        phases = stride_phase(along, self._heights[rows])
        shades = np.round(self._shade.at(poses[rows, :2]) * _SHADE_STEPS).astype(int)
        turns = np.round(poses[rows, 2] / _HEADING_STEP).astype(int)
        brakes = np.zeros(len(poses), bool) if braking is None else braking
        templates = []
        for row, level, phase, turn, shade in zip(rows, levels, phases, turns, shades, strict=True):
            key = _Key(int(row), int(level), int(phase) if self._models[row].look.walks else 0)
            templates.append(self._template(key, (int(turn), int(shade), bool(brakes[row]))))
        return templates, se3.planar_to_rigid(
            poses[rows], self._ground.at(poses[rows, :2], self._walks[rows])
        )

    def _template(self, key: _Key, light: tuple[int, int, bool]) -> int:
        model = self._models[key.row]
        if key not in self._templates:
            self._templates[key] = self._rasterizer.add(model.level(key.lod, key.phase).gaussians)
        if self._lit.get(key) != light:
            turn, shade, braking = light
            rgb = shaded_rgb(
                model,
                key.lod,
                turn * _HEADING_STEP,
                shade / _SHADE_STEPS,
                self._light,
                phase=key.phase,
                braking=braking,
            )
            self._rasterizer.recolor(self._templates[key], rgb)
            self._lit[key] = light
        return self._templates[key]
