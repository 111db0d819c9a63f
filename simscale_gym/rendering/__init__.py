"""Scenes to pictures, trained and dressed alike."""

from importlib import import_module
from typing import Any

_MODULES = {
    "AssetRenderer": "trained",
    "Frame": "renderer",
    "Renderer": "renderer",
    "SceneRenderer": "dressed",
    "make_renderer": "make",
}
"""Names that bring numba: their modules are loaded when they are first asked for."""

__all__ = ["AssetRenderer", "Frame", "Renderer", "SceneRenderer", "make_renderer"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
