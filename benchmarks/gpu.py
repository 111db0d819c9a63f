"""Times the gsplat backend on a CUDA device, and what it adds to bare calls of gsplat.

    python benchmarks/gpu.py            # 12 frames of 8 x 1920 x 1080, 1.5 million Gaussians, 40 moving cars
    python benchmarks/gpu.py --degree 3 # with view-dependent colours

"bare" is `gsplat.rasterization` on tensors that are on the device already, with cars that stand still; "backend" is
`GsplatRasterizer.render_bytes`, which moves the cars, draws, and converts to uint8. Both leave the images there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from raster import CAR_GAUSSIANS, car, poses_of_cars, rig, street, with_degree_3

from simscale_gym.errors import ArgumentError, MissingExtraError
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.gsplat_backend import GsplatRasterizer, load_gsplat

SIZE = (1920, 1080)
CAMERAS = 8
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
        poses = poses_of_cars(CARS, 0.1 * frame)
        return rasterizer.render_bytes(
            *views, *SIZE, instance_index=index, instance_poses=poses, antialiased=True, as_torch=True
        )

    with torch.no_grad():
        bare = time_frames(bare_call(gsplat, scene, moving, options.degree), options.frames)
        ours = time_frames(draw, options.frames)
    print(f"{torch.cuda.get_device_name()}; PyTorch {torch.__version__}, gsplat {gsplat.__version__}")
    print(
        f"{options.gaussians} Gaussians, {CAMERAS} x {SIZE[0]}x{SIZE[1]}, degree {options.degree}; {CARS} cars"
    )
    for name, elapsed in (("bare", bare), ("backend", ours)):
        print(
            f"{name:>8}: {np.median(elapsed):.2f} ms a frame (least {elapsed.min():.2f}), {options.frames} frames"
        )
    print(
        f"overhead: {(np.median(ours) / np.median(bare) - 1.0) * 100.0:.1f} %; {rasterizer.splats} splats drawn"
    )


if __name__ == "__main__":
    main()
