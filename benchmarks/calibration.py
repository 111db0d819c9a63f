"""What it is worth to weigh a scorer's estimates by a validation set instead of by GTRS' weights.

    python benchmarks/calibration.py run/planner.safetensors --val val val-sim

EPDMS (without EC, of which samples have no scores) of what a planner with a scorer takes of the vocabulary: by GTRS'
weights; and by those fitted to the other three quarters of the same samples, so that none is judged by what it was
fitted to. Several planners, as trainings with other seeds, give the means over them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from simscale_gym.datagen import DataSet
from simscale_gym.planners import ProposalsPlanner, ScoringPlanner, load_planner
from simscale_gym.planners.planner import Batch, Outputs
from simscale_gym.planners.scorer import known_epdms, usual_weighing, weighed
from simscale_gym.training.lesson_store import LessonStore
from simscale_gym.training.selection import Part

FOLDS, BLOCK = 4, 8  # of samples that follow each other, most are of one scene: they stay in one fold
TOGETHER = 128


def those(rows: Tensor, *found: Batch) -> list[dict[str, Tensor]]:
    """The samples in ``rows`` of each."""
    return [{name: value[rows] for name, value in one.items()} for one in found]


def worth(outputs: Outputs, batch: Batch, weighing: Tensor) -> Tensor:
    """EPDMS ``[B]`` of what is chosen by ``weighing``."""
    best = weighed(outputs, weighing).argmax(1, keepdim=True)
    return known_epdms(batch["vocabulary_scores"]).gather(1, best)[:, 0]


def measured(planner: ScoringPlanner | ProposalsPlanner, folder: str) -> tuple[float, float]:
    """EPDMS on a data set by GTRS' weights and by fitted ones [%]."""
    data = DataSet(folder)
    cameras = [data.recipe["spec"]["cameras"].index(name) for name in planner.inputs.cameras]
    lessons = LessonStore([Part(data, range(len(data)), tuple(cameras))], planner.map_stride)
    batch, rows = lessons.batch(np.arange(len(lessons))), torch.arange(len(lessons))
    made = [planner(batch["pictures"][some], batch["status"][some]) for some in rows.split(TOGETHER)]
    outputs = {name: torch.cat([one[name] for one in made]) for name in planner.scorer.heads}
    fold, fitted = rows // BLOCK % FOLDS, torch.zeros(len(rows))
    for number in range(FOLDS):
        planner.calibrate(*those(fold != number, outputs, batch))
        fitted[fold == number] = worth(*those(fold == number, outputs, batch), planner.scorer.weighing)
    return 100.0 * worth(outputs, batch, usual_weighing()).mean().item(), 100.0 * fitted.mean().item()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("planners", type=Path, nargs="+", help="checkpoints of scoring or proposals planners")
    parser.add_argument("--val", nargs="+", required=True, help="data sets of roads they did not learn from")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    planners = [load_planner(path) for path in arguments.planners]
    print(f"{'data set':>16} {'GTRS':>6} {'fitted':>7}")
    for folder in arguments.val:
        usual, fitted = np.mean([measured(planner, folder) for planner in planners], axis=0)
        print(f"{Path(folder).name:>16} {usual:6.1f} {fitted:7.1f}", flush=True)


if __name__ == "__main__":
    main()
