"""Nodes for road users that a trained scene has no Gaussians for, so that nobody drives or walks there unseen."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from simscale_gym.dressing.dress import weather
from simscale_gym.dressing.looks.look_cache import LookCache
from simscale_gym.dressing.nodes.node import NodeModel, shaded_rgb
from simscale_gym.dressing.nodes.template_cache import TemplateCache
from simscale_gym.geometry import se3
from simscale_gym.scene import Scene
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.gaussians import Gaussians

_LEVEL = 1
"""Level of detail: made to be seen from 8 to 25 m."""

_SUN = 0.4
"""Share of the sun that reaches them: between shade and light, as nobody knows what a trained scene was lit with."""

_HEADINGS = 4
"""A stand-in keeps one light whatever its heading: the mean of the shade towards this many."""


def stand_ins(scene: Scene, known: Collection[str], *, cache: Path | None = None) -> tuple[NodeAsset, ...]:
    """Nodes of the dressing, in half shade, for the tracks of a scene whose ids are not `known`.

    Their frames lie in the middle of their boxes and they have no poses: they stand level at their tracks' heights.

    Args:
        scene: The scene with the tracks.
        known: Ids of the tracks that have Gaussians.
        cache: Folder that keeps templates; None keeps none.
    """
    store = TemplateCache(LookCache(cache))
    light, _ = weather(scene.map, 0)
    tracks = scene.tracks
    nodes = []
    for row, name in enumerate(tracks.ids):
        if name in known:
            continue
        model = NodeModel.of(int(tracks.types[row]), tracks.sizes[row], zlib.crc32(name.encode()), store.get)
        turns = 2.0 * np.pi * np.arange(_HEADINGS) / _HEADINGS
        rgb = np.mean([shaded_rgb(model, _LEVEL, turn, _SUN, light) for turn in turns], axis=0)
        plain = model.level(_LEVEL).gaussians
        lit = Gaussians.from_rgb(plain.means, plain.quats, plain.scales, plain.opacities, rgb)
        lowered = se3.rigid(np.eye(3), np.array([0.0, 0.0, -tracks.sizes[row, 2] / 2]))
        nodes.append(NodeAsset(name, "rigid", lit.transformed(lowered), size=tracks.sizes[row]))
    return tuple(nodes)
