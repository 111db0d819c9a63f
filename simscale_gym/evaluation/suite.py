"""A suite: scenes, moments, perturbed starts and drives by which planners are judged, pinned in a small file."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from simscale_gym.agents.traffic import make_traffic
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.evaluation.scene_digest import SUMS
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.fields import Fields
from simscale_gym.one_line import one_line
from simscale_gym.sim import TrafficModel

FORMAT = 2
"""Changes whenever older files can no longer be read."""
FOLDER = Path(__file__).parent / "suites"
"""Where the suites lie that are part of the package."""
PREVIOUS = 5
"""Frames from the earlier moment of a pair to the present one: 0.5 s."""


@dataclass(frozen=True)
class PinnedStart:
    """A start off the log: where the ego comes to that leaves its log along a plan among the suite's traffic.

    Attributes:
        plan: Eight poses x, y [m], heading [rad] at 0.5 .. 4.0 s, in the ego frame of the moment at which it leaves.
        place: Pose of the ego 4 s later, scene frame.
        others: Mean x, y [m] of the others that are there then.
    """

    plan: tuple[tuple[float, float, float], ...]
    place: tuple[float, float, float]
    others: tuple[float, float]


@dataclass(frozen=True)
class PinnedGroup:
    """A moment of the log (first stage), and starts off the log around where plans of it end (second stage).

    Attributes:
        frame: T; the moment half a second before it counts as well.
        starts: Starts at T + 4 s.
    """

    frame: int
    starts: tuple[PinnedStart, ...]


@dataclass(frozen=True)
class PinnedDrive:
    """A drive in closed loop.

    Attributes:
        frame: Frame of the log at which it begins, or at which ``start`` leaves the log 4 s before it begins.
        start: Start off the log; None for one on it.
    """

    frame: int
    start: PinnedStart | None = None


@dataclass(frozen=True)
class PinnedScene:
    """A scene of a suite.

    Attributes:
        id: Id of the scene in its source.
        digest, sums: What :mod:`simscale_gym.evaluation.scene_digest` says of it.
        groups: Its groups.
        drives: Its drives.
    """

    id: str
    digest: str
    sums: tuple[float, ...]
    groups: tuple[PinnedGroup, ...]
    drives: tuple[PinnedDrive, ...]


@dataclass(frozen=True)
class Suite:
    """Everything that planners are judged on.

    Attributes:
        name: Name of the suite.
        about: What it is, in a sentence.
        source: "town"; or "folder", where whoever evaluates names the folder of the scenes.
        split: Split of the source.
        traffic: Name of the traffic model, in both stages and in closed loop.
        seconds: Longest drive in closed loop [s].
        made_by: Command that made the file.
        scenes: Scenes, in the order of the source.
    """

    name: str
    about: str
    source: str
    split: str
    traffic: str
    seconds: float
    made_by: str
    scenes: tuple[PinnedScene, ...]

    __repr__ = one_line

    @cached_property
    def digest(self) -> str:
        """Digest of all but the name and what is said about it."""
        plain = {key: value for key, value in asdict(self).items() if key not in ("name", "about", "made_by")}
        return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:16]

    @property
    def groups(self) -> int:
        """Number of first-stage moments, those half a second before not counted."""
        return sum(len(scene.groups) for scene in self.scenes)

    @property
    def starts(self) -> int:
        """Number of second-stage starts, those half a second before not counted."""
        return sum(len(group.starts) for scene in self.scenes for group in scene.groups)

    @property
    def drives(self) -> int:
        """Number of drives in closed loop."""
        return sum(len(scene.drives) for scene in self.scenes)

    def make_traffic(self) -> TrafficModel:
        """The traffic model."""
        return make_traffic(self.traffic)

    def only(
        self, name: str, about: str, kept: Mapping[str, tuple[Collection[int], Collection[int]]]
    ) -> Suite:
        """A suite of some of its groups and drives.

        Args:
            name: Name of the new suite.
            about: What it is, in a sentence.
            kept: Numbers of the groups and of the drives that are kept, by id of their scene.

        Raises:
            ArgumentError: Nothing is kept.
        """
        scenes = []
        for scene in self.scenes:
            groups, drives = kept.get(scene.id, ((), ()))
            if groups or drives:
                chosen = tuple(scene.groups[n] for n in sorted(groups))
                driven = tuple(scene.drives[n] for n in sorted(drives))
                scenes.append(replace(scene, groups=chosen, drives=driven))
        if not scenes:
            raise ArgumentError(f"suite {name!r}: nothing of {self.name!r} is left, expected some of it.")
        return replace(self, name=name, about=about, scenes=tuple(scenes))


def suite_names() -> tuple[str, ...]:
    """Names of the suites that are part of the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def open_suite(suite: str | Path | Suite) -> Suite:
    """A suite by its name, from a file, or as it is.

    Raises:
        ArgumentError: There is no such suite; the message lists the nearest names.
        DataError: The file is no suite, or one of another format.
    """
    if isinstance(suite, Suite):
        return suite
    names = suite_names()
    if isinstance(suite, str) and suite in names:
        return _read(FOLDER / f"{suite}.json")
    if isinstance(suite, str | Path) and Path(suite).is_file():
        return _read(Path(suite))
    near = difflib.get_close_matches(str(suite), names, 3, 0.0)
    raise ArgumentError(
        f"suite: {str(suite)!r} is neither a suite nor a file, expected one of {', '.join(names)}, or the path of "
        f"a suite's file. Nearest: {', '.join(near) or 'none'}."
    )


def write_suite(suite: Suite, path: Path) -> None:
    """Write ``suite`` to a JSON file, a line for each scene.

    Raises:
        DataError: The file cannot be written.
    """
    plain = asdict(suite)
    scenes = ",\n".join(json.dumps(scene, separators=(",", ":")) for scene in plain.pop("scenes"))
    head = json.dumps({"format": FORMAT, **plain}, indent=1)[:-2]
    with atomic_write(path) as built:
        built.write_text(f'{head},\n "scenes": [\n{scenes}\n]\n}}\n', encoding="utf-8")


def _read(path: Path) -> Suite:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(path, found=" ".join(str(error).split())[:200], expected="a suite (JSON)") from error
    fields = Fields.of(path, "", values)
    if fields.integer("format") != FORMAT:
        hint = "Make the suite again, or use the version of simscale-gym that made it."
        raise DataError(path, field="format", found=f"{values['format']}", expected=f"{FORMAT}", hint=hint)
    return Suite(
        **{key: fields.text(key) for key in ("name", "about", "source", "split", "traffic", "made_by")},
        seconds=float(fields.array("seconds", (), finite=True)),
        scenes=tuple(_scene(scene) for _, scene in fields.children("scenes")),
    )


def _scene(fields: Fields) -> PinnedScene:
    groups = tuple(
        PinnedGroup(group.integer("frame"), tuple(_start(start) for _, start in group.children("starts")))
        for _, group in fields.children("groups")
    )
    drives = tuple(
        PinnedDrive(drive.integer("frame"), _start(drive.child("start")) if drive.has("start") else None)
        for _, drive in fields.children("drives")
    )
    sums = tuple(fields.array("sums", (SUMS,), finite=True).tolist())
    return PinnedScene(fields.text("id"), fields.text("digest"), sums, groups, drives)


def _start(fields: Fields) -> PinnedStart:
    def numbers(key: str, *shape: int) -> Any:
        return fields.array(key, shape, finite=True).tolist()

    plan = tuple(tuple(pose) for pose in numbers("plan", 8, 3))
    return PinnedStart(plan, tuple(numbers("place", 3)), tuple(numbers("others", 2)))
