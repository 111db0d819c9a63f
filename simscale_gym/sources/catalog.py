"""One list of scenes over all sources, and one way to load them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from simscale_gym.errors import ArgumentError, DataError, SceneError
from simscale_gym.scene import Scene
from simscale_gym.sources.nuplan.dataset import NuPlanRoot, SceneName, find_logs, load_log_scene, scene_names
from simscale_gym.sources.scenario_description.reader import (
    SUMMARY_NAME,
    list_scenario_descriptions,
    read_scenario_description,
)
from simscale_gym.town.config import SPLIT_SEEDS

TOWNS_PER_SPLIT = {"train": 20, "val": 10, "test": 10, "hard": 10}
"""How many towns of each split are listed, from its first seed on."""

LOGS_PER_TOWN, SCENES_PER_LOG = 2, 5
"""Drives per listed town, and pieces of 20 s per drive."""


@dataclass(frozen=True)
class SceneRef:
    """A scene that can be loaded: light, hashable, can be sent to another process.

    Attributes:
        id: Unique within its list.
        source: "town", "nuplan", "scenario_description", or "memory".
        path: The file that holds it; of a town, none.
        maps: Folder of maps, of nuPlan.
        entry: Its name inside the file; of a town, ``seed/log/scene`` as numbers.
        scene: The scene itself, of "memory".
    """

    id: str
    source: str
    path: Path | None = None
    maps: Path | None = None
    entry: str = ""
    scene: Scene | None = field(default=None, repr=False, compare=False)


def list_scenes(scenes: str | Path | Sequence[Scene], split: str = "train") -> list[SceneRef]:
    """The scenes of a source, without loading any.

    Args:
        scenes: "town"; the path of a nuPlan data set or log, of a ScenarioDescription file or of a folder of
            these; or scenes in memory.
        split: train, val, test or hard. Of a nuPlan data set it picks the folder of that name where there is
            one (``trainval`` serves train and val); other sources have no splits.

    Raises:
        ArgumentError: No such split, or something else than scenes.
        DataError: The path holds nothing that can be read.
    """
    if split not in SPLIT_SEEDS:
        raise ArgumentError(f"split: {split!r}, expected one of {', '.join(SPLIT_SEEDS)}.")
    if not isinstance(scenes, str | Path):
        return _in_memory(scenes)
    if str(scenes) == "town":
        return _town_refs(split)
    path = Path(scenes).expanduser().absolute()
    if not path.exists():
        near = difflib.get_close_matches(str(scenes), ["town"], 1, 0.5)
        hint = f"Did you mean {near[0]!r}?" if near else "Check the path."
        raise DataError(path, found="nothing", expected='"town", a file or a folder of scenes', hint=hint)
    if path.suffix == ".db" or (path.is_dir() and find_logs(path)):
        return _nuplan_refs(NuPlanRoot.open(path), split)
    if not _holds_descriptions(path):
        raise DataError(
            path,
            found="neither",
            expected="nuPlan logs (nuplan-v1.1/splits/<split>/<log>.db, with maps/) or ScenarioDescription files "
            "(sd_*.pkl or dataset_summary.pkl)",
            hint='Name such a folder or file, or take the built-in "town".',
        )
    files = list_scenario_descriptions(path)
    return [SceneRef(file.stem, "scenario_description", path=file) for file in files]


def load_scene(ref: SceneRef) -> Scene:
    """Load the scene of ``ref``; a town that was never asked for before is built first, and kept on disk.

    Raises:
        DataError: Its files cannot be used.
    """
    if ref.source == "memory" and ref.scene is not None:
        return ref.scene
    if ref.source == "town":
        return _load_town(ref)
    if ref.source == "nuplan" and ref.path is not None and ref.maps is not None:
        return load_log_scene(ref.path, ref.maps, ref.entry)
    if ref.source == "scenario_description" and ref.path is not None:
        return replace(read_scenario_description(ref.path), id=ref.id)
    raise ArgumentError(f"ref: {ref} is incomplete; take it from list_scenes().")


def find_scene(refs: Sequence[SceneRef], scene_id: str) -> SceneRef:
    """The scene called ``scene_id``.

    Raises:
        SceneError: There is none; the message lists the nearest names.
    """
    for ref in refs:
        if ref.id == scene_id:
            return ref
    raise SceneError(f"no scene {scene_id!r} among {len(refs)}. {_nearest(refs, scene_id)}")


def filter_scenes(refs: Sequence[SceneRef], text: str) -> list[SceneRef]:
    """The scenes whose id contains ``text``.

    Raises:
        SceneError: There is none; the message lists the nearest names.
    """
    kept = [ref for ref in refs if text in ref.id]
    if not kept:
        raise SceneError(f"no scene of {len(refs)} has {text!r} in its id. {_nearest(refs, text)}")
    return kept


def _nearest(refs: Sequence[SceneRef], name: str) -> str:
    near = difflib.get_close_matches(name, [ref.id for ref in refs], 3, 0.0)
    return f"Nearest: {', '.join(near)}." if near else "The list is empty."


def _holds_descriptions(path: Path) -> bool:
    if path.is_file():
        return path.suffix in (".pkl", ".pickle")
    return (path / SUMMARY_NAME).is_file() or next(path.rglob("sd_*.pkl"), None) is not None


def _in_memory(scenes: Sequence[Scene]) -> list[SceneRef]:
    items = list(scenes)
    for item in items:
        if not isinstance(item, Scene):
            raise ArgumentError(f'scenes: {type(item).__name__}, expected "town", a path or a list of Scene.')
    ids = [item.id for item in items]
    double = next((i for i in ids if ids.count(i) > 1), None)
    if not items or double is not None:
        raise ArgumentError(
            "scenes: the list is empty." if not items else f"scenes: two are called {double!r}."
        )
    return [SceneRef(item.id, "memory", scene=item) for item in items]


def _town_refs(split: str) -> list[SceneRef]:
    first = SPLIT_SEEDS[split].start
    return [
        SceneRef(
            f"town-{split}-{seed:06d}/log-{log:02d}/scene-{scene:03d}", "town", entry=f"{seed}/{log}/{scene}"
        )
        for seed in range(first, first + TOWNS_PER_SPLIT[split])
        for log in range(LOGS_PER_TOWN)
        for scene in range(SCENES_PER_LOG)
    ]


def _load_town(ref: SceneRef) -> Scene:
    from simscale_gym.sources.town.dataset import cached_town_log

    seed, log, scene = (int(number) for number in ref.entry.split("/"))
    files = cached_town_log(seed, log)
    called = SceneName(ref.id, ref.id.rsplit("/", 1)[0], "town")
    return load_log_scene(files.log, files.maps, scene_names(files.log)[scene], called=called)


def _nuplan_refs(root: NuPlanRoot, split: str) -> list[SceneRef]:
    return [
        SceneRef(f"{log.stem}/{name}", "nuplan", path=log, maps=root.maps, entry=name)
        for log in root.split(split)
        for name in scene_names(log)
    ]
