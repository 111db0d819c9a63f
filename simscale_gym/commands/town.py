"""Write a town as a nuPlan data set, pictures included on request."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simscale_gym.commands.settings import Town
from simscale_gym.rendering import Renderer, make_renderer
from simscale_gym.scene import Moment, Scene
from simscale_gym.sources import write_town_dataset


def export_town(settings: Town) -> None:
    """Write a town with its drives to a new folder, with pictures where they are asked for."""
    size = settings.image_size if settings.images else None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        tasks: dict[str, int] = {}

        def report(work: str, done: int, total: int) -> None:
            if work not in tasks:
                tasks[work] = bar.add_task(work, total=total)
            bar.update(tasks[work], completed=done)

        render = None if size is None else LogPictures(size)
        root = write_town_dataset(
            settings.out, settings.seed, settings.logs, image_size=size, render=render, progress=report
        )
    console = Console()
    for log in root.logs:
        console.print(f"wrote {log}", soft_wrap=True)
    out = str(settings.out)
    hint = f"maps in {settings.out / 'maps'}; open it with scenes={out!r} or with nuplan-devkit"
    console.print(hint, soft_wrap=True)


class LogPictures:
    """All eight cameras of a scene's frame as they were on the log; keeps the renderer of one scene.

    Args:
        size: Height, width [px].
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._renderer: Renderer | None = None

    def __call__(self, scene: Scene, frame: int) -> dict[str, NDArray[np.uint8]]:
        """Pictures by camera."""
        if self._renderer is None or scene is not self._renderer.scene:
            self._renderer = make_renderer(scene)
        names = tuple(scene.rig.cameras)
        drawn = self._renderer.render([Moment.of_log(scene, frame)], names, self._size)
        return dict(zip(names, drawn.images[0], strict=True))
