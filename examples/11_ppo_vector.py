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
from simscale_gym.perturbation import PerturbConfig

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
option = parser.add_argument
option("--steps", type=int, default=50_000_000, help="of 0.1 s, of all environments together")
option("--cpu-minutes", type=float, default=1e9, help="processor time, if that ends first")
option("--envs", type=int, default=128)
option("--rollout", type=int, default=32, help="decisions of each environment between updates")
option("--repeat", type=int, default=2, help="steps of 0.1 s that a decision lasts")
option("--minibatch", type=int, default=1024)
option("--epochs", type=int, default=3, help="how often a rollout is learned from")
option("--rate", type=float, default=1e-3, help="learning rate, which falls to zero")
option("--gamma", type=float, default=0.98, help="discount of a decision")
option("--log-std", type=float, nargs=2, default=(-1.0, -2.5), help="of the noise, at first and at last")
option(
    "--fault",
    type=float,
    nargs=2,
    default=(5.0, 15.0),
    help="cost of a fault, at first and at last; judged by: 15",
)
option("--reward-scale", type=float, default=0.1, help="so that returns are of order 1")
option("--towns", type=int, default=100, help="first towns of the train split, ten scenes each")
option("--variety", type=int, default=4, help="perturbed starts of a scene")
option("--horizon", type=float, default=8.0, help="longest episode [s]")
option("--seed", type=int, default=0)
option("--out", type=Path, help="folder for the policy and its curve")
args = parser.parse_args()
if args.out:
    args.out.mkdir(parents=True, exist_ok=True)
torch.manual_seed(args.seed)
torch.set_num_threads(1)  # the network is small
GAE, CLIP, TARGET_KL = 0.95, 0.2, 0.03
# Where a fault costs as much as the environment's 15, a learner that still makes many learns to stand.
FAULTS = ("collision", "off_road", "red_light", "direction", "time_to_collision")
SPENT = ("steps", "cpu_s", "wall_s", "episodes")
MEANS = ("return", "epdms", "seconds", "collision", "off_road", "red_light", "progress")
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
        error = rewards[t] + args.gamma * after[t] * ~ended[t] - values[t]
        running = error + args.gamma * GAE * running * ~over[t]
        out[t] = running
    return out


def decide(action: np.ndarray):
    """Drive on by ``action [E, 2]``.

    What is seen then ``[E, S]``, rewards and what of them is for faults, who has ended and whose episode is over, and
    of those: what was seen at last, and how they ended, a column for each of MEANS but the first.
    """
    observations, rewards, terminated, truncated, info = envs.step(action)
    over, terms, last, endings = terminated | truncated, info["rewards"], None, None
    if over.any():
        final = info["final_info"]
        terms = {name: np.where(over, final["rewards"][name], terms[name]) for name in FAULTS}
        last, epdms = np.stack([each["state"] for each in info["final_obs"][over]]), final["epdms"]
        red = epdms["traffic_light_compliance"] < 1.0
        seconds = (final["time_us"] - begun) / 1e6
        columns = (epdms["score"], seconds, final["at_fault"], final["left_road"], red, epdms["ego_progress"])
        endings = np.stack(columns, 1)[over]
        begun[over] = info["time_us"][over]
    faults = sum(terms[name] for name in FAULTS)
    return observations["state"], rewards, faults, terminated, over, last, endings


def update(seen, acted, gains, targets, before) -> None:
    """Improve policy and value by a rollout ``[T * E, ...]``."""
    for _ in range(args.epochs):
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


envs = gym.make_vec(
    "SimScale-v0", num_envs=args.envs, autoreset_mode=AutoresetMode.SAME_STEP, scenes=f"town:{args.towns}",
    observation="state", action="curvature", action_repeat=args.repeat, experts=(),
    perturb=PerturbConfig(variety=args.variety), horizon=args.horizon,
)  # fmt: skip
model = ActorCritic()
optimiser = torch.optim.Adam(model.parameters(), args.rate, eps=1e-5)
done, cpu, wall, episodes, start = 0, 0.0, 0.0, 0, time.time()
if args.out and (args.out / "training.pt").exists():
    kept = torch.load(args.out / "training.pt")
    model.load_state_dict(kept["model"])
    optimiser.load_state_dict(kept["optimiser"])
    done, cpu, wall, episodes = kept["spent"]
T, E = args.rollout, args.envs
seen, acted, chance = torch.zeros(T, E, SIZE), torch.zeros(T, E, 2), torch.zeros(T, E)
rewards, ended, over = torch.zeros(T, E), torch.zeros(T, E, dtype=bool), torch.zeros(T, E, dtype=bool)
earned, ends = np.zeros(E), []
observations, info = envs.reset(seed=args.seed + done)
observation, begun = torch.from_numpy(observations["state"]), info["time_us"].copy()
while (spent := cpu + time.process_time()) < 60.0 * args.cpu_minutes and done < args.steps:
    left = 1.0 - max(done / args.steps, spent / (60.0 * args.cpu_minutes))
    optimiser.param_groups[0]["lr"] = args.rate * left
    model.log_std[:] = args.log_std[1] + (args.log_std[0] - args.log_std[1]) * left
    forgiven = 1.0 - (args.fault[1] + (args.fault[0] - args.fault[1]) * left) / -RewardConfig().collision
    cut = []
    for t in range(T):
        seen[t] = observation
        with torch.no_grad():
            policy = model.policy(observation)
            acted[t] = policy.sample()
            chance[t] = policy.log_prob(acted[t]).sum(-1)
        state, paid, faults, terminated, is_over, last, endings = decide(acted[t].clamp(-1.0, 1.0).numpy())
        observation, earned = torch.from_numpy(state), earned + paid
        rewards[t] = torch.from_numpy(paid - forgiven * faults) * args.reward_scale
        ended[t], over[t] = torch.from_numpy(terminated), torch.from_numpy(is_over)
        if endings is not None:
            cut.append(last)
            ends.extend(np.column_stack([earned[is_over], endings]))
            earned[is_over], episodes = 0.0, episodes + len(endings)
    x = seen.reshape(T * E, SIZE)
    with torch.no_grad():
        values = torch.cat([model.value(x).reshape(T, E), model.value(observation).reshape(1, E)])
        after = values[1:].clone()
        if cut:
            after[over] = model.value(torch.from_numpy(np.concatenate(cut))).squeeze(-1)
    gains = advantages(rewards, ended, over, values[:-1], after)
    update(x, acted.reshape(T * E, 2), gains.flatten(), (gains + values[:-1]).flatten(), chance.flatten())
    done, ends = done + T * E * args.repeat, ends[-400:]
    counts = (done, cpu + time.process_time(), wall + time.time() - start, episodes)
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
