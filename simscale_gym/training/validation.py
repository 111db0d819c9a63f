"""How well a planner repeats what humans did on roads that it has not seen."""

from __future__ import annotations

import numpy as np
import torch

from simscale_gym.planners.planner import Planner
from simscale_gym.training.lesson_store import LessonStore

_TOGETHER = 128


@torch.inference_mode()
def displacement(
    planner: Planner, lessons: LessonStore, device: torch.device | str = "cpu"
) -> dict[str, float]:
    """Mean distance of plans from labels: ``ade`` over all poses, ``fde`` at the last [m]."""
    was, apart = planner.training, []
    planner.eval()
    for rows in np.array_split(np.arange(len(lessons)), -(-len(lessons) // _TOGETHER)):
        batch = lessons.batch(rows, device)
        plan = planner(batch["pictures"], batch["status"])["plan"]
        apart.append((plan[..., :2] - batch["target"][..., :2]).norm(dim=-1).float().cpu())
    planner.train(was)
    distances = torch.cat(apart)
    return {"ade": float(distances.mean()), "fde": float(distances[:, -1].mean())}
