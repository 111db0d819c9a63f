"""What both backends keep, and which of the two draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.kernels import Crew
from simscale_gym.progress import watch_compiler
from simscale_gym.splats.cpu.pack import PackedGaussians, pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.cpu.unpack import unpack
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.gpu.gsplat_backend import GsplatRasterizer, gsplat_is_there
from simscale_gym.splats.instances import FIRST, Colors, Instances, Shape
from simscale_gym.splats.rasterize import Raster

BACKENDS = ("auto", "cpu", "gsplat")


class Rasterizer(Protocol):
    """Draws instances of templates that it was given once: `CpuRasterizer`, and `GsplatRasterizer` on a device.

    Nothing that is drawn changes it, so calls from several threads and for several moments do not meet.
    """

    @property
    def crew(self) -> Crew:
        """Threads, for others to share."""

    def add(self, template: Gaussians) -> int:
        """Makes one more template known; returns its number."""

    def colors(self, template: int, rgb: np.ndarray) -> Colors:
        """Base colours `[N, 3]` for instances of a template that was added."""

    def shape(self, template: int, means: np.ndarray, quats: np.ndarray, scales: np.ndarray) -> Shape:
        """Places and sizes for instances of a template: `[N, 3]` [m], `[N, 4]` wxyz, `[N, 3]` [m] in its frame."""

    def render(
        self,
        viewmats: np.ndarray,
        Ks: np.ndarray,
        size: tuple[int, int],
        frames: Sequence[Instances] = (FIRST,),
        **settings: Any,
    ) -> Raster:
        """Draws frames; arguments and images as of `CpuRasterizer.render`."""


def make_rasterizer(
    templates: Sequence[Gaussians | PackedGaussians],
    *,
    backend: str = "auto",
    levels: Sequence[int] | None = None,
    threads: int | None = None,
) -> Rasterizer:
    """A rasteriser for many frames of one scene.

    Args:
        templates: Gaussians that can be drawn. The CPU draws packed ones with their levels of detail, gsplat at their
            finest.
        backend: "cpu", "gsplat", or "auto", see `rasterize`.
        levels: Number of levels of detail for each template, see `pack`; one each if None. Only the CPU has them:
            gsplat draws what it was given.
        threads: Number of threads of the CPU's rasteriser; None for one per core.

    Raises:
        ArgumentError: The backend is unknown, or is "gsplat" and there is no CUDA device; or `levels` are fewer or more
            than `templates`.
        MissingExtraError: The backend is "gsplat", which is not installed.
    """
    watch_compiler()
    if uses_gsplat(backend):
        return GsplatRasterizer([unpack(t) if isinstance(t, PackedGaussians) else t for t in templates])
    counts = [1] * len(templates) if levels is None else levels
    if len(counts) != len(templates):
        raise ArgumentError(f"levels are {len(counts)}, expected one for each of {len(templates)} templates.")
    packed = [
        template if isinstance(template, PackedGaussians) else pack(template, levels=count)
        for template, count in zip(templates, counts, strict=True)
    ]
    return CpuRasterizer(packed, threads=threads)


def uses_gsplat(backend: str) -> bool:
    """Whether a backend stands for gsplat on this machine."""
    if backend not in BACKENDS:
        raise ArgumentError(f"backend is {backend!r}, expected one of {', '.join(map(repr, BACKENDS))}.")
    return backend == "gsplat" or (backend == "auto" and gsplat_is_there())
