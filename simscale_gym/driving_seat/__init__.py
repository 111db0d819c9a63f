"""A person at the wheel: controls, the session that they drive in, its picture, and the window around it."""

from simscale_gym.driving_seat.controls import Controls, driven_action
from simscale_gym.driving_seat.session import Session

__all__ = ["Controls", "Session", "driven_action"]
