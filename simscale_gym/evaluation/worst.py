"""Where planners did worst, shown: what the front camera saw and the view from above, moment by moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simscale_gym.envs import run_episode
from simscale_gym.evaluation.entrants import Entrant, agent_of
from simscale_gym.evaluation.evaluation import Evaluation
from simscale_gym.evaluation.figures import group_scores
from simscale_gym.evaluation.judging import LookingGlass, SceneTask, asked, begun, drive_env
from simscale_gym.evaluation.pictures import Shown
from simscale_gym.evaluation.plan_score import yardstick
from simscale_gym.evaluation.queries import NOW, checked_scene, query_pairs
from simscale_gym.evaluation.rows import DriveRow, PlanRow
from simscale_gym.files.cache import cache_root
from simscale_gym.rendering import Renderer, make_renderer
from simscale_gym.scene import DT, Scene
from simscale_gym.sim import SimState, moment_of
from simscale_gym.viewer import Overlay, draw_bev

Array = NDArray[np.float64]

REASONS = {
    "nc": "at-fault collision", "dac": "left the road", "ddc": "against the traffic", "tlc": "ran a red light",
    "ep": "slow", "ttc": "too close", "lk": "off its lane", "hc": "uncomfortable", "ec": "changed its mind",
}  # fmt: skip
"""What a subscore that is not full means, by EPDMS code."""
_CAMERA, _SIZE = ("cam_f0",), (144, 256)
_ABOVE, _SCALE = (256, 220), 4.5  # [px], [px/m]
_SHOWN = 5  # moments of a strip
_SLOW = 0.9  # EP at and above which "slow" is no reason


@dataclass(frozen=True, eq=False)
class Still:
    """A moment of a strip.

    Attributes:
        time: Time since its start [s].
        seen: Picture of the front camera.
        above: View from above: log dashed, way driven, plan.
    """

    time: float
    seen: Image.Image
    above: Image.Image


@dataclass(frozen=True, eq=False)
class Strip:
    """A drive that went wrong.

    Attributes:
        planner: Name of the planner.
        title: Which drive.
        score: Its EPDMS.
        reasons: Why.
        stills: Moments of it.
    """

    planner: str
    title: str
    score: float
    reasons: tuple[str, ...]
    stills: tuple[Still, ...]


def reasons_of(scores: dict[str, float]) -> tuple[str, ...]:
    """What subscores say against a drive; little slowness is none."""
    bad = (code for code, value in scores.items() if value < (_SLOW if code == "ep" else 1.0))
    return tuple(REASONS[code] for code in bad)


def worst_strips(
    evaluation: Evaluation, tasks: Sequence[SceneTask], entrant: Entrant, plans: int, drives: int
) -> Iterator[Strip]:
    """Strips of an entrant's worst groups, one a scene, and of its worst drives."""
    by_scene = {task.pinned.id: task for task in tasks}
    for row in worst_plans(evaluation, entrant.name)[:plans]:
        yield _plan_strip(by_scene[row.scene], entrant, row)
    failed = [row for row in evaluation.of(entrant.name)[1] if not row.success]
    for row in sorted(failed, key=lambda row: (row.score, row.seconds))[:drives]:
        yield _drive_strip(by_scene[row.scene], entrant, row)


def worst_plans(evaluation: Evaluation, planner: str) -> list[PlanRow]:
    """Of each scene, worst first, the plan that cost its worst group most."""
    plans = evaluation.of(planner)[0]
    totals = {
        key: float((np.asarray(group.first) * group.second_means).mean())
        for key, group in group_scores(plans).items()
    }
    chosen: dict[str, PlanRow] = {}
    for seed, scene, number in sorted(totals, key=totals.__getitem__):
        rows = [row for row in plans if (row.seed, row.scene, row.group) == (seed, scene, number)]
        if scene not in chosen:
            chosen[scene] = max(
                (row for row in rows if row.member == NOW), key=lambda row: row.weight * (1.0 - row.score)
            )
    return list(chosen.values())


def _plan_strip(task: SceneTask, entrant: Entrant, row: PlanRow) -> Strip:
    """The plan at the moment of ``row``, made and driven again."""
    scene, traffic = checked_scene(task.suite, task.pinned, task.ref), task.suite.make_traffic()
    pairs = query_pairs(scene, task.pinned, task.suite)
    query = next(query for pair in pairs for query in pair if query.token == row.token)
    shown = Shown(scene, entrant.sensing, traffic)
    glass = LookingGlass(scene, query.state, traffic)
    agent = agent_of(entrant.agents[row.seed], glass)
    (plan,) = asked(agent, shown, [query], [shown.observe(query)], glass, entrant.name)
    driven = yardstick(scene, query, traffic).drive(plan)
    where = "on the log" if row.stage == 1 else "off the log"
    title = f"{row.scene}, plan {where} at {query.state.frame * DT:.1f} s"
    stills = _stills(scene, query.states, driven.states[1:])
    return Strip(entrant.name, title, row.score, reasons_of(dict(row.scores)), stills)


def _drive_strip(task: SceneTask, entrant: Entrant, row: DriveRow) -> Strip:
    """The drive of ``row``, driven again."""
    suite, scene = task.suite, checked_scene(task.suite, task.pinned, task.ref)
    env = drive_env(scene, entrant.sensing, suite)
    at = begun(scene, env, task.pinned.drives[row.drive], suite)
    run_episode(env, agent_of(entrant.agents[row.seed], env), options={"state": at})
    states = tuple(env.history)
    title = f"{row.scene}, drive of {row.seconds:.1f} s, ended by {row.ending.replace('_', ' ')}"
    first = len(at.history)
    return Strip(
        entrant.name,
        title,
        row.score,
        reasons_of(dict(row.scores)),
        _stills(scene, states[:first], states[first:]),
    )


def _stills(scene: Scene, before: Sequence[SimState], after: Sequence[SimState]) -> tuple[Still, ...]:
    """Moments from the last of ``before`` to the last of ``after``, evenly spread."""
    renderer: Renderer = make_renderer(scene, cache=cache_root() / "looks")
    states, first = [*before, *after], len(before) - 1
    rows = np.linspace(first, len(states) - 1, _SHOWN).round().astype(int)
    poses = np.stack([state.ego[:3] for state in states])
    stills = []
    for row in rows:
        moment = moment_of(scene, states[row], states[max(row - 1, 0)])
        seen = renderer.render([moment], _CAMERA, _SIZE).images[0, 0]
        ways = Overlay(scene.ego.poses, poses[: first + 1], poses[first : row + 1], [poses[row:]])
        above = draw_bev(scene, states[row], ways, *_ABOVE, _SCALE)
        stills.append(Still((row - first) * DT, Image.fromarray(seen), above))
    return tuple(stills)
