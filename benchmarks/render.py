"""Times the CPU rasteriser on a synthetic street, or on the points of a real scene.

    python benchmarks/render.py                                    # 216 cells, 20 minutes or so
    python benchmarks/render.py --quick                            # eight of them
    python benchmarks/render.py --gaussians 250000 --threads 2     # some of them
    python benchmarks/render.py --peer --gaussians 60000           # beside gsplat's PyTorch formulation
    python benchmarks/render.py --garden ../shared/data/garden.npz

A cell: 60k, 250k or 1M Gaussians; 256 x 144, 640 x 360 or 1920 x 1080; 1, 3 or 8 cameras; colours of degree 0 or 3;
40 moving cars of 3000 Gaussians each, or none; 1 or 2 threads. All images have colour, alpha and depth. Figures are
medians (least) in ms; --markdown prints them as rows of docs/benchmarks.md.

With --peer, gsplat's PyTorch formulation (see torch_peer.py) draws the same picture in the same run, with as many
threads: the ratio of the medians, and how far the two images agree. Wants PyTorch and gsplat installed, no GPU.

Without, figures stand beside ours that were measured earlier for the same case (one forward camera, degree 0, nothing
moves) on another street, which has a quarter fewer splats in the image: a bare numba prototype, the same with its
blend in C++ with AVX-512, and gsplat's projection in PyTorch with a vectorised blend. Compare orders, not percent.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from torch_peer import TorchPeer, formulation

from simscale_gym.splats import Gaussians, Instances, Raster
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer

EARLIER = {  # (Gaussians, width, threads): numba, C++, torch [ms]
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
SIZES = [(256, 144), (640, 360), (1920, 1080)]
YAWS = {1: [0.0], 3: [0.0, 55.0, -55.0], 8: [0.0, 55.0, -55.0, 111.0, -112.0, 141.0, -141.0, 180.0]}
"""Of the cameras, as in nuPlan's rig [degree]."""

WIDTHS = (9, 6, 9, 7, 5, 7, 16, 0)
"""Of the columns that are printed."""


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
    """View matrices and intrinsics of cameras at the origin, 65 degrees wide."""
    viewmats, Ks = np.zeros((cameras, 4, 4)), np.zeros((cameras, 3, 3))
    for camera, degrees in enumerate(YAWS[cameras]):
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        viewmats[camera, :3, :3] = [[sin, -cos, 0.0], [0.0, 0.0, -1.0], [cos, sin, 0.0]]
        viewmats[camera, 3, 3] = 1.0
        focal = width / 2 / np.tan(np.radians(32.5))
        Ks[camera] = [[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]]
    return viewmats, Ks


def with_degree_3(gaussians: Gaussians, rng: np.random.Generator) -> Gaussians:
    """Adds view dependence of a tenth of the colours."""
    rest = rng.normal(0.0, 0.03, (len(gaussians), 15, 3)).astype(np.float32)
    return replace(gaussians, sh=np.concatenate([gaussians.sh, rest], axis=1))


def garden(path: Path) -> tuple[Gaussians, np.ndarray, np.ndarray, tuple[int, int]]:
    """A real scene's points as gsplat's trainer starts with them, but opaque; views, intrinsics, width and height.

    Round Gaussians as wide as the root mean square distance to the three nearest (gsplat 1.5.3,
    `examples/simple_trainer.py`, `create_splats_with_optimizers`).
    """
    stored = np.load(path)
    points = stored["means3d"].astype(np.float64)
    nearest = cKDTree(points).query(points, k=4)[0][:, 1:]
    width = np.sqrt((nearest**2).mean(axis=1))
    quats = np.tile([1.0, 0.0, 0.0, 0.0], (len(points), 1))
    scales = np.repeat(width[:, None], 3, axis=1)
    scene = Gaussians.from_rgb(points, quats, scales, np.full(len(points), 0.7), stored["colors"] / 255.0)
    size = int(stored["width"]), int(stored["height"])
    return scene, stored["viewmats"].astype(np.float64), stored["Ks"].astype(np.float64), size


def poses_of_cars(count: int, time_s: float) -> np.ndarray:
    """Poses of the static scene and of cars in two lanes, moving at 10 m/s."""
    poses = np.tile(np.eye(4), (count + 1, 1, 1))
    lane = np.arange(count) % 2
    poses[1:, 0, 3] = 8.0 + 4.0 * np.arange(count) + 10.0 * time_s
    poses[1:, 1, 3] = np.where(lane == 0, 3.5, -3.5)
    poses[1:, 2, 3] = -0.75
    return poses


def time_case(
    rasterizer: CpuRasterizer,
    viewmats: np.ndarray,
    Ks: np.ndarray,
    size: tuple[int, int],
    nodes: int,
    frames: int,
) -> list[float]:
    """Milliseconds of each frame after two to warm up."""
    out = Raster.empty(len(viewmats), size[::-1])
    index = np.minimum(np.arange(nodes + 1), 1)
    elapsed = []
    for frame in range(frames + 2):
        poses = poses_of_cars(nodes, 0.1 * frame)
        begin = time.perf_counter()
        rasterizer.render(viewmats, Ks, size[::-1], [Instances(index, poses)], out=out)
        elapsed.append((time.perf_counter() - begin) * 1e3)
    assert out.alpha.mean() > 0.2
    return elapsed[2:]


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def cells(options: argparse.Namespace) -> Iterator[tuple]:
    """Sizes, cameras and nodes to time."""
    return itertools.product(SIZES[: options.sizes], options.cameras, options.nodes)


