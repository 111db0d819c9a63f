"""Perturbed resets and their hashes, as JSON: run in other processes to compare.

python resets.py idm forward|backward
"""

import json
import sys

from simscale_gym.envs import SimScaleEnv
from simscale_gym.sources import list_scenes, load_scene


def resets(scenes, traffic, order):
    """Hash and account of each scene and seed, asked for in one order or the other."""
    env = SimScaleEnv(scenes, observation="state", experts=(), traffic=traffic)
    asked = [(scene.id, seed) for scene in scenes for seed in (0, 1)]
    told = {}
    for scene, seed in asked if order == "forward" else asked[::-1]:
        info = env.reset(seed=seed, options={"scene": scene})[1]
        told[f"{scene} {seed}"] = [info["state_hash"], info["reset"]]
    return told


def some_scenes():
    """A start at a light, a wait, a drive."""
    return [load_scene(ref) for ref in list_scenes("town")[0:3]]


if __name__ == "__main__":
    print(json.dumps(resets(some_scenes(), *sys.argv[1:])))
