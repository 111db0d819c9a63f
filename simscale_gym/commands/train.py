"""A planner trained."""

from __future__ import annotations

from rich.console import Console

from simscale_gym.commands.settings import Train
from simscale_gym.training import train


def run_train(settings: Train) -> None:
    """Train, show progress, say what came out.

    Raises:
        ArgumentError: Settings, data sets and folder do not fit together, or there is no such device.
        DataError: A data set or the folder cannot be used.
        MissingExtraError: The extra ``train`` is not installed.
    """
    result = train(settings.config, settings.out)
    judged = (
        "the last one, for there is no validation set (--val)"
        if result["ade"] is None
        else f"step {result['best_step']} of {result['steps']}, validation ADE {result['ade']:.3f} m"
    )
    Console(soft_wrap=True, highlight=False, markup=False).print(
        f"{result['real']} recorded and {result['sim']} simulated samples, {result['seconds']:.0f} s of steps: "
        f"{settings.out}/planner.safetensors is {judged}."
    )
