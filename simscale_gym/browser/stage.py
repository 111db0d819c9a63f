"""The stage: all nodes of a viser scene that show a subject, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simscale_gym.browser import ground
from simscale_gym.browser.camera_views import CameraViews
from simscale_gym.browser.colors import painted
from simscale_gym.browser.map_layers import LAYERS as MAP_LAYERS
from simscale_gym.browser.map_layers import MapLayers
from simscale_gym.browser.panel import HIDDEN, plan_color
from simscale_gym.browser.plans import JudgedPlan
from simscale_gym.browser.road_users import RoadUsers
from simscale_gym.browser.splat_layer import add_gaussians, still_gaussians
from simscale_gym.browser.subject import Color, Subject
from simscale_gym.rendering import Renderer
from simscale_gym.viewer.bev import EGO

_ZENITH, _HORIZON = np.array([104, 148, 208]), np.array([226, 233, 240])
_ABOVE = 0.32  # of ways above the road [m]
_TRACK: Color = (255, 255, 255)


class Stage:
    """A subject as nodes of a viser scene; Gaussians come later, by :meth:`put_gaussians`.

    Args:
        root: A ``viser.SceneApi`` without nodes.
        subject: The subject.
        cameras: Names of the cameras.
    """

    def __init__(self, root: Any, subject: Subject, cameras: Sequence[str]) -> None:
        self._root, self._subject = root, subject
        root.set_background_image(_sky(), format="png")
        self._map = MapLayers(root, subject.scene)
        self._users = RoadUsers(root, subject.scene)
        self.cameras = CameraViews(root, subject.scene, cameras)
        self._frames = {
            name: root.add_frame(node, show_axes=False)
            for name, node in (
                ("their ways", "/ways/others"),
                ("ways of the ego", "/ways/ego"),
                ("plans", "/plans"),
            )
        }
        self._splats: Any = None
        self._sent = 0
        self._ways()
        for layer in HIDDEN:
            self.show(layer, False)

    def show(self, layer: str, visible: bool) -> None:
        """Show or hide a layer (:data:`simscale_gym.browser.panel.LAYERS`)."""
        if layer in MAP_LAYERS:
            self._map.show(layer, visible)
        elif layer == "road users":
            self._users.show(others=visible)
        elif layer == "ego":
            self._users.show(ego=visible)
        elif layer == "cameras":
            self.cameras.show(visible)
        elif layer in self._frames:
            self._frames[layer].visible = visible
        elif self._splats is not None:
            self._splats.visible = visible

    def place(self, step: int) -> None:
        """Put all that moves where it is at state ``step``."""
        state = self._subject.states[step]
        self._users.place(state.frame, state.ego[:3], state.traffic.poses, state.traffic.valid)
        self._map.light(self._subject.scene.lights.column(state.frame))
        self.cameras.place(state.ego[:3])

    def put_gaussians(self, renderer: Renderer, most: int, visible: bool) -> None:
        """Put in what stands still, ``most`` Gaussians at most."""
        gaussians = still_gaussians(renderer, most)
        self._splats, self._sent = add_gaussians(self._root, gaussians), len(gaussians)
        self._splats.visible = visible

    def put_plans(self, plans: Sequence[JudgedPlan]) -> None:
        """Show plans in the place of those before: as planned broad, as driven narrow and darker."""
        self._frames["plans"].remove()
        self._frames["plans"] = self._root.add_frame("/plans", show_axes=False)
        for height, plan in enumerate(plans):
            color, above = plan_color(plan.expert), _ABOVE + 0.08 + 0.05 * height
            self._line(f"/plans/{plan.expert}/planned", plan.poses, color, 0.28, above)
            self._line(
                f"/plans/{plan.expert}/driven", plan.driven, tuple(c // 2 for c in color), 0.1, above + 0.03
            )

    def counts(self) -> str:
        """What is shown, in words."""
        scene = self._subject.scene
        asset = "the trained asset" if scene.asset else "the dressed scene"
        splats = (
            f"{self._sent:,} Gaussians of {asset}, merged where they are far from the way"
            if self._sent
            else "no Gaussians"
        )
        return f"Shown: {splats}; {len(scene.tracks)} road users; {len(scene.map.lanes)} lanes."

    def _ways(self) -> None:
        subject = self._subject
        for number, way in enumerate(subject.ways):
            self._line(
                f"/ways/ego/{way.name}",
                way.poses,
                way.color,
                0.16,
                _ABOVE + 0.02 * number,
                dashes=way.name == "recorded way",
            )
        self._line("/ways/ego/driven", subject.driven, EGO, 0.1, _ABOVE - 0.03)
        poses = np.stack([state.traffic.poses for state in subject.states], axis=1)
        valid = np.stack([state.traffic.valid for state in subject.states], axis=1)
        lines = [
            ground.lifted(subject.scene, way[there], _ABOVE)
            for way, there in zip(poses, valid, strict=True)
            if there.sum() > 1 and np.ptp(way[there, :2], axis=0).max() > 1.0
        ]
        points = ground.segments(lines)
        if len(points):
            colors = painted(points, _TRACK)
            self._root.add_line_segments("/ways/others/lines", points, colors, thickness=0.06)

    def _line(
        self, node: str, poses: Any, color: Color, width: float, above: float, *, dashes: bool = False
    ) -> None:
        line = ground.lifted(self._subject.scene, poses, above)
        points = ground.segments(ground.dashed(line, 1.5, 1.5) if dashes else [line])
        if len(points):
            self._root.add_line_segments(node, points, painted(points, color), thickness=width)


def _sky() -> np.ndarray:
    share = np.linspace(0.0, 1.0, 64)[:, None, None] ** 0.7
    return np.repeat(((1 - share) * _ZENITH + share * _HORIZON).astype(np.uint8), 16, axis=1)
