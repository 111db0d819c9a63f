"""The experiments: what is trained on which data, judged and compared, at the press of a button. Extra: ``train``."""

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
__getattr__, __dir__ = lazy_names(
    __name__, _MODULES, needs=("torch", "safetensors", "lightning", "tensorboard"), extra="train"
)
