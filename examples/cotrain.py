"""Does simulation make a planner better? From nothing to two trained and judged planners, and what they are apart.

Drives of the built-in town are recorded samples; those that begin off the log, as a planner expert drives on, are the
simulated ones. Both come with EPDMS of a vocabulary of trajectories. A small scoring planner learns from the recorded
ones alone and from both, in the same number of steps, and then drives a frozen suite of dense traffic in another town
from starts off its log. What is there already is not made again.

    pip install '.[train]'
    python examples/cotrain.py --out out/cotrain
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from simscale_gym.datagen import DataSet, DataSpec, write_data_set
from simscale_gym.errors import SimScaleError
from simscale_gym.evaluation import TrainedDriver, evaluate
from simscale_gym.planners import FAMILIES
from simscale_gym.training import TrainConfig, train


def main() -> None:
    """Collect, train twice, judge, print the gain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/cotrain"), help="data sets and planners")
    parser.add_argument("--scenes", type=int, default=40, help="recorded scenes, of some 6 samples each")
    parser.add_argument("--steps", type=int, default=1000, help="gradient steps of each planner")
    parser.add_argument("--suite", default="town-hard", help="name of a suite, or its file")
    parser.add_argument(
        "--preset", default="tiny", choices=("tiny", "small", "paper"), help="size of the planners"
    )
    parser.add_argument("--image-size", type=int, nargs=2, default=(72, 128), help="height, width")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    told = parser.parse_args()
    try:
        run(told)
    except SimScaleError as error:
        raise SystemExit(f"cotrain: {error}") from error


def run(told: argparse.Namespace) -> None:
    """All of it."""
    scores = FAMILIES["scoring"].presets[told.preset].scorer.vocabulary
    each = {"image_size": tuple(told.image_size), "picture_format": "png", "scores": scores}
    log = DataSpec(kind="log", stride=1.0, challenging=True, **each)
    simulated = DataSpec(experts=("planner",), stride=1.0, **each)
    other = max(1, told.scenes // 4)  # scenes of other roads, which say how to weigh what a planner expects
    specs = {  # of a scene, 15 moments a second apart; 11 where there are 4 s more to drive off the log
        "real": replace(log, clips=told.scenes * 15),
        "sim": replace(simulated, clips=told.scenes * 11, rounds=2),
        "val": replace(log, split="val", clips=other * 15),
        "val-sim": replace(simulated, split="val", clips=other * 11, rounds=1),
    }
    for name, spec in specs.items():
        collect(told.out / name, spec, told.workers)

    real, sim, *val = (str(told.out / name) for name in specs)
    planners = {}
    for name, beside in {"real": (), "real + sim": (sim,)}.items():
        config = TrainConfig(
            "scoring", told.preset, (real,), beside, val=tuple(val), steps=told.steps, keep_best=False
        )
        result = train(config, told.out / name.replace(" ", ""))
        print(f"{name}: {result['real']} recorded and {result['sim']} simulated samples", flush=True)
        planners[name] = TrainedDriver(told.out / name.replace(" ", "") / "planner.safetensors")

    with tqdm(desc=f"judging on {told.suite}", unit="scene") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = evaluate(
            planners, told.suite, parts=["drives"], calibrate=False, workers=told.workers, progress=progress
        )
    print(found.table())
    gain = found.compare("real + sim", "real", "drive")
    print(
        f"simulation adds {100 * gain.mean:+.1f} points of EPDMS "
        f"(95 % interval over scenes {100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    )


def collect(folder: Path, spec: DataSpec, workers: int) -> None:
    """Write a data set, or what is missing of it."""
    with tqdm(total=spec.clips, desc=f"collecting {folder.name}", unit="clip") as bar:
        for report in write_data_set(folder, spec, workers=workers):
            bar.update(report.head.clips)
    print(f"{folder}: {len(DataSet(folder))} samples", flush=True)


if __name__ == "__main__":
    main()
