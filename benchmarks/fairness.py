"""Is the built-in town fair? Prints, split by split, how EPDMS judges those who drove there and those who start there.

python benchmarks/fairness.py [--splits train val test hard] [--scenes 60] [--seeds 60] [--parts human starts log]

human: the log's own states among the log's traffic, two windows of 8 s a scene. starts: the score at reset, thrown off
the log and on it. log: the log expert followed among the log's traffic. experts: planner, unified and recovery followed
from perturbed starts of the last split that is named. Zeros are told apart by the subscore that fails.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator

import numpy as np

from simscale_gym.agents import LogReplay
from simscale_gym.envs import SimScaleEnv
from simscale_gym.metrics import COLUMNS, running_columns
from simscale_gym.scene import Scene
from simscale_gym.scoring import RunningSegment
from simscale_gym.sim import start
from simscale_gym.sources import list_scenes, load_scene

WINDOW, FIRST_FRAMES = 80, (15, 110)
FATAL = ("nc", "dac", "ddc", "tlc")


class Tally:
    """Scores of many drives."""

    def __init__(self) -> None:
        self.totals: list[float] = []
        self.causes: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.dead: list[str] = []

    def add(self, columns: dict[str, float], label: str) -> None:
        """Count a drive, ``columns`` as in ``info["epdms"]``."""
        self.totals.append(columns["score"])
        self.lost.update(code for code, name in COLUMNS.items() if columns.get(name, 1.0) < 1.0)
        if columns["score"] == 0.0:
            cause = "+".join(code for code in FATAL if columns[COLUMNS[code]] == 0.0)
            self.causes[cause] += 1
            self.dead.append(f"{label} {cause}")

    def __str__(self) -> str:
        mean, zeros = np.mean(self.totals), sum(self.causes.values())
        return f"mean {mean:.3f} of {len(self.totals)}, {zeros} zeros {dict(self.causes)}, below 1: {dict(self.lost)}"


def spread(split: str, count: int) -> Iterator[Scene]:
    """``count`` scenes of ``split``, from its first towns on."""
    return (load_scene(ref) for ref in list_scenes("town", split)[:count])


def human(split: str, scenes: int) -> Tally:
    """What the one who was recorded gets."""
    tally, traffic = Tally(), LogReplay()
    for scene in spread(split, scenes):
        for first in FIRST_FRAMES:
            states = [start(scene, traffic, frame) for frame in range(first, first + WINDOW + 1)]
            segment = RunningSegment.begin(scene, states[:1])
            for state in states[1:]:
                segment = segment.after(state)
            tally.add(running_columns(segment.subscores()), f"{scene.id} frame {first}")
    return tally


def starts(split: str, seeds: int, perturb: bool) -> Tally:
    """The score with which episodes begin."""
    env, tally = SimScaleEnv(split=split, observation="state", experts=(), perturb=perturb), Tally()
    for seed in range(seeds):
        _, info = env.reset(seed=seed)
        tally.add(info["epdms"], f"seed {seed}")
    return tally


def followed(
    split: str, expert: str, seeds: int, *, action: str, traffic: str, perturb: bool
) -> tuple[Tally, float]:
    """Drives along an expert's plans, and the largest distance [m] from the log in any of them."""
    env = SimScaleEnv(
        split=split, observation="state", experts=(expert,), action=action, traffic=traffic, perturb=perturb
    )
    tally, farthest = Tally(), 0.0
    for seed in range(seeds):
        _, info = env.reset(seed=seed)
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(info["expert_action"])
            over = terminated or truncated
            frame = min(env.sim_state.frame, env.scene.num_frames - 1)
            farthest = max(
                farthest, float(np.hypot(*(info["ego_state"][:2] - env.scene.ego.poses[frame, :2])))
            )
        tally.add(info["epdms"], f"seed {seed}")
    return tally, farthest


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--splits", nargs="+", default=["train", "val", "test", "hard"])
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--parts", nargs="+", default=["human", "starts", "log", "experts"])
    parser.add_argument("--verbose", action="store_true", help="name every drive that scores 0")
    args = parser.parse_args()

    def tell(name: str, tally: Tally, more: str = "") -> None:
        print(f"{name}: {tally}{more}", flush=True)
        if args.verbose:
            print(*(f"    {line}" for line in tally.dead), sep="\n", flush=True)

    for split in args.splits:
        if "human" in args.parts:
            tell(f"{split}, human", human(split, args.scenes))
        if "starts" in args.parts:
            tell(f"{split}, perturbed starts", starts(split, args.seeds, True))
            tell(f"{split}, unperturbed starts", starts(split, args.seeds, False))
        if "log" in args.parts:
            for action in ("control", "trajectory"):
                tally, far = followed(split, "log", args.seeds, action=action, traffic="log", perturb=False)
                tell(f"{split}, log expert, {action}", tally, f"; at most {far:.2f} m off its log")
    if "experts" in args.parts:
        for expert in ("planner", "unified", "recovery"):
            tally, _ = followed(
                args.splits[-1], expert, args.seeds, action="control", traffic="idm", perturb=True
            )
            tell(f"{args.splits[-1]}, {expert} expert", tally)


if __name__ == "__main__":
    main()
