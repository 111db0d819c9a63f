"""How good a planner is on roads that it has not seen: as near to humans as can be, or as EPDMS has it."""

from __future__ import annotations

import numpy as np
import torch

from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation import evaluate, open_suite
from simscale_gym.planners.planner import Planner
from simscale_gym.planners.planner_agent import PlannerAgent
from simscale_gym.training.lesson_store import LessonStore

_TOGETHER = 128
_CALIBRATING = 2048
_COMPARED = ("test", "hard")


@torch.no_grad()
def calibrate(planner: Planner, lessons: LessonStore, device: torch.device | str = "cpu") -> None:
    """Let a planner set by the validation set what it does not learn; of a large one some lessons will do."""
    if not planner.calibrates:
        return
    was, count = planner.training, min(len(lessons), _CALIBRATING)
    planner.eval()
    rows, made = np.arange(count) * len(lessons) // count, []
    for some in np.array_split(rows, -(-count // _TOGETHER)):
        batch = lessons.batch(some, device)
        made.append(planner(batch["pictures"], batch["status"]))
    planner.calibrate({name: torch.cat([one[name] for one in made]) for name in made[0]}, lessons.batch(rows))
    planner.train(was)


@torch.inference_mode()
def displacement(
    planner: Planner, lessons: LessonStore, device: torch.device | str = "cpu"
) -> dict[str, float]:
    """Mean distance of plans from recorded labels: ``ade`` over all poses, ``fde`` at the last [m]."""
    was, apart = planner.training, []
    recorded = np.flatnonzero(~lessons.column("is_sim").numpy())
    planner.eval()
    for rows in np.array_split(recorded, -(-len(recorded) // _TOGETHER)):
        batch = lessons.batch(rows, device)
        plan = planner(batch["pictures"], batch["status"])["plan"]
        apart.append((plan[..., :2] - batch["target"][..., :2]).norm(dim=-1).float().cpu())
    planner.train(was)
    distances = torch.cat(apart)
    return {"ade": float(distances.mean()), "fde": float(distances[:, -1].mean())}


def check_suite(name: str) -> None:
    """Refuse a suite on which planners are compared: who is chosen on it has seen it.

    Raises:
        ArgumentError: It is of the test or the hard split, or there is none of that name.
        DataError: The file is none.
    """
    suite = open_suite(name)
    if suite.split in _COMPARED:
        raise ArgumentError(
            f"val_suite: {suite.name} is of the split {suite.split!r}, on which planners are compared, expected one of "
            "another: town-val."
        )


def suite_score(planner: Planner, suite: str) -> float:
    """EPDMS of a planner's plans on a suite of the town, in two stages."""
    was = planner.training
    score = evaluate(PlannerAgent(planner), suite, parts=("plans",), calibrate=False).score()
    planner.train(was)
    return score
