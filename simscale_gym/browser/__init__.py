"""Scenes, data sets and evaluations in a browser, by viser: ``simscale-gym view``."""

from simscale_gym.browser.view import view

__all__ = ["view"]
