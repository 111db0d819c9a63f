"""The main job in one command: drive a perturbed episode with the expert, film it, tabulate it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.commands.settings import Demo
from simscale_gym.envs import SimScaleEnv
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.scene import DT
from simscale_gym.viewer import FilmWriter

_STEPS_AHEAD = 2 * PLAN_STRIDE  # the expert's agreement is measured 1 s ahead
_STILL = 6  # the still picture is taken so early in the film that the perturbed way is in it


@dataclass
class Episode:
    """What an episode amounted to.

    Attributes:
        terms: Sum of each reward term.
        planned: World position ``[2]`` that the expert's plan had for 1 s later, by step.
        driven: World position ``[2]`` by step.
        valid: Steps with a valid plan.
        seconds: Time spent in ``env.step`` [s].
        end: Reason for its end.
        epdms: Scores of the whole drive, by NAVSIM's columns.
    """

    terms: Counter[str] = field(default_factory=Counter)
    planned: list[NDArray] = field(default_factory=list)
    driven: list[NDArray] = field(default_factory=list)
    valid: int = 0
    seconds: float = 0.0
    end: str = ""
    epdms: dict[str, float] = field(default_factory=dict)


def run_demo(settings: Demo) -> None:
    """Drive, film to demo.mp4 and demo.png in the folder that is named, print a table."""
    console, out = Console(), settings.out
    env = gym.make(
        "SimScale-v0",
        scenes=settings.scenes,
        split=settings.split,
        image_size=settings.image_size,
        horizon=settings.horizon,
        render_mode="rgb_array",
    )
    began = time.perf_counter()
    options = {"scene": settings.scene} if settings.scene else None
    _, info = env.reset(seed=settings.seed, options=options)
    ready = time.perf_counter() - began
    for sentence in info["inferred"]:
        console.print(f"[dim]inferred: {sentence}[/dim]")
    episode, pictures = _drive(env, info, out / "demo.mp4")
    with atomic_write(out / "demo.png") as built:
        Image.fromarray(pictures[len(pictures) // _STILL]).save(built)
    console.print(_table(env.unwrapped, info, episode, ready, settings.image_size))
    console.print(f"wrote {out / 'demo.mp4'} and {out / 'demo.png'}", soft_wrap=True)
    env.close()


def _drive(env: gym.Env, info: dict, film: Path) -> tuple[Episode, list[NDArray[np.uint8]]]:
    episode, pictures, over = Episode(), [env.render()], False
    horizon = env.unwrapped.horizon_steps
    with FilmWriter(film, fps=1 / DT) as writer, tqdm(total=horizon, unit="step", desc="driving") as bar:
        writer.add(pictures[0])
        while not over:
            _note_plan(env.unwrapped, episode)
            began = time.perf_counter()
            _, _, terminated, truncated, info = env.step(info["expert_action"])
            episode.seconds += time.perf_counter() - began
            episode.terms.update(info["rewards"])
            over = terminated or truncated
            pictures.append(env.render())
            writer.add(pictures[-1])
            bar.update()
    episode.end, episode.epdms = _end(info), info["epdms"]
    return episode, pictures


def _note_plan(env: SimScaleEnv, episode: Episode) -> None:
    ego, plan = env.sim_state.ego, next(iter(env.plans.values()))
    episode.driven.append(ego[:2])
    episode.planned.append(plan.poses_world(ego)[_STEPS_AHEAD, :2])
    episode.valid += plan.valid


def _end(info: dict) -> str:
    if info["at_fault"]:
        return "at-fault collision"
    return "off the road" if info["left_road"] else "goal" if info["arrive_dest"] else info["truncation"]


def _table(
    env: SimScaleEnv, info: dict, episode: Episode, ready: float, image_size: tuple[int, int]
) -> Table:
    steps = len(episode.driven)
    table = Table(title=f"{info['scene']}", show_header=False)
    table.add_row("steps", f"{steps} ({steps * DT:.1f} s), ended by: {episode.end}")
    reset = info["reset"]
    rejected = ", ".join(f"{reason} {count}" for reason, count in reset["rejections"].items() if count)
    table.add_row(
        "start", f"perturbed: {reset['perturbed']}, attempts {reset['attempts']}; rejected: {rejected}"
    )
    for name, value in episode.terms.items():
        table.add_row(f"reward: {name}", f"{value + 0.0:+.3f}")
    table.add_row("reward", f"{sum(episode.terms.values()):+.3f}")
    faults = ", ".join(
        f"{name} {value:.2f}" for name, value in episode.epdms.items() if value < 1.0 and name != "score"
    )
    table.add_row("EPDMS", f"{episode.epdms['score']:.2f}{'; below 1: ' if faults else ''}{faults}")
    table.add_row("expert: valid plans", f"{episode.valid} of {steps}")
    if steps > _STEPS_AHEAD:
        planned, driven = np.array(episode.planned), np.array(episode.driven)
        miss = np.linalg.norm(planned[:-_STEPS_AHEAD] - driven[_STEPS_AHEAD:], axis=1)
        table.add_row("expert agreement", f"{np.mean(miss):.2f} m between plan and drive, 1 s ahead (mean)")
    size = f"{len(env.camera_names)} x {image_size[1]}x{image_size[0]}"
    table.add_row("speed", f"{steps / episode.seconds:.1f} env steps/s with {size} and expert")
    table.add_row("first observation", f"{ready:.1f} s after gym.make")
    return table
