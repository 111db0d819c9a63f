"""Planes, poses, lines, boxes and polygons: arrays only, nothing of driving."""

from simscale_gym.lazy_names import lazy_names

_MODULES = {
    "PolygonSet": "polygon_set",
    "box": "box",
    "polyline": "polyline",
    "se2": "se2",
    "se3": "se3",
}
__all__ = list(_MODULES)
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
