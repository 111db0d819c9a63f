"""A curriculum: starts farther off the log and harder scenes, as episodes end well."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.perturbation import Bounds, PerturbConfig
from simscale_gym.scene import Scene
from simscale_gym.sources import list_scenes, load_scene

_NEAR = 15.0  # [m] from the log's ego within which a moving road user counts
_MOVING = 1.0  # [m/s]


@dataclass(frozen=True)
class Stage:
    """A stage of a curriculum.

    Attributes:
        perturb: How far off the log episodes start: the environment's argument ``perturb``.
        scenes: Share of the scenes, the easiest first, that are driven.
    """

    perturb: bool | PerturbConfig = True
    scenes: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.scenes <= 1.0:
            raise ArgumentError(f"Stage.scenes: {self.scenes}, expected a share, more than 0 to 1.")


STAGES = (
    Stage(perturb=False, scenes=0.3),
    Stage(perturb=False),
    Stage(perturb=PerturbConfig(bounds=Bounds(lateral=1.0, heading=float(np.radians(10.0))))),
    Stage(perturb=True),
)
"""On the log of the easiest scenes, on the log of all, half as far off it, and as far as SimScale's bounds go."""


def scene_difficulty(scene: Scene) -> float:
    """Radians that the log turns, plus the lights on its way, plus those who move and come within 15 m of its ego."""
    poses, tracks = scene.ego.poses, scene.tracks
    turned = float(np.abs(wrap_angle(np.diff(poses[:, 2]))).sum())
    away = np.hypot(*(tracks.poses[..., :2] - poses[:, :2]).transpose(2, 0, 1))
    near = tracks.valid & (away < _NEAR) & (np.hypot(*tracks.velocities.transpose(2, 0, 1)) > _MOVING)
    return turned + len(scene.lights_on_route[0]) + float(near.any(1).sum())


def scene_difficulties(
    scenes: str | Path | Sequence[Scene] = "town", split: str = "train"
) -> dict[str, float]:
    """:func:`scene_difficulty` of all scenes by id; they are loaded one by one, once.

    Args:
        scenes: The environment's argument ``scenes``.
        split: The environment's argument ``split``.
    """
    return {ref.id: scene_difficulty(load_scene(ref)) for ref in list_scenes(scenes, split)}


class Curriculum(gym.Wrapper, RecordConstructorArgs):
    """Resets to starts that grow harder: the next stage begins when enough of the last episodes ended well.

    An episode ends well without a collision at fault and without leaving the road. ``info["stage"]`` says which stage
    it is; a reset that names a scene, a perturbation or a state goes there, whatever the stage is.

    Args:
        env: A ``SimScale-v0``, wrapped or not.
        difficulties: Difficulty of the scenes by id, as of :func:`scene_difficulties`.
        stages: The stages in order.
        enough: Share of the last episodes that must end well.
        episodes: Number of these episodes.

    Raises:
        ArgumentError: No stage, or no difficulty of one of the environment's scenes.
    """

    def __init__(
        self,
        env: gym.Env,
        difficulties: Mapping[str, float],
        *,
        stages: Sequence[Stage] = STAGES,
        enough: float = 0.8,
        episodes: int = 50,
    ) -> None:
        RecordConstructorArgs.__init__(
            self, difficulties=difficulties, stages=stages, enough=enough, episodes=episodes
        )
        gym.Wrapper.__init__(self, env)
        lacking = [scene for scene in env.unwrapped.scene_ids if scene not in difficulties]
        if lacking:
            raise ArgumentError(
                f"difficulties: none of {lacking[0]}, expected one of each scene of the environment."
            )
        if not stages:
            raise ArgumentError("stages: none, expected one at least.")
        self._order = sorted(env.unwrapped.scene_ids, key=lambda scene: (difficulties[scene], scene))
        self._stages, self._enough = tuple(stages), enough
        self._well: deque[bool] = deque(maxlen=episodes)
        self._rng, self.stage = np.random.default_rng(), 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin an episode of the present stage; ``options`` go first."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        options = dict(options or {})
        if "state" not in options:
            stage = self._stages[self.stage]
            easiest = max(1, round(stage.scenes * len(self._order)))
            drawn = self._order[int(self._rng.integers(easiest))]
            options = {"scene": drawn, "perturb": stage.perturb} | options
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, info | {"stage": self.stage}

    def step(self, action: Any) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Drive on; the end of an episode may begin the next stage."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            self._well.append(not (info["at_fault"] or info["left_road"]))
            full = len(self._well) == self._well.maxlen
            if full and np.mean(self._well) >= self._enough and self.stage + 1 < len(self._stages):
                self.stage += 1
                self._well.clear()
        return observation, reward, terminated, truncated, info | {"stage": self.stage}
