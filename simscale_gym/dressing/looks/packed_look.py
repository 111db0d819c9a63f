"""A scene's static look as the rasteriser wants it, kept on disk between runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simscale_gym.dressing.dress import dress_static
from simscale_gym.dressing.ground.heights import GroundHeights
from simscale_gym.dressing.light.bake import Sunlight
from simscale_gym.dressing.light.shade_field import ShadeField
from simscale_gym.dressing.light.sky import Sky
from simscale_gym.dressing.looks.grade import COARSE, Grade
from simscale_gym.dressing.looks.look_cache import LookCache, content_key
from simscale_gym.scene import RoadMap, Scene, Shapes
from simscale_gym.scene.derived import compiled
from simscale_gym.splats.cpu.pack import L00, LEVELS, PackedGaussians, pack


@dataclass(frozen=True, eq=False)
class PackedLook:
    """Everything that does not move, lit and packed, and what is needed to light what does.

    Attributes:
        packed: Everything but the sky, at several levels of detail.
        sky: The sky behind everything.
        light: The light that it was lit with.
        shade: The shadows that fall on what moves.
        ground: Heights at which what moves stands.
    """

    packed: PackedGaussians
    sky: Sky
    light: Sunlight
    shade: ShadeField
    ground: GroundHeights

    @classmethod
    def of(cls, scene: Scene, shapes: Shapes, cache: LookCache) -> PackedLook:
        """The look of ``scene`` with ``shapes`` beside its roads; the same whether it was kept or made."""
        arrays = cache.get(content_key("static", *_made_from(scene, shapes)), lambda: _made(scene, shapes))
        return cls(
            _unstored(arrays),
            Sky(arrays["sky"].astype(np.float32), arrays["haze"]),
            Sunlight(tuple(float(x) for x in arrays["sun"])),
            ShadeField(arrays["shade_low"], arrays["shade"]),
            GroundHeights(*(arrays[f"ground_{name}"] for name in ("low", "road", "step"))),
        )


def packed_street(scene: Scene, shapes: Shapes, grade: Grade, cache: LookCache) -> PackedGaussians:
    """The Gaussians of a `PackedLook` dressed in a finer grade: everything that does not move, under the same light."""

    def made() -> dict[str, np.ndarray]:
        look = dress_static(scene, shapes, detail=grade.detail, focal=grade.focal)
        return _stored(pack(look.gaussians, levels=LEVELS))

    return _unstored(cache.get(content_key("street", *_made_from(scene, shapes), grade), made))


def _made_from(scene: Scene, shapes: Shapes) -> tuple[object, ...]:
    return scene.source, scene.log_id, scene.id, _map_name(scene.map), scene.route, scene.ego, shapes


@compiled()
def _map_name(road_map: RoadMap) -> str:
    """What names of looks say of a map: to look at all of it takes a tenth of a second."""
    return content_key(road_map)


def _stored(packed: PackedGaussians) -> dict[str, np.ndarray]:
    """Gaussians as arrays; all but places in half precision, which no picture shows."""
    return {
        "places": packed.lanes[:, :L00],
        "values": packed.lanes[:, L00:].astype(np.float16),
        "bounds": packed.bounds,
        "order": packed.order,
        "spheres": packed.spheres,
        "level_chunks": packed.level_chunks,
        "grains": packed.grains,
    }


def _unstored(arrays: Mapping[str, np.ndarray]) -> PackedGaussians:
    places, values = arrays["places"], arrays["values"]
    lanes = np.empty((len(places), places.shape[1] + values.shape[1], places.shape[2]), np.float32)
    lanes[:, :L00], lanes[:, L00:] = places, values
    rest = np.empty((len(lanes), 0, lanes.shape[2]), np.float32)
    names = ("bounds", "order", "spheres", "level_chunks", "grains")
    return PackedGaussians(lanes, rest, *(arrays[name] for name in names))


def _made(scene: Scene, shapes: Shapes) -> dict[str, np.ndarray]:
    look = dress_static(scene, shapes, detail=COARSE.detail)
    ground, shade = GroundHeights.of(look.terrain), ShadeField.of(scene, look)
    packed = pack(look.gaussians, levels=LEVELS)
    return {
        **_stored(packed),
        "sky": look.sky.table.astype(np.float16),
        "haze": look.sky.haze,
        "sun": np.array(look.light.direction),
        "shade_low": shade.low,
        "shade": shade.values,
        "ground_low": ground.low,
        "ground_road": ground.road,
        "ground_step": ground.step,
    }
