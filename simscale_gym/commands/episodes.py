"""Episodes driven by an agent, written step by step as a Minari data set."""

from __future__ import annotations

import gymnasium as gym
from rich.console import Console
from tqdm import tqdm

import simscale_gym  # noqa: F401  (registers the id)
from simscale_gym.agents import NamedAgent, needs_bank
from simscale_gym.commands.data_settings import Episodes
from simscale_gym.datagen import write_minari
from simscale_gym.futures_bank import bank_of
from simscale_gym.sources import list_scenes


def write_episodes(settings: Episodes) -> None:
    """Drive what the data set lacks, show progress, say how to open it.

    Raises:
        ArgumentError: The id is taken by other episodes, or a setting is wrong.
        MissingExtraError: Minari is not installed.
    """
    driver = NamedAgent(settings.policy, settings.policy_file)
    banked = needs_bank(driver.expert)
    bank = bank_of(list_scenes(settings.scenes, settings.split)) if banked else None
    env = gym.make(
        "SimScale-v0",
        scenes=settings.scenes,
        split=settings.split,
        observation=settings.observation,
        image_size=settings.image_size,
        action=settings.action,
        experts=settings.experts,
        horizon=settings.horizon,
    )
    written = write_minari(
        settings.dataset_id,
        env,
        driver.make(env.unwrapped, bank),
        name=driver.name,
        episodes=settings.episodes,
        seed=settings.seed,
        data_format=settings.data_format,
        jpeg=settings.jpeg,
    )
    steps = 0
    for episode in tqdm(written, total=settings.episodes, unit="episode", desc="driving"):
        steps += len(episode.rewards)
    Console(soft_wrap=True, highlight=False, markup=False).print(
        f"{steps} new steps; minari.load_dataset({settings.dataset_id!r}) opens all {settings.episodes} episodes."
    )
