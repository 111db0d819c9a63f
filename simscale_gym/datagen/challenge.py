"""Which clips of a log are worth learning from: those that the human masters and keeping on does not.

NAVSIM (arXiv 2406.15349, section 3) makes its splits so: of a log most moments are trivial, standing or straight on,
and some are recorded too badly to be driven.
"""

from __future__ import annotations

import numpy as np

from simscale_gym.agents.agent import dense_plan
from simscale_gym.agents.constant_velocity_agent import constant_velocity_plan
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.datagen.drives import Drive
from simscale_gym.geometry import se2
from simscale_gym.metrics import score
from simscale_gym.scene import Scene, StateIndex
from simscale_gym.scoring import driven_situation, ego_history
from simscale_gym.sim import track

LEAST_HUMAN = 0.8
"""EPDMS that the human must have."""
MOST_CONSTANT = 0.8
"""EPDMS that keeping speed and heading may have."""


def why_unchallenging(scene: Scene, drive: Drive) -> str:
    """Why a drive of the log falls: its human fails, or constant velocity does well; "" where it stays.

    Both are judged without extended comfort, among the others as they drove.
    """
    if float(drive.label.total[0]) < LEAST_HUMAN:
        return "human fails"
    return "too easy" if _constant_velocity(scene, drive) > MOST_CONSTANT else ""


def _constant_velocity(scene: Scene, drive: Drive) -> float:
    """EPDMS of keeping speed and heading."""
    ego = drive.present.ego
    plan = dense_plan(constant_velocity_plan(float(np.hypot(ego[StateIndex.VX], ego[StateIndex.VY]))))
    world = np.concatenate([ego[None, :3], se2.poses_to_world(ego[:3], plan)])
    driven = track(ego, world[None], vehicle=scene.vehicle)
    reference = reference_drive(scene, drive.present, PlannerExpert())
    drives = driven if reference is None else np.concatenate([reference[None], driven])
    situation = driven_situation(scene, drive.ahead, ego_history(scene, drive.past), replayed=drive.replayed)
    return float(score(situation, drives, vehicle=scene.vehicle).total[-1])
