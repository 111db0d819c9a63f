"""Co-training on recorded and simulated samples, step for step the same with and without. Extra: ``train``."""

from simscale_gym.lazy_names import lazy_names

_MODULES = {"TrainConfig": "config", "train": "loop"}
__all__ = list(_MODULES)
__getattr__, __dir__ = lazy_names(
    __name__, _MODULES, needs=("torch", "safetensors", "lightning", "tensorboard"), extra="train"
)
