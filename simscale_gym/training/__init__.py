"""Co-training on recorded and simulated samples, step for step the same with and without. Extra: ``train``."""

from importlib.util import find_spec
from typing import Any

from simscale_gym.errors import MissingExtraError
from simscale_gym.lazy_names import lazy_names

_MODULES = {"TrainConfig": "config", "train": "loop"}
__all__ = list(_MODULES)
_get, __dir__ = lazy_names(__name__, _MODULES)
_PACKAGES = ("torch", "safetensors", "lightning", "tensorboard")


def __getattr__(name: str) -> Any:
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if name in _MODULES and missing:
        raise MissingExtraError(missing[0], "train")
    return _get(name)
