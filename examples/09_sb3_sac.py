"""Train SAC of Stable-Baselines3 on the state observation: fewer steps of the simulator than PPO, more of the network.

pip install '.[rl]'
python examples/09_sb3_sac.py --steps 200000 --out sac_simscale.zip
python benchmarks/policies.py sac_simscale.zip
"""

import argparse

import gymnasium as gym
import torch
from gymnasium.wrappers import FilterObservation, FlattenObservation
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import make_vec_env

import simscale_gym  # noqa: F401  (registers the id)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=200_000)
parser.add_argument("--envs", type=int, default=8)
parser.add_argument("--warm-up", type=int, default=5_000, help="random steps before learning begins")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--horizon", type=float, default=8.0, help="longest episode [s]")
parser.add_argument("--out", help="where to save the policy (.zip)")
args = parser.parse_args()
torch.set_num_threads(1)  # the network is small


def make_env() -> gym.Env:
    """One environment that shows the state vector alone."""
    env = gym.make("SimScale-v0", observation="state", experts=(), action="curvature", horizon=args.horizon)
    return FlattenObservation(FilterObservation(env, ["state"]))


envs = make_vec_env(make_env, args.envs, seed=args.seed)
# A gradient step for every second step: the simulator is faster than the network.
model = SAC(
    "MlpPolicy",
    envs,
    learning_starts=args.warm_up,
    train_freq=1,
    gradient_steps=max(args.envs // 2, 1),
    batch_size=256,
    gamma=0.98,
    policy_kwargs={"net_arch": [128, 128]},
    seed=args.seed,
    verbose=1,
)
model.learn(args.steps)
if args.out:
    model.save(args.out)
if model.ep_info_buffer:
    returns = [episode["r"] for episode in model.ep_info_buffer]
    print(f"last {len(returns)} episodes: return {sum(returns) / len(returns):.2f}")
envs.close()
