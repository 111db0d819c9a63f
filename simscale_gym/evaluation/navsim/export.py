"""A suite written for NAVSIM's two-stage run, with the plans of planners, so that NAVSIM scores the same plans."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from simscale_gym.datagen.moments import EARLIEST, LEAST_AHEAD
from simscale_gym.datagen.navsim.configs import as_yaml
from simscale_gym.datagen.navsim.export import LOGS
from simscale_gym.datagen.navsim.frames import LogFrames, steady
from simscale_gym.datagen.navsim.guide import GUIDE, suite_guide
from simscale_gym.datagen.navsim.pickles import pickled
from simscale_gym.datagen.navsim.places import Place
from simscale_gym.datagen.navsim.two_stage import SPLIT, SYNTHETIC, Pair, count_of, split_of, synthetic_scene
from simscale_gym.datagen.navsim.work import claimed, place_logs, put
from simscale_gym.datagen.runners import Runner
from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation.entrants import AgentOrMaker, Entrant, Sensing, entrants_of
from simscale_gym.evaluation.judging import SceneTask, plans_made
from simscale_gym.evaluation.navsim.moments import pair_moments
from simscale_gym.evaluation.navsim.names import frame_tokens, log_names, navsim_token
from simscale_gym.evaluation.navsim.yardstick import MEMBERS
from simscale_gym.evaluation.queries import Query, checked_scene, query_pairs, suite_refs
from simscale_gym.evaluation.suite import Suite, open_suite
from simscale_gym.scene import Scene
from simscale_gym.sources import load_scene

PLANS = "plans"
"""Folder of the plans, a file for each planner and seed."""
_AGENT = "planned_agent"
_SECOND_STAGE_US = 4_000_000  # after the first

Plans = dict[str, dict[str, list]]
"""Plans ``[40, 3]`` by file and token."""
PairOfQueries = tuple[Query, Query]


def export_suite(
    suite: str | Path | Suite,
    out: str | Path,
    planners: AgentOrMaker | Mapping[str, AgentOrMaker | Sequence[AgentOrMaker]] | None = None,
    *,
    scenes: str | Sequence[Scene] | None = None,
    sensing: Sensing | None = None,
    calibrate: bool = True,
    workers: int | None = 1,
) -> Iterator[list[Pair]]:
    """Write a suite for NAVSIM, and what planners plan at its moments; the pairs of moments as they are done.

    ``evaluate(planners, suite, parts=["plans"], rules="navsim")`` has the scores that NAVSIM's ``run_pdm_score`` gives
    these plans. Given again with other planners, their plans are added.

    Args:
        suite: Name of a suite, the path of one, or a suite.
        out: Folder of the export; made if absent.
        planners: As of :func:`evaluate`; None for those for calibration alone.
        scenes: Folder of the scenes, for suites that are not of the town; or the scenes.
        sensing: What planners are shown that do not say so themselves.
        calibrate: Whether to ask the human, PDM-Closed and constant velocity as well.
        workers: Processes; 1 for this one, None for one per core.

    Raises:
        ArgumentError: Planners will not do, or ``out`` holds another export.
        SceneError, DataError: A scene is not that of the suite, or ``out`` cannot be written.
    """
    suite, out = open_suite(suite), Path(out).absolute()
    entrants = entrants_of({} if planners is None else planners, sensing, calibrate=calibrate)
    files = [name for entrant in entrants for name in plan_files(entrant)]
    if len(set(files)) < len(files):
        raise ArgumentError(f"planners: {sorted(files)} are the files of their plans; name them apart.")
    refs = suite_refs(suite, scenes)
    tasks = [
        SceneTask(suite, *pair, ("plans",)) for pair in zip(suite.scenes, refs, strict=True) if pair[0].groups
    ]
    with claimed(out, {"export": "suite", "suite": suite.digest}):
        places = place_logs(out, _one_of_each_log(tasks))
        job = _Job(entrants, places, out)
        done: list[Pair] = []
        plans: Plans = {name: {} for name in files}
        for pairs, made in Runner(workers=workers).map(_Job.scene, job, tasks):
            done += pairs
            for name, by_token in made.items():
                plans[name].update(by_token)
            yield pairs
        for name, content in _files(suite, done, plans).items():
            put(out, name, content)


def plan_files(entrant: Entrant) -> list[str]:
    """Files of an entrant's plans in an export, one for each seed."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", entrant.name).strip("_")
    several = len(entrant.agents) > 1
    return [f"{PLANS}/{name}{f'-{seed}' if several else ''}.json" for seed in range(len(entrant.agents))]


