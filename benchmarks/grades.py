"""Compares large pictures of a dressed street: of the street dressed for them, and of the coarse one.

    python benchmarks/grades.py                                # the town's first scene, eight cameras, one thread
    python benchmarks/grades.py --scenes path/to/logs          # the first scene of other logs
    python benchmarks/grades.py --pictures out/grades          # the pictures as well, PNG
    python benchmarks/grades.py --dress 2                      # what dressing takes: two scenes of different drives

Milliseconds of processor time a frame, medians of pictures that are drawn in turn; seconds of processor time of the
first picture, in which the street is dressed where it is not in the cache; and the growth of the process's memory.
With --dress instead seconds of processor time that a street takes in each grade, median, least and most; Gaussians,
median; and the process's greatest memory so far.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from simscale_gym.dressing.looks.grade import COARSE, GRADES, Grade, grade_of
from simscale_gym.dressing.looks.look_cache import LookCache
from simscale_gym.dressing.looks.packed_look import PackedLook, packed_street
from simscale_gym.dressing.surroundings.infer_shapes import infer_shapes
from simscale_gym.rendering import Frame, Renderer, make_renderer
from simscale_gym.scene import Moment, Scene
from simscale_gym.sources import cache_root, list_scenes, load_scene

SIZES = ((144, 256), (360, 640), (1080, 1920))
STREETS = ("coarse", "its own")
PAGE = 4096


def memory() -> float:
    """Memory of this process [MB]."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def drawn(renderer: Renderer, moment: Moment, size: tuple[int, int], street: str) -> tuple[Frame, float]:
    """A frame of all cameras and its processor time [s]."""
    chosen = (lambda focal: COARSE) if street == "coarse" else grade_of
    with mock.patch("simscale_gym.rendering.dressed.grade_of", chosen):
        began = time.process_time()
        frame = renderer.render([moment], tuple(renderer.scene.rig.cameras), size)
        return frame, time.process_time() - began


def dressed(scene: Scene, grade: Grade) -> tuple[float, int]:
    """Processor time [s] to dress a street in a grade, and its Gaussians."""
    shapes, kept = scene.shapes if scene.shapes is not None else infer_shapes(scene), LookCache(None)
    began = time.process_time()
    coarse = grade == COARSE
    packed = (
        PackedLook.of(scene, shapes, kept).packed if coarse else packed_street(scene, shapes, grade, kept)
    )
    return time.process_time() - began, packed.count


def measure_dressing(source: str, count: int) -> None:
    """Dress ``count`` scenes of ``source`` in all grades, and print what it takes."""
    refs = list_scenes(source)
    scenes = [load_scene(refs[row * len(refs) // count]) for row in range(count)]
    print(f"{'focal px':>8} {'s':>6} {'(least, most)':>14} {'Gaussians':>10} {'peak MB':>8}")
    dressed(scenes[0], COARSE)  # kernels are compiled
    for grade in GRADES:
        times, sizes = np.array([dressed(scene, grade) for scene in scenes]).T
        spread = f"({times.min():.1f}, {times.max():.1f})"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(
            f"{grade.focal:8.0f} {np.median(times):6.2f} {spread:>14} {np.median(sizes):10.0f} {peak:8.0f}",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", default="town", help="town, or a path of logs")
    parser.add_argument("--frame", type=int, default=20, help="frame of the log")
    parser.add_argument("--repeats", type=int, default=5, help="timed frames")
    parser.add_argument("--pictures", type=Path, help="folder for the pictures")
    parser.add_argument("--dress", type=int, metavar="N", help="dress N scenes, and draw nothing")
    arguments = parser.parse_args()
    if arguments.dress:
        measure_dressing(arguments.scenes, arguments.dress)
        return
    scene = load_scene(list_scenes(arguments.scenes)[0])
    renderer = make_renderer(scene, threads=1, cache=cache_root() / "looks")
    moment = Moment.of_log(scene, arguments.frame)
    print(f"{scene.id}, frame {arguments.frame}, {len(scene.rig.cameras)} cameras")
    print(f"{'size':>10} {'street':>8} {'splats':>9} {'first s':>8} {'ms':>7} {'ratio':>6} {'MB':>6}")
    for size in SIZES:
        rows, times = {}, {street: [] for street in STREETS}
        for street in STREETS:
            before = memory()
            frame, first = drawn(renderer, moment, size, street)
            rows[street] = (frame.splats, first, memory() - before)
            for name, image in zip(frame.cameras, frame.images[0], strict=True) if arguments.pictures else ():
                arguments.pictures.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(arguments.pictures / f"{size[1]}_{name}_{street.split()[-1]}.png")
        for _ in range(arguments.repeats):
            for street in STREETS:
                times[street].append(1e3 * drawn(renderer, moment, size, street)[1])
        median = {street: np.median(values) for street, values in times.items()}
        for street, (splats, first, grown) in rows.items():
            name, ratio = f"{size[1]}x{size[0]}", median[street] / median["coarse"]
            print(
                f"{name:>10} {street:>8} {splats:9d} {first:8.1f} {median[street]:7.0f} {ratio:6.2f} {grown:6.0f}"
            )


if __name__ == "__main__":
    main()
