"""Planners judged on frozen suites: in open loop, in two stages as on navhard, and in closed loop."""

from simscale_gym.evaluation.adapters import NavsimAgent, PolicyAgent
from simscale_gym.evaluation.entrants import (
    CALIBRATION,
    ConstantVelocityDriver,
    Entrant,
    ExpertDriver,
    Sensing,
    TrainedDriver,
)
from simscale_gym.evaluation.evaluate import evaluate
from simscale_gym.evaluation.evaluation import Evaluation
from simscale_gym.evaluation.failures import failed_suite
from simscale_gym.evaluation.figures import FIGURES, Figure
from simscale_gym.evaluation.kept_drives import drive_states, kept_drives
from simscale_gym.evaluation.navsim.export import export_suite
from simscale_gym.evaluation.rows import DriveRow, PlanRow
from simscale_gym.evaluation.statistics import Interval, Measured, difference
from simscale_gym.evaluation.suite import Suite, open_suite, suite_names, write_suite
from simscale_gym.evaluation.suite_making import RECIPES, SuiteRecipe, make_suite

__all__ = [
    "CALIBRATION",
    "FIGURES",
    "RECIPES",
    "ConstantVelocityDriver",
    "DriveRow",
    "Entrant",
    "Evaluation",
    "ExpertDriver",
    "Figure",
    "Interval",
    "Measured",
    "NavsimAgent",
    "PlanRow",
    "PolicyAgent",
    "Sensing",
    "Suite",
    "SuiteRecipe",
    "TrainedDriver",
    "difference",
    "drive_states",
    "evaluate",
    "export_suite",
    "failed_suite",
    "kept_drives",
    "make_suite",
    "open_suite",
    "suite_names",
    "write_suite",
]
