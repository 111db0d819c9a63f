"""Scenes to pictures, trained and dressed alike."""

from simscale_gym.lazy_names import lazy_names

_DRAWING = {
    "AssetRenderer": "trained",
    "Frame": "renderer",
    "Renderer": "renderer",
    "SceneRenderer": "dressed",
    "make_renderer": "make",
}
"""Names that bring numba: their modules are loaded when they are first asked for."""

__all__ = ["AssetRenderer", "Frame", "Renderer", "SceneRenderer", "make_renderer"]

__getattr__, __dir__ = lazy_names(__name__, _DRAWING)
