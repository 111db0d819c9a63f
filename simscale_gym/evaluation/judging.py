"""One scene of a suite, judged for all entrants: plans at its moments in both stages, drives in closed loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import Agent, Observation, dense_plan, is_plan
from simscale_gym.envs import SimScaleEnv, Snapshot, agent_context, run_episode
from simscale_gym.envs.drive import Drive
from simscale_gym.envs.episode import Start
from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation.entrants import Entrant, Sensing, agent_of
from simscale_gym.evaluation.kept_references import references
from simscale_gym.evaluation.navsim import navsim_yardsticks
from simscale_gym.evaluation.pictures import Shown
from simscale_gym.evaluation.plan_score import (
    DrivenPlan,
    Measure,
    displacement,
    pair_scores,
    yardstick_by,
)
from simscale_gym.evaluation.queries import Query, checked_scene, checked_states, query_pairs
from simscale_gym.evaluation.rows import CODES, DriveRow, PlanRow
from simscale_gym.evaluation.suite import PinnedDrive, PinnedScene, Suite
from simscale_gym.metrics import Scores, gaussian_weights
from simscale_gym.metrics.score import COLUMNS
from simscale_gym.scene import DT, Scene
from simscale_gym.scoring.label_filter import LEAST_PROGRESS
from simscale_gym.sim import SimState, TrafficModel, start
from simscale_gym.sources import SceneRef

Array = NDArray[np.float64]

PARTS = ("plans", "drives")
"""Plans at moments, in open loop and two stages; drives in closed loop."""
OURS, NAVSIMS = RULES = ("simscale", "navsim")
"""How plans are scored: in the simulator; or as NAVSIM scores them on an export of the suite, number for number."""


@dataclass(frozen=True, eq=False)
class SceneTask:
    """A scene to be judged.

    Attributes:
        suite: The suite.
        pinned: The scene in the suite.
        ref: Where it is loaded from.
        parts: Some of :data:`PARTS`.
        rules: One of :data:`RULES`.
    """

    suite: Suite
    pinned: PinnedScene
    ref: SceneRef
    parts: tuple[str, ...] = PARTS
    rules: str = OURS


@dataclass
class LookingGlass:
    """The world that a privileged agent looks into: whatever moment is put before it.

    Attributes:
        scene: The scene.
        sim_state: State of the simulation.
        traffic: Traffic model that moves the others.
    """

    scene: Scene
    sim_state: SimState
    traffic: TrafficModel


def judge_scene(task: SceneTask, entrants: Sequence[Entrant]) -> tuple[list[PlanRow], list[DriveRow]]:
    """Rows of all entrants and seeds.

    Raises:
        SceneError: The scene or its starts are not those of the suite.
        ArgumentError: A planner gave what is no plan.
    """
    scene = checked_scene(task.suite, task.pinned, task.ref)
    plans: list[PlanRow] = []
    if "plans" in task.parts and task.pinned.groups:
        pairs = list(query_pairs(scene, task.pinned, task.suite))
        flat = [query for pair in pairs for query in pair]
        measured_by = measures(task, scene, pairs)
        for entrant, seed, made in plans_made(task, scene, flat, entrants):
            plans += plan_rows(scene, entrant.name, seed, flat, made, measured_by)
    drives: list[DriveRow] = []
    if "drives" in task.parts:
        for entrant in entrants:
            drives += _drive_rows(scene, task, entrant)
    return plans, drives


def measures(task: SceneTask, scene: Scene, pairs: Sequence[tuple[Query, Query]]) -> list[Measure]:
    """What plans at the moments of a scene are measured by."""
    traffic = task.suite.make_traffic()
    if task.rules == NAVSIMS:
        return [stick for pair in pairs for stick in navsim_yardsticks(scene, pair, traffic)]
    flat = [query for pair in pairs for query in pair]
    known = references(scene, flat, task.suite, task.pinned)
    return [
        yardstick_by(scene, query, traffic, reference) for query, reference in zip(flat, known, strict=True)
    ]


def asked(
    agent: Agent,
    shown: Shown,
    queries: Sequence[Query],
    seen: Sequence[Observation],
    glass: LookingGlass,
    name: str,
) -> Iterator[Array]:
    """Plans ``[40, 3]`` of an agent at moments that have nothing to do with each other.

    An agent with a method ``act_all``, which takes several observations and gives as many plans, is asked once.

    Raises:
        ArgumentError: It gave something else than plans, or not finite ones; the message names planner and moment.
    """
    context = shown.context()
    if hasattr(agent, "act_all"):
        agent.reset(context)
        answers = agent.act_all(list(seen))
        if len(answers) != len(queries):
            raise ArgumentError(f"planner {name!r}: {len(answers)} plans for {len(queries)} observations.")
        yield from (_checked(answer, name, query) for answer, query in zip(answers, queries, strict=True))
        return
    for query, observation in zip(queries, seen, strict=True):
        glass.sim_state = query.state
        agent.reset(context)
        yield _checked(agent.act(observation), name, query)


def _checked(answer: NDArray, name: str, query: Query) -> Array:
    try:
        return dense_plan(answer)
    except (ArgumentError, TypeError, ValueError) as error:
        raise ArgumentError(f"planner {name!r} at {query.token}: {error}") from error


def plans_made(
    task: SceneTask, scene: Scene, queries: Sequence[Query], entrants: Sequence[Entrant]
) -> Iterator[tuple[Entrant, int, list[Array]]]:
    """Plans ``[40, 3]`` at ``queries`` of all entrants and seeds.

    Raises:
        ArgumentError: One gave what is no plan.
    """
    traffic = task.suite.make_traffic()
    for sensing in dict.fromkeys(entrant.sensing for entrant in entrants):
        shown = Shown(scene, sensing, traffic)
        seen = shown.observations(queries, task.suite, task.pinned)
        for entrant in (entrant for entrant in entrants if entrant.sensing == sensing):
            for seed, given in enumerate(entrant.agents):
                glass = LookingGlass(scene, queries[0].state, traffic)
                agent = agent_of(given, glass)
                yield entrant, seed, list(asked(agent, shown, queries, seen, glass, entrant.name))


def plan_rows(
    scene: Scene,
    name: str,
    seed: int,
    queries: Sequence[Query],
    plans: Sequence[Array],
    measured_by: Sequence[Measure],
) -> Iterator[PlanRow]:
    """Rows of plans ``[40, 3]`` at all moments of a scene, pair by pair, with the weights of the second stage."""
    driven = [stick.drive(plan) for plan, stick in zip(plans, measured_by, strict=True)]
    rows = [
        _row(scene, name, seed, *item)
        for item in zip(queries, plans, driven, _with_comfort(driven), measured_by, strict=True)
    ]
    yield from _weighted(rows)


def _with_comfort(driven: Sequence[DrivenPlan]) -> Iterator[Scores]:
    """Scores of pairs (now, previous), which follow one another."""
    for now, before in zip(driven[::2], driven[1::2], strict=True):
        yield from pair_scores(now, before)


def _row(
    scene: Scene,
    name: str,
    seed: int,
    query: Query,
    plan: Array,
    driven: DrivenPlan,
    scores: Scores,
    stick: Measure,
) -> PlanRow:
    away = (None, None) if stick.logged is None else displacement(plan, stick.logged)
    x, y = query.state.ego[:2].tolist()
    return PlanRow(
        name, seed, scene.id, query.token, query.group, query.start, query.member, (x, y), tuple(driven.end.tolist()),
        1.0, {code: float(getattr(scores, code)[0]) for code in CODES}, float(scores.total[0]), *away,
    )  # fmt: skip


def _weighted(rows: Sequence[PlanRow]) -> Iterator[PlanRow]:
    """The rows, second-stage ones with their weights by where the plan of their member of the pair ended."""
    weights: dict[str, float] = {}
    for first in (row for row in rows if row.stage == 1):
        starts = [
            row for row in rows if row.stage == 2 and (row.group, row.member) == (first.group, first.member)
        ]
        if starts:
            shares = gaussian_weights(np.array(first.end), np.array([row.place for row in starts]))
            weights |= {row.token: float(share) for row, share in zip(starts, shares, strict=True)}
    for row in rows:
        yield row if row.stage == 1 else replace(row, weight=weights[row.token])


def drive_start(scene: Scene, traffic: TrafficModel, drive: PinnedDrive, suite: Suite) -> Start:
    """Where a drive in closed loop begins."""
    begin = start(scene, traffic, drive.frame)
    if drive.start is None:
        return Start((begin,), perturbed=False)
    return Start(checked_states(scene, traffic, begin, drive.start, suite), perturbed=True)


def drive_env(scene: Scene, sensing: Sensing, suite: Suite) -> SimScaleEnv:
    """The environment that drives of a suite are driven in."""
    return SimScaleEnv(
        [scene], suite.split, sensing.observation, sensing.cameras, sensing.image_size, sensing.action,
        traffic=suite.traffic, experts=(), perturb=False, horizon=suite.seconds, renderer=sensing.renderer,
        min_render_quality=0.0,
    )  # fmt: skip


def begun(scene: Scene, env: SimScaleEnv, drive: PinnedDrive, suite: Suite) -> Snapshot:
    """The state of ``env`` in which a drive begins."""
    at = Drive.begin(scene, drive_start(scene, env.traffic, drive, suite), env.traffic, ())
    return at.snapshot(np.random.PCG64(0).state)


def try_drive(task: SceneTask, entrant: Entrant) -> None:
    """Ask an entrant at the beginning of the first drive of a scene.

    Raises:
        ArgumentError: It gave what is neither plan nor action; the message names it.
    """
    scene = checked_scene(task.suite, task.pinned, task.ref)
    env = drive_env(scene, entrant.sensing, task.suite)
    seen, _ = env.reset(options={"state": begun(scene, env, task.pinned.drives[0], task.suite)})
    for given in entrant.agents:
        agent = agent_of(given, env)
        agent.reset(agent_context(env))
        answer = agent.act(seen)
        try:
            env.action_type.checked(env.action_of(answer) if is_plan(answer) else answer)
        except (ArgumentError, TypeError, ValueError) as error:
            raise ArgumentError(f"planner {entrant.name!r} driving {scene.id}: {error}") from error


def _drive_rows(scene: Scene, task: SceneTask, entrant: Entrant) -> Iterator[DriveRow]:
    if not task.pinned.drives:
        return
    suite, env = task.suite, drive_env(scene, entrant.sensing, task.suite)
    for seed, given in enumerate(entrant.agents):
        agent = agent_of(given, env)
        for number, drive in enumerate(task.pinned.drives):
            try:
                episode = run_episode(env, agent, options={"state": begun(scene, env, drive, suite)})
            except ArgumentError as error:
                raise ArgumentError(f"planner {entrant.name!r} driving {scene.id}: {error}") from error
            codes = {code: float(episode.epdms[COLUMNS[code]]) for code in CODES if code != "ec"}
            lawful = all(codes[code] == 1.0 for code in ("nc", "dac", "tlc"))
            yield DriveRow(
                entrant.name, seed, scene.id, number, episode.steps * env.action_type.steps * DT, episode.ending,
                codes, float(episode.epdms["score"]), lawful and codes["ep"] >= LEAST_PROGRESS,
                tuple(map(tuple, env.history.egos.tolist())),
            )  # fmt: skip
