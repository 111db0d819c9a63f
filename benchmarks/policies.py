"""Trained policies beside constant velocity and the planner expert, from the same perturbed starts.

    python benchmarks/policies.py ppo_simscale/policy.zip                 # 60 scenes of the town's test split
    python benchmarks/policies.py ppo_vector/policy.pt2 sac/policy.zip --csv out.csv
    python benchmarks/policies.py ppo/policy.zip --action control

Policies are those of Stable-Baselines3 (``.zip``) or exported by torch (``.pt2``). They see the part ``state`` of the
observation and give actions of the kind that they learned with, without noise; the others give control actions.
Success: no collision at fault, not off the road, no red light, and 80 % of the way that the human came in that time.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
from rich.console import Console
from rich.table import Table

import simscale_gym  # noqa: F401  (registers the id)

COLUMNS = ("return", "epdms", "success", "collision", "off_road", "red_light", "progress", "seconds")
ENOUGH = 0.8
Driver = Callable[[dict, dict], np.ndarray]


def planner(observation: dict, info: dict) -> np.ndarray:
    """The planner expert's action."""
    return info["expert"]["planner"]["action"]


def straight_on(observation: dict, info: dict) -> np.ndarray:
    """Constant velocity."""
    turned = -2.0 * float(observation["ego"][5])  # the wheel back to the middle
    return np.array([0.0, np.clip(turned, -1.0, 1.0)], np.float32)


def trained(path: Path) -> Driver:
    """The policy in ``path``; PPO's or SAC's, which archives of Stable-Baselines3 do not say."""
    if path.suffix == ".pt2":
        import torch

        actions = torch.export.load(path).module()
        return lambda observation, info: (
            actions(torch.from_numpy(observation["state"][None])).detach().numpy()[0]
        )
    from stable_baselines3 import PPO, SAC

    kind = SAC if "sac" in str(path) else PPO
    model = kind.load(path, device="cpu")
    return lambda observation, info: model.predict(observation["state"], deterministic=True)[0]


def drive(env: gym.Env, driver: Driver, scene: str, seed: int, repeat: int = 1) -> tuple[float, ...]:
    """One episode whose driver decides every ``repeat`` steps of 0.1 s, as COLUMNS name it."""
    observation, info = env.reset(seed=seed, options={"scene": scene})
    total, steps, over = 0.0, 0, False
    while not over:
        if steps % repeat == 0:
            action = driver(observation, info)
        observation, reward, terminated, truncated, info = env.step(action)
        total, steps, over = total + reward, steps + 1, terminated or truncated
    scores, fault = info["epdms"], bool(info["at_fault"])
    off, red = bool(info["left_road"]), scores["traffic_light_compliance"] < 1.0
    progress = scores["ego_progress"]
    success = not fault and not off and not red and progress >= ENOUGH
    return total, scores["score"], success, fault, off, red, progress, steps / 10.0


def main() -> None:
    """Drive and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("policies", type=Path, nargs="*")
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--split", default="test")
    parser.add_argument("--action", default="curvature", help="what the policies' actions are")
    parser.add_argument(
        "--repeat", type=int, default=1, help="steps of 0.1 s that the policies' actions last"
    )
    parser.add_argument("--alone", action="store_true", help="the policies alone")
    parser.add_argument("--csv", type=Path, help="where to write each drive")
    arguments = parser.parse_args()
    settings = {"observation": "state", "split": arguments.split}
    with_planner = gym.make("SimScale-v0", experts=("planner",), **settings)
    without = gym.make("SimScale-v0", experts=(), **settings)
    of_policies = gym.make("SimScale-v0", experts=(), action=arguments.action, **settings)
    ids = without.unwrapped.scene_ids
    chosen = [ids[k] for k in np.linspace(0, len(ids) - 1, arguments.scenes).astype(int)]
    drivers: dict[str, tuple[gym.Env, Driver, int]] = {}
    if not arguments.alone:
        drivers = {
            "planner expert": (with_planner, planner, 1),
            "constant velocity": (without, straight_on, 1),
        }
    drivers |= {str(path): (of_policies, trained(path), arguments.repeat) for path in arguments.policies}
    rows, began = [], time.process_time()
    file = arguments.csv.open("w", newline="", buffering=1) if arguments.csv else None
    if file:
        csv.writer(file).writerow(("driver", "scene", "seed", *COLUMNS))
    for seed, scene in enumerate(chosen):
        for name, (env, driver, repeat) in drivers.items():
            rows.append((name, scene, seed, *drive(env, driver, scene, seed, repeat)))
            if file:
                csv.writer(file).writerow(rows[-1])
    console, table = Console(width=118), Table("driver", *COLUMNS)
    for name in drivers:
        means = np.mean([row[3:] for row in rows if row[0] == name], axis=0)
        table.add_row(name, *(f"{value:.2f}" for value in means))
    console.print(table)
    console.print(f"{len(chosen)} scenes of {arguments.split}; {time.process_time() - began:.0f} s CPU")


if __name__ == "__main__":
    main()
