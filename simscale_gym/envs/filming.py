"""What people see of an episode: its present as a picture, and all of it as a film."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simscale_gym.envs.drive import Drive
from simscale_gym.envs.sensors import Sensors
from simscale_gym.metrics import running_columns
from simscale_gym.progress import waiting
from simscale_gym.scene import DT

if TYPE_CHECKING:
    from simscale_gym.viewer import Film, Overlay


def film_picture(drive: Drive, images: Mapping[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """``images`` and a bird's-eye view of the drive, with the experts' plans and the reward's terms beside."""
    from simscale_gym.viewer import film_frame

    plans = [plan.poses_world(drive.state.ego) for plan in drive.plans.values()]
    experts = [f"{name}: {'valid' if plan.valid else 'not valid'}" for name, plan in drive.plans.items()]
    values = [f"{name}: {value + 0.0:+.3f}" for name, value in drive.terms.items()]
    lines = [_start(drive), *experts, "", *values]
    return film_frame(drive.scene, drive.state, images, _ways(drive, len(drive.history) - 1, plans), lines)


def film_of(drive: Drive, sensors: Sensors) -> Film:
    """The drive from where the log was left on; with cameras, where they are observed.

    Of a drive that was resumed from a pickle, states that it did not keep are left out. What experts planned and terms
    paid at earlier steps is not known any more.
    """
    from simscale_gym.viewer import Film, film_frame

    frames, last = [], len(drive.history) - 1
    with waiting("filming the drive"):
        for row, state in enumerate(drive.history):
            images = sensors.drawn(drive, row) if sensors.see else {}
            lines = [_start(drive), *([f"EPDMS: {_score(drive):.2f}"] if row == last else [])]
            frames.append(film_frame(drive.scene, state, images, _ways(drive, row), lines))
    return Film(frames, round(1 / DT))


def _start(drive: Drive) -> str:
    return f"start: {'perturbed' if drive.start.perturbed else 'on the log'}"


def _score(drive: Drive) -> float:
    return running_columns(drive.subscores)["score"]


def _ways(drive: Drive, row: int, plans: list[NDArray[np.float64]] | None = None) -> Overlay:
    """The log, and the ego's way as far as a row of the history: off the log, and from the start on."""
    from simscale_gym.viewer import Overlay

    egos = drive.history.egos[:, :3]
    here, begun = row + len(egos) - len(drive.history), len(egos) - 1 - drive.steps
    return Overlay(
        log=drive.scene.ego.poses,
        perturbed=egos[: min(here, begun) + 1],
        driven=egos[begun : here + 1],
        plans=plans or (),
    )
