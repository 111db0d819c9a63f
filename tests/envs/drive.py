"""Drives an episode and prints what happened, as JSON: run in other processes to compare.

python drive.py SEED
"""

import hashlib
import json
import sys

import numpy as np

from simscale_gym.envs import SimScaleEnv
from simscale_gym.sources import list_scenes, load_scene


def drive(env, seed, steps=12):
    """Hashes of state and of what is seen, step by step, under random actions; perturbed start."""
    rng = np.random.default_rng(7)
    observation, info = env.reset(seed=seed)
    states, seen, rewards = [info["state_hash"]], [digest(observation)], []
    for _ in range(steps):
        action = rng.uniform(env.action_space.low, env.action_space.high)
        observation, reward, terminated, truncated, info = env.step(action)
        states.append(info["state_hash"])
        seen.append(digest(observation))
        rewards.append(reward)
        if terminated or truncated:
            break
    return {"states": states, "seen": seen, "rewards": rewards, "advice": info["expert_action"].tolist()}


def digest(observation):
    whole = hashlib.sha256()
    for name in sorted(observation):
        whole.update(np.ascontiguousarray(observation[name]).tobytes())
    return whole.hexdigest()


def make(scene):
    """With one camera, and the states."""
    return SimScaleEnv([scene], observation=("camera", "state"), cameras=("cam_f0",), image_size=(32, 64))


if __name__ == "__main__":
    scene = load_scene(list_scenes("town")[2])
    print(json.dumps(drive(make(scene), int(sys.argv[1]))))
