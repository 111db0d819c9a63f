"""Returns of simple drivers beside those of the experts, scene by scene: does the reward like the drives EPDMS likes?

    python benchmarks/rewards.py                              # 20 scenes of the town's test split
    python benchmarks/rewards.py --reward epdms --scenes 40
    python benchmarks/rewards.py --config '{"speed": -0.5}'   # other weights

Each driver drives each scene from the same perturbed start for 8 s. Printed: mean return and EPDMS of each driver, in
how many scenes the planner earns more, the rank correlation of return and EPDMS over all drives, the pairs of drives of
one scene that return and EPDMS put in opposite order, and the terms that decided the worst of them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from itertools import combinations

import gymnasium as gym
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

import simscale_gym  # noqa: F401  (registers the id)

Driver = Callable[[dict, np.random.Generator], np.ndarray]

DRIVERS: dict[str, Driver] = {
    "planner expert": lambda info, rng: info["expert"]["planner"]["action"],
    "log expert": lambda info, rng: info["expert"]["log"]["action"],
    "full braking": lambda info, rng: np.array([-1.0, 0.0]),
    "braking to rest": lambda info, rng: np.array([-0.4, 0.0]),
    "straight on": lambda info, rng: np.zeros(2),
    "full throttle": lambda info, rng: np.array([1.0, 0.0]),
    "planner's steering, full throttle": lambda info, rng: np.array(
        [1.0, info["expert"]["planner"]["action"][1]]
    ),
    "random": lambda info, rng: rng.uniform(-1.0, 1.0, 2),
}
"""Each gives the action from ``info`` and a generator."""
PLANNER = next(iter(DRIVERS))
TIE = 0.05  # of return: as good as equal


def drive(env: gym.Env, driver: Driver, scene: str, seed: int) -> dict:
    """One episode: return, EPDMS, seconds driven and the sum of each term."""
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed, options={"scene": scene})
    terms, steps, over = dict.fromkeys(info["rewards"], 0.0), 0, False
    while not over:
        _, _, terminated, truncated, info = env.step(driver(info, rng).astype(np.float32))
        terms = {name: terms[name] + value for name, value in info["rewards"].items()}
        steps, over = steps + 1, terminated or truncated
    total = sum(terms.values())
    return {"return": total, "epdms": info["epdms"]["score"], "steps": steps, "terms": terms}


def main() -> None:
    """Drive and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--split", default="test")
    parser.add_argument("--reward", default="driving")
    parser.add_argument("--config", type=json.loads, help="fields of the reward's config, as JSON")
    parser.add_argument("--pick", nargs="*", help="ids of scenes instead")
    arguments = parser.parse_args()
    console, began = Console(width=118), time.process_time()
    reward = arguments.config or arguments.reward
    settings = {"observation": "state", "split": arguments.split, "reward": reward}
    with_experts = gym.make("SimScale-v0", experts=("planner", "log"), **settings)
    without = gym.make("SimScale-v0", experts=(), **settings)
    ids = with_experts.unwrapped.scene_ids
    chosen = arguments.pick or [ids[k] for k in np.linspace(0, len(ids) - 1, arguments.scenes).astype(int)]
    drives: dict[str, list[dict]] = {name: [] for name in DRIVERS}
    for seed, scene in enumerate(chosen):
        for name, driver in DRIVERS.items():
            env = with_experts if "expert" in name or "planner" in name else without
            drives[name].append(drive(env, driver, scene, seed))
    console.print(
        f"{len(chosen)} scenes of {arguments.split}, reward {reward}, {time.process_time() - began:.0f} s CPU"
    )
    table = Table("driver", "return", "least", "most", "EPDMS", "steps", "planner earns more")
    best = np.array([d["return"] for d in drives[PLANNER]])
    for name, rows in drives.items():
        gains, scores = np.array([d["return"] for d in rows]), np.mean([d["epdms"] for d in rows])
        more = f"{np.mean(best > gains - TIE):.0%}" if name != PLANNER else ""
        middle = f"{np.mean([d['steps'] for d in rows]):.0f}"
        table.add_row(
            name,
            f"{gains.mean():.2f}",
            f"{gains.min():.2f}",
            f"{gains.max():.2f}",
            f"{scores:.3f}",
            middle,
            more,
        )
    console.print(table)
    compare(console, drives, chosen)


def compare(console: Console, drives: dict[str, list[dict]], scenes: list[str]) -> None:
    """Print how return and EPDMS agree, and where they differ most."""
    flat = [d for rows in drives.values() for d in rows]
    rank = spearmanr([d["return"] for d in flat], [d["epdms"] for d in flat])[0]
    console.print(f"rank correlation of return and EPDMS over {len(flat)} drives: {rank:.2f}")
    opposite, pairs = [], 0
    for n, scene in enumerate(scenes):
        for one, other in combinations(drives, 2):
            a, b = drives[one][n], drives[other][n]
            better, worse = (one, other) if a["epdms"] > b["epdms"] else (other, one)
            gap = abs(a["epdms"] - b["epdms"])
            if gap < 0.1:
                continue
            pairs += 1
            lost = drives[worse][n]["return"] - drives[better][n]["return"]
            if lost > TIE:
                opposite.append((lost, gap, scene, better, worse, drives[better][n], drives[worse][n]))
    console.print(
        f"pairs of drives whose EPDMS differ by 0.1 or more: {pairs}, paid in opposite order: {len(opposite)}"
    )
    for lost, gap, scene, better, worse, liked, paid in sorted(opposite, key=lambda row: -row[0])[:8]:
        console.print(
            f"  {scene}: {worse} earns {lost:.1f} more than {better}, whose EPDMS is {gap:.2f} higher"
        )
        for name, one in ((better, liked), (worse, paid)):
            terms = ", ".join(
                f"{term} {value:.1f}" for term, value in one["terms"].items() if abs(value) > TIE
            )
            console.print(f"      {name}: {one['steps']} steps, {terms}", highlight=False)


if __name__ == "__main__":
    main()
