"""How suites are made: moments that the human masters and keeping on does not, and fair starts off the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import dense_plan
from simscale_gym.agents.braking import braking_plan
from simscale_gym.agents.constant_velocity_agent import constant_velocity_plan
from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.errors import SceneError
from simscale_gym.evaluation.plan_score import logged_plan, yardstick
from simscale_gym.evaluation.queries import NOW, Query, off_log, pinned_start
from simscale_gym.evaluation.scene_digest import scene_digest, scene_sums
from simscale_gym.evaluation.suite import PREVIOUS, PinnedDrive, PinnedGroup, PinnedScene, PinnedStart, Suite
from simscale_gym.futures_bank import vocabulary_for
from simscale_gym.metrics.situation import HISTORY_STEPS
from simscale_gym.perturbation import AlgorithmConfig, Bounds, PerturbConfig, Telemetry, find_candidates
from simscale_gym.perturbation.gate import judged
from simscale_gym.perturbation.grid import CELL
from simscale_gym.perturbation.sampling import scene_rng
from simscale_gym.scene import DT, Scene, StateIndex
from simscale_gym.scoring import ego_history, fit_frames
from simscale_gym.sim import SimState, TrafficModel, start
from simscale_gym.sources import list_scenes, load_scene

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SuiteRecipe:
    """All that decides a suite.

    Attributes:
        name: Its name.
        about: What it is, in a sentence.
        split: Split of the town; of a folder of scenes it is left aside.
        source: "town" or "folder".
        traffic: Name of the traffic model.
        groups: Moments of a scene at most.
        starts: Starts off the log of a moment at most.
        least_starts: Moments with fewer are left out.
        apart: Least time between two moments [s].
        log_after: Time for which the log must go on after a moment [s]. Behind it, tracks are driven without a log.
        least_human: EPDMS that the human's own plan must have, now and half a second before; NAVSIM asks for 0.8.
        most_constant: EPDMS that keeping speed and heading may have at most, as in NAVSIM's filter; 1 for any.
        bounds: Bounds of the starts around the log's place.
        cell: Length and width of the cells of the grid of which the starts are chosen [m].
        seconds: Longest drive in closed loop [s].
        drives: Number of drives; they are spread over the scenes.
        off_log: Whether drives begin off the log.
    """

    name: str
    about: str
    split: str
    source: str = "town"
    traffic: str = "idm"
    groups: int = 2
    starts: int = 7
    least_starts: int = 5
    apart: float = 3.0
    log_after: float = 8.0
    least_human: float = 0.9
    most_constant: float = 0.8
    bounds: Bounds = field(default_factory=lambda: Bounds(longitudinal=8.0, lateral=2.0))
    cell: tuple[float, float] = (1.25, 0.25)
    seconds: float = 12.0
    drives: int = 40
    off_log: bool = False


RECIPES = {
    recipe.name: recipe
    for recipe in (
        SuiteRecipe(
            "town-test",
            "Moments of the town's test split at which keeping speed and heading does not do.",
            "test",
        ),
        SuiteRecipe(
            "town-val",
            "As town-test, of the val split and fewer: to choose checkpoints by.",
            "val",
            groups=1,
            starts=6,
            drives=20,
        ),
        SuiteRecipe(
            "town-hard",
            "Dense and rude traffic of the town's hard split; drives begin off the log.",
            "hard",
            groups=4,
            starts=8,
            least_starts=4,
            apart=1.0,
            off_log=True,
        ),
        SuiteRecipe(
            "real-mini",
            "Three recorded scenes (nuScenes-mini, Waymo) as ScenarioDescription files, which are not part of this.",
            "train",
            source="folder",
            groups=4,
            starts=6,
            least_starts=3,
            apart=1.5,
            log_after=4.0,
            least_human=0.8,
            most_constant=1.0,
            seconds=8.0,
            drives=3,
        ),
    )
}
"""How the suites of the package were made, by name."""


def make_suite(
    recipe: SuiteRecipe,
    scenes: str | Sequence[Scene] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Suite:
    """The suite of a recipe; the same scenes and code give the same.

    Args:
        recipe: The recipe.
        scenes: Folder of the scenes, or the scenes; None for the town.
        report: Is told what became of each scene, in a line.

    Raises:
        SceneError: No scene has a moment that will do.
    """
    refs = list_scenes("town" if scenes is None else scenes, recipe.split)
    maker = _Maker(recipe, vocabulary_for(refs))
    pinned = []
    for ref in refs:
        scene = load_scene(ref, keep=False)
        groups = tuple(maker.groups(scene))
        report(f"{scene.id}: {len(groups)} moments, {sum(len(group.starts) for group in groups)} starts")
        if groups:
            pinned.append(PinnedScene(scene.id, scene_digest(scene), scene_sums(scene), groups, ()))
    if not pinned:
        raise SceneError(f"suite {recipe.name!r}: none of {len(refs)} scenes has a moment that will do.")
    command = f"simscale-gym suite {recipe.name}" + (" --scenes DIR" if recipe.source == "folder" else "")
    suite = Suite(
        recipe.name, recipe.about, recipe.source, recipe.split, recipe.traffic, recipe.seconds, command, tuple(pinned)
    )  # fmt: skip
    return _with_drives(suite, recipe)


class _Maker:
    """Chooses moments and starts of one scene after the other."""

    def __init__(self, recipe: SuiteRecipe, vocabulary: HumanFutures) -> None:
        self._recipe, self._vocabulary = recipe, vocabulary
        self._traffic: TrafficModel = make_traffic(recipe.traffic)
        self._algorithm = AlgorithmConfig(bounds=recipe.bounds, cell=recipe.cell)

    def groups(self, scene: Scene) -> Iterator[PinnedGroup]:
        """The hardest moments first, as many as the recipe says, in the order of time."""
        chosen: list[PinnedGroup] = []
        for frame in self._moments(scene):
            near = any(abs(frame - group.frame) * DT < self._recipe.apart for group in chosen)
            if near or len(chosen) == self._recipe.groups:
                continue
            starts = self._starts(scene, frame)
            if len(starts) >= self._recipe.least_starts:
                chosen.append(PinnedGroup(frame, starts))
        yield from sorted(chosen, key=lambda group: group.frame)

    def _moments(self, scene: Scene) -> list[int]:
        """Frames at which the human does well and keeping on does not, the hardest first."""
        fit, recipe = fit_frames(scene), self._recipe
        last = scene.num_frames - 1 - round(recipe.log_after / DT)
        scores: dict[int, float] = {}
        for frame in range(HISTORY_STEPS + PREVIOUS, last + 1, 2 * PREVIOUS):
            if not (fit[frame] and fit[frame - PREVIOUS]):
                continue
            human, constant = self._scores(scene, frame, logged_plan, _constant_velocity)
            if human < recipe.least_human or constant > recipe.most_constant:
                continue
            if self._scores(scene, frame - PREVIOUS, logged_plan)[0] >= recipe.least_human:
                scores[frame] = constant
        return sorted(scores, key=lambda frame: (round(scores[frame], 2), frame))

    def _scores(self, scene: Scene, frame: int, *plans: Callable[[Scene, SimState], Array]) -> list[float]:
        """EPDMS of ``plans`` from a frame of the log; zeros where the human's drive itself breaks a rule."""
        moment = Query("", 0, -1, NOW, (start(scene, self._traffic, frame),))
        measured_by = yardstick(scene, moment, self._traffic)
        if float(measured_by.human.total[0]) < self._recipe.least_human:
            return [0.0] * len(plans)  # the human filter would forgive everybody what the human does wrong
        dense = (dense_plan(plan(scene, moment.state)) for plan in plans)
        driven = [measured_by.drive(plan) for plan in dense]
        return [float(outcome.scores.total[0]) for outcome in driven]

    def _starts(self, scene: Scene, frame: int) -> tuple[PinnedStart, ...]:
        """Starts off the log, the one nearest to it first, each further one as far as can be from those before."""
        begin = start(scene, self._traffic, frame)
        reference = reference_drive(scene, begin, PlannerExpert())
        found = find_candidates(
            scene, begin, reference, self._vocabulary, self._algorithm, scene_rng(scene, frame), Telemetry()
        )
        left, kept, starts = found.offsets[:, :2] / np.array(CELL), np.zeros((0, 2)), []
        rows = list(found.indices)
        while rows and len(starts) < self._recipe.starts:
            near = np.linalg.norm(left[:, None] - kept, axis=2).min(1) if len(kept) else -np.hypot(*left.T)
            best = int(near.argmax())
            made = self._start(scene, begin, rows.pop(best), reference)
            if made is not None:
                starts.append(made)
                kept = np.concatenate([kept, left[best : best + 1]])
            left = np.delete(left, best, axis=0)
        return tuple(starts)

    def _start(self, scene: Scene, begin: SimState, row: int, reference: Array | None) -> PinnedStart | None:
        """The start that a trajectory of the vocabulary leads to at 2 Hz; None where it will not do."""
        plan = np.round(self._vocabulary.poses[row, PLAN_STRIDE - 1 :: PLAN_STRIDE], 4)
        states = off_log(scene, self._traffic, begin, plan)
        gate, history = self._algorithm.gate, ego_history(scene, [begin])
        if isinstance(judged(scene, states, history, reference, gate), str):
            return None
        return pinned_start(scene, states, plan) if self._is_fair(scene, states) else None

    def _is_fair(self, scene: Scene, states: Sequence[SimState]) -> bool:
        """Whether somebody gets on from the last of ``states``: PDM-Closed, or who stops on a way back to the route."""
        query = Query("", 0, 0, NOW, tuple(states))
        measured_by = yardstick(scene, query, self._traffic)
        planner = PlannerExpert().plan(scene, query.state, self._traffic).poses
        stop = braking_plan(scene, query.state.ego, PerturbConfig.return_braking)
        return any(measured_by.drive(plan).scores.product[0] == 1.0 for plan in (planner, stop))


def _constant_velocity(scene: Scene, state: SimState) -> Array:
    return constant_velocity_plan(float(np.hypot(state.ego[StateIndex.VX], state.ego[StateIndex.VY])))


def _with_drives(suite: Suite, recipe: SuiteRecipe) -> Suite:
    """The suite with its drives, one a scene at most: from the first moment of scenes evenly spread over it."""
    count = min(recipe.drives, len(suite.scenes))
    chosen = {round(k * (len(suite.scenes) - 1) / max(count - 1, 1)) for k in range(count)}

    def drive(scene: PinnedScene) -> PinnedDrive:
        first = scene.groups[0]
        off = first.starts[len(first.starts) // 2] if recipe.off_log else None
        return PinnedDrive(first.frame, off)

    scenes = (
        replace(scene, drives=(drive(scene),)) if number in chosen else scene
        for number, scene in enumerate(suite.scenes)
    )
    return replace(suite, scenes=tuple(scenes))
