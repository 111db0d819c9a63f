"""Times the CPU rasteriser on a synthetic street.

    python benchmarks/raster.py                 # 60k and 250k Gaussians
    python benchmarks/raster.py --million       # 1M as well
    python benchmarks/raster.py --quick         # 250k at the two small sizes

The peers' figures stand beside ours where the same case was measured for them (250k, one forward camera): the
bare numba and C++ (AVX-512 blend) prototypes and vectorised torch with gsplat's own projection, all on two cores
of a Sapphire Rapids server. The scenes are alike but not the same: compare orders, not percent.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

import numpy as np

from simscale_gym.splats.cpu_pack import pack
from simscale_gym.splats.cpu_rasterizer import CpuRasterizer
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.rasterize import Raster

PEERS = {  # (Gaussians, width, threads): numba, C++, torch [ms]
    (60_000, 256, 1): (5.0, 4.8, None),
    (60_000, 256, 2): (5.2, 5.0, 419),
    (60_000, 640, 1): (9.8, 11.3, None),
    (60_000, 640, 2): (7.2, 7.7, 676),
    (60_000, 1920, 1): (53.1, 52.4, None),
    (60_000, 1920, 2): (25.9, 28.8, None),
    (250_000, 256, 1): (17.7, 17.9, None),
    (250_000, 256, 2): (10.1, 9.9, 1448),
    (250_000, 640, 1): (25.2, 28.0, None),
    (250_000, 640, 2): (15.3, 15.7, 1890),
    (250_000, 1920, 1): (91.5, 91.0, None),
    (250_000, 1920, 2): (48.7, 47.2, None),
    (1_000_000, 256, 1): (73.7, 67.4, None),
    (1_000_000, 256, 2): (36.4, 36.4, None),
    (1_000_000, 640, 1): (82.2, 81.8, None),
    (1_000_000, 640, 2): (42.3, 45.0, None),
    (1_000_000, 1920, 1): (169.5, 161.3, None),
    (1_000_000, 1920, 2): (90.2, 95.2, None),
}
CAR_GAUSSIANS = 3000


def street(rng: np.random.Generator, count: int) -> Gaussians:
    """Ground, façades and trees along a street of 200 m; x forward, y left, z up, camera at the origin."""
    ground, walls = int(count * 0.45), int(count * 0.35)
    trees = count - ground - walls
    means, scales = np.empty((count, 3)), np.empty((count, 3))
    means[:ground] = rng.uniform([-20, -12, -1.5], [180, 12, -1.5], (ground, 3))
    side = rng.choice([-1.0, 1.0], walls)
    means[ground : ground + walls, 0] = rng.uniform(-20, 180, walls)
    means[ground : ground + walls, 1] = side * (12.0 + rng.normal(0.0, 0.02, walls))
    means[ground : ground + walls, 2] = rng.uniform(-1.5, 12, walls)
    trunk = np.stack([rng.uniform(-20, 180, 40), rng.choice([-9.0, 9.0], 40), np.full(40, 3.5)], axis=1)
    means[ground + walls :] = trunk[rng.integers(40, size=trees)] + rng.normal(0.0, 0.9, (trees, 3))
    spacing = np.sqrt(200 * 24 / ground)
    scales[:ground] = [0.6 * spacing, 0.6 * spacing, 0.01]
    spacing = np.sqrt(2 * 200 * 13.5 / walls)
    scales[ground : ground + walls] = [0.6 * spacing, 0.01, 0.6 * spacing]
    scales[ground + walls :] = rng.uniform(0.02, 0.12, (trees, 3))
    quats = np.zeros((count, 4))
    quats[:, 0] = 1.0
    quats[ground + walls :] = rng.normal(size=(trees, 4))
    scales *= np.exp(rng.normal(0.0, 0.2, (count, 3)))
    return Gaussians.from_rgb(
        means, quats, scales, rng.uniform(0.7, 0.99, count), rng.uniform(0, 1, (count, 3))
    )


def car(rng: np.random.Generator) -> Gaussians:
    """A box of surface Gaussians, 4.5 x 1.8 x 1.5 m."""
    means = rng.uniform(-1.0, 1.0, (CAR_GAUSSIANS, 3))
    axis = rng.integers(3, size=CAR_GAUSSIANS)
    means[np.arange(CAR_GAUSSIANS), axis] = rng.choice([-1.0, 1.0], CAR_GAUSSIANS)
    means *= [2.25, 0.9, 0.75]
    scales = np.full((CAR_GAUSSIANS, 3), 0.05)
    scales[np.arange(CAR_GAUSSIANS), axis] = 0.005
    quats = np.tile([1.0, 0.0, 0.0, 0.0], (CAR_GAUSSIANS, 1))
    rgb = rng.uniform(0, 1, (CAR_GAUSSIANS, 3))
    return Gaussians.from_rgb(means, quats, scales, rng.uniform(0.7, 0.99, CAR_GAUSSIANS), rgb)


def rig(cameras: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """View matrices and intrinsics of cameras at -55, 0, 55 degrees (or 0 alone), 65 degrees wide."""
    viewmats, Ks = np.zeros((cameras, 4, 4)), np.zeros((cameras, 3, 3))
    for camera, degrees in enumerate([0.0] if cameras == 1 else [0.0, 55.0, -55.0]):
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        viewmats[camera, :3, :3] = [[sin, -cos, 0.0], [0.0, 0.0, -1.0], [cos, sin, 0.0]]
        viewmats[camera, 3, 3] = 1.0
        focal = width / 2 / np.tan(np.radians(32.5))
        Ks[camera] = [[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]]
    return viewmats, Ks


def poses_of_cars(count: int, time_s: float) -> np.ndarray:
    """Poses of the static scene and of cars in two lanes, moving at 10 m/s."""
    poses = np.tile(np.eye(4), (count + 1, 1, 1))
    lane = np.arange(count) % 2
    poses[1:, 0, 3] = 8.0 + 4.0 * np.arange(count) + 10.0 * time_s
    poses[1:, 1, 3] = np.where(lane == 0, 3.5, -3.5)
    poses[1:, 2, 3] = -0.75
    return poses


def time_case(
    rasterizer: CpuRasterizer, cameras: int, size: tuple[int, int], nodes: int, frames: int
) -> list[float]:
    """Milliseconds of each frame after two to warm up."""
    viewmats, Ks = rig(cameras, *size)
    out = Raster.empty(cameras, *size)
    index = np.minimum(np.arange(nodes + 1), 1)
    elapsed = []
    for frame in range(frames + 2):
        poses = poses_of_cars(nodes, 0.1 * frame)
        begin = time.perf_counter()
        rasterizer.render(viewmats, Ks, *size, instance_index=index, instance_poses=poses, out=out)
        elapsed.append((time.perf_counter() - begin) * 1e3)
    assert out.alpha.mean() > 0.3
    return elapsed[2:]


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--million", action="store_true", help="1,000,000 Gaussians as well")
    parser.add_argument("--quick", action="store_true", help="250,000 Gaussians at the small sizes only")
    parser.add_argument("--frames", type=int, default=15, help="timed frames per case")
    arguments = parser.parse_args()
    counts = [250_000] if arguments.quick else [60_000, 250_000]
    sizes = [(256, 144), (640, 360)] + ([] if arguments.quick else [(1920, 1080)])
    print(f"{machine()}; Python {platform.python_version()}, numpy {np.__version__}; median (least) in ms")
    print(f"{'gaussians':>9} {'image':>9} cameras nodes threads {'ours':>15}   peers: numba  C++  torch")
    rng = np.random.default_rng(0)
    moving = pack(car(rng))
    for count in counts + [1_000_000] * arguments.million:
        begin = time.perf_counter()
        static = pack(street(rng, count))
        print(f"{count:>9} packed in {time.perf_counter() - begin:.2f} s, street included")
        for threads in (1, 2):
            rasterizer = CpuRasterizer([static, moving], threads=threads)
            for size in sizes:
                for cameras, nodes in ((1, 0), (3, 0), (3, 40)):
                    elapsed = time_case(rasterizer, cameras, size, nodes, arguments.frames)
                    ours = f"{np.median(elapsed):.1f} ({min(elapsed):.1f})"
                    peers = PEERS.get((count, size[0], threads), ()) if (cameras, nodes) == (1, 0) else ()
                    beside = "  ".join("-" if peer is None else f"{peer:g}" for peer in peers)
                    image = f"{size[0]}x{size[1]}"
                    print(f"{count:>9} {image:>9} {cameras:>7} {nodes:>5} {threads:>7} {ours:>15}   {beside}")


if __name__ == "__main__":
    main()
