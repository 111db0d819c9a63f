"""NAVSIM's extended predictive driver model score (EPDMS): how good drives are, over batches of proposals."""

from simscale_gym.metrics.aggregation import (
    StageGroup,
    TwoStageScore,
    gaussian_weights,
    one_stage_score,
    preceding_frames,
    two_stage_score,
)
from simscale_gym.metrics.areas import EgoArea
from simscale_gym.metrics.comfort import COMFORT_TERMS, EXTENDED_TERMS, extended_comfort, interpolate_history
from simscale_gym.metrics.layers import LAYERS, MapLayers
from simscale_gym.metrics.observation import forecast, take_agents, touching_ego, without_touching
from simscale_gym.metrics.running_score import (
    RUNNING_COLUMNS,
    DriveGround,
    DriveRecord,
    RunningScore,
    running_columns,
    running_total,
)
from simscale_gym.metrics.scene_window import logged_agents, scene_situation, simulated_agents
from simscale_gym.metrics.score import COLUMNS, WEIGHTS, Scores, score, total_score
from simscale_gym.metrics.situation import Agents, Situation

__all__ = [
    "COLUMNS",
    "COMFORT_TERMS",
    "EXTENDED_TERMS",
    "LAYERS",
    "RUNNING_COLUMNS",
    "WEIGHTS",
    "Agents",
    "DriveGround",
    "DriveRecord",
    "EgoArea",
    "MapLayers",
    "RunningScore",
    "Scores",
    "Situation",
    "StageGroup",
    "TwoStageScore",
    "extended_comfort",
    "forecast",
    "gaussian_weights",
    "interpolate_history",
    "logged_agents",
    "one_stage_score",
    "preceding_frames",
    "running_columns",
    "running_total",
    "scene_situation",
    "score",
    "simulated_agents",
    "take_agents",
    "total_score",
    "touching_ego",
    "two_stage_score",
    "without_touching",
]
