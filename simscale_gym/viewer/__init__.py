"""Pictures for people: the bird's-eye view, films, a window."""

from simscale_gym.viewer.bev import Overlay, draw_bev
from simscale_gym.viewer.film import FilmWriter, film_frame

__all__ = ["FilmWriter", "Overlay", "draw_bev", "film_frame"]
