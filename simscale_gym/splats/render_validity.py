"""How far a rendered picture can be trusted: what it covers, what stands in the way, how far it was seen from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline, se3
from simscale_gym.one_line import one_line
from simscale_gym.scene import Scene, Vehicle
from simscale_gym.splats.picture_measures import CLEARANCE, picture_measures
from simscale_gym.splats.solid_matter import SolidMatter
from simscale_gym.splats.viewed_frame import ViewedFrame

Array = NDArray[np.float64]

LEAST_SCORE = 0.25
"""Score below which a picture shows another world than the one that was recorded, by eye in the town."""

NEAR = 1.5
"""Distance around a camera within which Gaussians stand before the lens [m]."""

METRES_PER_RADIAN = 4.0
"""A view turned by a radian counts as far as one this far away [m]: half a picture's width is then new."""


@dataclass(frozen=True)
class QualityLimits:
    """The value at which each factor of the score begins to fall, and the one at which it is 0; straight between.

    Attributes:
        coverage: Share of the pixels below the horizon that are covered.
        in_body: Share of the pixels that show something inside the ego's body.
        near_share: Share of all directions that Gaussians within 1.5 m of the camera hide.
        blocked: Surface inside the ego's body [m^2].
        coarseness: Angle under which the camera sees the Gaussians [rad].
        view_distance: Distance to the nearest known view [m].
        extrapolation: Lateral distance from the recorded path [m].
    """

    coverage: tuple[float, float] = (0.95, 0.6)
    in_body: tuple[float, float] = (0.15, 0.5)
    near_share: tuple[float, float] = (0.3, 0.9)
    blocked: tuple[float, float] = (3.0, 15.0)
    coarseness: tuple[float, float] = (0.06, 0.18)
    view_distance: tuple[float, float] = (3.0, 12.0)
    extrapolation: tuple[float, float] = (3.0, 12.0)


TRAINED = QualityLimits()
"""Limits for reconstructions: whole up to a lane's width beside the path. Not tuned on pictures."""

DRESSED = QualityLimits(coarseness=(0.025, 0.1), view_distance=(40.0, 120.0), extrapolation=(40.0, 120.0))
"""Limits for dressed streets: on logs 0.02 rad are the coarsest, at 0.05 courts and walls are plainly blurred. Side
streets hold 40 m away, and 160 m away nothing is left."""


@dataclass(frozen=True, eq=False)
class KnownViews:
    """The views from which pictures of a scene were taken.

    Attributes:
        centres: Places of the cameras, `[V, 3]` [m].
        axes: Unit vectors along which they look, `[V, 3]`.
    """

    centres: Array
    axes: Array

    @classmethod
    def of_poses(cls, cam_to_world: Array) -> KnownViews:
        """The views of cameras with poses `[V, 4, 4]`, OpenCV axes."""
        return cls(cam_to_world[:, :3, 3].copy(), cam_to_world[:, :3, 2].copy())

    @classmethod
    def of_log(cls, scene: Scene, spacing: float = 1.0) -> KnownViews:
        """The views of the rig's cameras every `spacing` metres along the logged path."""
        s = polyline.arc_lengths(scene.ego.poses[:, :2])
        frames = np.unique(np.searchsorted(s, np.arange(0.0, s[-1] + spacing, spacing)).clip(max=len(s) - 1))
        ego = np.stack([scene.ego_to_world(scene.ego.poses[frame]) for frame in frames])
        cameras = np.stack([camera.cam_to_ego for camera in scene.rig.cameras.values()])
        return cls.of_poses((ego[:, None] @ cameras).reshape(-1, 4, 4))


@dataclass(frozen=True, eq=False)
class RenderQuality:
    """Scores of how far the pictures of one moment can be trusted.

    Attributes:
        cameras: Names of the C cameras.
        coverage: Share of the pixels below the horizon that are covered, `[C]`.
        in_body: Share of the pixels that show something inside the ego's body, more than 0.3 m above the road, `[C]`.
        near_share: Share of all directions that Gaussians within 1.5 m hide from the camera, `[C]`.
        coarseness: Angle that the Gaussians span which the camera sees, as a standard deviation: mean of the middle
            half of its pixels [rad], `[C]`.
        view_distance: Distance to the nearest known view [m], `[C]`; 0 where no views are known.
        view_angle: Angle between that view's axis and the camera's [rad], `[C]`; 0 where no views are known.
        blocked: Surface inside the ego's body, more than 0.3 m above the road [m^2].
        extrapolation: Lateral distance of the ego from the recorded path [m].
        factors: What each of the above but the angle leaves of the scores, 0 to 1, `[C]` or `[1]` for all cameras, by
            the names of `QualityLimits`.
    """

    cameras: tuple[str, ...]
    coverage: Array
    in_body: Array
    near_share: Array
    coarseness: Array
    view_distance: Array
    view_angle: Array
    blocked: float
    extrapolation: float
    factors: Mapping[str, Array]

    __repr__ = one_line

    @classmethod
    def of_recorded(cls, cameras: Sequence[str]) -> RenderQuality:
        """That of pictures which were taken and not drawn: nothing in them is untrue."""
        none, whole = np.zeros(len(cameras)), np.ones(len(cameras))
        return cls(tuple(cameras), whole, none, none, none, none, none, 0.0, 0.0, {"recorded": whole})

    @cached_property
    def scores(self) -> Array:
        """0 (nothing of it is true) to 1, `[C]`: the product of the factors."""
        return np.prod(np.broadcast_arrays(*self.factors.values()), axis=0)

    @property
    def score(self) -> float:
        """Score of the worst camera."""
        return float(self.scores.min(initial=1.0))

    def by_camera(self) -> dict[str, float]:
        """Score by camera, and the least as "score"."""
        return {**dict(zip(self.cameras, map(float, self.scores), strict=True)), "score": self.score}


