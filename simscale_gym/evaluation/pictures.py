"""What a planner is shown at the moments of a suite: what the environment would observe, drawn once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import AgentContext, Observation
from simscale_gym.envs.actions import TrajectoryAction
from simscale_gym.envs.agent_episode import context_in
from simscale_gym.envs.drive import Drive
from simscale_gym.envs.episode import Start
from simscale_gym.envs.renderers import Renderers
from simscale_gym.envs.sensors import Sensors
from simscale_gym.errors import DataError
from simscale_gym.evaluation.entrants import Sensing
from simscale_gym.evaluation.queries import Query
from simscale_gym.evaluation.suite import PinnedScene, Suite
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.cache import cache_root, say_remade
from simscale_gym.files.shelf import code_digest
from simscale_gym.files.stored_arrays import unpack_arrays
from simscale_gym.scene import Scene
from simscale_gym.sim import TrafficModel
from simscale_gym.splats.depth_sweep import LidarConfig

_DRAWING = ("dressing", "splats", "rendering", "envs/pictures.py")
_PLANS = TrajectoryAction()


class Shown:
    """The observations of one scene's moments, for planners that are shown the same.

    Args:
        scene: The scene.
        sensing: What they are shown.
        traffic: Traffic model of the suite.
    """

    def __init__(self, scene: Scene, sensing: Sensing, traffic: TrafficModel) -> None:
        self._scene, self._sensing, self._traffic = scene, sensing, traffic
        self._sensors = Sensors(
            sensing.observation, sensing.cameras, sensing.image_size, None, "drawn", LidarConfig(),
            Renderers(sensing.renderer),
        )  # fmt: skip

    def context(self) -> AgentContext:
        """What an agent is told before it is asked for plans."""
        return context_in(self._scene, self._sensing.cameras, self._sensors.space, _PLANS.space, _PLANS)

    def observe(self, query: Query) -> Observation:
        """What the environment would observe at a moment, drawn now."""
        return self._sensors.observed(self._drive(query))

    def observations(self, queries: Sequence[Query], suite: Suite, pinned: PinnedScene) -> list[Observation]:
        """What the environment would observe at all moments of a scene; pictures are taken from the cache's file."""
        drives = [self._drive(query) for query in queries]
        if not self._sensing.sees:
            return [self._sensors.observed(drive) for drive in drives]
        path = _file(suite, pinned, self._sensing)
        pictures = _kept(path, (len(queries), len(self._sensing.cameras), *self._sensing.image_size, 3))
        if pictures is None:
            pictures = np.stack([self._pictures(drive) for drive in drives])
            with atomic_write(path) as built, open(built, "wb") as file:
                np.savez_compressed(file, pictures=pictures)
        named = (dict(zip(self._sensing.cameras, images, strict=True)) for images in pictures)
        return [self._sensors.observed(drive, seen) for drive, seen in zip(drives, named, strict=True)]

    def _drive(self, query: Query) -> Drive:
        return Drive.begin(self._scene, Start(query.states, perturbed=query.stage == 2), self._traffic, ())

    def _pictures(self, drive: Drive) -> NDArray[np.uint8]:
        observed = self._sensors.drawn(drive)
        return np.stack([observed[name] for name in self._sensing.cameras])


def _file(suite: Suite, pinned: PinnedScene, sensing: Sensing) -> Path:
    """Where the pictures of a scene lie; the name changes with all that they depend on."""
    asked = (
        suite.digest,
        sensing.cameras,
        sensing.image_size,
        sensing.renderer,
        code_digest(),
        _drawing_code(),
    )
    folder = hashlib.sha256(repr(asked).encode()).hexdigest()[:24]
    return cache_root() / "evaluation" / folder / f"{pinned.digest}.npz"


def _kept(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The pictures in a file; None where there are none, or damaged ones."""
    try:
        pictures = unpack_arrays(path.read_bytes(), path)["pictures"]
    except FileNotFoundError:
        return None
    except (OSError, KeyError, DataError) as error:
        say_remade(path, str(error))
        return None
    return pictures if pictures.shape == shape and pictures.dtype == np.uint8 else None


@cache
def _drawing_code() -> str:
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for name in _DRAWING:
        part = package / name
        for file in sorted(part.rglob("*.py")) if part.is_dir() else [part]:
            digest.update(file.read_bytes())
    return digest.hexdigest()
