"""Closed-loop driving simulation on 3D Gaussian Splatting scenes, as a Gymnasium environment.

``import simscale_gym`` registers ``SimScale-v0``; everything heavy loads when it is used.
"""

from pathlib import Path

import gymnasium

from simscale_gym.files.compiled_code import keep_compiled_code

__version__ = "0.1.0"

keep_compiled_code(Path(__file__).parent)

if "SimScale-v0" not in gymnasium.registry:
    gymnasium.register(id="SimScale-v0", entry_point="simscale_gym.envs:SimScaleEnv")
