"""Wrappers of environments, beside Gymnasium's own.

Gymnasium's serve as they are where they take dictionaries: ``FrameStackObservation``, ``FilterObservation``,
``FlattenObservation``, ``RescaleAction``, ``TransformReward``, ``RecordEpisodeStatistics``, ``TimeLimit`` (in steps; in
seconds it is the environment's ``horizon``), ``RecordVideo`` (with MoviePy installed).
"""

from simscale_gym.wrappers.cameras import GrayCameras, Panorama, ResizedCameras
from simscale_gym.wrappers.curriculum import Curriculum, Stage, scene_difficulties
from simscale_gym.wrappers.epdms_monitor import EpdmsMonitor
from simscale_gym.wrappers.every_scene import EveryScene
from simscale_gym.wrappers.fixed_info import FixedInfo
from simscale_gym.wrappers.navsim_features import NavsimFeatures
from simscale_gym.wrappers.observed_history import ObservedHistory
from simscale_gym.wrappers.privilege_switch import PrivilegeSwitch
from simscale_gym.wrappers.record_films import RecordFilms
from simscale_gym.wrappers.smooth_actions import SmoothActions

__all__ = [
    "Curriculum",
    "EpdmsMonitor",
    "EveryScene",
    "FixedInfo",
    "GrayCameras",
    "NavsimFeatures",
    "ObservedHistory",
    "Panorama",
    "PrivilegeSwitch",
    "RecordFilms",
    "ResizedCameras",
    "SmoothActions",
    "Stage",
    "scene_difficulties",
]
