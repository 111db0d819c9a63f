"""What becomes of recorded scenes: opened, scored, driven among reacting traffic, started off their logs, drawn.

python benchmarks/real_logs.py FOLDER [--parts human traffic expert resets picture] [--pictures DIR] [--every N]

FOLDER holds recorded scenes in any format that is read, in sub-folders; a line of the table is one scene, the last ones
are the means of each sub-folder of FOLDER. human: EPDMS of the log's own states among the log's traffic in windows of
4 s, every 2 s. traffic: what IDM makes of the others in 4 s while the ego keeps to its log: how many that stand in the
log drive off by more than 2 m, and the median distance of those that move from where they were. expert: the log expert
followed for 8 s, how far it gets from its log and how often it vouches for its plan. resets: share of perturbed resets
that are perturbed. picture: whether the scene can be drawn, to the front and from above (kept in --pictures).
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely

from simscale_gym.agents import IDMTraffic, LogReplay
from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import SimScaleError
from simscale_gym.metrics import COLUMNS
from simscale_gym.scene import Scene, TrackType
from simscale_gym.scoring import ego_history, score_segment
from simscale_gym.sim import advance, start
from simscale_gym.sources import SceneRef, list_scenes, load_scene

WINDOW, STRIDE, FIRST = 40, 20, 15
MULTIPLIERS = ("nc", "dac", "ddc", "tlc")
STANDS, RUNS_AWAY = 0.5, 2.0  # [m] in a window: who moves less stands, who stood and moves more runs away
RESETS, DRIVES = 6, 2
FAILURES = (
    SimScaleError,
    ValueError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    shapely.errors.ShapelyError,
)
PARTS = ("human", "traffic", "expert", "resets", "picture")
CODES = tuple(code for code in COLUMNS if code not in ("ec", "ep"))


@dataclass
class Findings:
    """What was found out about one scene, or added up over several."""

    seconds: list[float] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)
    subscores: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)
    standing: int = 0
    runaways: list[str] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    perturbed: list[bool] = field(default_factory=list)
    farthest: list[float] = field(default_factory=list)
    vouched: list[bool] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Add up ``other``."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(value, Counter):
                mine.update(value)
            elif isinstance(value, dict):
                for key, items in value.items():
                    mine[key] += items
            else:
                setattr(self, name, mine + value)

    def row(self, name: str) -> str:
        """A line of the table."""
        subscores = [_mean(self.subscores[code]) for code in CODES]
        median = f"{np.median(self.errors):.2f}" if self.errors else "-"
        cells = [
            name, _mean(self.seconds, 1), _mean(self.totals), *subscores,
            f"{len(self.runaways)}/{self.standing}", median, _mean(self.perturbed, 2), _mean(self.vouched, 2),
            f"{max(self.farthest, default=np.nan):.2f}", " ".join(f"{k} {v}" for k, v in self.ends.items()) or "-",
            "; ".join(self.wrong) or "-",
        ]  # fmt: skip
        return "| " + " | ".join(cells) + " |"


def _mean(values: list, digits: int = 3) -> str:
    return f"{np.mean(values):.{digits}f}" if values else "-"


HEADER = (
    "scene", "s", "EPDMS", *CODES, "run away", "error at 4 s", "perturbed", "vouched", "off its log", "ends", "wrong",
)  # fmt: skip


def human(scene: Scene, found: Findings) -> None:
    """EPDMS of what was recorded."""
    traffic = LogReplay()
    for first in windows(scene):
        history = [start(scene, traffic, frame) for frame in range(max(0, first - FIRST), first + 1)]
        states = [start(scene, traffic, frame) for frame in range(first, first + WINDOW + 1)]
        scores = score_segment(scene, states, ego_history(scene, history), replayed=True)
        found.totals.append(float(scores.total[0]))
        for code in CODES:
            found.subscores[code].append(float(getattr(scores, code)[0]))
        failed = [code for code in MULTIPLIERS if getattr(scores, code)[0] < 1.0]
        found.failures += [f"frame {first} {'+'.join(failed)}"] if failed else []


def traffic(scene: Scene, found: Findings) -> None:
    """What IDM makes of the vehicles that the log has from the first to the last frame of a window."""
    model, tracks = IDMTraffic(), scene.tracks
    for first in windows(scene):
        last = first + WINDOW
        there = tracks.valid[:, first : last + 1].all(1) & (tracks.types == TrackType.VEHICLE)
        path = tracks.poses[:, first : last + 1, :2]
        moved = np.linalg.norm(path - path[:, :1], axis=-1).max(1)
        state = start(scene, model, first)
        for frame in range(first + 1, last + 1):
            state = advance(scene, model, state, scene.ego.states[frame])
        there &= state.traffic.valid
        driven = np.linalg.norm(state.traffic.poses[:, :2] - path[:, 0], axis=-1)
        stood = there & (moved < STANDS)
        found.standing += int(stood.sum())
        found.runaways += [
            f"frame {first} {tracks.ids[row]}" for row in np.flatnonzero(stood & (driven > RUNS_AWAY))
        ]
        error = np.linalg.norm(state.traffic.poses[:, :2] - path[:, -1], axis=-1)
        found.errors += error[there & (moved > RUNS_AWAY)].tolist()


def expert(scene: Scene, found: Findings) -> None:
    """The log expert followed."""
    env = SimScaleEnv(
        scenes=[scene], observation="state", experts=("log",), traffic="log", perturb=False, horizon=8.0
    )
    for seed in range(DRIVES):
        _, info = env.reset(seed=seed)
        over = False
        while not over:
            found.vouched.append(info["expert"]["log"]["valid"])
            _, _, terminated, truncated, info = env.step(info["expert_action"])
            over = terminated or truncated
            logged = scene.ego.poses[min(env.sim_state.frame, scene.num_frames - 1), :2]
            found.farthest.append(float(np.hypot(*(info["ego_state"][:2] - logged))))
        how = "left_road" if info["left_road"] else "at_fault" if info["at_fault"] else ""
        found.ends[how or info["truncation"] or "goal"] += 1


def resets(scene: Scene, found: Findings) -> None:
    """Perturbed resets."""
    env = SimScaleEnv(scenes=[scene], observation="state", experts=())
    for seed in range(RESETS):
        _, info = env.reset(seed=seed)
        found.perturbed.append(bool(info["reset"]["perturbed"]))


def picture(scene: Scene, name: str, folder: Path | None) -> None:
    """The scene drawn: its front cameras over a view from above."""
    env = SimScaleEnv(
        scenes=[scene],
        experts=(),
        perturb=False,
        image_size=(360, 640),
        render_mode="rgb_array",
        traffic="log",
    )
    env.reset(seed=0)
    drawn = env.render()
    if folder is not None:
        from PIL import Image

        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn).save(folder / f"{name}.png")


def windows(scene: Scene) -> range:
    """First frames of the windows."""
    return range(FIRST, scene.num_frames - WINDOW, STRIDE)


def survey(ref: SceneRef, name: str, parts: list[str], pictures: Path | None) -> Findings:
    """All that is asked for about one scene; what cannot be done is noted."""
    found, began = Findings(), time.perf_counter()
    try:
        scene = load_scene(ref)
    except SimScaleError as error:
        found.wrong.append(f"not opened: {str(error)[:160]}")
        return found
    found.seconds.append(time.perf_counter() - began)
    work = {"human": human, "traffic": traffic, "expert": expert, "resets": resets}
    for part in parts:
        try:
            if part == "picture":
                picture(scene, name, pictures)
            else:
                work[part](scene, found)
        except FAILURES as error:
            found.wrong.append(f"{part}: {type(error).__name__}: {str(error)[:120]}")
    return found


def scenes_below(folder: Path) -> Iterator[tuple[str, SceneRef]]:
    """Name of the sub-folder and reference of every scene below ``folder``."""
    places = [place for place in sorted(folder.iterdir()) if place.is_dir()] or [folder]
    for place in places:
        try:
            refs = list_scenes(str(place), "train")
        except SimScaleError as error:
            print(f"{place.name}: {error}")
            continue
        yield from ((place.name, ref) for ref in refs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--every", type=int, default=1, help="of the scenes, take every so manieth")
    parser.add_argument("--only", default="", help="take scenes whose folder or id holds this")
    parser.add_argument("--verbose", action="store_true", help="name every failed window and every runaway")
    args = parser.parse_args()
    print("| " + " | ".join(HEADER) + " |\n|" + "---|" * len(HEADER))
    sums: dict[str, Findings] = {}
    for place, ref in list(scenes_below(args.folder))[:: args.every]:
        name = f"{place}/{ref.id}"
        if args.only not in name:
            continue
        found = survey(ref, name.replace("/", "_"), args.parts, args.pictures)
        print(found.row(name), flush=True)
        if args.verbose:
            print(*(f"    {line}" for line in (*found.failures, *found.runaways)), sep="\n", flush=True)
        sums.setdefault(place, Findings()).add(found)
    for place, total in sums.items():
        print(total.row(f"**{place}**"))


if __name__ == "__main__":
    main()
