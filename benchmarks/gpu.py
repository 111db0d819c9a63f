"""Times the gsplat backend on a CUDA device, and what it adds to bare calls of gsplat.

    python benchmarks/gpu.py                   # 12 frames of 8 x 1920 x 1080, 1.5 million Gaussians, 40 moving cars
    python benchmarks/gpu.py --degree 3        # with view-dependent colours
    python benchmarks/gpu.py --environments 64 # and of so many environments, 3 x 256 x 144 each

"bare" is `gsplat.rasterization` on tensors that are on the device already, with cars that stand still; "backend" is
`GsplatRasterizer.render`, which moves the cars and draws, with its images converted to uint8; "one call" draws the
frames of all environments, "one call each" one after the other. All leave the images on the device.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from render import CAR_GAUSSIANS, car, poses_of_cars, rig, street, with_degree_3

from simscale_gym.errors import ArgumentError, MissingExtraError
from simscale_gym.splats import Gaussians, Instances
from simscale_gym.splats.gpu.device_sky import as_bytes
from simscale_gym.splats.gpu.gsplat_backend import GsplatRasterizer, load_gsplat

SIZE = (1920, 1080)
CAMERAS = 8
SMALL_SIZE, SMALL_CAMERAS = (256, 144), 3
CARS = 40
WARM_UP = 3


def time_frames(draw: Callable[[int], object], frames: int) -> np.ndarray:
    """Milliseconds of each frame, the device waited for."""
    import torch

    elapsed = []
    for frame in range(frames + WARM_UP):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        draw(frame)
        torch.cuda.synchronize()
        elapsed.append((time.perf_counter() - begin) * 1e3)
    return np.array(elapsed[WARM_UP:])


def bare_call(gsplat, scene: Gaussians, moving: Gaussians, degree: int) -> Callable[[int], object]:
    """One call of gsplat on the same Gaussians, the cars at their first poses."""
    import torch

    cars = [moving.transformed(pose) for pose in poses_of_cars(CARS, 0.0)[1:]]
    whole = Gaussians.concatenate([scene, *cars])
    values = [torch.as_tensor(value, device="cuda") for value in vars(whole).values()]
    cameras = [torch.as_tensor(value.astype(np.float32), device="cuda") for value in rig(CAMERAS, *SIZE)]
    settings = {"sh_degree": degree, "packed": True, "render_mode": "RGB+ED", "rasterize_mode": "antialiased"}
    return lambda frame: gsplat.rasterization(*values, *cameras, *SIZE, **settings)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gaussians", type=int, default=1_500_000, help="cars included")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--degree", type=int, choices=(0, 3), default=0, help="of the colours")
    parser.add_argument("--environments", type=int, default=16)
    options = parser.parse_args()
    try:
        gsplat = load_gsplat()
    except (MissingExtraError, ArgumentError) as error:
        sys.exit(f"Nothing to time here: {error}")
    import torch

    rng = np.random.default_rng(0)
    scene, moving = street(rng, options.gaussians - CARS * CAR_GAUSSIANS), car(rng)
    if options.degree:
        scene, moving = with_degree_3(scene, rng), with_degree_3(moving, rng)
    rasterizer, views = GsplatRasterizer([scene, moving]), rig(CAMERAS, *SIZE)
    index = [0] + [1] * CARS

    def draw(frame: int) -> object:
        return pictures(rasterizer, *views, SIZE, [Instances(index, poses_of_cars(CARS, 0.1 * frame))])

    with torch.no_grad():
        bare = time_frames(bare_call(gsplat, scene, moving, options.degree), options.frames)
        ours = time_frames(draw, options.frames)
        poses = poses_of_cars(CARS, 0.0)
        splats = rasterizer.render(*views, SIZE[::-1], [Instances(index, poses)], antialiased=True).splats
        one, each = (
            time_frames(call, options.frames)
            for call in environment_calls(rasterizer, index, options.environments)
        )
    print(f"{torch.cuda.get_device_name()}; PyTorch {torch.__version__}, gsplat {gsplat.__version__}")
    print(f"{options.gaussians} Gaussians, degree {options.degree}; {CARS} cars; {options.frames} frames")
    print(f"{CAMERAS} x {SIZE[0]}x{SIZE[1]}: {splats} splats drawn")
    show("bare", bare)
    show("backend", ours)
    print(
        f"overhead: {(np.median(ours) / np.median(bare) - 1.0) * 100.0:.1f} %; all frames: {ours.sum() / 1e3:.2f} s"
    )
    width, height = SMALL_SIZE
    print(f"{options.environments} environments of {SMALL_CAMERAS} x {width}x{height}")
    show("one call", one)
    show("one call each", each)
    print(f"most memory: {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")


def environment_calls(
    rasterizer: GsplatRasterizer, index: list[int], environments: int
) -> tuple[Callable[[int], object], Callable[[int], object]]:
    """A frame of many environments in one call, and in one call each; their cars are at different places."""
    viewmats, Ks = (np.concatenate([value] * environments) for value in rig(SMALL_CAMERAS, *SMALL_SIZE))

    def frames(frame: int) -> list[Instances]:
        times = (0.1 * frame + environment for environment in range(environments))
        return [Instances(index, poses_of_cars(CARS, time)) for time in times]

    def one_call(frame: int) -> object:
        return pictures(rasterizer, viewmats, Ks, SMALL_SIZE, frames(frame))

    def one_call_each(frame: int) -> object:
        one = (viewmats[:SMALL_CAMERAS], Ks[:SMALL_CAMERAS], SMALL_SIZE)
        return [pictures(rasterizer, *one, [own]) for own in frames(frame)]

    return one_call, one_call_each


def pictures(
    rasterizer: GsplatRasterizer,
    viewmats: np.ndarray,
    Ks: np.ndarray,
    size: tuple[int, int],
    frames: list[Instances],
) -> object:
    """Frames as uint8 tensors, of ``size`` width, height."""
    raster = rasterizer.render(viewmats, Ks, size[::-1], frames, antialiased=True, as_torch=True)
    return as_bytes(raster.rgb)


def show(name: str, elapsed: np.ndarray) -> None:
    print(f"{name:>14}: {np.median(elapsed):.2f} ms a frame (least {elapsed.min():.2f})")


if __name__ == "__main__":
    main()
