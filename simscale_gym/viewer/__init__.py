"""Pictures for people: the bird's-eye view, films, a window."""

from simscale_gym.viewer.bev import Overlay, draw_bev
from simscale_gym.viewer.film import Film, FilmWriter, film_frame
from simscale_gym.viewer.quality_chart import JudgedDrive, quality_chart

__all__ = ["Film", "FilmWriter", "JudgedDrive", "Overlay", "draw_bev", "film_frame", "quality_chart"]
