"""Train PPO of Stable-Baselines3 on the state observation (no pictures); goes on where it was broken off.

pip install '.[rl]'
python examples/05_sb3_ppo.py --steps 1000000 --out ppo_simscale
python benchmarks/policies.py ppo_simscale/policy.zip

The folder gets policy.zip and curve.csv (a row for each update: means over the last 100 episodes).
"""

import argparse
import csv
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

import simscale_gym  # noqa: F401  (registers the id)
from simscale_gym.envs.sb3_vec_env import Sb3VecEnv
from simscale_gym.perturbation import Bounds, PerturbConfig

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=1_000_000)
parser.add_argument("--envs", type=int, default=32)
parser.add_argument("--rollout", type=int, default=128, help="steps of each environment between updates")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--horizon", type=float, default=8.0, help="longest episode [s]")
parser.add_argument("--reward", default="driving", help="driving, or epdms: returns are then final scores")
parser.add_argument("--lateral", type=float, default=2.0, help="bound of perturbed starts [m]; 0: on the log")
parser.add_argument("--variety", type=int, default=64, help="perturbed starts of a scene")
parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long, to be gone on with later")
parser.add_argument("--out", type=Path, help="folder for the policy and its curve")
args = parser.parse_args()
torch.set_num_threads(1)  # the network is small
PERTURB = PerturbConfig(bounds=Bounds(lateral=args.lateral), variety=args.variety) if args.lateral else False
SETTINGS = {
    "observation": "state",
    "experts": (),
    "action": "curvature",
    "reward": args.reward,
    "perturb": PERTURB,
    "horizon": args.horizon,
}
COLUMNS = ("steps", "cpu_s", "wall_s", "episodes", "return", "epdms", "seconds", "collision", "off_road")


class Curve(BaseCallback):
    """Notes how episodes ended, and keeps the policy, once an update."""

    def __init__(self) -> None:
        super().__init__()
        self.last: list[tuple[float, ...]] = []
        self.began, self.episodes, self.cpu, self.wall = time.time(), 0, 0.0, 0.0
        path = args.out / "curve.csv" if args.out else None
        if path and path.exists():
            *_, row = csv.DictReader(path.open())
            self.episodes = int(row["episodes"])
            self.cpu, self.wall = float(row["cpu_s"]), float(row["wall_s"])
        self.file = path.open("a", newline="") if path else None
        if self.file and not path.stat().st_size:
            csv.writer(self.file).writerow(COLUMNS)

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "episode" in info:
                row = (info["episode"]["r"], info["epdms"]["score"], info["episode"]["l"] / 10)
                self.last.append((*row, info["at_fault"], info["left_road"]))
                self.episodes += 1
        self.last = self.last[-100:]
        return time.time() - self.began < 60.0 * args.minutes

    def _on_rollout_end(self) -> None:
        if not self.last:
            return
        spent = (self.cpu + time.process_time(), self.wall + time.time() - self.began)
        row = (self.num_timesteps, *spent, self.episodes, *np.mean(self.last, axis=0))
        print("  ".join(f"{name} {value:.6g}" for name, value in zip(COLUMNS, row, strict=True)), flush=True)
        if self.file:
            csv.writer(self.file).writerow([f"{value:.6g}" for value in row])
            self.file.flush()
            save(self.model)


def save(model: PPO) -> None:
    """Keep the policy, and the scale of its returns."""
    model.save(args.out / "policy.zip")
    model.get_vec_normalize_env().save(args.out / "returns.pkl")


vector = gym.make_vec("SimScale-v0", num_envs=args.envs, autoreset_mode=AutoresetMode.SAME_STEP, **SETTINGS)
envs = VecMonitor(Sb3VecEnv(vector, "state"))
kept = args.out / "policy.zip" if args.out else None
if args.out:
    args.out.mkdir(parents=True, exist_ok=True)
if kept and kept.exists():
    envs = VecNormalize.load(str(args.out / "returns.pkl"), envs)
    model = PPO.load(kept, envs)
else:
    # The observation is of order 1 by itself; a fault costs a hundred times what a step pays, so returns are scaled.
    envs = VecNormalize(envs, norm_obs=False, gamma=0.99)
    batch = max(args.rollout * args.envs // 8, 2)
    network = {"net_arch": [128, 128], "log_std_init": -1.0}
    model = PPO("MlpPolicy", envs, n_steps=args.rollout, batch_size=batch, n_epochs=8, gamma=0.99, gae_lambda=0.95,
                learning_rate=3e-4, ent_coef=0.0, target_kl=0.03, policy_kwargs=network, seed=args.seed)  # fmt: skip
envs.seed(args.seed + model.num_timesteps)
curve = Curve()
model.learn(max(args.steps - model.num_timesteps, 0), callback=curve, reset_num_timesteps=False)
if args.out:
    save(model)
if curve.last:
    print(f"last {len(curve.last)} episodes: return {np.mean(curve.last, axis=0)[0]:.2f}")
envs.close()
