"""One list of scenes over all sources, and one way to load them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from simscale_gym.errors import ArgumentError, DataError, SceneError, shown
from simscale_gym.progress import waiting
from simscale_gym.scene import Scene
from simscale_gym.sources.argoverse2.source import Argoverse2Source
from simscale_gym.sources.compiled import compiled_scene
from simscale_gym.sources.memory import MemorySource
from simscale_gym.sources.navsim.source import NavsimSource
from simscale_gym.sources.nuplan.source import NuPlanSource
from simscale_gym.sources.scenario_description.source import ScenarioDescriptionSource
from simscale_gym.sources.source import SceneRef, Source, path_of
from simscale_gym.sources.town.source import TownSource
from simscale_gym.town.config import SPLIT_SEEDS

_SOURCES: list[Source] = [
    TownSource(),
    MemorySource(),
    NuPlanSource(),
    NavsimSource(),
    Argoverse2Source(),
    ScenarioDescriptionSource(),
]


def register_source(source: Source) -> None:
    """Make ``source`` known to :func:`list_scenes`, and so to environments; it is asked before those known already.

    Processes that list scenes by name each register it, by importing the module that does. One with the name of another
    takes its place.
    """
    _SOURCES[:] = [source, *(known for known in _SOURCES if known.name != source.name)]


def list_scenes(
    scenes: str | Path | Sequence[Scene], split: str = "train", *, unreadable: bool = False
) -> list[SceneRef]:
    """The scenes of a source, without loading any.

    Args:
        scenes: "town", or "town:100" for its first 100 towns; the path of a nuPlan data set or log, of a NAVSIM data
            set, log or scene of navhard, of an Argoverse 2 scenario or log, of a ScenarioDescription file, or of a
            folder with some of one kind; scenes in memory; or what a registered source takes.
        split: train, val, test or hard. Of a nuPlan, NAVSIM or Argoverse 2 data set it picks the folder of that name
            where there is one (nuPlan's ``trainval`` serves train and val); other sources have no splits.
        unreadable: Whether files that cannot be read are listed as well (:attr:`SceneRef.readable`), for those who pass
            them over when they come to them.

    Raises:
        ArgumentError: No such split, or something else than scenes.
        DataError: The path holds nothing that can be read; or a file cannot be, and is not to be listed.
    """
    if split not in SPLIT_SEEDS:
        raise ArgumentError(f"split: {split!r}, expected one of {', '.join(SPLIT_SEEDS)}.")
    for source in _SOURCES:
        if source.matches(scenes):
            with waiting("looking for scenes"):
                refs = source.list(scenes, split)
            broken = next((ref for ref in refs if not ref.readable), None)
            if broken is not None and (not unreadable or not any(ref.readable for ref in refs)):
                source.load(broken)  # raises what is wrong
            return refs
    raise _unknown(scenes)


def load_scene(ref: SceneRef, *, keep: bool = True) -> Scene:
    """Load the scene of ``ref``; a town that was never asked for before is built first, and kept on disk.

    Scenes of files are compiled when they are first asked for (:mod:`simscale_gym.sources.compiled`); environments of
    one process that ask for the same get the same object.

    Args:
        ref: The scene.
        keep: Hold it open for the next who asks; not for one scene after the other.

    Raises:
        DataError: Its files cannot be used.
    """
    made_from = ref.source.made_from(ref)
    if made_from is None:
        return ref.source.load(ref)
    return compiled_scene((ref.source.name, *made_from), partial(ref.source.load, ref), keep=keep)


def find_scene(refs: Sequence[SceneRef], scene_id: str) -> SceneRef:
    """The scene called ``scene_id``.

    Raises:
        SceneError: There is none; the message lists the nearest names.
    """
    for ref in refs:
        if ref.id == scene_id:
            return ref
    near = difflib.get_close_matches(scene_id, [ref.id for ref in refs], 3, 0.0)
    nearest = f"Nearest: {', '.join(near)}." if near else "The list is empty."
    raise SceneError(f"no scene {scene_id!r} among {len(refs)}. {nearest}")


def _unknown(scenes: object) -> ArgumentError | DataError:
    """The error that says what no source takes, and what each would."""
    expected = "one of: " + "; ".join(source.expects for source in _SOURCES)
    if not isinstance(scenes, str | Path):
        return ArgumentError(f"scenes: {shown(scenes)}, expected {expected}.")
    path = path_of(scenes)
    if path is None:
        near = difflib.get_close_matches(str(scenes), [source.name for source in _SOURCES], 1, 0.5)
        hint = f"Did you mean {near[0]!r}?" if near else "Check the path."
        return DataError(scenes, found="nothing", expected=expected, hint=hint)
    return DataError(
        path, found=_seen(path), expected=expected, hint="Name the file or folder of a data set."
    )


def _seen(path: Path) -> str:
    if path.is_file():
        return f"a file {path.suffix or 'without a suffix'}, which no source reads"
    names = sorted(islice((item.name for item in path.iterdir()), 100))
    some = ", ".join(names[:3]) + (", .." if len(names) > 3 else "")
    return f"a folder in which no source finds scenes ({some or 'it is empty'})"
