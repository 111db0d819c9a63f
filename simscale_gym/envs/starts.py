"""How an environment finds the drives that its episodes begin with: by its settings, its chance and reset options."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from simscale_gym.envs import arguments, episode
from simscale_gym.envs.drive import Drive
from simscale_gym.envs.resources import Resources
from simscale_gym.envs.sensors import Sensors
from simscale_gym.perturbation import PerturbConfig, numbered_start
from simscale_gym.scene import Scene
from simscale_gym.scoring.fitness import fit_first
from simscale_gym.sim import TrafficModel


class Starts:
    """Where episodes begin.

    Args:
        resources: Scenes, futures and experts.
        sensors: What is observed with: whether a frame must have recorded pictures, and whether chance plays a part.
        traffic: Traffic model that moves the others.
        perturb: Settings of perturbed starts; None for starts on the log.
        horizon_steps: Longest episode, in simulation steps.
        kept: Begun drives that are remembered, the last used ones. Of what lies before a start they remember as much as
            a pickled snapshot does. 0 begins each anew.
    """

    def __init__(
        self,
        resources: Resources,
        sensors: Sensors,
        traffic: TrafficModel,
        perturb: PerturbConfig | None,
        horizon_steps: int,
        kept: int = 0,
    ) -> None:
        self._resources, self._sensors, self._traffic = resources, sensors, traffic
        self._perturb, self._horizon_steps = perturb, horizon_steps
        self._kept, self._begun = kept, OrderedDict[Hashable, Drive]()

    def begin(self, options: Mapping[str, Any], rng: np.random.Generator) -> Drive:
        """An episode at its first state; see the environment for ``options``, the checked ones without "state".

        Raises:
            ArgumentError: Unfit options.
            DataError, SceneError: The scene is unknown, cannot be read, or is too short to start in.
            ResetError: No perturbation was found and the config says to raise.
        """
        _, drive = self._resources.begun(
            options.get("scene"), rng, lambda scene: self._drive(scene, options, rng)
        )
        if self._sensors.draws_chance:
            drive = replace(drive, start=replace(drive.start, camera_seed=int(rng.integers(2**63))))
        return drive

    def _drive(self, scene: Scene, options: Mapping[str, Any], rng: np.random.Generator) -> Drive:
        config = arguments.checked_perturb(options["perturb"]) if "perturb" in options else self._perturb
        frames = episode.start_frames(scene, self._horizon_steps, config is not None)
        if "time" in options:
            frames = episode.frame_at(scene, options["time"], frames, config is not None)
        if config is None:
            fit = fit_first(scene, self._sensors.recorded_frames(scene, frames), rng)[0]
            return self._remembered((scene.id, fit), lambda: self._begun_on_log(scene, fit))
        number = int(rng.integers(config.variety))
        key = scene.id, number, frames, config
        return self._remembered(key, lambda: self._begun_off_log(scene, number, frames, config))

    def _begun_on_log(self, scene: Scene, frame: int) -> Drive:
        return self._begin(scene, episode.start_on_log(scene, self._traffic, frame))

    def _begun_off_log(self, scene: Scene, number: int, frames: range, config: PerturbConfig) -> Drive:
        vocabulary = self._resources.vocabulary
        found = numbered_start(scene, number, frames, vocabulary, self._traffic, config)
        return self._begin(scene, episode.start_off_log(scene, self._traffic, found, config))

    def _begin(self, scene: Scene, start: episode.Start) -> Drive:
        return Drive.begin(scene, start, self._traffic, self._resources.experts)

    def _remembered(self, key: Hashable, begin: Callable[[], Drive]) -> Drive:
        if not self._kept:
            return begin()
        found = self._begun.pop(key, None) or begin().shortened()
        self._begun[key] = found
        while len(self._begun) > self._kept:
            self._begun.popitem(last=False)
        return found
