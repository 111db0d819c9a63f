"""Train PPO of Stable-Baselines3 on the state observation (no pictures).

pip install '.[rl]'
python examples/05_sb3_ppo.py --steps 100000 --out ppo_simscale
"""

import argparse

import gymnasium as gym
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

import simscale_gym  # noqa: F401  (registers the id)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=100_000)
parser.add_argument("--envs", type=int, default=4)
parser.add_argument("--rollout", type=int, default=256, help="steps of each environment between updates")
parser.add_argument("--horizon", type=float, default=8.0, help="longest episode [s]")
parser.add_argument("--reward", default="driving", help="driving, or epdms: returns are then final scores")
parser.add_argument("--out", help="where to save the policy (.zip)")
args = parser.parse_args()


def make_env() -> Monitor:
    """One environment; its monitor keeps how episodes ended."""
    settings = {"observation": "state", "experts": (), "reward": args.reward, "horizon": args.horizon}
    env = gym.make("SimScale-v0", **settings)
    return Monitor(env, info_keywords=("route_completion", "at_fault", "out_of_road"))


envs = DummyVecEnv([make_env] * args.envs)
batch = args.rollout * args.envs // 4
model = PPO("MultiInputPolicy", envs, n_steps=args.rollout, batch_size=batch, verbose=1, seed=0)
model.learn(args.steps)
if args.out:
    model.save(args.out)

scores = [(e["r"], e["route_completion"]) for e in model.ep_info_buffer]
if scores:
    returns, completions = zip(*scores, strict=True)
    print(f"last {len(scores)} episodes: return {sum(returns) / len(scores):.2f}, ", end="")
    print(f"route completed {sum(completions) / len(scores):.0%}")
envs.close()
