"""The layers of a scene's map in a browser: drivable area, lanes, crosswalks, route, and lights that change."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.browser import ground
from simscale_gym.browser.colors import linear, painted
from simscale_gym.scene import BoundaryType, Lane, LightStatus, Scene
from simscale_gym.viewer.bev import LIGHT_COLORS

REACH = 130.0
"""Lanes and areas farther from the recorded way are not drawn [m]."""

LAYERS = ("drivable area", "lanes", "crosswalks", "route", "lights")

_AREA, _PAINT, _YELLOW, _CENTER, _EDGE = (
    (70, 120, 190),
    (245, 245, 245),
    (250, 200, 70),
    (120, 190, 255),
    (90, 160, 240),
)
_CROSSWALK, _ROUTE, _DARK = (250, 240, 150), (190, 110, 255), (60, 60, 60)
_ABOVE = 0.12  # of lines above the road: surfels of a dressed road lie up to a few centimetres above it [m]


class MapLayers:
    """The map of a scene as nodes of a viser scene, a node for each layer.

    Args:
        root: A ``viser.SceneApi``.
        scene: The scene.
    """

    def __init__(self, root: Any, scene: Scene) -> None:
        self._root, self._scene = root, scene
        self._frames = {layer: root.add_frame(_node(layer), show_axes=False) for layer in LAYERS}
        way = scene.ego.poses
        self._lanes = [lane for lane in scene.map.lanes.values() if ground.near(lane.centerline, way, REACH)]
        self._drivable_area()
        self._lane_lines()
        self._crosswalks()
        route = ground.lifted(scene, scene.route_path, _ABOVE + 0.12)
        self._line("route", "path", ground.segments([route]), _ROUTE, 0.45)
        self._light_bars, self._lit = self._lights(), np.zeros(0)
        self.light(scene.lights.column(0))

    def show(self, layer: str, visible: bool) -> None:
        """Show or hide one of :data:`LAYERS`."""
        self._frames[layer].visible = visible

    def light(self, statuses: NDArray[np.uint8]) -> None:
        """Color the lights by their :class:`LightStatus` ``[L]``."""
        if self._light_bars is None or np.array_equal(statuses, self._lit):
            return
        self._lit = statuses.copy()
        colors = linear([LIGHT_COLORS.get(LightStatus(status), _DARK) for status in statuses.tolist()])
        self._light_bars.colors = np.repeat(colors[self._light_rows][:, None], 2, axis=1)

    def _drivable_area(self) -> None:
        scene = self._scene
        around = shapely.LineString(scene.ego.poses[:, :2]).buffer(REACH)
        region = shapely.intersection(scene.map.drivable_region, around)
        parts = [part for part in shapely.get_parts(region) if isinstance(part, shapely.Polygon)]
        vertices, faces = ground.filled(scene, parts, _ABOVE - 0.06)
        self._mesh("drivable area", vertices, faces, _AREA, 0.35)
        rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
        edges = [ground.lifted(scene, shapely.get_coordinates(ring), _ABOVE) for ring in rings]
        self._line("drivable area", "edge", ground.segments(edges), _EDGE, 0.15)

    def _lane_lines(self) -> None:
        painted: dict[tuple[int, int, int], list] = {_PAINT: [], _YELLOW: []}
        for lane in self._lanes:
            for line, kind in ((lane.left_boundary, lane.left_type), (lane.right_boundary, lane.right_type)):
                if kind != BoundaryType.VIRTUAL and not lane.connector and len(line) > 1:
                    lifted = ground.lifted(self._scene, line, _ABOVE)
                    painted[_YELLOW if kind.yellow else _PAINT] += (
                        ground.dashed(lifted) if kind.dashed else [lifted]
                    )
        for color, lines in painted.items():
            self._line("lanes", f"paint {color}", ground.segments(lines), color, 0.12)
        centers = [ground.lifted(self._scene, lane.centerline, _ABOVE) for lane in self._lanes]
        self._line("lanes", "center lines", ground.segments(centers), _CENTER, 0.05)

    def _crosswalks(self) -> None:
        way = self._scene.ego.poses
        areas = [
            shapely.Polygon(area.polygon)
            for area in self._scene.map.crosswalks.values()
            if ground.near(area.polygon, way, REACH)
        ]
        self._mesh("crosswalks", *ground.filled(self._scene, areas, _ABOVE - 0.02), _CROSSWALK, 0.55)

    def _lights(self) -> Any:
        """Bars across the lanes that have lights, where these begin; None where there are none."""
        scene, bars, rows = self._scene, [], []
        for row, lane_id in enumerate(scene.lights.lane_ids):
            lane: Lane | None = scene.map.lanes.get(lane_id)
            if lane is not None:
                ends = np.stack([lane.left_boundary[0], lane.right_boundary[0]])
                bars.append(ground.lifted(scene, ends, _ABOVE + 0.08))
                rows.append(row)
        self._light_rows = np.array(rows, int)
        if not bars:
            return None
        return self._line("lights", "bars", ground.segments(bars), _DARK, 0.5)

    def _line(self, layer: str, name: str, points: NDArray, color: tuple[int, int, int], width: float) -> Any:
        if not len(points):
            return None
        node = f"{_node(layer)}/{name}"
        return self._root.add_line_segments(node, points, painted(points, color), thickness=width)

    def _mesh(
        self, layer: str, vertices: NDArray, faces: NDArray, color: tuple[int, int, int], opacity: float
    ) -> None:
        if len(faces):
            self._root.add_mesh_simple(
                f"{_node(layer)}/area", vertices, faces, color=color, opacity=opacity, side="double",
                cast_shadow=False, receive_shadow=False,
            )  # fmt: skip


def _node(layer: str) -> str:
    return f"/map/{layer}"
