"""Trains a small planner on made-up samples: ``train_on_devices.py DEVICES OUT``; notes which rows each process took.

A script, as the processes of further devices start with the command that the first was started with.
"""

import json
import os
import sys
from pathlib import Path

import torch
from made_up_set import CAMERAS, SIZE, MadeUpSet, made_up_samples, mini_backbone

from simscale_gym.planners import FAMILIES, InputSpec, RegressionConfig
from simscale_gym.training import TrainConfig, identity, loop, selection, train


def main(devices, out):
    torch.set_num_threads(1)
    sets = {
        "real": MadeUpSet(made_up_samples(24)),
        "sim": MadeUpSet(made_up_samples(48, kind="perturbed", seed=1), "perturbed"),
    }
    identity.DataSet = selection.DataSet = sets.__getitem__
    FAMILIES["regression"].presets["mini"] = RegressionConfig(InputSpec(CAMERAS, SIZE), mini_backbone())
    taken, batch_of = [], loop.LessonStore.batch

    def noted(self, rows, device="cpu"):
        taken.append(rows.tolist())
        return batch_of(self, rows, device)

    loop.LessonStore.batch = noted
    config = TrainConfig(
        preset="mini", real=("real",), sim=("sim",), steps=8, batch_size=8, sim_weight=0.5, velocity_noise=0.0,
        acceleration_noise=0.0, color_jitter=0.0, accelerator="cpu", devices=devices,
    )  # fmt: skip
    train(config, out, progress=False)
    rank = os.environ.get("LOCAL_RANK", "0")
    (out.parent / f"{out.name}-{rank}.json").write_text(json.dumps(taken))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
