"""Closed-loop driving simulation on 3D Gaussian Splatting scenes, as a Gymnasium environment.

``import simscale_gym`` registers ``SimScale-v0``; its packages, and the names that users need most, load when they
are asked for.
"""

import sys
from importlib import import_module
from pathlib import Path

import gymnasium

from simscale_gym.files.compiled_code import keep_compiled_code
from simscale_gym.lazy_names import lazy_names

__version__ = "0.1.0"

_PACKAGES = (
    "agents", "browser", "datagen", "envs", "evaluation", "experiments", "metrics", "perturbation", "planners",
    "rendering", "scene", "sources", "splats", "viewer", "wrappers",
)  # fmt: skip
_NAMES = {
    "agents": ("ConstantVelocityAgent", "ExpertAgent", "make_expert"),
    "datagen": ("DataSet",),
    "envs": ("EpdmsRewardConfig", "RewardConfig", "SimScaleEnv", "run_episode"),
    "evaluation": ("evaluate",),
    "metrics": ("Situation", "score"),
    "perturbation": ("Bounds", "PerturbConfig"),
    "scene": ("Scene",),
    "sources": ("list_scenes", "load_scene", "register_source"),
    "splats": ("CameraEffects", "LidarConfig"),
}
_MODULES = {name: name for name in _PACKAGES} | {
    name: package for package, names in _NAMES.items() for name in names
}

__all__ = ["__version__", *_MODULES]
__getattr__, __dir__ = lazy_names(__name__, _MODULES)

keep_compiled_code(Path(__file__).parent)

if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
    import_module("simscale_gym.notebook").show_richly(sys.modules["IPython"].get_ipython())

if "SimScale-v0" not in gymnasium.registry:
    gymnasium.register(
        id="SimScale-v0",
        entry_point="simscale_gym.envs:SimScaleEnv",
        vector_entry_point="simscale_gym.envs:SimScaleVectorEnv",
    )
