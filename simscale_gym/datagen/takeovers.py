"""A person's takeovers as labelled states: driven again from their tape, with what experts would have done beside.

As in HG-DAgger (Kelly et al. 2019) the states are those of the takeovers, to which the policy's drive had led.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.datagen.collection import Recipe
from simscale_gym.datagen.drives import Drive
from simscale_gym.datagen.rollout_labels import RolloutLabels, Visited
from simscale_gym.datagen.rollout_starts import log_before, rollout_start, snapshot_at
from simscale_gym.datagen.rollouts import ROLLOUT
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.datagen.tape import Tape, TapedDrive
from simscale_gym.envs import SimScaleEnv
from simscale_gym.envs.agent_episode import ending
from simscale_gym.errors import DataError
from simscale_gym.perturbation import Telemetry
from simscale_gym.scene import Scene

_TOLERANCE = 0.1  # [m] between the end of a drive and where the tape says that it led


class TakeoverDrives:
    """The takeovers of a tape in one scene.

    Args:
        scene: The scene.
        spec: What is labelled.
        recipe: Experts, bank, vocabulary and traffic.
        tape: The tape.
        telemetry: Where ends of drives and fallen labels are counted.
    """

    def __init__(
        self, scene: Scene, spec: DataSpec, recipe: Recipe, tape: Tape, telemetry: Telemetry
    ) -> None:
        self._scene, self._recipe, self._tape, self._telemetry = scene, recipe, tape, telemetry
        self._stride = spec.rollout.label_stride
        self._traffic = make_traffic(recipe.traffic)
        self._env = SimScaleEnv(
            [scene], observation=spec.rollout.observation, action="control", traffic=self._traffic, experts=(),
            horizon=scene.duration,
        )  # fmt: skip
        self._labels = RolloutLabels(scene, spec, recipe, self._traffic, self._env.action_type, telemetry)

    def drives(self, frame: int) -> Iterator[Drive]:
        """What the drives that left the log at ``frame`` give: one for each labelled state and source of labels.

        Raises:
            DataError: A drive leads elsewhere than it did.
        """
        taped = [drive for drive in self._tape.of(self._scene.id) if drive.frame == frame]
        for number, drive in enumerate(taped):
            yield from self._labelled(drive, number)

    def _labelled(self, drive: TapedDrive, number: int) -> Iterator[Drive]:
        scene = self._scene
        begin = rollout_start(scene, drive.frame, drive.start, self._recipe.vocabulary, self._traffic)
        seen, _ = self._env.reset(options={"state": snapshot_at(scene, begin, self._traffic)})
        observations, info = self._driven(drive, seen)
        states = [*log_before(scene, begin), *self._env.history]
        self._telemetry.counts["", 0, ROLLOUT, ending(info) or "left"] += 1
        here = states.index(begin.states[-1])
        for first, last in drive.takeovers():
            for k in range(first, last, self._stride):
                if states[here + k].frame >= scene.num_frames - HORIZON_STEPS:
                    return
                past, driven = states[: here + k + 1], states[here + k + 1 : here + last + 1]
                at = Visited(drive.frame, number, k, past, observations[k], drive.actions[k], True)
                yield from self._labels.labelled(at, driven)

    def _driven(
        self, drive: TapedDrive, observation: Mapping[str, Any]
    ) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
        """The observation at each step, that of the start given, and the last ``info``.

        Raises:
            DataError: It leads elsewhere than it did.
        """
        observations = [observation]
        for action in drive.actions:
            observation, _, _, _, info = self._env.step(action)
            observations.append(observation)
        came_to = self._env.sim_state.ego[:3]
        if np.hypot(*(came_to - drive.end)[:2]) > _TOLERANCE:
            raise DataError(
                self._tape.file,
                field=f"the drive in {self._scene.id} from frame {drive.frame}",
                found=f"that it leads to {came_to[:2].round(2).tolist()}",
                expected=f"{drive.end[:2].round(2).tolist()}, where it led when it was driven",
                hint="It was driven in another version of the simulator or of the scene; use that one.",
            )
        return observations, info
