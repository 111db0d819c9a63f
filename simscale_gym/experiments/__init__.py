"""The experiments: what is trained on which data, judged and compared, at the press of a button. Extra: ``train``."""

from importlib.util import find_spec
from typing import Any

from simscale_gym.errors import MissingExtraError
from simscale_gym.lazy_names import lazy_names

_MODULES = {
    "Arm": "experiment",
    "Budget": "budget",
    "EXPERIMENTS": "catalog",
    "Experiment": "experiment",
    "Results": "results",
    "RowsFile": "rows_file",
    "ScalingLaw": "scaling_law",
    "make_experiment": "catalog",
    "preview_lines": "preview",
    "rows_of": "running",
    "run_experiment": "running",
    "write_experiment_report": "report",
}
__all__ = list(_MODULES)
_get, __dir__ = lazy_names(__name__, _MODULES)
_PACKAGES = ("torch", "safetensors", "lightning", "tensorboard")


def __getattr__(name: str) -> Any:
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if name in _MODULES and missing:
        raise MissingExtraError(missing[0], "train")
    return _get(name)
