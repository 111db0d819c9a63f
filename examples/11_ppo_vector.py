"""PPO in one file on the vector environment, in plain torch, after CleanRL's ppo_continuous_action.py.

pip install '.[train]'
python examples/11_ppo_vector.py --steps 2000000 --envs 64 --out ppo_vector
"""

import argparse
import csv
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import nn
from torch.distributions import Normal

import simscale_gym  # noqa: F401  (registers the id)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=2_000_000, help="of all environments together")
parser.add_argument("--envs", type=int, default=64)
parser.add_argument("--rollout", type=int, default=128, help="steps of each environment between updates")
parser.add_argument("--epochs", type=int, default=4, help="times that an update goes over its rollout")
parser.add_argument("--minibatches", type=int, default=8)
parser.add_argument("--rate", type=float, default=3e-4, help="learning rate, which falls to zero")
parser.add_argument("--gamma", type=float, default=0.99)
parser.add_argument("--gae", type=float, default=0.95)
parser.add_argument("--clip", type=float, default=0.2)
parser.add_argument("--reward-scale", type=float, default=0.1, help="so that returns are of order 1")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--horizon", type=float, default=8.0, help="longest episode [s]")
parser.add_argument("--out", type=Path, help="folder for policy.pt and curve.csv")
args = parser.parse_args()
torch.manual_seed(args.seed)
torch.set_num_threads(1)  # the network is small


def layer(inputs: int, outputs: int, gain: float = np.sqrt(2.0)) -> nn.Linear:
    """A linear layer with orthogonal weights."""
    made = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(made.weight, gain)
    nn.init.zeros_(made.bias)
    return made


class ActorCritic(nn.Module):
    """A Gaussian policy and a value, each a small network of its own."""

    def __init__(self, inputs: int, actions: int) -> None:
        super().__init__()
        self.mean = nn.Sequential(
            layer(inputs, 128), nn.Tanh(), layer(128, 128), nn.Tanh(), layer(128, actions, 0.01)
        )
        self.value = nn.Sequential(
            layer(inputs, 128), nn.Tanh(), layer(128, 128), nn.Tanh(), layer(128, 1, 1.0)
        )
        self.log_std = nn.Parameter(torch.full((actions,), -1.0))

    def policy(self, seen: torch.Tensor) -> Normal:
        """The distribution of actions for ``seen [B, S]``."""
        return Normal(self.mean(seen), self.log_std.exp())


def advantages(rewards, values, after, ended, cut):
    """Generalised advantages ``[T, E]``: ``after [T, E]`` are values of what was seen last before a reset.

    Nothing follows where an episode ``ended``; where it was ``cut``, what would have followed is worth ``after``.
    """
    out, running = torch.zeros_like(rewards), torch.zeros(rewards.shape[1])
    for t in reversed(range(len(rewards))):
        error = rewards[t] + args.gamma * after[t] * ~ended[t] - values[t]
        running = error + args.gamma * args.gae * running * ~(ended[t] | cut[t])
        out[t] = running
    return out


def last_seen(seen: np.ndarray, info: dict) -> np.ndarray:
    """The observations ``[E, S]`` after a step, those of ended episodes from before their reset."""
    out = seen.copy()
    for n in np.flatnonzero(info.get("_final_obs", ())):
        out[n] = info["final_obs"][n]["state"]
    return out


settings = {"observation": "state", "experts": (), "horizon": args.horizon}
envs = gym.make_vec("SimScale-v0", num_envs=args.envs, autoreset_mode=AutoresetMode.SAME_STEP, **settings)
size, actions = envs.single_observation_space["state"].shape[0], envs.single_action_space.shape[0]
model = ActorCritic(size, actions)
optimiser = torch.optim.Adam(model.parameters(), args.rate, eps=1e-5)
T, E = args.rollout, args.envs
updates = max(args.steps // (T * E), 1)
seen = np.zeros((T, E, size), np.float32)
following = np.zeros_like(seen)
acted = np.zeros((T, E, actions), np.float32)
rewards, ended, cut = np.zeros((T, E), np.float32), np.zeros((T, E), bool), np.zeros((T, E), bool)
returns, running, rows, began = [], np.zeros(E), [], time.time()
observation = envs.reset(seed=args.seed)[0]["state"]
for update in range(updates):
    optimiser.param_groups[0]["lr"] = args.rate * (1.0 - update / updates)
    for t in range(T):
        seen[t] = observation
        with torch.no_grad():
            acted[t] = model.policy(torch.from_numpy(seen[t])).sample().numpy()
        observations, reward, terminated, truncated, info = envs.step(np.clip(acted[t], -1.0, 1.0))
        observation = observations["state"]
        following[t] = last_seen(observation, info)
        rewards[t], ended[t], cut[t] = reward * args.reward_scale, terminated, truncated & ~terminated
        running += reward
        returns += running[terminated | truncated].tolist()
        running[terminated | truncated] = 0.0

    x, a = torch.from_numpy(seen).reshape(T * E, size), torch.from_numpy(acted).reshape(T * E, actions)
    with torch.no_grad():
        values = model.value(x).reshape(T, E)
        after = model.value(torch.from_numpy(following).reshape(T * E, size)).reshape(T, E)
        before = model.policy(x).log_prob(a).sum(-1)
        gains = advantages(
            torch.from_numpy(rewards), values, after, torch.from_numpy(ended), torch.from_numpy(cut)
        )
    targets, gains = (gains + values).flatten(), gains.flatten()
    for _ in range(args.epochs):
        for rows_of in torch.randperm(T * E).chunk(args.minibatches):
            policy, gain = model.policy(x[rows_of]), gains[rows_of]
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
            ratio = (policy.log_prob(a[rows_of]).sum(-1) - before[rows_of]).exp()
            clipped = ratio.clamp(1.0 - args.clip, 1.0 + args.clip)
            loss = -torch.min(ratio * gain, clipped * gain).mean()
            loss += 0.5 * (model.value(x[rows_of]).squeeze(-1) - targets[rows_of]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimiser.step()
    done, seconds = (update + 1) * T * E, time.time() - began
    mean = float(np.mean(returns[-100:])) if returns else float("nan")
    rows.append((done, round(seconds, 1), len(returns), round(mean, 3)))
    print(
        f"{done} steps, {done / seconds:.0f} a second: return {mean:.2f} over the last of {len(returns)} episodes"
    )

if args.out:
    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), args.out / "policy.pt")
    with (args.out / "curve.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("steps", "wall_s", "episodes", "return"), *rows])
envs.close()
