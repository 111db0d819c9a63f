"""The moments at which planners are asked for plans: on the log, and off it where a suite pinned it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.errors import SceneError
from simscale_gym.evaluation.scene_digest import same_sums, scene_digest, scene_sums
from simscale_gym.evaluation.suite import PREVIOUS, PinnedScene, PinnedStart, Suite
from simscale_gym.scene import Scene
from simscale_gym.sim import SimState, TrafficModel, plan_to_poses, rollout, start
from simscale_gym.sources import SceneRef, find_scene, list_scenes, load_scene

Array = NDArray[np.float64]

NOW, EARLIER = "now", "previous"
"""Members of a pair of moments half a second apart."""
_TOLERANCE = 0.02  # [m, rad] by which a start may come out otherwise than it was pinned


@dataclass(frozen=True, eq=False)
class Query:
    """A moment at which a planner is asked for a plan.

    Attributes:
        token: Its name, unique in the suite.
        group: Number of its group in its scene.
        start: Number of the start in its group; -1 on the log.
        member: :data:`NOW` or :data:`EARLIER`.
        states: Simulation states up to it, 0.1 s apart.
    """

    token: str
    group: int
    start: int
    member: str
    states: tuple[SimState, ...]

    @property
    def stage(self) -> int:
        """1 on the log, 2 off it."""
        return 1 if self.start < 0 else 2

    @property
    def state(self) -> SimState:
        """The present."""
        return self.states[-1]


def suite_refs(suite: Suite, scenes: str | Sequence[Scene] | None) -> list[SceneRef]:
    """The scenes of ``suite``, in its order.

    Args:
        suite: The suite.
        scenes: Folder of the scenes, or the scenes; None for a suite of the town.

    Raises:
        SceneError, DataError: The folder is missing where one is needed, or has not all scenes.
    """
    if suite.source == "folder" and scenes is None:
        ids = ", ".join(scene.id for scene in suite.scenes)
        raise SceneError(f"suite {suite.name!r} is of scenes in a folder: name it (scenes); it has {ids}.")
    refs = list_scenes("town" if scenes is None else scenes, suite.split)
    return [find_scene(refs, scene.id) for scene in suite.scenes]


def checked_scene(suite: Suite, pinned: PinnedScene, ref: SceneRef) -> Scene:
    """The scene that ``pinned`` names.

    Raises:
        SceneError: It is another than the suite was made for.
    """
    scene = load_scene(ref, keep=False)
    found, sums = scene_digest(scene), scene_sums(scene)
    if found != pinned.digest or not same_sums(sums, pinned.sums):
        raise SceneError(
            f"suite {suite.name!r}: scene {scene.id} has changed since the suite was made: digest {found} and sums "
            f"{sums}, expected {pinned.digest} and {pinned.sums}. Use the data and version that it was made with, or "
            f"make it again ({suite.made_by})."
        )
    return scene


def query_pairs(scene: Scene, pinned: PinnedScene, suite: Suite) -> Iterator[tuple[Query, Query]]:
    """All pairs (now, previous) of moments of a scene: of each group that on the log, then those of its starts.

    Raises:
        SceneError: A start comes out otherwise than it was pinned: the code that moves traffic or ego has changed.
    """
    traffic = suite.make_traffic()
    for number, group in enumerate(pinned.groups):
        token = f"{scene.id}@{group.frame:03d}"
        now, before = (start(scene, traffic, group.frame - back) for back in (0, PREVIOUS))
        yield (
            Query(token, number, -1, NOW, (now,)),
            Query(f"{token}-{EARLIER}", number, -1, EARLIER, (before,)),
        )
        for row, off in enumerate(group.starts):
            states = checked_states(scene, traffic, now, off, suite)
            name = f"{token}-{row:02d}"
            yield (
                Query(name, number, row, NOW, states),
                Query(f"{name}-{EARLIER}", number, row, EARLIER, states[:-PREVIOUS]),
            )


def off_log(scene: Scene, traffic: TrafficModel, begin: SimState, plan: Sequence) -> tuple[SimState, ...]:
    """The states while the ego leaves its log from ``begin`` along ``plan [8, 3]``: 41 of them."""
    poses = plan_to_poses(begin.ego[:3], np.array(plan))
    return (begin, *rollout(scene, traffic, begin, poses, steps=HORIZON_STEPS))


def pinned_start(scene: Scene, states: Sequence[SimState], plan: Sequence) -> PinnedStart:
    """What a suite keeps of a start that ``plan [8, 3]`` led to by way of ``states``."""
    place, others = _signature(states[-1])
    rows = tuple(tuple(round(float(x), 4) for x in pose) for pose in plan)
    return PinnedStart(rows, tuple(np.round(place, 4).tolist()), tuple(np.round(others, 4).tolist()))


def checked_states(
    scene: Scene, traffic: TrafficModel, begin: SimState, pinned: PinnedStart, suite: Suite
) -> tuple[SimState, ...]:
    """The 41 states that lead to a pinned start."""
    states = off_log(scene, traffic, begin, pinned.plan)
    found, expected = np.concatenate(_signature(states[-1])), np.array([*pinned.place, *pinned.others])
    if np.abs(found - expected).max() > _TOLERANCE:
        raise SceneError(
            f"suite {suite.name!r}: a start of scene {scene.id} at frame {begin.frame} comes out at "
            f"{np.round(found, 2).tolist()}, expected {np.round(expected, 2).tolist()}: traffic or tracker are "
            f"not those that it was made with. Make it again ({suite.made_by})."
        )
    return states


def _signature(state: SimState) -> tuple[Array, Array]:
    there = state.traffic.poses[state.traffic.valid, :2]
    return state.ego[:3], there.mean(0) if len(there) else np.zeros(2)
