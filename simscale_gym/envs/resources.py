"""What environments load once and keep: scenes, renderers, the bank of human futures, experts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import Expert
from simscale_gym.agents.experts import EXPERTS, make_expert, needs_bank
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.errors import ArgumentError
from simscale_gym.futures_bank import bank_of, vocabulary_of
from simscale_gym.rendering.make import make_renderer
from simscale_gym.scene import Scene, derived
from simscale_gym.sim import SimState
from simscale_gym.sources import cache_root, find_scene, list_scenes, load_scene
from simscale_gym.splats.assets.asset_folder import asset_of, checked_assets
from simscale_gym.splats.cpu.pack import LEVELS
from simscale_gym.splats.gpu.gsplat_backend import gsplat_is_there, load_gsplat

if TYPE_CHECKING:
    from simscale_gym.rendering.dressed import SceneRenderer
    from simscale_gym.rendering.trained import AssetRenderer
    from simscale_gym.sources import SceneRef
    from simscale_gym.splats.depth_sweep import LidarConfig, Sweep
    from simscale_gym.splats.render_validity import RenderJudge, ViewedFrame

T = TypeVar("T")

RENDERERS = ("auto", "cpu", "cpu-merged", "gsplat")

_KEPT_SCENES, _KEPT_RENDERERS = 16, 2
_DRIVING, _STANDING = 1.0, 0.1  # [m/s]
_SLOWING = 0.08  # [m/s] lost within one step of 0.1 s


class Resources:
    """Everything heavy behind an environment, loaded on first use.

    Args:
        scenes: As of the environment.
        split: As of the environment.
        experts: Names.
        renderer: As of the environment.
        assets: A scene asset, or a folder of them; None leaves scenes the asset that they have.

    Raises:
        ArgumentError: An unknown expert or renderer, or gsplat without a CUDA device.
        MissingExtraError: The renderer is gsplat, which is not installed.
        DataError, ArgumentError: ``scenes`` or ``assets`` cannot be read.
    """

    def __init__(
        self,
        scenes: str | Path | Sequence[Scene],
        split: str,
        experts: Sequence[str],
        renderer: str,
        assets: str | Path | None = None,
    ) -> None:
        unknown = [name for name in experts if name not in EXPERTS]
        if unknown:
            raise ArgumentError(f"experts: {unknown[0]!r} is unknown, expected some of {', '.join(EXPERTS)}.")
        if renderer not in RENDERERS:
            raise ArgumentError(f"renderer: {renderer!r}, expected one of {', '.join(RENDERERS)}.")
        if renderer == "gsplat":
            load_gsplat()  # what is missing is said here and not at the first picture
        self.refs = list_scenes(scenes, split)
        self._expert_names, self._renderer = tuple(experts), renderer
        self._assets = None if assets is None else checked_assets(assets)
        self._scenes: OrderedDict[str, Scene] = OrderedDict()
        self._renderers: OrderedDict[str, SceneRenderer | AssetRenderer] = OrderedDict()
        self._sweepers: OrderedDict[str, SceneRenderer | AssetRenderer] = OrderedDict()

    def choose_scene(self, scene_id: str | None, rng: np.random.Generator) -> Scene:
        """The scene called ``scene_id``, or any.

        Raises:
            SceneError: There is no such scene; the message lists the nearest names.
        """
        ref = (
            self.refs[int(rng.integers(len(self.refs)))]
            if scene_id is None
            else find_scene(self.refs, scene_id)
        )
        return _kept(self._scenes, ref.id, _KEPT_SCENES, lambda: self._load(ref))

    @cached_property
    def bank(self) -> HumanFutures:
        """Human futures of these scenes' source, and of the town where that has too few."""
        return bank_of(self.refs)

    @cached_property
    def vocabulary(self) -> HumanFutures:
        """The bank's clusters."""
        return vocabulary_of(self.bank)

    @cached_property
    def experts(self) -> tuple[Expert, ...]:
        """The experts that were asked for, in that order."""
        return tuple(
            make_expert(name, self.bank if needs_bank(name) else None) for name in self._expert_names
        )

    def images(
        self, scene: Scene, state: SimState, before: SimState, cameras: Sequence[str], size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Pictures ``[C, H, W, 3]`` of the named cameras at ``state``, which followed ``before``."""
        renderer = self._drawer(scene)
        traffic, braking = state.traffic, _braking(scene, state, before)
        lights = scene.lights.at(state.frame)
        return renderer.render(
            state.ego[:3], traffic.poses, traffic.valid, lights, cameras, size, braking=braking
        )

    def sweep(self, scene: Scene, state: SimState, before: SimState, config: LidarConfig) -> Sweep:
        """Ranges around the ego at ``state``, which followed ``before``; without noise."""
        traffic, braking = state.traffic, _braking(scene, state, before)
        lights = scene.lights.at(state.frame)
        return self._sweeper(scene).sweep(
            state.ego[:3], traffic.poses, traffic.valid, lights, config, braking=braking
        )

    def last_frame(self, scene: Scene) -> tuple[ViewedFrame, RenderJudge]:
        """What is known of the pictures of ``scene`` that were drawn last, and who says how far to trust them."""
        renderer = self._renderers[scene.id]
        return renderer.frame, renderer.judge

    @cached_property
    def _on_device(self) -> bool:
        return _draws_on_device(self._renderer)

    def _drawer(self, scene: Scene) -> SceneRenderer | AssetRenderer:
        return _kept(self._renderers, scene.id, _KEPT_RENDERERS, lambda: _renderer_of(scene, self._renderer))

    def _sweeper(self, scene: Scene) -> SceneRenderer | AssetRenderer:
        """The one that draws, or another where that is on the device: rays are cast on the CPU."""
        if not self._on_device:
            return self._drawer(scene)
        return _kept(self._sweepers, scene.id, _KEPT_RENDERERS, lambda: _renderer_of(scene, "cpu"))

    def _load(self, ref: SceneRef) -> Scene:
        """The scene of ``ref``, with its asset where ``assets`` holds one."""
        scene = load_scene(ref)
        asset = None if self._assets is None else asset_of(self._assets, scene)
        return scene if asset is None else _with_asset(scene, asset)


@derived
def _with_asset(scene: Scene, asset: Path) -> Scene:
    return scene.with_asset(asset)


@derived
def _on_device(scene: Scene) -> WeakValueDictionary[str, SceneRenderer | AssetRenderer]:
    """The renderer "gsplat" of a scene while any environment keeps it, so that all of them draw with one."""
    return WeakValueDictionary()


def _renderer_of(scene: Scene, renderer: str) -> SceneRenderer | AssetRenderer:
    """The one of a scene that an environment's ``renderer`` stands for."""
    looks = cache_root() / "looks"
    if _draws_on_device(renderer):
        shared = _on_device(scene)
        found = shared.get("gsplat") or make_renderer(scene, cache=looks, backend="gsplat")
        shared["gsplat"] = found
        return found
    return make_renderer(scene, cache=looks, levels=LEVELS if renderer == "cpu-merged" else 1)


def _draws_on_device(renderer: str) -> bool:
    return renderer == "gsplat" or (renderer == "auto" and gsplat_is_there())


def _braking(scene: Scene, state: SimState, before: SimState) -> NDArray[np.bool_]:
    """Which tracks ``[N]`` show brake lamps: those that slow down, and those in traffic that stand."""
    speed, last = (np.hypot(*s.traffic.velocities.T) for s in (state, before))
    drives = (np.hypot(*np.moveaxis(scene.tracks.velocities, -1, 0)) > _DRIVING).any(1)
    return drives & ((last - speed > _SLOWING) | (speed < _STANDING))


def _kept(store: OrderedDict[str, T], key: str, limit: int, make: Callable[[], T]) -> T:
    """``store[key]``, made if absent; the least recently used entries beyond ``limit`` are dropped."""
    if key not in store:
        store[key] = make()
    store.move_to_end(key)
    while len(store) > limit:
        store.popitem(last=False)
    return store[key]
