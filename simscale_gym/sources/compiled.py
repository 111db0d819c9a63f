"""Scenes compiled into flat arrays: what a source took a third of a second to read is mapped into memory.

A scene has a folder of the cache to itself, named by what it was read from; its map has another, named by what it
holds, so that the scenes of a log share it. Beside them lies whatever is :func:`simscale_gym.scene.derived.compiled`
from them. All environments of a process share the scenes that it has opened.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

from simscale_gym.files.cache import cache_root
from simscale_gym.files.digests import stamped_key
from simscale_gym.files.shelf import Shelf, content_key
from simscale_gym.progress import waiting
from simscale_gym.scene import (
    Area,
    BoundaryType,
    Building,
    Camera,
    CameraRig,
    EgoLog,
    Fixture,
    Ground,
    Intersection,
    IntersectionType,
    Lane,
    RecordedPictures,
    Roadblock,
    RoadMap,
    Scene,
    Shapes,
    StopLine,
    StopLineType,
    Tracks,
    TrafficLights,
    Tree,
    Turn,
    Vehicle,
)
from simscale_gym.scene.derived import shelve
from simscale_gym.scene.way import Way

KEPT_SCENES = 256
"""Scenes that a process holds open though nobody uses them; the pages behind them belong to all processes."""

_CLIP = (Camera, CameraRig, EgoLog, RecordedPictures, Tracks, TrafficLights, Vehicle, Way)
_MAP = (
    Area, BoundaryType, Intersection, IntersectionType, Lane, Roadblock, RoadMap, StopLine, StopLineType, Turn,
)  # fmt: skip
_SHAPES = (Building, Fixture, Ground, Shapes, Tree)
_ASIDE = ("map", "shapes")
_WORKED_OUT = ("way", "route_lane_ids", "lights_on_route")  # cached properties that every drive needs

_kept: OrderedDict[Path, Scene] = OrderedDict()
_scenes: WeakValueDictionary[Path, Scene] = WeakValueDictionary()
_maps: WeakValueDictionary[Path, RoadMap] = WeakValueDictionary()
_lock = Lock()


def compiled_scene(made_from: Iterable[Any], read: Callable[[], Scene], *, keep: bool = True) -> Scene:
    """The scene that ``read`` reads, compiled when it is first asked for; the same object as long as it stays open.

    Args:
        made_from: All that decides what is read: names, and paths of files, whose size, time of change and first
            bytes count.
        read: Reads it from its source.
        keep: Hold it open for the next who asks.
    """
    folder = cache_root() / "compiled" / "scenes" / stamped_key(made_from)
    with _lock:
        scene = _scenes.get(folder) or _open(Shelf(folder), read)
        _scenes[folder] = scene
        if keep:
            _kept[folder] = scene
            _kept.move_to_end(folder)
        while len(_kept) > KEPT_SCENES:
            _kept.popitem(last=False)
        return scene


def _open(shelf: Shelf, read: Callable[[], Scene]) -> Scene:
    @cache
    def once() -> Scene:
        with waiting("reading a scene"):
            return read()

    parts = shelf.kept("scene", _CLIP, lambda: _parts(once()))
    road_map = _map(shelf.folder.parents[1] / "maps" / parts["map"], once)
    scene = object.__new__(Scene)  # checked when it was read from its source
    scene.__dict__.update(parts, map=road_map, shapes=_Shapes(shelf, read) if parts["shapes"] else None)
    shelve(scene, shelf)
    return scene


@dataclass(frozen=True)
class _Shapes:
    """Side shapes, which only those who draw ask for."""

    shelf: Shelf
    read: Callable[[], Scene]

    def __call__(self) -> Shapes | None:
        return self.shelf.kept("shapes", _SHAPES, lambda: self.read().shapes)


def _parts(scene: Scene) -> dict[str, Any]:
    """What a scene has to itself, its route worked out, and where the rest is."""
    names = (*(field.name for field in fields(scene) if field.name not in _ASIDE), *_WORKED_OUT)
    return {name: getattr(scene, name) for name in names} | {
        "map": content_key(scene.map),
        "shapes": vars(scene)["shapes"] is not None,
    }


def _map(folder: Path, read: Callable[[], Scene]) -> RoadMap:
    if folder not in _maps:
        shelf = Shelf(folder)
        road_map = shelf.kept("map", _MAP, lambda: read().map)
        shelve(road_map, shelf)
        _maps[folder] = road_map
        return road_map
    return _maps[folder]