@dataclass(frozen=True, eq=False)
class _Job:
    """An export that is under way."""

    entrants: tuple[Entrant, ...]
    places: Mapping[str, Place | str]
    out: Path

    def scene(self, task: SceneTask) -> tuple[list[Pair], Plans]:
        """Write the moments of a scene, and ask the planners."""
        suite, scene = task.suite, checked_scene(task.suite, task.pinned, task.ref)
        queries = list(query_pairs(scene, task.pinned, suite))
        firsts = [pair for pair in queries if pair[0].stage == 1]
        pairs = [
            self._group(scene, suite, pair, [start for start in queries if _follows(start, pair)])
            for pair in firsts
        ]
        flat = [query for pair in queries for query in pair]
        plans: Plans = {}
        for entrant, seed, made in plans_made(task, scene, flat, self.entrants):
            tokens = (navsim_token(suite, query.token, query.stage) for query in flat)
            plans[plan_files(entrant)[seed]] = {
                token: plan.tolist() for token, plan in zip(tokens, made, strict=True)
            }
        return pairs, plans

    def _group(
        self, scene: Scene, suite: Suite, pair: PairOfQueries, starts: Sequence[PairOfQueries]
    ) -> Pair:
        names, place, (now, before) = log_names(scene, suite, pair), self.places[scene.log_id], pair
        told = Pair(names.log, *(navsim_token(suite, query.token, 1) for query in (now, before)))
        if isinstance(place, str) or not place.blocks(scene.route):
            why = place if isinstance(place, str) else "no route on the map"
            return replace(told, skipped=why)
        now_us, traffic = int(scene.timestamps_us[now.state.frame]), suite.make_traffic()

        def log(query: Query, tokens: Mapping[int, str], time_us: int) -> LogFrames:
            moments = pair_moments(scene, query, traffic)
            return LogFrames(scene, place, moments, steady(moments, MEMBERS), names.log, tokens, time_us, {})

        shown = {step: names.tokens[step] for step in range(EARLIEST, LEAST_AHEAD + 1)}
        put(self.out, f"{LOGS}/{SPLIT}/{names.log}.pkl", pickled(log(now, shown, now_us).frames()))
        for start in starts:
            for present, query in zip(MEMBERS, start, strict=True):
                seen = log(start[0], frame_tokens(suite, query, present), now_us + _SECOND_STAGE_US)
                self._put_start(synthetic_scene(seen, present, names))
        both = ((navsim_token(suite, a.token, 2), navsim_token(suite, b.token, 2)) for a, b in starts)
        return replace(told, followers=tuple(both))

    def _put_start(self, scene: Mapping) -> None:
        token = scene["scene_metadata"]["scene_token"]
        put(self.out, f"{SYNTHETIC}/synthetic_scene_pickles/{token}.pkl", pickled(scene))


def _follows(start: PairOfQueries, pair: PairOfQueries) -> bool:
    return start[0].stage == 2 and start[0].group == pair[0].group


def _one_of_each_log(tasks: Sequence[SceneTask]) -> Iterator[Scene]:
    seen: set[str] = set()
    for task in tasks:
        scene = load_scene(task.ref, keep=False)
        if scene.log_id not in seen:
            seen.add(scene.log_id)
            yield scene


def _files(suite: Suite, done: Sequence[Pair], plans: Plans) -> dict[str, bytes]:
    """The files beside logs, scenes and maps, by their path."""
    agent = {"_target_": f"{_AGENT}.PlannedAgent", "_convert_": "all", "plans": "???"}
    return {
        GUIDE: suite_guide(SPLIT, suite.name, *count_of(done), list(plans)),
        f"{_AGENT}.py": Path(__file__).with_name(f"{_AGENT}.py").read_bytes(),
        f"config/common/agent/{_AGENT}.yaml": as_yaml(agent),
        **split_of(done),
        **{name: json.dumps(by_token).encode() for name, by_token in plans.items()},
    }
