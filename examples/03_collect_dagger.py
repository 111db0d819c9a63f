"""Teach a small network to drive by plain cloning and by DAgger, with as many labels and steps, and let both drive.

python examples/03_collect_dagger.py --out out/dagger --seeds 3

Cloning learns from drives of the expert; DAgger from drives of what was learned so far, with what the expert would have
done there. Both data sets stay in ``--out``; given again, the command goes on where it was.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from torch import nn

import simscale_gym  # noqa: F401  (registers the id)
from simscale_gym.datagen import DataSet, DataSpec, RolloutSpec, dagger, write_data_set
from simscale_gym.envs import STATE_LAYOUT, run_episode

SEEN = ("ego", "command", "state")
WIDTH = 6 + 4 + STATE_LAYOUT.size
TIMES, SCALE = (
    0.5 * torch.arange(1, 9),
    torch.tensor([5.0, 1.0, 0.1]),
)  # [s]; [m, m, rad] that errors are weighed by


class Driver(nn.Module):
    """An agent that plans eight poses from the state observation; the data engine makes it from a file of weights."""

    def __init__(self, file=None):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(WIDTH, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 24)
        )
        if file is not None:
            self.load_state_dict(torch.load(file, weights_only=True))

    def forward(self, seen):
        """Plans ``[B, 8, 3]``: straight on at the present speed, and what the network changes."""
        straight = torch.stack(
            [seen[:, :1] * TIMES, 0 * TIMES.expand(len(seen), 8), 0 * TIMES.expand(len(seen), 8)], -1
        )
        return straight + SCALE * self.net(torch.asinh(seen)).reshape(-1, 8, 3)

    def reset(self, context):
        """Nothing to be remembered."""

    @torch.no_grad()
    def act(self, observation):
        """The plan, as an agent gives it."""
        return (
            self(torch.from_numpy(np.hstack([observation[name] for name in SEEN]))[None])[0].double().numpy()
        )


def examples(data_set):
    """What was seen ``[M, WIDTH]``, and the expert's plans there ``[M, 8, 3]``, where it vouches for them."""
    steps = [sample.step for sample in data_set if sample.row["valid"]]
    seen = np.array([np.hstack([step[name] for name in SEEN]) for step in steps])
    return torch.from_numpy(seen), torch.from_numpy(np.array([step["expert_action"] for step in steps]))


def train(seen, plans, file, *, seed, steps):
    """Clone ``plans``, and write the weights to ``file``."""
    torch.manual_seed(seed)
    driver = Driver()
    optimizer = torch.optim.Adam(driver.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        batch = torch.randint(len(seen), (128,))
        loss = ((driver(seen[batch]) - plans[batch]) / SCALE).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    torch.save(driver.state_dict(), file)


def evaluate(file, episodes):
    """Mean EPDMS, and shares of episodes that ended well, off the road, in a collision; on streets of another split."""
    env = gym.make("SimScale-v0", split="test", observation="state", action="trajectory", experts=())
    drives = [run_episode(env, Driver(file), seed=seed) for seed in range(episodes)]
    off, hit = (np.mean([drive.ending == end for drive in drives]) for end in ("out_of_road", "collision"))
    return np.mean([drive.epdms["score"] for drive in drives]), 1.0 - off - hit, off, hit


def main():
    """Collect, train and drive."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/dagger"))
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each kind")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--clips", type=int, default=20, help="rollouts of a round")
    parser.add_argument("--steps", type=int, default=3000, help="gradient steps of a training")
    parser.add_argument("--episodes", type=int, default=100, help="that a driver is judged by")
    parser.add_argument("--workers", type=int, default=None)
    args = parser.parse_args()
    own = RolloutSpec(f"{Path(__file__).absolute()}:Driver")
    spec = DataSpec(
        kind="rollout", experts=("planner",), rounds=1, stride=20.0, clips=args.clips, cameras=(), rollout=own
    )
    expert = replace(spec, rounds=args.rounds, rollout=RolloutSpec("expert:planner"))
    for _ in write_data_set(args.out / "cloning", expert, workers=args.workers):
        pass
    cloned, table = examples(DataSet(args.out / "cloning")), []
    for seed in range(args.seeds):
        learn = partial(train, seed=seed, steps=args.steps)
        rounds = dagger(
            args.out / f"dagger-{seed}",
            replace(spec, seed=100 * (seed + 1)),
            lambda data_set, file, learn=learn: learn(*examples(data_set), file),
            rounds=args.rounds,
            workers=args.workers,
        )
        for last in rounds:
            print(f"DAgger {seed}, round {last.number}: {len(last.data_set)} samples", flush=True)
        visited = examples(last.data_set)
        labels = min(len(cloned[0]), len(visited[0]))
        for kind, (seen, plans) in {"cloning": cloned, "DAgger": visited}.items():
            some = torch.randperm(len(seen), generator=torch.Generator().manual_seed(seed))[:labels]
            file = args.out / f"{kind}-{seed}.pt"
            learn(seen[some], plans[some], file)
            table.append((kind, *evaluate(file, args.episodes)))
            print(f"{kind:8} {seed}, {labels} labels: " + row(table[-1][1:]), flush=True)
    for kind in ("cloning", "DAgger"):
        print(f"{kind:8} mean: " + row(np.mean([values for name, *values in table if name == kind], 0)))


def row(values):
    """One line of what :func:`evaluate` gave."""
    return "EPDMS {:.3f}, success {:.2f}, off the road {:.2f}, collision {:.2f}".format(*values)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
