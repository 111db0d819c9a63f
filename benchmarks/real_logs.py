"""What becomes of recorded scenes: opened, scored, driven among reacting traffic, started off their logs, drawn.

python benchmarks/real_logs.py FOLDER [--parts human traffic log planner resets picture] [--pictures DIR] [--sheet FILE]

FOLDER holds recorded scenes in any format that is read, in sub-folders. Two tables come out; a line is one scene, the
last ones are the means of each sub-folder of FOLDER.

opened: processor time of opening a scene, which is more for the first time than later.
human: EPDMS of the log's own states among the log's traffic in windows of 4 s, every 2 s.
traffic: what IDM makes of the others in 4 s while the ego keeps to its log: how many that stand in the log drive off by
    more than 2 m, and the median distance of those that move from where they were.
log: the log expert followed for 8 s: how far it gets from its log, how often it vouches for its plan, how drives end.
planner: how drives of 8 s of the planner among IDM end.
resets: share of perturbed resets that are perturbed.
picture: whether the scene can be drawn, to the front, the sides and from above (kept in --pictures); --sheet shows the
    front and left side of all scenes in one picture.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely
from PIL import Image, ImageDraw, ImageFont

from simscale_gym.agents import IDMTraffic, LogReplay
from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import SimScaleError
from simscale_gym.metrics import COLUMNS
from simscale_gym.scene import Scene, TrackType
from simscale_gym.scoring import ego_history, score_segment
from simscale_gym.sim import advance, start
from simscale_gym.sources import SceneRef, list_scenes, load_scene

WINDOW, STRIDE, FIRST = 40, 20, 15
STANDS, RUNS_AWAY = 0.5, 2.0  # [m] in a window: who moves less stands, who stood and moves more runs away
RESETS, DRIVES = 6, 2
SIZE, THUMBNAIL, CAPTION, ACROSS = (
    (270, 480),
    (90, 160),
    14,
    3,
)  # height, width, of a line of text [px]; in a row
FAILURES = (
    SimScaleError,
    ValueError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    shapely.errors.ShapelyError,
)
PARTS = ("human", "traffic", "log", "planner", "resets", "picture")
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
    log_ends: Counter[str] = field(default_factory=Counter)
    planner_ends: Counter[str] = field(default_factory=Counter)
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

    def scores(self, name: str) -> str:
        """A line of the first table."""
        subscores = [_mean(self.subscores[code]) for code in CODES]
        opened = _mean(self.seconds, 1) if self.seconds else "no"
        return _line([name, opened, str(len(self.totals)), _mean(self.totals), *subscores])

    def drives(self, name: str) -> str:
        """A line of the second table."""
        error = f"{np.median(self.errors):.2f}" if self.errors else "-"
        farthest = f"{max(self.farthest):.2f}" if self.farthest else "-"
        stays = f"{len(self.runaways)}/{self.standing}" if self.standing else "-"
        return _line([
            name, stays, error, _mean(self.perturbed, 2), _mean(self.vouched, 2),
            farthest, _counts(self.log_ends), _counts(self.planner_ends), "; ".join(self.wrong) or "-",
        ])  # fmt: skip


def _mean(values: list, digits: int = 3) -> str:
    return f"{np.mean(values):.{digits}f}" if values else "-"


def _counts(ends: Counter[str]) -> str:
    return ", ".join(f"{count} {end}" for end, count in ends.most_common()) or "-"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


SCORES = ("scene", "opened [s]", "windows", "EPDMS", *(code.upper() for code in CODES))
DRIVEN = (
    "scene", "run away", "error at 4 s [m]", "perturbed", "vouched", "off its log [m]", "log expert", "planner",
    "wrong",
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
        lost = [f"{code} {found.subscores[code][-1]:g}" for code in CODES if found.subscores[code][-1] < 1.0]
        found.failures += [f"frame {first}: {', '.join(lost)}"] if lost else []


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


def drives(scene: Scene, name: str, traffic: str) -> Iterator[tuple[SimScaleEnv, dict, bool]]:
    """Drives of 8 s by an expert: of each step the environment, ``info``, and whether the drive has ended."""
    env = SimScaleEnv(
        scenes=[scene], observation="state", experts=(name,), traffic=traffic, perturb=False, horizon=8.0
    )
    for seed in range(DRIVES):
        _, info = env.reset(seed=seed)
        yield env, info, False
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(info["expert_action"])
            over = terminated or truncated
            yield env, info, over


def end_of(info: dict) -> str:
    """How a drive ended."""
    how = "left_road" if info["left_road"] else "at_fault" if info["at_fault"] else ""
    return how or info["truncation"] or "goal"


def log(scene: Scene, found: Findings) -> None:
    """The log expert followed."""
    for env, info, over in drives(scene, "log", "log"):
        logged = scene.ego.poses[min(env.sim_state.frame, scene.num_frames - 1), :2]
        found.farthest.append(float(np.hypot(*(info["ego_state"][:2] - logged))))
        if over:
            found.log_ends[end_of(info)] += 1
        else:
            found.vouched.append(info["expert"]["log"]["valid"])


def planner(scene: Scene, found: Findings) -> None:
    """The planner followed."""
    found.planner_ends.update(end_of(info) for _, info, over in drives(scene, "planner", "idm") if over)


def resets(scene: Scene, found: Findings) -> None:
    """Perturbed resets."""
    env = SimScaleEnv(scenes=[scene], observation="state", experts=())
    for seed in range(RESETS):
        _, info = env.reset(seed=seed)
        found.perturbed.append(bool(info["reset"]["perturbed"]))


def picture(scene: Scene, name: str, folder: Path | None) -> Image.Image:
    """The scene drawn, its cameras over a view from above; returns what is seen to the front and to the left."""
    env = SimScaleEnv(
        scenes=[scene], experts=(), perturb=False, image_size=SIZE, render_mode="rgb_array", traffic="log"
    )
    observation, _ = env.reset(seed=0)
    drawn = env.render()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn).save(folder / f"{name}.png")
    seen = Image.fromarray(np.hstack([observation["cam_f0"], observation["cam_l0"]]))
    return seen.resize((2 * THUMBNAIL[1], THUMBNAIL[0]), Image.Resampling.LANCZOS)


def contact_sheet(thumbnails: dict[str, Image.Image]) -> Image.Image:
    """All thumbnails in one picture, each under the name of its scene."""
    wide, high = 2 * THUMBNAIL[1] + 4, THUMBNAIL[0] + CAPTION + 4
    sheet = Image.new("RGB", (ACROSS * wide, -(-len(thumbnails) // ACROSS) * high), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for place, (name, thumbnail) in enumerate(thumbnails.items()):
        x, y = place % ACROSS * wide, place // ACROSS * high
        draw.text((x + 2, y), name[-52:], fill="black", font=font)
        sheet.paste(thumbnail, (x, y + CAPTION))
    return sheet


def windows(scene: Scene) -> range:
    """First frames of the windows."""
    return range(FIRST, scene.num_frames - WINDOW, STRIDE)


def survey(ref: SceneRef, parts: Sequence[str]) -> tuple[Scene | None, Findings]:
    """A scene, None where it cannot be opened, and all that is asked for about it; what cannot be done is noted."""
    found, began = Findings(), time.process_time()
    try:
        scene = load_scene(ref)
    except SimScaleError as error:
        found.wrong.append(f"not opened: {str(error)[:160]}")
        return None, found
    found.seconds.append(time.process_time() - began)
    work = {"human": human, "traffic": traffic, "log": log, "planner": planner, "resets": resets}
    for part in parts:
        if part != "picture":
            attempt(found, part, work[part], scene, found)
    return scene, found


def attempt(found: Findings, part: str, work: Callable, *arguments: object) -> object:
    """Do a part of the work, and note what went wrong; returns what ``work`` does, or None."""
    try:
        return work(*arguments)
    except FAILURES as error:
        found.wrong.append(f"{part}: {type(error).__name__}: {str(error)[:120]}")
        return None


def scenes_below(folder: Path) -> Iterator[tuple[str, SceneRef]]:
    """Name of the sub-folder and reference of every scene below ``folder``."""
    places = [place for place in sorted(folder.iterdir()) if place.is_dir()] or [folder]
    for place in places:
        try:
            refs = list_scenes(str(place), "train")
        except SimScaleError as error:
            print(f"{place.name}: {error}", file=sys.stderr)
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
    parser.add_argument("--verbose", action="store_true", help="name every window below 1 and every runaway")
    parser.add_argument("--sheet", type=Path, help="file of a contact sheet of all scenes")
    args = parser.parse_args()
    rows: dict[str, Findings] = {}
    sums: dict[str, Findings] = {}
    thumbnails: dict[str, Image.Image] = {}
    try:
        for place, ref in list(scenes_below(args.folder))[:: args.every]:
            name = f"{place}/{ref.id}"
            if args.only not in name:
                continue
            print(name, file=sys.stderr, flush=True)
            scene, found = survey(ref, args.parts)
            if scene is not None and "picture" in args.parts:
                seen = attempt(found, "picture", picture, scene, name.replace("/", "_"), args.pictures)
                thumbnails |= {name: seen} if seen else {}
            rows[name] = found
            sums.setdefault(f"**{place}**", Findings()).add(found)
    finally:  # what was found out until it was interrupted
        show(rows | sums, args.verbose)
        if args.sheet is not None and thumbnails:
            contact_sheet(thumbnails).save(args.sheet)


def show(rows: dict[str, Findings], verbose: bool) -> None:
    """Print both tables."""
    print(_line(SCORES) + "\n|" + "---|" * len(SCORES))
    print(*(found.scores(name) for name, found in rows.items()), sep="\n")
    print("\n" + _line(DRIVEN) + "\n|" + "---|" * len(DRIVEN))
    print(*(found.drives(name) for name, found in rows.items()), sep="\n")
    details = ((name, found) for name, found in rows.items() if verbose and not name.startswith("*"))
    for name, found in details:
        for line in (*found.failures, *found.runaways):
            print(name, line)


if __name__ == "__main__":
    main()
