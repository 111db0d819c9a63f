"""Does simulation help? The smallest planner on recorded samples alone, and on recorded and simulated ones.

The same steps, seeds and order of learning rates; beside them the control without eyes, trained both ways. What is
there already, of data sets, trainings or rows, is not made again, so it may be killed and given again at any time.

    python benchmarks/pilot.py --work out/pilot --scenes 40 --steps 3000 --seeds 0 1 2
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import tyro
from tqdm import tqdm

from simscale_gym.datagen import DataSpec, write_data_set
from simscale_gym.evaluation import Evaluation, Sensing, evaluate
from simscale_gym.planners import PlannerAgent, load_planner
from simscale_gym.training import TrainConfig, train

ROWS = Path(__file__).parent / "results" / "pilot.csv"
SIZE = (72, 128)
CLIPS_A_SCENE = 8
FIGURES = ("epdms", "stage_one", "stage_two", "one_stage", "ade")


@dataclass(frozen=True)
class Pilot:
    """What is run.

    Attributes:
        work: Folder of data sets and trainings.
        scenes: Scenes of the train split, 8 recorded clips each.
        rounds: Simulated samples of a clip at most.
        steps: Gradient steps of each training.
        seeds: Seeds of the trainings.
        suites: Names of the suites on which they are judged.
        workers: Processes that collect and judge.
    """

    work: Path = Path("out/pilot")
    scenes: int = 40
    rounds: int = 2
    steps: int = 3000
    seeds: tuple[int, ...] = (0,)
    suites: tuple[str, ...] = ("town-hard", "town-test")
    workers: int | None = None


def main(pilot: Pilot) -> None:
    real, val, sim = (str(pilot.work / name) for name in ("real", "val", "sim"))
    plain = {"image_size": SIZE, "picture_format": "png"}
    clips = CLIPS_A_SCENE * pilot.scenes
    collected(pilot, real, DataSpec(kind="log", clips=clips, **plain))
    collected(pilot, val, DataSpec(kind="log", split="val", clips=clips // 4, **plain))
    # a perturbed clip needs 4 s more: at 1 s apart a scene has 11 of them
    perturbed = DataSpec(
        experts=("planner",), stride=1.0, clips=11 * pilot.scenes, rounds=pilot.rounds, **plain
    )
    collected(pilot, sim, perturbed)
    for seed in pilot.seeds:
        for family in ("regression", "ego_status"):
            for simulated in ((), (sim,)):
                config = TrainConfig(
                    planner=family, real=(real,), sim=simulated, val=(val,), steps=pilot.steps, seed=seed
                )
                judged(pilot, config)


def collected(pilot: Pilot, folder: str, spec: DataSpec) -> None:
    if (Path(folder) / "manifest.json").exists():
        return
    for _ in tqdm(write_data_set(folder, spec, workers=pilot.workers), unit="scene", desc=folder):
        pass


def judged(pilot: Pilot, config: TrainConfig) -> None:
    """Train, and a row for each suite."""
    name = f"{config.planner}-{'real+sim' if config.sim else 'real'}"
    folder = pilot.work / f"{name}-{config.steps}-{config.seed}"
    trained = train(config, folder)
    for suite in pilot.suites:
        if (name, config.digest, suite) in known_rows():
            continue
        agent = PlannerAgent(load_planner(folder / "planner.safetensors"))
        found = evaluate(
            {name: agent},
            suite,
            sensing=Sensing(image_size=SIZE),
            parts=("plans",),
            calibrate=False,
            workers=pilot.workers,
        )
        write_row({"planner": name, "seed": config.seed, "suite": suite, **trained, **figures(found, name)})


def figures(found: Evaluation, name: str) -> dict[str, float | str]:
    intervals = {figure: found.interval(name, figure) for figure in FIGURES}
    return {
        **{f"suite_{figure}": round(found.score(name, figure), 4) for figure in FIGURES},
        "epdms_low": round(intervals["epdms"].low, 4),
        "epdms_high": round(intervals["epdms"].high, 4),
    }


def known_rows() -> set[tuple[str, str, str]]:
    if not ROWS.exists():
        return set()
    with open(ROWS, newline="") as file:
        return {(row["planner"], row["config"], row["suite"]) for row in csv.DictReader(file)}


def write_row(row: dict[str, object]) -> None:
    print(row)
    ROWS.parent.mkdir(exist_ok=True)
    begun = ROWS.exists()
    with open(ROWS, "a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if not begun:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main(tyro.cli(Pilot))
