"""Planners to be trained: cameras and status in, eight poses out. They need PyTorch: ``simscale-gym[train]``."""

from simscale_gym.lazy_names import lazy_names

_MODULES = {
    "BackboneConfig": "backbone",
    "ConditionedPlanner": "conditioned",
    "DiffusionConfig": "diffusion",
    "DiffusionPlanner": "diffusion",
    "EgoStatusConfig": "ego_status",
    "EgoStatusPlanner": "ego_status",
    "FAMILIES": "families",
    "InputSpec": "inputs",
    "MixtureConfig": "mixture",
    "MixturePlanner": "mixture",
    "Planner": "planner",
    "PlannerAgent": "planner_agent",
    "ProposalsConfig": "proposals",
    "ProposalsPlanner": "proposals",
    "RegressionConfig": "regression",
    "RegressionPlanner": "regression",
    "ScorerConfig": "scorer",
    "ScoringConfig": "scoring",
    "ScoringPlanner": "scoring",
    "load_planner": "checkpoint",
    "make_planner": "families",
    "save_planner": "checkpoint",
}
__all__ = list(_MODULES)
__getattr__, __dir__ = lazy_names(__name__, _MODULES, needs=("torch", "safetensors"), extra="train")
