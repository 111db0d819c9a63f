"""Labels of simulated samples that ask no expert: what the human did in the same four seconds of the log."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.recorded_ego import logged_future, logged_pose
from simscale_gym.datagen import DataSample, DataSet
from simscale_gym.scene import Scene
from simscale_gym.sources import find_scene, list_scenes, load_scene


class LoggedLabels:
    """Gives the label of a sample off the log from the log; scenes are read from where they were collected.

    Args:
        data: The sample's data set.
        as_if_there: Whether the human's motion is taken as it was, as if the ego were where he was; otherwise his
            places are, seen from where the ego is.

    Raises:
        SceneError, DataError: The scenes of the data set are no longer where it says.
    """

    def __init__(self, data: DataSet, *, as_if_there: bool) -> None:
        self._as_if_there = as_if_there
        specs = [recipe["spec"] for recipe in data.recipes]
        places = {(spec["scenes"], spec["split"]) for spec in specs}
        self._refs = [ref for place in sorted(places) for ref in list_scenes(*place, unreadable=True)]
        self._scene: Scene | None = None

    def __call__(self, sample: DataSample) -> NDArray[np.float32]:
        """The label ``[8, 3]``: x, y [m], heading [rad] at 0.5 .. 4.0 s in the ego frame."""
        scene, frame = self._opened(sample.row["scene"]), sample.row["present"]
        pose = logged_pose(scene, frame) if self._as_if_there else sample.arrays.ego_state[:3]
        return logged_future(scene, frame, pose).astype(np.float32)

    def _opened(self, name: str) -> Scene:
        """The scene; samples of one follow each other."""
        if self._scene is None or self._scene.id != name:
            self._scene = load_scene(find_scene(self._refs, name), keep=False)
        return self._scene
