"""The bird's-eye view: map, lights, road users, the log, the perturbed way, and plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image

from simscale_gym.geometry import box
from simscale_gym.one_line import one_line
from simscale_gym.scene import BoundaryType, LightStatus, Scene, TrackType
from simscale_gym.sim import SimState
from simscale_gym.viewer.canvas import Canvas, Color

Array = NDArray[np.float64]

YELLOW = (196, 164, 84)
GROUND, ROAD, CROSSWALK, PAINT = (40, 44, 48), (74, 78, 84), (150, 152, 156), (172, 174, 178)
BUILDING, ROOF_EDGE, TREE, SIDEWALK, GRASS = (
    (96, 92, 92),
    (124, 120, 120),
    (58, 104, 70),
    (56, 60, 64),
    (46, 62, 48),
)
EGO, LOG, PERTURBED, PLAN = (64, 224, 208), (235, 235, 235), (255, 159, 64), (120, 255, 120)
TRACK_COLORS: Mapping[TrackType, Color] = {
    TrackType.VEHICLE: (92, 148, 245),
    TrackType.BICYCLE: (230, 120, 220),
    TrackType.PEDESTRIAN: (255, 214, 92),
}
_REACH, _LARGEST = 80.0, 2600  # [m] around the path that is drawn; [pixel] of the whole map
OBJECT_COLOR = (240, 130, 80)
LIGHT_COLORS: Mapping[LightStatus, Color] = {
    LightStatus.GREEN: (60, 220, 90),
    LightStatus.YELLOW: (250, 205, 60),
    LightStatus.RED: (245, 60, 60),
}


@dataclass(frozen=True, eq=False)
class Overlay:
    """What a view shows beside the present state.

    Attributes:
        log: ``[K, 3]`` the recorded way.
        perturbed: ``[K, 3]`` the way that led off the log.
        driven: ``[K, 3]`` the way since then.
        plans: Plans to draw, ``[K, 3]`` each, from the present.
    """

    log: Array
    perturbed: Array
    driven: Array
    plans: Sequence[Array] = ()

    __repr__ = one_line


def draw_bev(
    scene: Scene, state: SimState, overlay: Overlay, width: int, height: int, scale: float
) -> Image.Image:
    """Picture of the scene around the ego, heading up.

    Args:
        scene: The scene.
        state: Ego and traffic at the moment to draw.
        overlay: Ways to draw.
        width: Width of the picture [pixel].
        height: Height of the picture [pixel].
        scale: Pixels per metre.
    """
    canvas = Canvas(state.ego[:3], width, height, scale, background=_map_canvas(scene, scale))
    _lights(canvas, scene, state.frame)
    canvas.dashes(overlay.log, LOG, 0.25, on=4, off=4)
    canvas.line(overlay.perturbed, PERTURBED, 0.45)
    canvas.line(overlay.driven, EGO, 0.45)
    _tracks(canvas, scene, state)
    for plan in overlay.plans:
        canvas.line(plan, PLAN, 0.3)
        for pose in plan[5::5]:
            canvas.dot(pose, PLAN, 0.35)
    canvas.polygon(box.corners(scene.vehicle.boxes(state.ego)), EGO, outline=(255, 255, 255))
    return canvas.image()


@lru_cache(maxsize=4)
def _map_canvas(scene: Scene, scale: float) -> Canvas:
    """What does not move, around the logged path, drawn once."""
    path = scene.ego.poses[:, :2]
    middle, extent = (path.min(0) + path.max(0)) / 2, np.ptp(path, axis=0) + 2 * _REACH
    scale = min(scale, _LARGEST / float(extent.max()))
    width, height = (int(n) for n in extent * scale)
    north_up = np.array([*middle, np.pi / 2])
    canvas = Canvas(north_up, width, height, scale, anchor=(0.5, 0.5), background=GROUND)
    _road(canvas, scene)
    _surroundings(canvas, scene)
    _markings(canvas, scene)
    return canvas


def _surroundings(canvas: Canvas, scene: Scene) -> None:
    if scene.shapes is None:
        return
    for ground in scene.shapes.grounds:
        canvas.polygon(ground.polygon, GRASS if ground.kind == "grass" else SIDEWALK)
    for building in scene.shapes.buildings:
        canvas.polygon(building.footprint, BUILDING, outline=ROOF_EDGE)
    for tree in scene.shapes.trees:
        canvas.dot(np.array([tree.x, tree.y]), (*TREE, 200), tree.radius * 0.8)


def _road(canvas: Canvas, scene: Scene) -> None:
    for polygon in scene.map.drivable_region.geoms:
        canvas.polygon(shapely.get_coordinates(polygon.exterior), ROAD)
        for hole in polygon.interiors:
            canvas.polygon(shapely.get_coordinates(hole), GROUND)


def _markings(canvas: Canvas, scene: Scene) -> None:
    for area in scene.map.crosswalks.values():
        canvas.polygon(area.polygon, (*CROSSWALK, 90))
    for lane in scene.map.lanes.values():
        for line, kind in ((lane.left_boundary, lane.left_type), (lane.right_boundary, lane.right_type)):
            if lane.connector or kind == BoundaryType.VIRTUAL or not canvas.sees(line):
                continue
            color = YELLOW if kind.yellow else PAINT
            if kind.dashed:
                canvas.dashes(_dense(line), color, 0.12, on=3, off=4)
            else:
                canvas.line(line, color, 0.12)


def _dense(line: Array) -> Array:
    """Points 1 m apart, so that dashes have one length."""
    return shapely.get_coordinates(shapely.segmentize(shapely.LineString(line[:, :2]), 1.0))


def _lights(canvas: Canvas, scene: Scene, frame: int) -> None:
    for lane_id, status in scene.lights.at(frame).items():
        lane = scene.map.lanes.get(lane_id)
        if lane is not None and status in LIGHT_COLORS:
            color = LIGHT_COLORS[status]
            canvas.line(lane.centerline, (*color[:3], 70), 0.3)
            canvas.line(np.stack([lane.left_boundary[0], lane.right_boundary[0]]), color, 0.5)


def _tracks(canvas: Canvas, scene: Scene, state: SimState) -> None:
    traffic = state.traffic
    corners = box.corners(np.concatenate([traffic.poses, scene.tracks.sizes[:, :2]], axis=1))
    for row in np.flatnonzero(traffic.valid):
        color = TRACK_COLORS.get(TrackType(scene.tracks.types[row]), OBJECT_COLOR)
        moving = np.hypot(*traffic.velocities[row]) > 0.2
        shade = color if moving else tuple(int(0.6 * c) for c in color[:3])
        canvas.polygon(corners[row], shade)
        front = (corners[row, 0] + corners[row, 3]) / 2
        canvas.line(np.stack([traffic.poses[row, :2], front]), (20, 20, 20), 0.15)
