"""Train PPO of Stable-Baselines3 on one small camera, the ego's motion and its command.

pip install '.[rl]'
python examples/10_sb3_ppo_camera.py --steps 20000 --out ppo_camera.zip
"""

import argparse

import gymnasium as gym
from gymnasium.wrappers import TransformObservation
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import simscale_gym  # noqa: F401  (registers the id)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=20_000)
parser.add_argument("--envs", type=int, default=2, help="each scene that is driven is dressed once: seconds")
parser.add_argument("--rollout", type=int, default=256, help="steps of each environment between updates")
parser.add_argument("--size", type=int, nargs=2, default=(72, 128), help="height, width of the pictures")
parser.add_argument("--out", help="where to save the policy (.zip)")
args = parser.parse_args()


def make_env() -> gym.Env:
    """One environment with the front camera, the ego's motion over its limits; no expert is asked."""
    settings = {"cameras": ("cam_f0",), "image_size": tuple(args.size), "experts": ()}
    env = gym.make("SimScale-v0", observation="camera", **settings)
    most = env.observation_space["ego"].high
    space = gym.spaces.Dict(env.observation_space.spaces | {"ego": gym.spaces.Box(-1.0, 1.0, most.shape)})
    return TransformObservation(env, lambda seen: seen | {"ego": seen["ego"] / most}, space)


envs = make_vec_env(make_env, args.envs, seed=0)
batch = max(args.rollout * args.envs // 4, 2)
model = PPO("MultiInputPolicy", envs, n_steps=args.rollout, batch_size=batch, n_epochs=4, verbose=1, seed=0)
model.learn(args.steps)
if args.out:
    model.save(args.out)
envs.close()