def peer_figures(peer: TorchPeer, rasterizer: CpuRasterizer, size: tuple[int, int], ours: float) -> str:
    """Time of the peer, how many times ours that is, and how far the images agree."""
    viewmats, Ks = rig(1, *size)
    elapsed = []
    for _ in range(3):
        begin = time.perf_counter()
        theirs = peer.render(viewmats[0], Ks[0], *size)
        elapsed.append((time.perf_counter() - begin) * 1e3)
    image = rasterizer.render(viewmats, Ks, size[::-1]).rgb[0]
    agreement = -10.0 * np.log10(np.square(image - theirs).mean())
    return f"torch {np.median(elapsed):.0f} = {np.median(elapsed) / ours:.0f} x ours, {agreement:.0f} dB"


def row(options: argparse.Namespace, *columns: object) -> None:
    """Prints columns, as a row of markdown where that is asked for."""
    if options.markdown:
        print("| " + " | ".join(map(str, columns)) + " |", flush=True)
    else:
        print(
            "  ".join(f"{column!s:>{width}}" for column, width in zip(columns, WIDTHS, strict=False)),
            flush=True,
        )


def time_streets(options: argparse.Namespace) -> None:
    """Prints a line for every cell."""
    row(options, "gaussians", "degree", "image", "cameras", "nodes", "threads", "median (least)", "beside")
    if options.markdown:
        print("|---|---|---|---|---|---|---|---|")
    for count, degree in itertools.product(options.gaussians, options.degrees):
        rng = np.random.default_rng(0)
        parts = [street(rng, count), car(rng)]
        parts = [with_degree_3(part, rng) for part in parts] if degree else parts
        templates = [pack(part) for part in parts]
        for threads in options.threads:
            rasterizer = CpuRasterizer(templates, threads=threads)
            peer = TorchPeer(parts[0], threads) if options.peer else None
            for size, cameras, nodes in cells(options):
                elapsed = time_case(rasterizer, *rig(cameras, *size), size, nodes, options.frames)
                figures, beside = f"{np.median(elapsed):.1f} ({min(elapsed):.1f})", ""
                if (cameras, nodes) == (1, 0) and peer:
                    beside = peer_figures(peer, rasterizer, size, np.median(elapsed))
                elif (cameras, nodes, degree) == (1, 0, 0):
                    earlier = EARLIER.get((count, size[0], threads), ())
                    beside = ", ".join("-" if value is None else f"{value:g}" for value in earlier)
                row(options, count, degree, f"{size[0]}x{size[1]}", cameras, nodes, threads, figures, beside)


def time_garden(options: argparse.Namespace) -> None:
    """Prints a line for every image size and number of threads: all views of the real scene."""
    scene, viewmats, Ks, (width, height) = garden(options.garden)
    packed = pack(scene)
    print(f"{options.garden.name}: {len(scene)} Gaussians, {len(viewmats)} views of {width} x {height}")
    for threads, high in itertools.product(options.threads, (144, 360, 1080)):
        wide = round(width * high / height)
        scaled = np.diag([wide / width, high / height, 1.0]) @ Ks
        rasterizer = CpuRasterizer([packed], threads=threads)
        elapsed = time_case(rasterizer, viewmats, scaled, (wide, high), 0, options.frames)
        print(
            f"{wide:>5}x{high:<5} {threads} threads, all views: {np.median(elapsed):.1f} ({min(elapsed):.1f}) ms"
        )


def first_frame() -> None:
    """Prints the seconds of a process from the import of the rasteriser, done by now, to its first image."""
    packed = pack(street(np.random.default_rng(0), 60_000))
    begin = time.perf_counter()
    CpuRasterizer([packed], threads=1).render(*rig(1, 256, 144), (144, 256))
    print(f"{time.perf_counter() - begin:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="250,000 Gaussians, small images, degree 0")
    parser.add_argument("--gaussians", type=int, nargs="+", default=[60_000, 250_000, 1_000_000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sizes", type=int, default=3, choices=(1, 2, 3), help="how many of the image sizes")
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 3, 8], choices=(1, 3, 8))
    parser.add_argument(
        "--degrees", type=int, nargs="+", default=[0, 3], choices=(0, 3), help="of the colours"
    )
    parser.add_argument("--nodes", type=int, nargs="+", default=[0, 40], help="moving cars")
    parser.add_argument("--peer", action="store_true", help="time gsplat's PyTorch formulation too")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--frames", type=int, default=9, help="timed frames per cell")
    parser.add_argument("--garden", type=Path, help="garden.npz: points, colours and views of a real scene")
    parser.add_argument(
        "--first-frame", action="store_true", help="only print the seconds of the first frame"
    )
    options = parser.parse_args()
    if options.first_frame:
        first_frame()
        return
    if options.quick:
        options.gaussians, options.threads, options.sizes = [250_000], options.threads[:1], 2
        options.cameras, options.degrees = [1, 3], [0]
    if options.peer and formulation() is None:
        sys.exit("Nothing to time --peer with: install torch, and gsplat==1.5.3 with --no-deps.")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"{machine()}, load {load:.1f} before; Python {platform.python_version()}, numpy {np.__version__}; in ms"
    )
    alone = [sys.executable, __file__, "--first-frame"]
    cold, warm = (
        subprocess.run(alone, check=True, capture_output=True, text=True).stdout.strip() for _ in range(2)
    )
    print(
        f"first frame of a fresh process: {warm} s with compiled kernels in the cache ({cold} s the time before)"
    )
    (time_streets if options.garden is None else time_garden)(options)


if __name__ == "__main__":
    main()
