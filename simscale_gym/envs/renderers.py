"""The renderers of an environment's scenes: the one that draws a scene, and the one that casts its rays."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from simscale_gym.errors import ArgumentError
from simscale_gym.rendering import make_renderer
from simscale_gym.scene import Scene, derived
from simscale_gym.sources import cache_root
from simscale_gym.splats.cpu.pack import LEVELS
from simscale_gym.splats.gpu.gsplat_backend import gsplat_is_there, load_gsplat

if TYPE_CHECKING:
    from simscale_gym.rendering import Renderer

RENDERERS = ("auto", "cpu", "cpu-merged", "gsplat")

_KEPT = 2  # scenes whose renderers are kept at least


class Renderers:
    """Renderers of an environment and of its forks, made on first use; forks may ask from several threads.

    Args:
        name: The environment's ``renderer``.

    Raises:
        ArgumentError: The name is unknown, or is gsplat and there is no CUDA device.
        MissingExtraError: It is gsplat, which is not installed.
    """

    def __init__(self, name: str) -> None:
        if name not in RENDERERS:
            raise ArgumentError(f"renderer: {name!r}, expected one of {', '.join(RENDERERS)}.")
        if name == "gsplat":
            load_gsplat()  # what is missing is said here and not at the first picture
        self._name, self._lock = name, threading.Lock()
        self._most = _KEPT
        self._drawing: OrderedDict[str, Renderer] = OrderedDict()
        self._sweeping: OrderedDict[str, Renderer] = OrderedDict()

    def keep(self, scenes: int) -> None:
        """Keep the renderers of so many scenes, of whichever were asked for last, where that is more than as yet."""
        self._most = max(self._most, scenes)

    def drawing(self, scene: Scene) -> Renderer:
        """The one that draws pictures of ``scene``."""
        return self._kept(self._drawing, scene, lambda: _make(scene, self._name))

    def sweeping(self, scene: Scene) -> Renderer:
        """The one that draws, or another where that is on the device: rays are cast on the CPU."""
        if not _is_on_device(self._name):
            return self.drawing(scene)
        return self._kept(self._sweeping, scene, lambda: _make(scene, "cpu"))

    def _kept(
        self, store: OrderedDict[str, Renderer], scene: Scene, make: Callable[[], Renderer]
    ) -> Renderer:
        with self._lock:
            found = store.get(scene.id) or make()
            store[scene.id] = found
            store.move_to_end(scene.id)
            while len(store) > self._most:
                store.popitem(last=False)
            return found


@derived
def _on_device(scene: Scene) -> WeakValueDictionary[str, Renderer]:
    """The renderer "gsplat" of a scene while any environment keeps it, so that all of them draw with one."""
    return WeakValueDictionary()


def _make(scene: Scene, name: str) -> Renderer:
    """The renderer of a scene that an environment's ``renderer`` stands for."""
    looks = cache_root() / "looks"
    if _is_on_device(name):
        shared = _on_device(scene)
        found = shared.get("gsplat") or make_renderer(scene, cache=looks, backend="gsplat")
        shared["gsplat"] = found
        return found
    return make_renderer(scene, cache=looks, levels=LEVELS if name == "cpu-merged" else 1)


def _is_on_device(name: str) -> bool:
    return name == "gsplat" or (name == "auto" and gsplat_is_there())
