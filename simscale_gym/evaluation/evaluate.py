"""Planners judged on a suite: checked first, then scene by scene, in one process or in several."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

from simscale_gym.datagen.runners import Runner
from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation.entrants import (
    CALIBRATION,
    AgentOrMaker,
    Entrant,
    Sensing,
    agent_of,
    entrants_of,
)
from simscale_gym.evaluation.evaluation import Evaluation
from simscale_gym.evaluation.judging import (
    NAVSIMS,
    OURS,
    PARTS,
    RULES,
    LookingGlass,
    SceneTask,
    asked,
    judge_scene,
    try_drive,
)
from simscale_gym.evaluation.kept_calibration import keep_calibration, kept_calibration
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
    rules: str = OURS,
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
        rules: How plans are scored: "simscale", in the simulator; or "navsim", as NAVSIM's two-stage run scores them on
            an export of the suite (:func:`export_suite`), number for number. NAVSIM has no drives in closed loop.
        calibrate: Whether the human, PDM-Closed and constant velocity are judged beside; their rows are kept in the
            cache.
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
    if rules not in RULES or (rules == NAVSIMS and tuple(parts) != PARTS[:1]):
        expected = f'one of {", ".join(RULES)}; with navsim, parts must be ["plans"]'
        raise ArgumentError(f"rules: {rules!r} with parts {list(parts)}, expected {expected}.")
    entrants = entrants_of(planners, sensing, calibrate=calibrate)
    refs = suite_refs(suite, scenes)
    tasks = [SceneTask(suite, *pair, tuple(parts), rules) for pair in zip(suite.scenes, refs, strict=True)]
    _try(tasks, entrants)
    kept = kept_calibration(suite, parts, rules) if calibrate else None
    judged = (
        entrants if kept is None else [entrant for entrant in entrants if entrant.name not in CALIBRATION]
    )
    outcomes = _judged(tasks, judged, Runner(workers=workers))
    plans, drives = kept or ([], [])
    for done, (rows, driven) in enumerate(outcomes, 1):
        plans, drives = plans + rows, drives + driven
        progress(done, len(tasks))
    if calibrate and kept is None:
        keep_calibration(suite, parts, rules, _of_calibration(plans, drives))
    names = [entrant.name for entrant in entrants]
    ordered = (sorted(rows, key=lambda row: names.index(row.planner)) for rows in (plans, drives))
    return Evaluation(suite, tuple(names), *map(tuple, ordered), time.perf_counter() - began, rules)


def _judged(tasks: Sequence[SceneTask], entrants: Sequence[Entrant], runner: Runner) -> Iterator[Outcome]:
    """Outcomes in the order of ``tasks``, of which every scene is looked at before any is judged."""
    work = [(task, False) for task in tasks] + [(task, True) for task in tasks if entrants]
    processes = runner.processes(len(tasks))
    given = tuple(entrants) if processes == 1 else _pickled(entrants)
    return islice(Runner(workers=processes).map(_done, given, work), len(tasks), None)


def _of_calibration(plans: Sequence[PlanRow], drives: Sequence[DriveRow]) -> Outcome:
    return [row for row in plans if row.planner in CALIBRATION], [
        row for row in drives if row.planner in CALIBRATION
    ]


def _try(tasks: Sequence[SceneTask], entrants: Sequence[Entrant]) -> None:
    """Raise what would go wrong later: parts of which there is nothing, missing cameras, answers that are none."""
    planned = [task for task in tasks if "plans" in task.parts and task.pinned.groups]
    driven = [task for task in tasks if "drives" in task.parts and task.pinned.drives]
    if not planned and not driven:
        raise ArgumentError(
            f"parts: suite {tasks[0].suite.name!r} has nothing of {', '.join(tasks[0].parts)}."
        )
    for entrant in entrants:
        if planned:
            _try_plans(planned[0], entrant)
        else:
            try_drive(driven[0], entrant)


def _try_plans(task: SceneTask, entrant: Entrant) -> None:
    """Ask an entrant at the first moment of a scene."""
    scene, traffic = checked_scene(task.suite, task.pinned, task.ref), task.suite.make_traffic()
    queries = [query for pair in query_pairs(scene, task.pinned, task.suite) for query in pair]
    first, shown = queries[0], Shown(scene, entrant.sensing, traffic)
    # all are drawn here, for the work that follows
    seen, *_ = shown.observations(queries, task.suite, task.pinned)
    for given in entrant.agents:
        glass = LookingGlass(scene, first.state, traffic)
        list(asked(agent_of(given, glass), shown, [first], [seen], glass, entrant.name))


def _pickled(entrants: Sequence[Entrant]) -> bytes:
    try:
        return pickle.dumps(tuple(entrants))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ArgumentError(
            f"planners: cannot be sent to other processes ({error}); ask for workers=1."
        ) from error


def _done(entrants: tuple[Entrant, ...] | bytes, work: tuple[SceneTask, bool]) -> Outcome | None:
    """A scene looked at, or judged."""
    task, judging = work
    if judging:
        return judge_scene(task, _unpacked(entrants) if isinstance(entrants, bytes) else entrants)
    checked_scene(task.suite, task.pinned, task.ref)
    return None


@lru_cache(maxsize=1)
def _unpacked(entrants: bytes) -> tuple[Entrant, ...]:
    return pickle.loads(entrants)
