"""Times pictures of the built-in town: cameras, sizes, threads, rigs.

    python benchmarks/town_cameras.py            # 256x144 and 640x360
    python benchmarks/town_cameras.py --large    # 1920x1080 as well

Each figure is the median (least) of frames along a drive, with all nodes, haze, sky and sharpening: from poses to
uint8 pictures. Frames are drawn once before they are timed, so that no level of detail is built meanwhile.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from simscale_gym.rendering import Renderer, make_renderer
from simscale_gym.scene import Moment
from simscale_gym.sources import cache_root, list_scenes, load_scene

SIZES = ((144, 256), (360, 640), (1080, 1920))
FIRST_FRAME, FRAME_STEP = 10, 5


def machine() -> str:
    """Name and number of the processors."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor() or platform.machine()


def frame_times(renderer: Renderer, cameras: list[str], size: tuple[int, int], count: int) -> np.ndarray:
    """Milliseconds of each frame after one round to warm up."""
    scene, frames = renderer.scene, FIRST_FRAME + FRAME_STEP * np.arange(count)
    elapsed = []
    for timed in (False, True):
        for frame in frames % scene.num_frames:
            moment = Moment.of_log(scene, int(frame))
            began = time.perf_counter()
            renderer.render([moment], cameras, size)
            if timed:
                elapsed.append(1e3 * (time.perf_counter() - began))
    return np.array(elapsed)


def text(times: np.ndarray) -> str:
    """Median and least."""
    return f"{np.median(times):.1f} ({times.min():.1f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", action="store_true", help="1920x1080 as well")
    parser.add_argument("--scene", type=int, default=0, help="number in the town's train split")
    parser.add_argument("--frames", type=int, default=15, help="timed frames per case")
    arguments = parser.parse_args()
    scene = load_scene(list_scenes("town", "train")[arguments.scene])
    names = list(scene.rig.cameras)
    rigs = {name: [name] for name in names}
    rigs |= {"3: f0 l0 r0": ["cam_f0", "cam_l0", "cam_r0"], f"all {len(names)}": names}
    console = Console(width=110)
    console.print(f"{machine()}, load {os.getloadavg()[0]:.1f}; numpy {np.__version__}; {scene.id}")
    renderers = {}
    for threads in (1, 2):
        began = time.perf_counter()
        renderers[threads] = make_renderer(scene, threads=threads, cache=cache_root() / "looks")
        console.print(f"renderer with {threads} thread(s): {time.perf_counter() - began:.2f} s")
    console.print("ms, median (least); splats of the first frame, at 256x144; x1, x2: threads")
    sizes = SIZES[: 2 + arguments.large]
    columns = [f"{width}x{height} x{threads}" for height, width in sizes for threads in (1, 2)]
    console.print(f"{'cameras':13} splats" + "".join(f"{column:>18}" for column in columns))
    for label, cameras in rigs.items():
        splats = renderers[1].render([Moment.of_log(scene, FIRST_FRAME)], cameras, SIZES[0]).splats
        cells = [
            text(frame_times(renderers[threads], cameras, size, arguments.frames))
            for size in sizes
            for threads in (1, 2)
        ]
        row = f"{label:13} {splats:6d}" + "".join(f"{cell:>18}" for cell in cells)
        console.print(row, highlight=False)


if __name__ == "__main__":
    main()
