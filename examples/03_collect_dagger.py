"""Let an unsteady driver go astray, and record what the expert would have done at every step (DAgger).

python examples/03_collect_dagger.py --out dagger.npz --episodes 10

The file holds one array per observation, ``expert_action [M, 2]``, ``valid [M]`` (the expert vouches for it) and
``episode [M]``.
"""

import argparse
from collections import defaultdict

import gymnasium as gym
import numpy as np

import simscale_gym  # noqa: F401  (registers the id)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", default="dagger.npz")
parser.add_argument("--episodes", type=int, default=10)
parser.add_argument("--horizon", type=float, default=8.0, help="longest episode [s]")
parser.add_argument("--noise", type=float, default=0.3, help="how unsteady, as a share of the action's range")
args = parser.parse_args()

env = gym.make("SimScale-v0", observation="state", horizon=args.horizon)
rng = np.random.default_rng(0)
rows = defaultdict(list)

for episode in range(args.episodes):
    observation, info = env.reset(seed=episode)
    sway, over = np.zeros(2), False
    while not over:
        for name, value in observation.items():
            rows[name].append(value)
        rows["expert_action"].append(info["expert_action"])
        rows["valid"].append(info["expert"]["planner"]["valid"])
        rows["episode"].append(episode)
        sway = 0.9 * sway + rng.normal(0.0, args.noise, 2) * np.sqrt(1.0 - 0.9**2)
        action = np.clip(info["expert_action"] + sway, -1.0, 1.0).astype(np.float32)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
    print(f"episode {episode}: {rows['episode'].count(episode)} steps, off the road: {info['out_of_road']}")
env.close()

np.savez_compressed(args.out, **{name: np.stack(values) for name, values in rows.items()})
print(f"wrote {len(rows['episode'])} steps to {args.out}")
