"""One gradient step: what it descends, how fast, and the noise on what planners are told."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from simscale_gym.planners.planner import Batch, Outputs, Planner
from simscale_gym.training.config import TrainConfig

_ACROSS = 0.2  # share of the velocity's noise that acts across: SimScale's
_MIDDLE = 127.5  # of the values of pictures
_CONTRAST_OF_A_COLOR = 0.5  # of the jitter, for each color apart
_BRIGHTNESS = 40.0  # of the values of pictures, by which a jitter of 1 makes them lighter or darker


def learning_rate(config: TrainConfig, step: int) -> float:
    """Learning rate of a step, from 0 on."""
    rising = max(1, round(config.warm_up * config.steps))
    if step < rising:
        return config.learning_rate * (step + 1) / rising
    if config.schedule == "constant":
        return config.learning_rate
    done = (step - rising) / max(1, config.steps - rising)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))


def noisy_status(status: Tensor, config: TrainConfig) -> Tensor:
    """Status ``[B, 8]`` with noise on velocity and acceleration, so that plans do not hang on them alone."""
    moved = config.velocity_noise * status.new_tensor([1.0, _ACROSS]) * torch.randn_like(status[:, 4:6])
    pushed = config.acceleration_noise * torch.randn_like(status[:, 6:8])
    return status + torch.cat([torch.zeros_like(status[:, :4]), moved, pushed], 1)


def jittered(pictures: Tensor, amount: float) -> Tensor:
    """Pictures uint8 ``[B, C, H, W, 3]`` in other light: contrast, colors and brightness of each sample changed.

    Args:
        pictures: The pictures.
        amount: Standard deviation of the contrast; 0 for the pictures themselves.
    """
    if not amount:
        return pictures
    each = (len(pictures), 1, 1, 1)
    random = torch.randn((*each, 5), device=pictures.device)
    contrast, color, brightness = random.split([1, 3, 1], -1)
    gain = 1.0 + amount * (contrast + _CONTRAST_OF_A_COLOR * color)
    changed = (pictures - _MIDDLE) * gain + (_MIDDLE + amount * _BRIGHTNESS * brightness)
    return changed.clamp(0.0, 255.0).to(torch.uint8)


def mean_losses(
    planner: Planner, outputs: Outputs, batch: Batch, config: TrainConfig, step_is_sim: Tensor | None = None
) -> dict[str, Tensor]:
    """Mean of each of the planner's losses over the samples that it counts for, by their weights.

    Where simulated labels are not imitated, terms of imitation are means over the recorded samples alone: they do not
    shrink with the share of the simulated ones, as they do in SimScale's code.

    Args:
        planner: The planner, which knows the terms that imitate.
        outputs: Its outputs.
        batch: Lessons; of several devices, one's share of a step.
        config: Weights.
        step_is_sim: Which lessons of the whole step are simulated, where ``batch`` is a share of it: then the mean over
            the devices is that of the step.
    """
    is_sim = batch["is_sim"]
    whole = is_sim if step_is_sim is None else step_is_sim
    share = len(is_sim) / len(whole)

    def mean(values: Tensor, weigh: Callable[[Tensor], Tensor]) -> Tensor:
        return (values * weigh(is_sim)).sum() / (share * weigh(whole).sum()).clamp(min=1e-6)

    def weight(simulated: Tensor) -> Tensor:
        return torch.where(simulated, config.sim_weight, 1.0)

    def imitated(simulated: Tensor) -> Tensor:
        return weight(simulated) if config.sim_imitation else weight(simulated) * ~simulated

    return {
        name: mean(values, imitated if name in planner.imitation_terms else weight)
        for name, values in planner.losses(outputs, batch).items()
    }
