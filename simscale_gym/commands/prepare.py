"""Makes ahead what the first episodes would wait for, and says beforehand about how long that takes."""

from __future__ import annotations

from rich.console import Console

from simscale_gym.commands.settings import Prepare
from simscale_gym.datagen.runners import Runner
from simscale_gym.dressing.looks.look_cache import KEPT_BYTES
from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import ArgumentError
from simscale_gym.files.cache import cache_root
from simscale_gym.files.cache_content import cache_content
from simscale_gym.progress import ticking
from simscale_gym.rendering import make_renderer
from simscale_gym.scene import Moment
from simscale_gym.sources import SceneRef, list_scenes, load_scene
from simscale_gym.sources.town.source import SCENES_PER_LOG

KERNELS = 150.0
"""Processor time to compile everything that an episode with cameras runs [s]."""
SCENE, STREET = 2.0, 12.0
"""Processor time to simulate or read a scene, and to dress its street [s]."""
SCENE_MB, STREET_MB = 9.0, 40.0
"""What they take in the cache, on average of 250 scenes of the town and 106 streets."""

_SIZE = (36, 64)  # of the picture for which road users are dressed [px]


def run_prepare(settings: Prepare) -> None:
    """Fill the cache for the scenes that are named."""
    console, refs = Console(), _chosen(settings)
    runner, streets = Runner(workers=settings.workers), _streets(settings, refs)
    console.print(_estimate(len(refs), streets, runner.processes(len(refs))), soft_wrap=True)
    if settings.cameras and streets < len(refs):
        kept = (
            f"the cache keeps {KEPT_BYTES / 1e9:.1f} GB of streets: only {streets} of {len(refs)} are dressed"
        )
        console.print(kept, soft_wrap=True)
    if settings.dry_run:
        return
    before = _megabytes()
    _drive_a_little(settings)
    with ticking(total=len(refs), unit="scene", desc="preparing") as bar:
        tasks = [(ref, number < streets) for number, ref in enumerate(refs)]
        for _ in runner.map(_prepared, None, tasks):
            bar.update()
    console.print(
        f"{len(refs)} scenes are ready; the cache grew by {_megabytes() - before:.0f} MB", soft_wrap=True
    )


def _chosen(settings: Prepare) -> list[SceneRef]:
    """The scenes, so that processes which work side by side begin with different drives of a town."""
    if settings.first is not None and settings.first < 1:
        raise ArgumentError(f"first: {settings.first}, expected 1 or more.")
    refs = list_scenes(settings.scenes, settings.split)[: settings.first]
    return [ref for start in range(SCENES_PER_LOG) for ref in refs[start::SCENES_PER_LOG]]


def _streets(settings: Prepare, refs: list[SceneRef]) -> int:
    """How many streets are dressed: no more than the cache keeps."""
    return min(len(refs), int(KEPT_BYTES / (1e6 * STREET_MB))) if settings.cameras else 0


def _drive_a_little(settings: Prepare) -> None:
    """Begin an episode off the log: that gathers human futures, and compiles what episodes run."""
    kinds = ("camera", "state") if settings.cameras else "state"
    env = SimScaleEnv(
        settings.scenes, settings.split, kinds, image_size=_SIZE, experts=("planner", "recovery")
    )
    _, info = env.reset(seed=0)
    env.step(info["expert_action"])
    env.close()


def _prepared(_: None, task: tuple[SceneRef, bool]) -> None:
    """Load a scene, and draw its first moment where its street is wanted."""
    ref, street = task
    scene = load_scene(ref, keep=False)
    if street:
        renderer = make_renderer(scene, cache=cache_root() / "looks", threads=1)
        renderer.render([Moment.of_log(scene, 0)], tuple(scene.rig.cameras), _SIZE)


def _estimate(scenes: int, streets: int, processes: int) -> str:
    """What is to come where nothing is there, on cores that do nothing else."""
    minutes = (KERNELS + (scenes * SCENE + streets * STREET) / processes) / 60.0
    size = scenes * SCENE_MB + streets * STREET_MB
    work = f"{scenes} scenes and {streets} streets" if streets else f"{scenes} scenes"
    return (
        f"{work}: at most {minutes:.0f} minutes on {processes} cores, and {size:.0f} MB, less what is there"
    )


def _megabytes() -> float:
    return sum(kept.size for kept in cache_content()) / 1e6
