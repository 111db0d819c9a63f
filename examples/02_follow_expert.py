"""Follow the expert from perturbed starts, and print how each episode went.

python examples/02_follow_expert.py --episodes 5
"""

import argparse

import gymnasium as gym

import simscale_gym  # noqa: F401  (registers the id)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--episodes", type=int, default=5)
parser.add_argument("--expert", default="planner", help="planner, recovery, unified or log")
parser.add_argument("--horizon", type=float, default=8.0, help="longest episode [s]")
args = parser.parse_args()

env = gym.make("SimScale-v0", observation="state", experts=(args.expert,), horizon=args.horizon)

print(
    f"{'seed':>4}  {'scene':32}  {'steps':>5}  {'return':>7}  {'route':>5}  {'EPDMS':>5}  {'valid':>5}  end"
)
for seed in range(args.episodes):
    _, info = env.reset(seed=seed)
    steps, total, valid, over = 0, 0.0, 0, False
    while not over:
        valid += info["expert"][args.expert]["valid"]
        _, reward, terminated, truncated, info = env.step(info["expert_action"])
        steps, total, over = steps + 1, total + reward, terminated or truncated
    if info["at_fault"]:
        end = "collision"
    elif info["left_road"]:
        end = "off the road"
    else:
        end = "goal" if info["arrive_dest"] else info["truncation"]
    route, epdms, share = f"{info['route_completion']:.0%}", info["epdms"]["score"], f"{valid / steps:.0%}"
    how = f"{steps:5d}  {total:7.2f}  {route:>5}  {epdms:5.2f}  {share:>5}"
    print(f"{seed:4d}  {info['scene']:32}  {how}  {end}")
env.close()
