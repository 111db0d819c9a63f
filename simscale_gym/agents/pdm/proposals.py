"""Proposals of PDM-Closed: the Intelligent Driver Model run along each path at each share of the speed limit.

NAVSIM: pdm_generator.py, batch_idm_policy.py. Leaders are objects and red lights whose outline touches the corridor
ahead and whose centroid lies ahead of the proposal along its path; of these the nearest by distance of the outlines,
and of several that the proposal touches the one that NAVSIM's search tree names first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.forecast import PDMForecast
from simscale_gym.agents.pdm.gaps import Outlines, outlines
from simscale_gym.agents.pdm.idm import Driver, RedZones, candidates, unroll
from simscale_gym.agents.pdm.path import PDMPath, joined, pose_at, project
from simscale_gym.agents.pdm.route import PDMRoute
from simscale_gym.agents.pdm.tree_order import tree_order
from simscale_gym.geometry import box
from simscale_gym.scene import DT, StateIndex, Vehicle
from simscale_gym.scoring.lane_search import TREE_NODE

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PDMProposals:
    """``P`` proposals, path by path, each path at all speeds.

    Attributes:
        poses: ``[P, O + 1, 3]`` poses on the paths, the first one beside the ego. Steps that have not been unrolled
            are zero: only the chosen proposal goes beyond ``PDMConfig.steps``.
        progress: ``[P, O + 1]`` way along the paths [m].
        speeds: ``[P, O + 1]`` [m/s].
        leads: ``[P, O + 1, 3]`` place of the leader [m along the path], its speed [m/s], its length [m].
    """

    poses: Array
    progress: Array
    speeds: Array
    leads: Array


@dataclass(frozen=True, eq=False)
class Generator:
    """What one planning step unrolls proposals with; see :func:`make_generator`."""

    paths: tuple[PDMPath, ...]
    forecast: PDMForecast
    red: RedZones
    corridors: tuple[Outlines, ...]
    strips: tuple[shapely.Polygon, ...]  # the corridors
    closed: tuple[shapely.Polygon, ...]  # the red zones
    lights: NDArray[np.bool_]  # [paths, L]: which closed lanes touch the corridor
    targets: Array
    config: PDMConfig
    vehicle: Vehicle

    def proposals(self, ego: Array) -> PDMProposals:
        """All proposals for ``ego [11]`` over ``PDMConfig.steps``."""
        speeds, total = len(self.targets), self.config.output_steps + 1
        count = len(self.paths) * speeds
        out = PDMProposals(
            np.zeros((count, total, 3)),
            np.zeros((count, total)),
            np.zeros((count, total)),
            np.zeros((count, total, 3)),
        )
        for p, path in enumerate(self.paths):
            part = slice(p * speeds, (p + 1) * speeds)
            out.progress[part, 0] = project(path, ego[StateIndex.X], ego[StateIndex.Y])
            out.speeds[part, 0] = ego[StateIndex.VX]
            pose_at(path, out.progress[p * speeds, 0], out.poses[p * speeds, 0])
            out.poses[part, 0] = out.poses[p * speeds, 0]
            self._unroll(out, p, part, self.targets, 1, self.config.steps)
        return out

    def extend(self, proposals: PDMProposals, index: int) -> Array:
        """Unroll proposal ``index`` in place up to ``PDMConfig.output_steps``: its poses ``[O + 1, 3]``."""
        path, speed = divmod(index, len(self.targets))
        first, last = self.config.steps + 1, self.config.output_steps
        if first <= last:
            part, targets = slice(index, index + 1), self.targets[speed : speed + 1]
            self._unroll(proposals, path, part, targets, first, last)
        return proposals.poses[index]

    def _unroll(
        self, out: PDMProposals, path: int, part: slice, targets: Array, first: int, last: int
    ) -> None:
        config, line = self.config, self.paths[path]
        sample = first // config.stride
        count, interval = last // config.stride + 1 - sample, config.stride * DT
        motion, red = self.forecast.motion, self.red
        ahead = candidates(
            line, self.corridors[path], motion, red, self.lights[path], sample, count, interval
        )
        parts = (out.poses[part], out.progress[part], out.speeds[part], out.leads[part])
        given = np.tile(np.arange(ahead.shape[1]), (count, 1))
        if unroll(line, motion, red, ahead, targets, self._driver, first, last, *parts, given):
            order = self._tree_order(path, (sample + np.arange(count)) * interval)
            unroll(line, motion, red, ahead, targets, self._driver, first, last, *parts, order)

    def _tree_order(self, path: int, times: Array) -> NDArray[np.int64]:
        """In which order NAVSIM's trees name what touches the corridor at ``times [K]``, beside whatever else."""
        motion, closed = self.forecast.motion, shapely.bounds(np.array(self.closed, object)).reshape(-1, 4)
        order = np.empty((len(times), len(motion.corners) + len(closed)), np.int64)
        for row, time in zip(order, times, strict=True):
            moved = motion.corners + time * motion.drift[:, None]
            boxes = np.concatenate([np.concatenate([moved.min(1), moved.max(1)], 1), closed])
            row[:], certain = tree_order(boxes, TREE_NODE)
            if not certain:
                row[:] = self._order_of_tree(path, moved)
        return order

    def _order_of_tree(self, path: int, moved: Array) -> NDArray[np.int64]:
        """The same ``[R + L]`` of boxes ``moved [R, 4, 2]``, from a tree itself."""
        tree = shapely.STRtree([*shapely.polygons(moved), *self.closed], TREE_NODE)
        named = tree.query(self.strips[path], predicate="intersects")
        return np.concatenate([named, np.setdiff1d(np.arange(len(moved) + len(self.closed)), named)])

    @property
    def _driver(self) -> Driver:
        config, vehicle = self.config, self.vehicle
        return Driver(
            config.min_gap, config.headway, config.acceleration, config.deceleration, config.exponent,
            config.stride, config.lead_at_once, config.separate_leads, config.hold_at_rest,
            vehicle.rear_axle_to_center, vehicle.length / 2, vehicle.width / 2,
        )  # fmt: skip


