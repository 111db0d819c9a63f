"""Holds what counts as seen by the cameras against what pictures show, and times it.

    python benchmarks/sight.py
    python benchmarks/sight.py --scenes LOGS --moments 10

A picture shows a road user if it is another without it: the depth of some pixels changes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
from env import machine
from rich.console import Console
from rich.table import Table

from simscale_gym.agents import LogReplay, PlannerExpert
from simscale_gym.datagen.line_of_sight import seen_tracks
from simscale_gym.datagen.trusted_pictures import CAMERAS
from simscale_gym.datagen.unseen import depends_on_unseen
from simscale_gym.rendering import make_renderer
from simscale_gym.scene import Moment, Scene
from simscale_gym.sim import SimState
from simscale_gym.sources import cache_root, list_scenes, load_scene

SIZE = (144, 256)
PIXELS = 3  # that must change
CHANGE = 0.2  # [m] of depth


def shown(scene: Scene, frame: int) -> np.ndarray:
    """Pixels ``[N]`` of all pictures in which each track of the log is seen."""
    renderer = make_renderer(scene, cache=cache_root() / "looks", threads=1)
    whole = Moment.of_log(scene, frame)
    rows = np.flatnonzero(whole.valid)
    depth = [renderer.render([whole], CAMERAS, SIZE).depth]
    pixels = np.zeros(len(whole.valid), int)
    for row in rows:
        valid = whole.valid.copy()
        valid[row] = False
        without = renderer.render([replace(whole, valid=valid)], CAMERAS, SIZE).depth
        pixels[row] = (np.abs(without - depth[0]) > CHANGE).sum()
    return pixels


def state_of(scene: Scene, frame: int) -> SimState:
    ego = scene.ego.states[frame]
    return SimState(frame, ego, LogReplay().start(scene, frame, ego))


def least(work, repeats: int = 5) -> float:
    taken = []
    for _ in range(repeats):
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
    return 1e3 * min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", default="town")
    parser.add_argument("--moments", type=int, default=12)
    told = parser.parse_args()
    refs, planner, log = list_scenes(told.scenes), PlannerExpert(), LogReplay()
    counts, times, odd = np.zeros((2, 2), int), [], []
    for k in range(told.moments):
        scene = load_scene(refs[(7 * k) % len(refs)])
        frame = int(scene.num_frames * (0.2 + 0.6 * (k % 3) / 2))
        state = state_of(scene, frame)
        seen, pixels = seen_tracks(scene, state, CAMERAS, SIZE), shown(scene, frame)
        rows = np.flatnonzero(state.traffic.valid)
        for row in rows:
            counts[int(seen[row]), int(pixels[row] >= PIXELS)] += 1
            if seen[row] != (pixels[row] >= PIXELS):
                way = np.hypot(*(state.traffic.poses[row, :2] - state.ego[:2]))
                odd.append((scene.id, frame, scene.tracks.types[row], way, pixels[row], seen[row]))
        times.append(
            (
                least(lambda s=state, c=scene: seen_tracks(c, s, CAMERAS, SIZE)),
                least(lambda s=state, c=scene, v=seen: depends_on_unseen(c, s, v, planner, log)),
            )
        )
    table = Table(title=f"road users of {told.moments} moments, three cameras 256 x 144, {machine()}")
    for name in ("counts as", "in the pictures", "not in them"):
        table.add_column(name)
    table.add_row("seen", *map(str, counts[1, ::-1]))
    table.add_row("not seen", *map(str, counts[0, ::-1]))
    console = Console()
    console.print(table)
    sight, depends = np.median(times, axis=0)
    console.print(
        f"who is seen: {sight:.2f} ms; and whether the planner's plan depends on the rest: {depends:.1f} ms"
    )
    for scene_id, frame, kind, way, count, judged in odd:
        print(
            f"  {scene_id} {frame}: kind {kind}, {way:.0f} m away, {count} pixels, counts as seen: {judged}"
        )


if __name__ == "__main__":
    main()
