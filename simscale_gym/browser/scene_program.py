"""Scenes as they were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simscale_gym.browser.subject import DrawnWay, Subject
from simscale_gym.datagen.collection import open_scene
from simscale_gym.datagen.drives import logged_state
from simscale_gym.scene import DT, Scene
from simscale_gym.sources import SceneRef
from simscale_gym.viewer.bev import LOG


class ScenePrograms:
    """The logs of scenes.

    Args:
        refs: The scenes.
        first: Number of the one that is shown first.
        assets: Scene asset, or a folder of them; None for the looks that the scenes have.
    """

    kind = "scene"

    def __init__(self, refs: Sequence[SceneRef], first: int = 0, assets: Path | None = None) -> None:
        self.titles, self.first = [ref.id for ref in refs], first
        self._refs, self._assets = refs, assets

    def open(self, index: int) -> Subject:
        """The log of scene ``index``."""
        ref = self._refs[index]
        return log_subject(open_scene(ref, self._assets), ref)


def log_subject(scene: Scene, ref: SceneRef | None = None) -> Subject:
    """What was recorded."""
    states = tuple(logged_state(scene, frame) for frame in range(scene.num_frames))
    rows = {
        "source": scene.source,
        "log": scene.log_id,
        "length": f"{DT * scene.num_frames:.1f} s",
        "road users": len(scene.tracks),
        "lanes": len(scene.map.lanes),
        "looks": "a trained asset" if scene.asset else "dressed from the map",
    }
    notes = "\n".join(f"- {name}: {value}" for name, value in rows.items())
    inferred = "".join(f"\n- inferred: {sentence}" for sentence in scene.inferred)
    way = DrawnWay("recorded way", scene.ego.poses, LOG)
    return Subject(scene.id, scene, states, ref, ways=(way,), notes=notes + inferred)
