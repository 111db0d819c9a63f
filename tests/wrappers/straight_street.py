"""An environment that looks like ours and costs nothing: the ego drives along x, pictures show the step."""

from types import SimpleNamespace

import gymnasium as gym
import numpy as np
from gymnasium import spaces

CAMERAS = ("cam_l0", "cam_f0", "cam_r0")


class StraightStreet(gym.Env):
    """Ends with the goal after ``length`` steps."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    camera_names = CAMERAS
    scene_ids = ("a", "b", "c")

    def __init__(self, length=6, action="control", steps=1, size=(54, 96), render_mode="rgb_array"):
        self.action_type = SimpleNamespace(name=action, steps=steps)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.render_mode, self.length, self.size = render_mode, length, size
        pictures = {name: spaces.Box(0, 255, (*size, 3), np.uint8) for name in CAMERAS}
        self.observation_space = spaces.Dict(
            {
                "ego": spaces.Box(-80.0, 80.0, (6,), np.float32),
                "command": spaces.Box(0.0, 1.0, (4,), np.float32),
                "state": spaces.Box(-1000.0, 1000.0, (5,), np.float32),
                **pictures,
            }
        )
        self.driven, self.scene = [], ""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.scene = (options or {}).get("scene", "any")
        self.count, self.driven = 0, []
        return self._observation(), self._info()

    def step(self, action):
        self.count += 1
        self.driven.append(action)
        return self._observation(), 0.5, self.count == self.length, False, self._info()

    def render(self):
        return np.full((32, 48, 3), 20 * self.count, np.uint8)

    def _observation(self):
        ego, command = np.zeros(6, np.float32), np.array([0, 1, 0, 0], np.float32)
        ego[:4] = self.count, 2, 3, 4
        pictures = {
            name: np.full((*self.size, 3), (10 * self.count, 100 + k, 50), np.uint8)
            for k, name in enumerate(CAMERAS)
        }
        return {"ego": ego, "command": command, "state": np.full(5, self.count, np.float32), **pictures}

    def _info(self):
        return {
            "scene": self.scene,
            "epdms": {"score": 0.1 * self.count, "ego_progress": 1.0},
            "controllers": np.zeros(self.count + 1, np.uint8),
            "inferred": (),
            "at_fault": False,
            "left_road": False,
            "arrive_dest": self.count == self.length,
            "truncation": "",
            "reset": {"rejections": {"collision": 2}},
        }
