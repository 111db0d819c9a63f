"""Where things are in the map of a city, worked out once, so that a log reads only what lies around its drive."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.files.cache import cache_root
from simscale_gym.files.digests import stamped_key
from simscale_gym.files.shelf import Shelf
from simscale_gym.sources.nuplan.geopackage import Layer
from simscale_gym.sources.nuplan.lanes import CONNECTOR_AREAS, fid_text

Array = NDArray[np.float64]
Fids = NDArray[np.int64]

_LOG = logging.getLogger("simscale_gym")
_NONE = -1
_OWNERS: dict[str, tuple[str, ...]] = {
    "lanes_polygons": ("lane_group_fid",),
    "lane_connectors": ("lane_group_connector_fid",),
    CONNECTOR_AREAS: ("lane_connector_fid",),
    "baseline_paths": ("lane_fid", "lane_connector_fid"),
}
_SIDES = {name: ("left_boundary_fid", "right_boundary_fid") for name in ("lanes_polygons", CONNECTOR_AREAS)}
_BLOCKS = ("lane_groups_polygons", "lane_group_connectors")


@dataclass(frozen=True, eq=False)
class LayerIndex:
    """Where the rows of a layer are, and whose.

    Attributes:
        fids: ``[R]`` keys of the rows.
        bounds: ``[R, 4]`` least x, y, greatest x, y [m], in the map's projected system.
        links: Fids ``[R]`` that columns of the layer hold, by column; -1 where there is none.
    """

    fids: Fids
    bounds: Array
    links: Mapping[str, Fids]

    def near(self, bounds: Array) -> Fids:
        """Fids of the rows whose bounds meet ``bounds [4]``."""
        meets = (self.bounds[:, :2] <= bounds[2:]) & (self.bounds[:, 2:] >= bounds[:2])
        return self.fids[meets.all(1)]

    def of(self, column: str, owners: Fids) -> NDArray[np.bool_]:
        """Whether the row names one of ``owners`` in ``column``, ``[R]``."""
        return np.isin(self.links[column], owners)


@dataclass(frozen=True, eq=False)
class MapIndex:
    """Where the rows of all layers of a map are.

    Attributes:
        layers: Indices by name of the layer.
    """

    layers: Mapping[str, LayerIndex]

    @classmethod
    def of(cls, layers: Iterable[tuple[str, Layer]]) -> MapIndex:
        """The index of a map whose layers come whole, one after the other."""
        return cls({name: _layer_index(name, layer) for name, layer in layers})

    def rows_around(self, bounds: Array) -> dict[str, Fids]:
        """Fids to read by layer: what meets ``bounds [4]``, and all lanes of the roadblocks that do."""
        layers = self.layers
        near = {name: layer.near(bounds) for name, layer in layers.items()}
        groups, joints = (near[name] for name in _BLOCKS)
        lanes = _of(layers["lanes_polygons"], ("lane_group_fid", groups))
        connectors = _of(layers["lane_connectors"], ("lane_group_connector_fid", joints))
        areas = _of(layers[CONNECTOR_AREAS], ("lane_connector_fid", connectors))
        sides = [
            layers[name].links[side][np.isin(layers[name].fids, fids)]
            for name, fids in (("lanes_polygons", lanes), (CONNECTOR_AREAS, areas))
            for side in _SIDES[name]
        ]
        return near | {
            "lanes_polygons": lanes,
            "lane_connectors": connectors,
            CONNECTOR_AREAS: areas,
            "baseline_paths": _of(
                layers["baseline_paths"], ("lane_fid", lanes), ("lane_connector_fid", connectors)
            ),
            "boundaries": np.setdiff1d(np.concatenate(sides), [_NONE]),
        }


def kept_index(path: Path, layers: Callable[[], Iterable[tuple[str, Layer]]]) -> MapIndex:
    """The index of the map ``path``: the cache's, or made from its ``layers`` where the cache has none."""

    def make() -> MapIndex:
        megabytes = path.stat().st_size / 1e6
        _LOG.warning("Indexing the map %s (%.0f MB), once: seconds to a minute.", path, megabytes)
        return MapIndex.of(layers())

    shelf = Shelf(cache_root() / "compiled" / "city_maps" / stamped_key([path]))
    return shelf.kept("index", (MapIndex, LayerIndex), make)


def _of(layer: LayerIndex, *owners: tuple[str, Fids]) -> Fids:
    return layer.fids[np.logical_or.reduce([layer.of(column, fids) for column, fids in owners])]


def _layer_index(name: str, layer: Layer) -> LayerIndex:
    columns = (*_OWNERS.get(name, ()), *_SIDES.get(name, ()))
    return LayerIndex(
        fids=_numbers(layer.table["fid"]),
        bounds=shapely.bounds(layer.geometries).reshape(-1, 4),
        links={column: _numbers(layer.table[column]) for column in columns},
    )


def _numbers(values: Iterable[object]) -> Fids:
    return np.array([int(fid_text(value) or _NONE) for value in values], np.int64)
