"""PPO in one file on the vector environment, in plain torch, after CleanRL's ppo_continuous_action.py.

pip install '.[train]'
python examples/11_ppo_vector.py --cpu-minutes 60 --out ppo_vector
python benchmarks/policies.py ppo_vector/policy.pt2 --split test

It goes on where it was broken off. The folder gets policy.pt2 (from states to actions, `torch.export.load`), curve.csv
(a row for each update: means over the last 200 episodes, which explore) and training.pt.
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
from simscale_gym.envs import STATE_LAYOUT, RewardConfig
from simscale_gym.envs.reward_kernel import TERMS
from simscale_gym.perturbation import PerturbConfig
from simscale_gym.sources import list_scenes, load_scene

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
option = parser.add_argument
option("--steps", type=int, default=6_000_000, help="of 0.1 s, of all environments together")
option("--cpu-minutes", type=float, default=1e9, help="processor time, if that ends first")
option("--envs", type=int, default=64)
option("--rollout", type=int, default=64, help="decisions of each environment between updates")
option("--repeat", type=int, default=2, help="steps of 0.1 s that a decision lasts")
option("--minibatch", type=int, default=1024)
option("--rate", type=float, default=1e-3, help="learning rate, which falls to zero")
option("--log-std", type=float, nargs=2, default=(-1.0, -2.5), help="of the noise, at first and at last")
option("--fault", type=float, default=5.0, help="cost of a fault while it learns; judged by: 15")
option("--reward-scale", type=float, default=0.1, help="so that returns are of order 1")
option("--scenes", type=int, default=200, help="first scenes of the train split")
option("--variety", type=int, default=8, help="perturbed starts of a scene")
option("--horizon", type=float, default=8.0, help="longest episode [s]")
option("--seed", type=int, default=0)
option("--out", type=Path, help="folder for the policy and its curve")
args = parser.parse_args()
if args.out:
    args.out.mkdir(parents=True, exist_ok=True)
torch.manual_seed(args.seed)
torch.set_num_threads(1)  # the network is small
GAMMA, GAE, CLIP, EPOCHS, TARGET_KL = 0.98, 0.95, 0.2, 4, 0.03
# Where a fault costs as much as the environment's 15, a learner that still makes some learns to stand.
FAULTS = dict.fromkeys(("collision", "off_road", "red_light", "direction"), -args.fault)
REWARD, JUDGED = RewardConfig(**FAULTS, time_to_collision=-args.fault * 2.0 / 15.0), RewardConfig()
SHARES = {name: getattr(JUDGED, name) / getattr(REWARD, name) for name in TERMS}
SPENT = ("steps", "cpu_s", "wall_s", "episodes")
MEANS = ("return", "epdms", "seconds", "collision", "off_road", "red_light")
SIZE, TRACKS = STATE_LAYOUT.size, STATE_LAYOUT.slices["tracks"]  # tracks come last


def layer(inputs: int, outputs: int, gain: float = 2.0**0.5) -> nn.Linear:
    """With orthogonal weights."""
    made = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(made.weight, gain)
    nn.init.zeros_(made.bias)
    return made


class Network(nn.Module):
    """From states to some numbers: each track by itself, the strongest of what they say, then all together."""

    def __init__(self, outputs: int, gain: float) -> None:
        super().__init__()
        self.each = nn.Sequential(layer(14, 32), nn.ReLU(), layer(32, 32), nn.ReLU())
        self.all = nn.Sequential(
            layer(TRACKS.start + 32, 128), nn.Tanh(), layer(128, 128), nn.Tanh(), layer(128, outputs, gain)
        )

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """``[B, outputs]`` of states ``[B, S]``."""
        tracks = state[:, TRACKS].unflatten(1, (16, 14))
        said = (self.each(tracks) * tracks[..., :1]).amax(1)
        return self.all(torch.cat([state[:, : TRACKS.start], said], 1))


class ActorCritic(nn.Module):
    """A Gaussian policy, whose noise is given, and a value, each a small network of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.value = Network(2, 0.01), Network(1, 1.0)
        self.register_buffer("log_std", torch.zeros(2))

    def policy(self, seen: torch.Tensor) -> Normal:
        """The distribution of actions for ``seen [B, S]``."""
        return Normal(self.mean(seen), self.log_std.exp())


def advantages(rewards, ended, over, values, after):
    """Generalised advantages ``[T, E]``: where an episode is ``over``, ``after`` would have followed, or nothing."""
    out, running = torch.zeros_like(rewards), torch.zeros(rewards.shape[1])
    for t in reversed(range(len(rewards))):
        error = rewards[t] + GAMMA * after[t] * ~ended[t] - values[t]
        running = error + GAMMA * GAE * running * ~over[t]
        out[t] = running
    return out


