"""Outcomes of evaluations that nobody drove."""

import zlib

import numpy as np

from simscale_gym.evaluation import DriveRow, Evaluation, PlanRow
from simscale_gym.evaluation.rows import CODES

GAIN = 0.2
"""By which planners score higher whose name says that they saw simulated samples."""


def made_up_evaluation(names, suite, scenes=12):
    plans, drives = [], []
    for name in names:
        for scene in suite.scenes[:scenes]:
            hard = np.random.default_rng(zlib.crc32(scene.id.encode())).uniform(0.2, 0.6)
            score = hard + (GAIN if "sim" in name else 0.0)
            scores = dict.fromkeys(CODES, 1.0) | {"ep": score}
            for start in (-1, 0):
                for member in ("now", "previous"):
                    plans.append(
                        PlanRow(name, 0, scene.id, f"{scene.id}-{start}-{member}", 0, start, member, (0.0, 0.0),
                                (0.0, 0.0), 1.0, scores, score if start < 0 else 1.0, 1.0, 2.0)
                    )  # fmt: skip
            drives.append(DriveRow(name, 0, scene.id, 0, 8.0, "horizon", scores, score, score > 0.5))
    return Evaluation(suite, tuple(names), tuple(plans), tuple(drives), 1.5)
