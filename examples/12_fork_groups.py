"""Counterfactuals: forks of one instant as a group, with group-relative advantages and the expert's label in each fork.

python examples/12_fork_groups.py --groups 2 --size 6

From one instant the policy (here: the expert's action and noise, held for a second) tries several futures. Each
future's advantage is its return less the group's mean, over the group's spread: no value network is needed (GRPO).
Where a future came to, the expert says what it would do there, which is a label for what a policy visits.
"""

import argparse

import gymnasium as gym
import numpy as np

import simscale_gym  # noqa: F401  (registers the id)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--groups", type=int, default=4)
parser.add_argument("--size", type=int, default=8, help="futures of one instant")
parser.add_argument("--seconds", type=float, default=1.0, help="how far each future is driven")
parser.add_argument("--noise", type=float, default=0.5)
args = parser.parse_args()

env = gym.make("SimScale-v0", observation="state", experts=("planner",))
rng = np.random.default_rng(0)
for group in range(args.groups):
    observation, info = env.reset(seed=group)
    actions = info["expert_action"] + args.noise * rng.standard_normal((args.size, 2))
    actions = np.clip(actions, -1.0, 1.0).astype(np.float32)
    returns, labels = np.zeros(args.size), np.zeros((args.size, 2))
    for k, future in enumerate(env.unwrapped.fork(args.size)):
        for _ in range(round(10 * args.seconds)):
            _, reward, terminated, truncated, there = future.step(actions[k])
            returns[k] += reward
            if terminated or truncated:
                break
        labels[k] = there["expert_action"]
    advantages = (returns - returns.mean()) / (returns.std() + 1e-6)
    print(f"{info['scene']}: returns {returns.min():.2f} to {returns.max():.2f}")
    for k in np.argsort(-advantages):
        action, label = (" ".join(f"{value:+.2f}" for value in pair) for pair in (actions[k], labels[k]))
        print(f"  advantage {advantages[k]:+.2f}  action {action}  the expert there: {label}")
env.close()