def can_be_trusted(quality: RenderQuality, least: float = LEAST_SCORE) -> bool:
    """Whether every camera's score is at least `least`."""
    return quality.score >= least


@dataclass(frozen=True, eq=False)
class RenderJudge:
    """What the pictures of one scene are judged by.

    Attributes:
        matter: The scene's Gaussians that do not move.
        views: The views that the scene was recorded from, or None.
        path: The way that its recorder drove, `[K, 2]` [m].
        vehicle: The ego.
        limits: Limits of the score's factors.
    """

    matter: SolidMatter
    views: KnownViews | None
    path: Array
    vehicle: Vehicle
    limits: QualityLimits = TRAINED

    def judge(self, frame: ViewedFrame, ego_to_world: Array, cameras: Sequence[str]) -> RenderQuality:
        """Judges pictures.

        Args:
            frame: The pictures' depth and alpha.
            ego_to_world: Pose of the ego, `[4, 4]`.
            cameras: Names of the pictures' cameras.
        """
        cam_to_world = se3.invert_rigid(frame.viewmats)
        centres, axes = cam_to_world[:, :3, 3], cam_to_world[:, :3, 2]
        blocked, near_share = obstruction(self.matter, ego_to_world, centres, self.vehicle)
        distance, angle = (np.zeros(len(centres)),) * 2
        if self.views is not None:
            distance, angle = nearest_views(self.views, centres, axes)
        cam_to_ego = se3.invert_rigid(ego_to_world) @ cam_to_world
        coverage, in_body, coarseness = picture_measures(
            frame, cam_to_world, cam_to_ego, self.vehicle, self.matter
        )
        measures = {
            "coverage": coverage,
            "in_body": in_body,
            "coarseness": coarseness,
            "near_share": near_share,
            "view_distance": distance,
            "blocked": blocked,
            "extrapolation": path_offset(self.path, ego_to_world[:2, 3]),
        }
        factors = quality_factors(measures, self.limits)
        return RenderQuality(tuple(cameras), view_angle=angle, factors=factors, **measures)


def quality_factors(measures: Mapping[str, Array | float], limits: QualityLimits) -> dict[str, Array]:
    """What each of the measures, each `[C]` or one for all, leaves of the score, by the names of their limits."""
    factors = {}
    for name, value in measures.items():
        good, bad = getattr(limits, name)
        factors[name] = np.atleast_1d(np.clip((value - bad) / (good - bad), 0.0, 1.0))
    return factors


def obstruction(
    matter: SolidMatter, ego_to_world: Array, centres: Array, vehicle: Vehicle
) -> tuple[float, Array]:
    """What stands where the ego is and before its lenses, road and kerbs left out.

    Args:
        matter: The scene's Gaussians.
        ego_to_world: Pose of the ego, `[4, 4]`.
        centres: Places of the cameras, `[C, 3]` [m].
        vehicle: The ego.

    Returns:
        Surface inside the ego's body [m^2], and the share `[C]` of all directions that surfaces within 1.5 m of each
        camera hide.
    """
    middle = ego_to_world[:3, :3] @ [vehicle.rear_axle_to_center, 0.0, 0.0] + ego_to_world[:3, 3]
    means, areas = matter.near(middle, np.hypot(vehicle.length, vehicle.width) / 2.0 + NEAR)
    x, y, z = ((means - ego_to_world[:3, 3]) @ ego_to_world[:3, :3]).T
    high = z > CLEARANCE
    inside = high & (z < vehicle.height) & (np.abs(y) < vehicle.width / 2.0)
    inside &= (x > -vehicle.rear_length) & (x < vehicle.front_length)
    squared = ((means[high] - centres[:, None]) ** 2).sum(2)
    hidden = areas[high] / np.maximum(squared, 0.1**2) * (squared < NEAR * NEAR)
    return float(areas[inside].sum()), np.minimum(hidden.sum(1) / (4.0 * np.pi), 1.0)


def nearest_views(views: KnownViews, centres: Array, axes: Array) -> tuple[Array, Array]:
    """Distance [m] and angle [rad] `[C]` of cameras to the views nearest to them.

    Args:
        views: The known views.
        centres: Places of the cameras, `[C, 3]` [m].
        axes: Unit vectors along which they look, `[C, 3]`.
    """
    distance = np.sqrt(((centres[:, None] - views.centres) ** 2).sum(2))
    angle = np.arccos(np.clip(axes @ views.axes.T, -1.0, 1.0))
    best = np.argmin(distance + METRES_PER_RADIAN * angle, axis=1)[:, None]
    return tuple(np.take_along_axis(a, best, 1)[:, 0] for a in (distance, angle))


def recorded_path(scene: Scene, ahead: float) -> Array:
    """The route as far as its recorder drove it and `ahead` metres on, `[K, 2]`, K at least 2."""
    route, lengths = scene.route_path, scene.route_lengths
    end = min(polyline.project(route, scene.ego.poses[-1, :2], lengths)[0][0] + ahead, lengths[-1])
    return np.concatenate([route[lengths < end, :2], polyline.at_arc_length(route, end, lengths)[None, :2]])


def path_offset(path: Array, place: Array) -> float:
    """Distance [m] of `place` `[2]` from `path` `[K, 2]`."""
    return float(abs(polyline.project(path, place[None])[1][0]))
