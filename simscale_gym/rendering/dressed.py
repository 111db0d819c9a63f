"""A scene without a trained asset, dressed as a street, to pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.furniture.signal_set import SignalSet
from simscale_gym.dressing.ground.terrain import AHEAD
from simscale_gym.dressing.looks.camera_look import CameraLook, develop, to_bytes
from simscale_gym.dressing.looks.device_look import develop_on_device
from simscale_gym.dressing.looks.grade import COARSE, Grade, grade_of
from simscale_gym.dressing.looks.look_cache import LookCache
from simscale_gym.dressing.looks.packed_look import PackedLook, packed_street
from simscale_gym.dressing.nodes.node_set import NodeSet
from simscale_gym.dressing.surfels.sharpness import Sharpness
from simscale_gym.dressing.surroundings.infer_shapes import infer_shapes
from simscale_gym.geometry import se3
from simscale_gym.progress import waiting
from simscale_gym.rendering.gaussian_renderer import GaussianRenderer
from simscale_gym.scene import Moment, Scene
from simscale_gym.splats.cpu.pack import PackedGaussians
from simscale_gym.splats.cpu.unpack import unpack
from simscale_gym.splats.instances import Instances
from simscale_gym.splats.rasterize import Raster
from simscale_gym.splats.rasterizer import make_rasterizer
from simscale_gym.splats.render_validity import DRESSED, KnownViews, RenderJudge, recorded_path
from simscale_gym.splats.solid_matter import SolidMatter

Array = NDArray[np.float64]

LENS_DISTANCE = 6.0
"""Distance that the lamps of signals are cut for [m]."""


class SceneRenderer(GaussianRenderer):
    """Draws a scene's cameras from wherever the ego is.

    Built once per scene: a few seconds to dress and light the street, a fraction of one from the cache. Then each
    call places the nodes, lights those that turned, rasterizes all cameras in one pass, and puts sky and air behind.
    gsplat draws everything at its finest, the CPU what is small merged.

    Args:
        scene: Scene to draw.
        backend: "cpu", "gsplat", or "auto", see `rasterize`. With gsplat, sky and air are done on the device too.
        threads: Number of threads of the CPU's rasteriser; None for one per core.
        camera_look: Haze, contrast, sharpness, grain.
        cache: Folder that keeps finished looks for the next time; None keeps none.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        backend: str = "cpu",
        threads: int | None = None,
        camera_look: CameraLook | None = None,
        cache: Path | None = None,
    ) -> None:
        shapes = scene.shapes if scene.shapes is not None else infer_shapes(scene)
        self._shapes, self._cache, self._streets = shapes, LookCache(cache), {COARSE: 0}
        kept = self._cache
        with waiting(f"dressing the street of {scene.id}, once"):
            self._look, self._camera_look = PackedLook.of(scene, shapes, kept), camera_look
        rasterizer = make_rasterizer([self._look.packed], backend=backend, threads=threads)
        super().__init__(scene, rasterizer, np.eye(4), {"antialiased": True, "near": 0.1})
        self._nodes = NodeSet(scene, self._look, rasterizer, kept)
        self._signals = SignalSet(shapes.fixtures, scene.lights.lane_ids, self._look.light, rasterizer)

    def _instances(self, moment: Moment, eye: Array, fineness: float, *, rays: bool = False) -> Instances:
        grade = COARSE if rays else grade_of(fineness)
        street, lenses = self._street(grade), Sharpness.at(LENS_DISTANCE, grade.focal)
        with waiting("dressing road users, once"):
            nodes, placed, colors = self._nodes.instances(eye, fineness, moment)
        lamps = self._signals.templates(eye, moment.lights, lenses)
        fixed = np.eye(4)[None]
        poses = np.concatenate([fixed, placed, np.repeat(fixed, len(lamps), axis=0)])
        return Instances([street, *nodes, *lamps], poses, [None, *colors, *(None for _ in lamps)])

    def _street(self, grade: Grade) -> int:
        """The template of what stands still, dressed in a grade when that is first asked for."""
        if grade not in self._streets:
            scene = self._scene
            with waiting(f"dressing the street of {scene.id} for larger pictures, once"):
                packed = packed_street(scene, self._shapes, grade, self._cache)
            self._streets[grade] = self._rasterizer.add(unpack(packed) if self._on_device else packed)
        return self._streets[grade]

    def _developed(
        self, raster: Raster, cam_to_world: Array, Ks: Array, cameras: tuple[str, ...]
    ) -> NDArray[np.uint8]:
        """Sky and air behind the images, where they are; bytes."""
        viewmats, sky, look = se3.invert_rigid(cam_to_world), self._look.sky, self._camera_look
        if self._on_device:
            return develop_on_device(raster, viewmats, Ks, sky, look).cpu().numpy()
        crew = self._rasterizer.crew
        picture = develop(raster.rgb, raster.alpha, raster.depth, viewmats, Ks, sky, look, crew=crew)
        return to_bytes(picture, crew)

    def _still(self) -> PackedGaussians:
        return self._look.packed

    def _make_judge(self) -> RenderJudge:
        scene = self._scene
        matter, views = SolidMatter.of(self._look.packed), KnownViews.of_log(scene)
        return RenderJudge(matter, views, recorded_path(scene, AHEAD), scene.vehicle, DRESSED)
