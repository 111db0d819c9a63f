"""A made-up bank of human futures: straight on at all speeds, braking and speeding up gently, with some steering."""

import numpy as np

from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures


def straight_humans(sides=(-1.5, -0.75, 0.0, 0.75, 1.5)):
    """Futures from 0 to 12 m/s, with changes of speed between -3 and 1.5 m/s^2 and of place by ``sides`` [m]."""
    t = np.arange(1, HORIZON_STEPS + 1) * 0.1
    poses, speeds = [], []
    for speed in np.arange(0.0, 12.5, 0.5):
        for rate in (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5):
            moving = t if rate >= 0 else np.minimum(t, -speed / rate)
            x = speed * moving + rate * moving**2 / 2
            for side in sides if speed > 2.0 else (0.0,):
                u = np.clip(t / 4.0, 0, 1)
                y = side * (10 * u**3 - 15 * u**4 + 6 * u**5)
                heading = np.arctan2(np.gradient(y), np.maximum(np.gradient(x), 1e-3))
                poses.append(np.column_stack([x, y, np.where(speed > 2.0, heading, 0.0)]))
                speeds.append([speed, 0.0])
    return HumanFutures(np.array(poses), np.array(speeds))
