"""Drives scored: the route ahead and its centreline, segments of a drive, the running score, the filter of labels."""

from simscale_gym.scoring.fitness import fit_frames, off_road, touched
from simscale_gym.scoring.label_filter import is_valid_label, label_failures
from simscale_gym.scoring.route_ahead import RouteAhead, RouteSearch, find_route_ahead
from simscale_gym.scoring.running_segment import RunningSegment
from simscale_gym.scoring.scene_ground import map_layers, segment_ground
from simscale_gym.scoring.segment import (
    Segment,
    drive_segment,
    driven_situation,
    ego_history,
    score_segment,
    segment_situation,
)

__all__ = [
    "RouteAhead",
    "RouteSearch",
    "RunningSegment",
    "Segment",
    "drive_segment",
    "driven_situation",
    "ego_history",
    "find_route_ahead",
    "fit_frames",
    "is_valid_label",
    "label_failures",
    "map_layers",
    "off_road",
    "score_segment",
    "segment_ground",
    "segment_situation",
    "touched",
]
