"""What notebooks show."""

import importlib
import io

import numpy as np
import pytest
from PIL import Image

from simscale_gym import notebook
from simscale_gym.agents import ExpertPlan
from simscale_gym.metrics import Scores


class Shell:
    """As much of IPython's shell as knows how to show things."""

    def __init__(self):
        self.display_formatter = self
        self.shown = {}
        self.formatters = {kind: Formatter(kind, self.shown) for kind in ("image/png", "text/html")}


class Formatter:
    def __init__(self, kind, shown):
        self.kind, self.shown = kind, shown

    def for_type_by_name(self, module, name, make):
        self.shown[(module, name)] = self.kind, make


def test_classes_are_found_by_the_names_that_ipython_is_told():
    shell = Shell()
    notebook.show_richly(shell)
    assert len(shell.shown) == 4
    for module, name in shell.shown:
        assert getattr(importlib.import_module(module), name).__module__ == module


def test_a_scene_is_shown_from_above(town_scene):
    picture = np.asarray(Image.open(io.BytesIO(notebook.scene_png(town_scene))))
    assert picture.shape == (520, 900, 3) and picture.std() > 10


@pytest.mark.parametrize("valid", [True, False])
def test_a_plan_is_a_drawing_and_a_table(valid):
    ahead = np.stack([np.linspace(1.0, 40.0, 40), np.zeros(40), np.zeros(40)], axis=1)
    shown = notebook.plan_html(ExpertPlan(ahead, valid, {"miss<>": 0.25}))
    assert shown.count("<circle") == 8 and f"<td>{valid}</td>" in shown
    assert "<td>40.0</td>" in shown and "miss&lt;&gt;" in shown and "0.25" in shown


def test_a_plan_that_stands_is_drawn():
    assert "polyline" in notebook.plan_html(ExpertPlan(np.zeros((40, 3)), True))


def scores(count):
    ones = np.ones(count)
    whole = np.zeros(count, np.int64)
    return Scores(
        ones, ones, ones, ones, 0.5 * ones, ones, ones, ones, ones, whole, whole, np.ones((count, 6), bool),
        np.zeros((count, 41), np.uint8),
    )  # fmt: skip


def test_scores_are_a_row_for_each_proposal():
    shown = notebook.scores_html(scores(3))
    assert (
        shown.count("<tr>") == 4 and "<th>no_at_fault_collisions</th>" in shown and "<td>0.50</td>" in shown
    )
    many = notebook.scores_html(scores(500))
    assert many.count("<tr>") == 21 and "and 480 more" in many


def test_ipython_shows_them(town_scene):
    pytest.importorskip("IPython")
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    notebook.show_richly(shell)
    data, _ = shell.display_formatter.format(town_scene)
    assert data["image/png"] and data["text/plain"].startswith("Scene(")
