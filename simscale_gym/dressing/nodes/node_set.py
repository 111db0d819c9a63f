"""A scene's tracks as templates of a rasteriser: which to draw, where, and how lit."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.light.bake import Sunlight
from simscale_gym.dressing.looks.look_cache import LookCache
from simscale_gym.dressing.looks.packed_look import PackedLook
from simscale_gym.dressing.nodes.node import NodeModel, lod_at, shaded_rgb, stride_phase
from simscale_gym.dressing.nodes.template_cache import TemplateCache
from simscale_gym.geometry import se3
from simscale_gym.scene import Moment, Scene, on_other_level
from simscale_gym.splats.instances import Colors
from simscale_gym.splats.rasterizer import Rasterizer

Array = NDArray[np.float64]

REACH = 160.0
"""Tracks farther from the camera are not drawn [m]."""

KEPT_COLORS = 512
"""Colours of tracks in some light that are kept for the next pictures: 190 kB of the nearest level, 8 kB on average."""

_HEADING_STEP = np.radians(2.0)  # light is a function of heading and shade in these steps,
_SHADE_STEPS = 16  # so a picture depends on the state alone, not on what was drawn before


class _Key(NamedTuple):
    row: int
    lod: int
    phase: int


class _Light(NamedTuple):
    turn: int
    shade: int
    braking: bool


class NodeSet:
    """Templates of all tracks' levels of detail, made when first needed, and their colours in the light.

    Args:
        scene: Scene whose tracks are drawn.
        look: Look of the scene, whose light and shadows fall on the nodes.
        rasterizer: Rasteriser that receives the templates.
        cache: Cache that keeps the geometry of levels of detail.
    """

    def __init__(self, scene: Scene, look: PackedLook, rasterizer: Rasterizer, cache: LookCache) -> None:
        tracks = scene.tracks
        self._rasterizer, self._shade, self._ground = rasterizer, look.shade, look.ground
        templates = TemplateCache(cache)
        self._heights = tracks.sizes[:, 2]
        self._tracks, self._elsewhere = tracks, on_other_level(scene)
        self._models = [
            NodeModel.of(int(kind), size, zlib.crc32(name.encode()), templates.get)
            for kind, size, name in zip(tracks.types, tracks.sizes, tracks.ids, strict=True)
        ]
        self._walks = np.array([model.look.walks for model in self._models], bool)
        self._templates: dict[_Key, int] = {}
        lit = partial(_lit_colors, self._models, look.light, rasterizer)
        self._colors = lru_cache(KEPT_COLORS)(lit)  # of no method: a renderer is freed with its last user

    def instances(self, eye: Array, focal: float, moment: Moment) -> tuple[list[int], Array, list[Colors]]:
        """Templates ``[I]`` to draw, their poses ``[I, 4, 4]``, and their colours ``[I]`` where they are.

        Args:
            eye: ``[3]`` place of the ego that levels of detail are chosen for [m].
            focal: Focal length of the sharpest camera [px].
            moment: Moment to draw: poses of the tracks, and their brake lamps.
        """
        poses = moment.poses
        distance = np.hypot(*(poses[:, :2] - eye[:2]).T)
        rows = np.flatnonzero(moment.valid & (distance < REACH))
        levels = lod_at(distance[rows], focal)
        along = poses[rows, 0] * np.cos(poses[rows, 2]) + poses[rows, 1] * np.sin(poses[rows, 2])
        phases = np.where(self._walks[rows], stride_phase(along, self._heights[rows]), 0)
        shades = np.round(self._shade.at(poses[rows, :2]) * _SHADE_STEPS).astype(int)
        turns = np.round(poses[rows, 2] / _HEADING_STEP).astype(int)
        keys = map(_Key, rows.tolist(), levels.tolist(), phases.tolist())
        lights = map(_Light, turns.tolist(), shades.tolist(), moment.braking[rows].tolist())
        templates, colors = [], []
        for key, light in zip(keys, lights, strict=True):
            templates.append(self._template(key))
            colors.append(self._colors(templates[-1], key, light))
        return templates, se3.planar_to_rigid(poses[rows], self._stand(rows, poses)), colors

    def _stand(self, rows: NDArray[np.int64], poses: Array) -> Array:
        """Heights that tracks ``rows [I]`` at ``poses [N, 3]`` stand at [m]: of the ground, or of their own road."""
        heights = self._ground.at(poses[rows, :2], self._walks[rows])
        for place in np.flatnonzero(self._elsewhere[rows]):
            row, tracks = rows[place], self._tracks
            seen = np.flatnonzero(tracks.valid[row])
            offset = tracks.poses[row, seen, :2] - poses[row, :2]
            frame = seen[(offset**2).sum(1).argmin()]
            heights[place] = tracks.z[row, frame] - tracks.sizes[row, 2] / 2.0
        return heights

    def _template(self, key: _Key) -> int:
        if key not in self._templates:
            model = self._models[key.row]
            self._templates[key] = self._rasterizer.add(model.level(key.lod, key.phase).gaussians)
        return self._templates[key]


def _lit_colors(
    models: Sequence[NodeModel],
    sun: Sunlight,
    rasterizer: Rasterizer,
    template: int,
    key: _Key,
    light: _Light,
) -> Colors:
    """Colours of a track's level in the light that it stands in."""
    heading, shade = light.turn * _HEADING_STEP, light.shade / _SHADE_STEPS
    rgb = shaded_rgb(models[key.row], key.lod, heading, shade, sun, phase=key.phase, braking=light.braking)
    return rasterizer.colors(template, rgb)
