"""Planners judged on a suite: checked first, then scene by scene, in one process or in several."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from simscale_gym.datagen.runners import Runner
from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation.entrants import AgentOrMaker, Entrant, Sensing, agent_of, entrants_of
from simscale_gym.evaluation.evaluation import Evaluation
from simscale_gym.evaluation.judging import PARTS, LookingGlass, SceneTask, asked, judge_scene
from simscale_gym.evaluation.pictures import Shown
from simscale_gym.evaluation.queries import checked_scene, query_pairs, suite_refs
from simscale_gym.evaluation.rows import DriveRow, PlanRow
from simscale_gym.evaluation.suite import Suite, open_suite
from simscale_gym.scene import Scene

Outcome = tuple[list[PlanRow], list[DriveRow]]


def evaluate(
    planners: AgentOrMaker | Mapping[str, AgentOrMaker | Sequence[AgentOrMaker]],
    suite: str | Path | Suite,
    *,
    scenes: str | Sequence[Scene] | None = None,
    sensing: Sensing | None = None,
    parts: Sequence[str] = PARTS,
    calibrate: bool = True,
    workers: int | None = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Judge planners on a suite.

    Everything is checked first: the suite, its scenes, and what each planner answers at the first moment.

    Args:
        planners: An agent, or agents by name; several trainings of one planner as a sequence. Instead of an agent, a
            function that makes one from the world that it may look into.
        suite: Name of a suite, the path of one, or a suite.
        scenes: Folder of the scenes, for suites that are not of the town; or the scenes.
        sensing: What planners are shown that do not say so themselves (attribute ``sensing``).
        parts: "plans" (open loop and two stages), "drives" (closed loop), or both.
        calibrate: Whether the human, PDM-Closed and constant velocity are judged beside.
        workers: Processes; 1 for this one, None for one per core. Planners are sent to them as pickles.
        progress: Is told how many scenes are done, and of how many.

    Raises:
        ArgumentError: An unknown suite or part, no planner, or one that gives what is no plan.
        SceneError, DataError: A scene is not there, or has changed since the suite was made.
    """
    began, suite = time.perf_counter(), open_suite(suite)
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise ArgumentError(f"parts: {list(parts)}, expected some of {', '.join(PARTS)}.")
    entrants = entrants_of(planners, sensing, calibrate=calibrate)
    refs = suite_refs(suite, scenes)
    tasks = [SceneTask(suite, *pair, tuple(parts)) for pair in zip(suite.scenes, refs, strict=True)]
    _check(tasks, entrants)
    runner = Runner(workers=workers)
    plans: list[PlanRow] = []
    drives: list[DriveRow] = []
    outcomes = (
        (judge_scene(task, entrants) for task in tasks)
        if runner.processes(len(tasks)) == 1
        else _pooled(tasks, entrants, runner)
    )
    for done, (rows, driven) in enumerate(outcomes, 1):
        plans += rows
        drives += driven
        progress(done, len(tasks))
    names = tuple(entrant.name for entrant in entrants)
    return Evaluation(suite, names, tuple(plans), tuple(drives), time.perf_counter() - began)


def _check(tasks: Sequence[SceneTask], entrants: Sequence[Entrant]) -> None:
    """Raise what would go wrong later: other scenes, cameras that are not there, answers that are no plans."""
    for task in tasks[1:]:
        checked_scene(task.suite, task.pinned, task.ref)
    suite, pinned = tasks[0].suite, next(task.pinned for task in tasks if task.pinned.groups)
    ref = next(task.ref for task in tasks if task.pinned.groups)
    scene, traffic = checked_scene(suite, pinned, ref), suite.make_traffic()
    first = next(query_pairs(scene, pinned, suite))[0]
    for entrant in entrants:
        shown = Shown(scene, entrant.sensing, traffic)
        seen = shown.observe(first)
        for given in entrant.agents:
            glass = LookingGlass(scene, first.state, traffic)
            list(asked(agent_of(given, glass), shown, [first], [seen], glass, entrant.name))


def _pooled(tasks: Sequence[SceneTask], entrants: Sequence[Entrant], runner: Runner) -> Iterator[Outcome]:
    """Outcomes in the order of ``tasks``, each made in one of several processes."""
    try:
        sent = pickle.dumps(tuple(entrants))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ArgumentError(
            f"planners: cannot be sent to other processes ({error}); ask for workers=1."
        ) from error
    return runner.map(_judge, sent, tasks)


def _judge(sent: bytes, task: SceneTask) -> Outcome:
    return judge_scene(task, _unpacked(sent))


@lru_cache(maxsize=1)
def _unpacked(sent: bytes) -> tuple[Entrant, ...]:
    return pickle.loads(sent)
