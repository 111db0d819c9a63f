"""Data sets written for NAVSIM and for SimScale's training code, which read OpenScene's logs."""

from simscale_gym.datagen.navsim.export import Exported, export_navsim
from simscale_gym.datagen.navsim.guide import camera_note
from simscale_gym.datagen.navsim.two_stage import Pair, export_two_stage

__all__ = ["Exported", "Pair", "camera_note", "export_navsim", "export_two_stage"]
