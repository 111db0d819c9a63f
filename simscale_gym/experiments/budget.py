"""How large an experiment is, and where it works; imports nothing heavy, so that help comes at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simscale_gym.errors import ArgumentError


@dataclass(frozen=True)
class Budget:
    """How large an experiment is, and where it works.

    Attributes:
        work: Folder of data sets and trainings, made if absent; what is there is not made again.
        rows: CSV file to which a row is added for each arm, seed and suite; WORK/rows/NAME.csv if left out.
            NAME-groups.csv beside it has the scores behind it.
        seeds: Seeds of the trainings.
        steps: Gradient steps of each training.
        preset: Size of the planners.
        clips: Recorded clips that are searched, 15 a scene, of which those stay that are challenging (in the town two
            of five); a quarter as many on other roads tell how near plans are to humans.
        num_scenes: Recorded scenes of each training, drawn by its seed; all if left out.
        rounds: Simulated samples of a clip at most; a scene has 21 clips that leave the log.
        ratio: Simulated samples for each recorded one, where an arm does not say otherwise.
        families: Families of planners; the experiment's own if left out.
        suites: Names of suites, or files; the experiment's own if left out.
        scenes: Folder of recorded scenes, for experiments and suites that need one.
        data: Data sets that are there already, each NAME=DIR, in the place of those that --dry-run lists.
        workers: Processes that collect and judge; one per core if left out.
    """

    work: Path = Path("out/experiments")
    rows: Path | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int = 1500
    preset: str = "tiny"
    clips: int = 1200
    num_scenes: int | None = None
    rounds: int = 3
    ratio: float = 2.0
    families: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    scenes: str | None = None
    data: tuple[str, ...] = ()
    workers: int | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "clips", "rounds"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name}: {getattr(self, name)}, expected 1 or more.")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ArgumentError(f"seeds: {list(self.seeds)}, expected one or more, none twice.")
        if not 0.0 < self.ratio < float("inf"):
            raise ArgumentError(f"ratio: {self.ratio}, expected more than 0.")
