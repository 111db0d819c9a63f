"""Does following the expert from perturbed resets end well? Counts endings over many seeds.

python benchmarks/expert.py [--seeds 200] [--split train] [--action control] [--expert planner]
"""

from __future__ import annotations

import argparse
from collections import Counter

from tqdm import trange

from simscale_gym.envs import SimScaleEnv


def ending(info: dict) -> str:
    """Why an episode ended."""
    if info["at_fault"]:
        return "at-fault collision"
    return "off road" if info["left_road"] else "goal" if info["arrive_dest"] else info["truncation"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--split", default="train")
    parser.add_argument("--action", default="control")
    parser.add_argument("--expert", default="planner")
    args = parser.parse_args()
    env = SimScaleEnv(observation="state", split=args.split, action=args.action, experts=(args.expert,))
    endings, rejections, valid, steps, perturbed = Counter(), Counter(), 0, 0, 0
    for seed in trange(args.seeds, unit="episode"):
        _, info = env.reset(seed=seed)
        rejections.update(info["reset"]["rejections"])
        perturbed += info["reset"]["perturbed"]
        over = False
        while not over:
            valid += info["expert"][args.expert]["valid"]
            steps += 1
            _, _, terminated, truncated, info = env.step(info["expert_action"])
            over = terminated or truncated
        endings[ending(info)] += 1
    good = args.seeds - endings["at-fault collision"] - endings["off road"]
    print(f"{args.expert}, split {args.split}, action {args.action}:")
    print(f"{good} of {args.seeds} episodes end well ({good / args.seeds:.1%})")
    print(f"endings: {dict(endings)}")
    print(f"perturbed starts: {perturbed}; steps with a valid plan: {valid / steps:.1%} of {steps}")
    print(f"rejected while looking for starts: {dict(rejections)}")


if __name__ == "__main__":
    main()