def decide(observation: np.ndarray, action: np.ndarray):
    """Drive on by ``action [E, 2]`` for ``--repeat`` steps; what begins anew meanwhile is not paid for them.

    What is seen ``[E, S]`` then and at last before a reset, rewards to learn from and those of the environment, who has
    ended and whose episode is over, and how each such ended: its EPDMS, collision, off the road, red light.
    """
    last, over, ended = np.empty_like(observation), np.zeros(args.envs, bool), np.zeros(args.envs, bool)
    paid, worth, endings = np.zeros(args.envs, np.float32), np.zeros(args.envs), {}
    for _ in range(args.repeat):
        observations, reward, terminated, truncated, info = envs.step(action)
        observation, paid = observations["state"], paid + np.where(over, 0.0, reward)
        terms, ends = info["rewards"], terminated | truncated
        if ends.any():
            terms = {name: np.where(ends, info["final_info"]["rewards"][name], terms[name]) for name in TERMS}
        worth += np.where(over, 0.0, sum(SHARES[name] * terms[name] for name in TERMS))
        for n in np.flatnonzero(ends & ~over).tolist():
            final, epdms = info["final_info"], info["final_info"]["epdms"]
            last[n], over[n], ended[n] = info["final_obs"][n]["state"], True, terminated[n]
            red = epdms["traffic_light_compliance"][n] < 1.0
            endings[n] = (epdms["score"][n], final["at_fault"][n], final["left_road"][n], red)
    last[~over] = observation[~over]
    return observation, last, paid, worth, ended, over, endings


def update(seen, acted, gains, targets, before) -> None:
    """Improve policy and value by a rollout ``[T * E, ...]``."""
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(seen)).split(args.minibatch):
            policy, gain = model.policy(seen[rows]), gains[rows]
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
            change = policy.log_prob(acted[rows]).sum(-1) - before[rows]
            ratio = change.exp()
            if float((ratio - 1.0 - change).detach().mean()) > 1.5 * TARGET_KL:
                return
            clipped = ratio.clamp(1.0 - CLIP, 1.0 + CLIP)
            loss = -torch.min(ratio * gain, clipped * gain).mean()
            loss += 0.5 * (model.value(seen[rows]).squeeze(-1) - targets[rows]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimiser.step()


scenes = [load_scene(ref) for ref in list_scenes("town", "train")[: args.scenes]]
envs = gym.make_vec(
    "SimScale-v0", num_envs=args.envs, autoreset_mode=AutoresetMode.SAME_STEP, scenes=scenes, observation="state",
    action="curvature", experts=(), reward=REWARD, perturb=PerturbConfig(variety=args.variety), horizon=args.horizon,
)  # fmt: skip
model = ActorCritic()
optimiser = torch.optim.Adam(model.parameters(), args.rate, eps=1e-5)
done, cpu, wall, episodes, began = 0, 0.0, 0.0, 0, time.time()
if args.out and (args.out / "training.pt").exists():
    kept = torch.load(args.out / "training.pt")
    model.load_state_dict(kept["model"])
    optimiser.load_state_dict(kept["optimiser"])
    done, cpu, wall, episodes = kept["spent"]
T, E = args.rollout, args.envs
seen, acted = np.zeros((T, E, SIZE), np.float32), np.zeros((T, E, 2), np.float32)
last, rewards = np.zeros_like(seen), np.zeros((T, E), np.float32)
ended, over = np.zeros((T, E), bool), np.zeros((T, E), bool)
earned, steps, ends = np.zeros(E), np.zeros(E, int), []
observation = envs.reset(seed=args.seed + done)[0]["state"]
while (spent := cpu + time.process_time()) < 60.0 * args.cpu_minutes and done < args.steps:
    left = 1.0 - max(done / args.steps, spent / (60.0 * args.cpu_minutes))
    optimiser.param_groups[0]["lr"] = args.rate * left
    model.log_std[:] = args.log_std[1] + (args.log_std[0] - args.log_std[1]) * left
    for t in range(T):
        seen[t] = observation
        with torch.no_grad():
            acted[t] = model.policy(torch.from_numpy(observation)).sample().numpy()
        decided = decide(observation, acted[t].clip(-1.0, 1.0))
        observation, last[t], paid, worth, ended[t], over[t], endings = decided
        rewards[t], earned, steps = paid * args.reward_scale, earned + worth, steps + args.repeat
        for n, (epdms, *faults) in endings.items():
            ends.append((earned[n], epdms, steps[n] / 10.0, *faults))
            earned[n], steps[n], episodes = 0.0, 0, episodes + 1
    x, a = torch.from_numpy(seen).reshape(T * E, SIZE), torch.from_numpy(acted).reshape(T * E, 2)
    with torch.no_grad():
        values = model.value(x).reshape(T, E)
        after = model.value(torch.from_numpy(last).reshape(T * E, SIZE)).reshape(T, E)
        before = model.policy(x).log_prob(a).sum(-1)
    gains = advantages(*map(torch.from_numpy, (rewards, ended, over)), values, after)
    update(x, a, gains.flatten(), (gains + values).flatten(), before)
    done, ends = done + T * E * args.repeat, ends[-200:]
    counts = (done, cpu + time.process_time(), wall + time.time() - began, episodes)
    means = np.mean(ends, axis=0) if ends else [np.nan] * len(MEANS)
    row = dict(zip(SPENT + MEANS, (*counts, *means), strict=True))
    print("  ".join(f"{name} {value:.6g}" for name, value in row.items()), flush=True)
    if args.out:
        is_new = not (args.out / "curve.csv").exists()
        with (args.out / "curve.csv").open("a", newline="") as file:
            csv.writer(file).writerows([list(row)] * is_new + [[f"{value:.6g}" for value in row.values()]])
        kept = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "spent": counts}
        torch.save(kept, args.out / "training.pt")
if args.out:
    any_number = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(model.mean.eval(), (torch.zeros(2, SIZE),), dynamic_shapes=any_number)
    torch.export.save(program, args.out / "policy.pt2")
envs.close()