def make_generator(
    ego: Array,
    route: PDMRoute,
    forecast: PDMForecast,
    red_lights: Sequence[Array],
    config: PDMConfig,
    vehicle: Vehicle,
) -> Generator:
    """Prepare a planning step.

    Args:
        ego: ``[11]`` state of the ego.
        route: Paths and speed limit.
        forecast: The others.
        red_lights: Polygons ``[K, 2]`` of the route's closed lanes.
        config: Settings of the planner.
        vehicle: The ego.
    """
    targets = np.array(config.speed_fractions) * (route.speed_limit or config.fallback_speed)
    reach = float(targets.max()) * config.output_steps * DT
    paths = route.paths
    if config.join_time > 0.0:
        distance = max(config.join_distance, config.join_time * float(ego[StateIndex.VX]))
        pose, within, curves = ego[:3], route.start_length, config.curve_acceleration
        paths = tuple(
            joined(path, pose, distance, within=within, lateral_acceleration=curves) for path in paths
        )
    corridors = [_corridor(path, ego, reach, vehicle.width / 2) for path in paths]
    shapes = [shapely.Polygon(polygon) for polygon in red_lights]
    lights = [[corridor.intersects(shape) for shape in shapes] for corridor in corridors]
    return Generator(
        paths,
        forecast,
        _red_zones(ego, shapes, vehicle),
        tuple(outlines([corridor]) for corridor in corridors),
        tuple(corridors),
        tuple(shapes),
        np.array(lights, bool).reshape(len(paths), len(shapes)),
        targets,
        config,
        vehicle,
    )


def _corridor(path: PDMPath, ego: Array, reach: float, half_width: float) -> shapely.Polygon:
    """The path ahead of the ego, as wide as the ego; as in NAVSIM it begins and ends at vertices of the path."""
    start = project(path, ego[StateIndex.X], ego[StateIndex.Y])
    end = min(start + reach, path.length)
    inside = (start <= path.lengths) & (path.lengths <= end)
    line = shapely.LineString(path.points[inside, :2] if inside.sum() > 1 else _piece(path, start, end))
    return line.buffer(half_width, cap_style="square")


def _piece(path: PDMPath, start: float, end: float) -> Array:
    """The path ``[2 or 3, 2]`` from ``start`` to ``end``, between which lies at most one vertex."""
    inner = path.lengths[(start < path.lengths) & (path.lengths < end)]
    out = np.empty((2 + len(inner), 3))
    for i, s in enumerate((start, *inner, end)):
        pose_at(path, s, out[i])
    return out[:, :2]


def _red_zones(ego: Array, shapes: Sequence[shapely.Polygon], vehicle: Vehicle) -> RedZones:
    if not shapes:
        return RedZones(outlines(()), np.zeros((0, 2)), np.zeros(0, bool))
    centers = np.array([shape.centroid.coords[0] for shape in shapes])
    footprint = shapely.Polygon(box.corners(vehicle.boxes(ego)))
    within = np.array([footprint.within(shape) for shape in shapes], bool)
    return RedZones(outlines(shapes), centers, within)
