"""The panel of the window: what can be chosen, switched and read."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from simscale_gym.browser.fates import COLORS as FATE_COLORS
from simscale_gym.browser.map_layers import LAYERS as MAP_LAYERS
from simscale_gym.browser.plans import COLORS as PLAN_COLORS
from simscale_gym.browser.subject import Color
from simscale_gym.errors import SimScaleError
from simscale_gym.progress import waiting

LAYERS = (
    "Gaussians",
    "road users",
    "their ways",
    "ego",
    "cameras",
    *MAP_LAYERS,
    "ways of the ego",
    "perturbations",
    "plans",
)
"""What can be switched on and off."""
HIDDEN = ("their ways", "lanes", "drivable area", "crosswalks")
"""Layers that are off at first: the Gaussians show the road."""
VIEWS = ("Behind", "Above", "Driver")
SPEEDS = ("0.25x", "0.5x", "1x", "2x", "4x")


class Panel:
    """The controls of the window.

    Args:
        gui: A ``viser.GuiApi``.
        kind: What a subject is called.
        titles: Titles of the subjects.
        first: Number of the one that is shown first.
        experts: Names of the experts that can be asked.
        asked: Those that are asked at first.
    """

    def __init__(
        self,
        gui: Any,
        kind: str,
        titles: Sequence[str],
        first: int,
        experts: Sequence[str],
        asked: Sequence[str],
    ) -> None:
        self.status = gui.add_html(sentence("starting .."))
        numbered = [f"{number + 1}. {title}" for number, title in enumerate(titles)]
        self.titles = numbered
        self.subject = gui.add_dropdown(
            kind, numbered, initial_value=numbered[first], visible=len(titles) > 1
        )
        self.pictures: Any = None
        with gui.add_folder(None):
            self.time = gui.add_slider("Time [s]", 0.0, 1.0, 0.1, 0.0)
            self.play = gui.add_button("Play", icon="player-play", color="teal")
            self.speed = gui.add_dropdown("Speed", SPEEDS, initial_value="1x")
            self.view = gui.add_button_group("View", VIEWS)
            self.follow = gui.add_checkbox("View goes with the ego", True)
        self._tabs(gui, experts, asked)

    def _tabs(self, gui: Any, experts: Sequence[str], asked: Sequence[str]) -> None:
        tabs = gui.add_tab_group()
        with tabs.add_tab("Layers"):
            self.layers = {name: gui.add_checkbox(_capital(name), name not in HIDDEN) for name in LAYERS}
            self.shown = gui.add_html("")
        with tabs.add_tab("Perturbations"):
            self.search = gui.add_button(
                "Search at this moment", icon="search",
                hint="Leave the log here along every trajectory of the vocabulary, and see what becomes of each",
            )  # fmt: skip
            self.fates = gui.add_html(sentence("Nothing was searched yet."))
            self.stages = {
                stage: gui.add_checkbox(_stage(stage), stage not in ("bounds", "gate"), visible=False)
                for stage in FATE_COLORS
            }
            self.candidate = gui.add_slider("One by one", 0, 1, 1, 0, visible=False)
            self.fate = gui.add_html("", visible=False)
        with tabs.add_tab("Experts"):
            self.experts = {name: gui.add_checkbox(name, name in asked) for name in experts}
            self.ask = gui.add_button("Plan at this moment", icon="route")
            self.plans = gui.add_html(sentence("Nobody was asked yet."))
        with tabs.add_tab("About"):
            self.about = gui.add_markdown("")

    @contextmanager
    def busy(self, work: str) -> Iterator[None]:
        """Say in the window and on the terminal what is being done; what goes wrong stays in the window."""
        self.status.content = sentence(f"{work} ..", "#e8a33d")
        try:
            with waiting(work):
                yield
        except SimScaleError as error:
            self.say(str(error), wrong=True)
            raise
        self.status.content = ""

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Write a sentence at the top."""
        self.status.content = sentence(text, "#ff6b6b" if wrong else "inherit")

    def picture(self, gui: Any, image: Any) -> None:
        """Show what the cameras see."""
        if self.pictures is None:
            self.pictures = gui.add_image(image, order=self.subject.order + 0.5)
        else:
            self.pictures.image = image


def table(head: Sequence[str], rows: Sequence[Sequence[str]], colors: Sequence[Color | None]) -> str:
    """An HTML table, a square of its color before each row."""
    cell = "padding:1px 5px;text-align:right;white-space:nowrap"
    lines = [
        "<tr>" + "".join(f"<th style='{cell}'>{html.escape(text)}</th>" for text in ("", *head)) + "</tr>"
    ]
    for row, color in zip(rows, colors, strict=True):
        square = "" if color is None else f"<span style='color:rgb{tuple(color)}'>&#9632;</span>"
        cells = "".join(f"<td style='{cell}'>{html.escape(text)}</td>" for text in row)
        lines.append(f"<tr><td style='{cell}'>{square}</td>{cells}</tr>")
    return f"<table style='font-size:0.75em;margin:0.4em 0.6em;border-collapse:collapse'>{''.join(lines)}</table>"


def plan_color(expert: str) -> Color:
    """Color of an expert's plan."""
    return PLAN_COLORS.get(expert, (255, 255, 255))


def sentence(text: str, color: str = "inherit") -> str:
    """A line of small text."""
    return (
        f"<div style='font-size:0.8em;padding:0.3em 0.9em;color:{color}'>{html.escape(text)}</div>"
        if text
        else ""
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _stage(stage: str) -> str:
    return "Kept" if not stage else f"Dropped: {stage}"
