"""The CPU rasteriser: packed Gaussians, scratch memory and threads, kept from frame to frame."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.kernels import Crew
from simscale_gym.splats.cpu.bin import count_tiles, list_tiles, split_items
from simscale_gym.splats.cpu.blend import blend_tiles
from simscale_gym.splats.cpu.cast import cast_sectors
from simscale_gym.splats.cpu.cull import cull_chunks
from simscale_gym.splats.cpu.pack import CHUNK, PackedGaussians, pack
from simscale_gym.splats.cpu.project import RECORD, TILE, project_chunks
from simscale_gym.splats.cpu.rays import NEAR, SECTOR, cull_sphere, project_to_rays
from simscale_gym.splats.cpu.store import TemplateStore
from simscale_gym.splats.cpu.variants import Variants
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.instances import FIRST, Colors, Instances, Shape
from simscale_gym.splats.rasterize import Raster, check_background, check_frames, check_images, images_of

SHARES = 4
"""Shares of a camera's splats per thread, so that one that is held up does not hold up all."""


class CpuRasterizer:
    """Draws instances of packed Gaussians, any number of frames and cameras at a time.

    A template (the static scene, a car) is packed once and never changes; an instance is a template at a pose, with
    colours or a shape of its own where it has any. Moving an instance costs nothing but drawing it. The same input
    gives the same bits, whatever the number of threads, and whatever else is drawn in the call. Frames are drawn one
    after the other, so that memory for one is enough; calls from several threads queue.

    Args:
        templates: Gaussians that can be drawn, each from `cpu.pack.pack`.
        threads: Number of threads; None for one per core that the process may use.
    """

    def __init__(self, templates: Sequence[PackedGaussians], *, threads: int | None = None) -> None:
        if not templates:
            raise ArgumentError("templates is empty: give at least one PackedGaussians (it may hold none).")
        self._crew = Crew(threads)
        self._lock = threading.Lock()
        self._store = TemplateStore(templates)
        self._scratch: dict[str, np.ndarray] = {}

    @property
    def crew(self) -> Crew:
        """The threads, for others to share."""
        return self._crew

    def add(self, template: PackedGaussians | Gaussians) -> int:
        """Makes one more template known, packed at one level if it is not packed; returns its number."""
        packed = template if isinstance(template, PackedGaussians) else pack(template)
        with self._lock:
            return self._store.add(packed)

    def colors(self, template: int, rgb: np.ndarray) -> Colors:
        """Base colours for instances of a template.

        Args:
            template: Number of the template, which was packed at one level of detail.
            rgb: Colours `[N, 3]`, in the order of the Gaussians that were packed.
        """
        with self._lock:
            return self._store.colors(template, rgb)

    def shape(self, template: int, means: np.ndarray, quats: np.ndarray, scales: np.ndarray) -> Shape:
        """Another shape for instances of a template: that of a person in mid-stride.

        Args:
            template: Number of the template, which was packed at one level of detail.
            means: Places `[N, 3]` [m], in the order of the Gaussians that were packed.
            quats: Rotations `[N, 4]` wxyz, of any length but 0.
            scales: Extents `[N, 3]` [m].
        """
        with self._lock:
            return self._store.shape(template, means, quats, scales)

    def render(
        self,
        viewmats: np.ndarray,
        Ks: np.ndarray,
        size: tuple[int, int],
        frames: Sequence[Instances] = (FIRST,),
        *,
        near: float = 0.01,
        far: float = 1e10,
        eps2d: float = 0.3,
        antialiased: bool = False,
        background: np.ndarray | None = None,
        brightest: float = np.inf,
        ids: bool = False,
        out: Raster | None = None,
    ) -> Raster:
        """Draws frames, in the conventions of `rasterize`.

        Args:
            viewmats: World to camera, OpenCV axes, `[C, 4, 4]`, rigid: those of the first frame, then the second.
            Ks: Pinhole intrinsics, `[C, 3, 3]` [px].
            size: Height, width [px].
            frames: What each frame shows, E of them, which divides C; by default one, of the first template.
            near: Gaussians whose mean is nearer are left out [m].
            far: Gaussians whose mean is farther are left out [m].
            eps2d: Blur added to the projected covariance's diagonal [px^2].
            antialiased: Lower the opacity of splats that the blur enlarges.
            background: Colour behind everything, `[3]` or `[C, 3]`; black if None.
            brightest: Colours of Gaussians are cut off there, before they are blended.
            ids: Write also whose each pixel is: the place among the frame's instances.
            out: Images to write to, as `Raster.empty` makes them; new ones if None.

        Returns:
            The images; those of `out` if it was given.
        """
        viewmats, Ks = (np.asarray(value, np.float64) for value in (viewmats, Ks))
        limits = (near, far, eps2d, brightest)
        check_frames(viewmats, Ks, size, frames, len(self._store), limits)
        out = Raster.empty(len(viewmats), size, ids=ids) if out is None else out
        check_images(out, (len(viewmats), *size), ids)
        backgrounds = check_background(background, len(viewmats))
        limits = np.minimum(limits, 1e30).astype(np.float32)
        each, splats = len(viewmats) // len(frames), 0
        for number, instances in enumerate(frames):
            part = slice(number * each, (number + 1) * each)
            images = Raster(*(image if image is None else image[part] for image in images_of(out)))
            with self._lock:
                splats += self._draw(
                    instances,
                    viewmats[part],
                    Ks[part],
                    limits,
                    bool(antialiased),
                    backgrounds[part],
                    images,
                    ids,
                )
        return replace(out, splats=splats)

    def _draw(self, instances, viewmats, Ks, limits, antialiased, backgrounds, out, ids) -> int:
        """Draws one frame to `out`; returns its splats."""
        height, width = out.alpha.shape[1:]
        views = viewmats[:, None] @ instances.poses[None]
        cameras = np.stack([Ks[:, 0, 0], Ks[:, 1, 1], Ks[:, 0, 2], Ks[:, 1, 2]], axis=1)
        variants = self._variants(instances)
        items, ends = self._cull(instances.templates, variants, views, cameras, width, height, limits)
        turns = instances.color_turns
        turns = np.broadcast_to(np.eye(3), (len(instances), 3, 3)) if turns is None else turns
        tallies = self._project(items, variants, views, turns, cameras, width, height, limits, antialiased)
        starts, counts = self._bin(ends, tallies, width, height)
        self._blend(starts, counts, backgrounds, width, height, out, out.ids if ids else None)
        return int(tallies[:, 0].sum())

    def _variants(self, instances: Instances) -> Variants:
        first_chunk = self._store.first_chunk
        return Variants.of(instances, first_chunk, lambda name, size: self._buffer(name, size, np.float32))

    def cast(
        self,
        sensor_to_world: np.ndarray,
        elevations: np.ndarray,
        azimuths: int,
        instances: Instances = FIRST,
        *,
        most: float = 100.0,
        rays_per_radian: float = 100.0,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Casts the rays of a turning sensor (see `cpu.cast`).

        Args:
            sensor_to_world: Pose of the sensor (x forward, y left, z up), `[4, 4]`, rigid.
            elevations: Elevations of the beams, ascending, between straight down and straight up, `[B]` [rad].
            azimuths: Rays of a beam, `A`: the k-th at (k + 0.5) 2 pi / A - pi, left positive.
            instances: What there is; by default the first template.
            most: Farthest range [m].
            rays_per_radian: Fineness at which the rays look: Gaussians that are much finer are drawn merged.

        Returns:
            Ranges `[B, A]` float32 [m], infinite where a ray goes on with more than half of its light; the place among
            the instances of what it met, `[B, A]` int32, -1 for nothing; and its luminance, `[B, A]` float32.
        """
        elevations = np.asarray(elevations, np.float64)
        if not (
            elevations.ndim == 1 and (np.diff(elevations, prepend=-np.pi / 2, append=np.pi / 2) >= 0.0).all()
        ):
            raise ArgumentError(f"elevations are {elevations}, expected -pi/2 to pi/2 [rad], ascending.")
        pose = np.asarray(sensor_to_world, np.float64)[None]
        limits, shape = (NEAR, float(most), 0.0, np.inf), (len(elevations), azimuths)
        check_frames(pose, np.eye(3)[None], shape, (instances,), len(self._store), limits)
        views = np.linalg.inv(pose) @ instances.poses
        turn = (np.arange(azimuths) + 0.5) * (2.0 * np.pi / azimuths) - np.pi
        beams, ways = (np.array([np.cos(a), np.sin(a)], np.float32) for a in (elevations, turn))
        slopes = np.tan(elevations).astype(np.float32)
        ranges, lights = np.empty(shape, np.float32), np.empty(shape, np.float32)
        met = np.empty(shape, np.int32)
        with self._lock:
            spans, ends, tallies = self._project_to_rays(
                instances, views, rays_per_radian, most, slopes, azimuths
            )
            sectors = -(-azimuths // SECTOR)
            starts, counts = (part[0] for part in self._bin(ends, tallies, 2 * sectors * TILE, 1))
            turns = np.argsort(-counts[:sectors], kind="stable")
            records = self._buffer("records", 0, np.float32).reshape(-1, RECORD)
            self._crew.run(
                cast_sectors, np.zeros(1, np.int64), turns, starts, counts, self._buffer("listed", 0, np.int64),
                records, spans, beams, ways, most, ranges, met, lights,
            )  # fmt: skip
        return ranges, met, lights

    def _project_to_rays(self, instances, views, focal, most, slopes, azimuths):
        """Puts what is within reach into the sensor's frame (see `project_to_rays`)."""
        store, index, variants = self._store, instances.templates, self._variants(instances)
        eyes = -np.einsum("inm,in->im", views[:, :3, :3], views[:, :3, 3])
        room = int(np.diff(store.first_chunk)[index].sum())
        items = self._buffer("items", room * 2, np.int32)[: room * 2].reshape(room, 2)
        count = cull_sphere(
            store.bounds, store.first_cluster, store.spheres, store.level_chunks, store.grains, index, variants, eyes,
            float(focal), float(most), items,
        )  # fmt: skip
        rows, tallies = count * CHUNK, np.zeros((count, 4), np.int64)
        records = self._buffer("records", rows * RECORD, np.float32).reshape(-1, RECORD)
        spans, sectors = (
            self._buffer(name, rows * 4, np.int16).reshape(-1, 4) for name in ("spans", "tiles")
        )
        self._crew.run(
            project_to_rays, np.zeros(1, np.int64), items[:count], store.lanes, variants, views.astype(np.float32),
            float(most), slopes, azimuths, records, spans, sectors, self._buffer("depths", rows, np.int32), tallies,
        )  # fmt: skip
        return spans, np.array([0, count]), tallies

    def _cull(self, index, variants, views, cameras, width, height, limits):
        """Lists the chunks to project (see `cull_chunks`)."""
        store = self._store
        most = int(np.diff(store.first_chunk)[index].sum()) * len(cameras)
        items = self._buffer("items", most * 3, np.int32)[: most * 3].reshape(most, 3)
        near, far, eps2d = (float(limit) for limit in limits[:3])
        ends = cull_chunks(
            store.bounds, store.first_cluster, store.spheres, store.level_chunks, store.grains, index, variants,
            views, cameras, width, height, near, far, eps2d, items,
        )  # fmt: skip
        return items[: ends[-1]], ends

    def _project(self, items, variants, views, turns, cameras, width, height, limits, antialiased):
        """Projects the listed chunks into scratch memory; returns their tallies (see `project_chunks`)."""
        rows = len(items) * CHUNK
        records = self._buffer("records", rows * RECORD, np.float32).reshape(-1, RECORD)
        tiles = self._buffer("tiles", rows * 4, np.int16).reshape(-1, 4)
        depths = self._buffer("depths", rows, np.int32)
        tallies = np.zeros((len(items), 4), np.int64)
        eyes = -np.einsum("cinm,cin->cim", views[..., :3, :3], views[..., :3, 3])
        is_turned = (turns != np.eye(3)).any(axis=(1, 2))
        self._crew.run(
            project_chunks, np.zeros(1, np.int64), items, self._store.lanes, self._store.sh_rest, self._store.sh_span,
            variants, views.astype(np.float32), eyes.astype(np.float32), turns.astype(np.float32), is_turned,
            cameras.astype(np.float32), width, height, limits, antialiased,
            records, tiles.view(np.float32), depths, tallies,
        )  # fmt: skip
        return tallies

    def _bin(self, ends, tallies, width, height):
        """Lists the splats by tile; returns where the lists start and how long they are."""
        columns, rows = -(-width // TILE), -(-height // TILE)
        cameras, threads = len(ends) - 1, self._crew.threads
        parts = 1 if threads == 1 or cameras >= SHARES * threads else SHARES * threads
        shares = split_items(ends, tallies, parts)
        tiles = self._buffer("tiles", 0, np.int16).reshape(-1, 4)
        counts = np.zeros((len(shares), columns * rows), np.int64)
        self._crew.run(count_tiles, np.zeros(1, np.int64), shares, tallies, tiles, columns, counts)
        by_tile = counts.reshape(cameras, parts, -1).swapaxes(1, 2)  # a tile's list runs through all shares
        ends_by_tile = np.cumsum(by_tile).reshape(by_tile.shape)
        share_starts = np.ascontiguousarray((ends_by_tile - by_tile).swapaxes(1, 2)).reshape(counts.shape)
        starts = share_starts.reshape(cameras, parts, -1)[:, 0].copy()
        self._crew.run(
            list_tiles, np.zeros(1, np.int64), shares, tallies, tiles, self._buffer("depths", 0, np.int32), columns,
            share_starts, self._buffer("listed", int(tallies[:, 1].sum()), np.int64),
        )  # fmt: skip
        return starts, by_tile.sum(axis=2)

    def _blend(self, starts, counts, backgrounds, width, height, out, ids):
        """Blends all tiles of all cameras, the longest lists first."""
        turns = np.argsort(-counts.reshape(-1), kind="stable")
        records = self._buffer("records", 0, np.float32).reshape(-1, RECORD)
        self._crew.run(
            blend_tiles, np.zeros(1, np.int64), turns, -(-width // TILE), starts, counts,
            self._buffer("listed", 0, np.int64), records, records.view(np.int16), backgrounds, width, height,
            out.rgb, out.alpha, out.depth, out.transmittance, ids,
        )  # fmt: skip

    def _buffer(self, name: str, size: int, dtype: type) -> np.ndarray:
        """Scratch memory of at least `size` values, aligned to a cache line; it grows, nothing clears it."""
        buffer = self._scratch.get(name)
        if buffer is None or len(buffer) < size:
            count = -(-int(size * 1.25 + 64) // 64) * 64
            raw = np.empty(count + 64, dtype)
            skip = -raw.ctypes.data % 64 // raw.itemsize
            buffer = self._scratch[name] = raw[skip : skip + count]
        return buffer
