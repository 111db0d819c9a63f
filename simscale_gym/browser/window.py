"""The window: a program of subjects in a browser, over time, with all that can be asked about a moment."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simscale_gym.agents.experts import EXPERTS
from simscale_gym.browser import panel as controls
from simscale_gym.browser.camera_views import Painter, side_by_side
from simscale_gym.browser.panel import Panel
from simscale_gym.browser.plans import JudgedPlan
from simscale_gym.browser.player import Player
from simscale_gym.browser.questions import Questions
from simscale_gym.browser.stage import Stage
from simscale_gym.browser.subject import Program, Subject
from simscale_gym.browser.viewpoint import moved_along, viewpoint
from simscale_gym.errors import SimScaleError
from simscale_gym.files.cache import cache_root
from simscale_gym.perturbation import Fates
from simscale_gym.rendering import make_renderer


@dataclass(frozen=True)
class WindowConfig:
    """What a window shows.

    Attributes:
        cameras: Names of the cameras.
        image_size: Height, width of their pictures [px].
        gaussians: Number of Gaussians that are sent to the browser at most; 0 sends none.
        experts: Experts that are asked at first.
    """

    cameras: tuple[str, ...] = ("cam_f0", "cam_l0", "cam_r0")
    image_size: tuple[int, int] = (144, 256)
    gaussians: int = 250_000
    experts: tuple[str, ...] = ("planner", "log")


class BrowserWindow:
    """What a viser server shows; callbacks of the browser and of tests come in by the same methods.

    Args:
        server: A ``viser.ViserServer``.
        program: The subjects.
        config: What is shown of them.
    """

    def __init__(self, server: Any, program: Program, config: WindowConfig) -> None:
        self.server, self.program, self.config = server, program, config
        self._work = threading.RLock()  # what is chosen, searched, asked: one after the other
        self.step = 0
        server.gui.configure_theme(
            dark_mode=True, control_width="large", show_logo=False, show_share_button=False
        )
        server.gui.main_panel.dock_right()
        server.gui.set_panel_label("simscale_gym")
        server.scene.set_up_direction("+z")
        self.panel = Panel(server.gui, program.kind, program.titles, program.first, EXPERTS, config.experts)
        self.subject: Subject | None = None
        self.stage: Stage | None = None
        self.questions: Questions | None = None
        self._painter: Painter | None = None
        self._player = Player(self.go, lambda: self.step, self._pace, lambda: self._play(False))
        self._wire()

    def choose(self, index: int) -> None:
        """Show the subject ``index``.

        Raises:
            SimScaleError: It cannot be read; the window says so, too.
        """
        with self._work:
            self._play(False)
            with self.panel.busy(f"reading {self.program.titles[index]}"):
                subject = self.program.open(index)
            if self._painter is not None:
                self._painter.stop()
            self.subject, self.step = subject, subject.first
            self.questions = Questions(self.server.scene, self.panel, subject)
            with self.server.atomic():
                self.server.scene.reset()
                self.server.scene.set_up_direction("+z")
                self.server.scene.configure_default_lights(cast_shadow=False)
                self.stage = Stage(self.server.scene, subject, self.config.cameras)
            self._reset_panel(index)
            self._look_from("Behind", self.server.get_clients().values())
            self.go(self.step)
            self._dress()

    def go(self, step: int) -> None:
        """Show state ``step``."""
        subject, stage = self.subject, self.stage
        before, self.step = self.step, min(max(step, 0), len(subject) - 1)
        with self.server.atomic():
            stage.place(self.step)
            if self.panel.follow.value and before != self.step:
                poses = (subject.states[k].ego[:3] for k in (before, self.step))
                moved_along(self.server.get_clients().values(), subject.scene, *poses)
            self._open_behind()
        now = round(self.step * subject.period, 3)
        if self.panel.time.value != now:
            self.panel.time.value = now
        if self._painter is not None:
            self._painter.ask(self.step)

    def settle(self, timeout: float = 60.0) -> bool:
        """Wait for the pictures of the present state; whether they came within ``timeout`` [s]."""
        return self._painter is None or self._painter.settle(timeout)

    def search(self) -> Fates:
        """Search perturbations that leave the log at the present moment, and show the fate of each.

        Raises:
            SceneError: The log does not last long enough from here.
        """
        with self._work:
            return self.questions.search(self.step)

    def ask(self) -> list[JudgedPlan]:
        """Have the chosen experts plan at the present moment, and show plans and subscores."""
        with self._work:
            plans = self.questions.ask(self.step)
            self.stage.put_plans(plans)
            return plans

    def close(self) -> None:
        """Stop all threads; the server is for who made it to stop."""
        self._player.pause()
        if self._painter is not None:
            self._painter.stop()

    def _dress(self) -> None:
        """Get the renderer where anything is drawn, send the Gaussians, and begin to draw pictures."""
        subject, stage, panel, config = self.subject, self.stage, self.panel, self.config
        self._painter = None
        if config.gaussians or config.cameras:
            with panel.busy("dressing the scene"):
                renderer = make_renderer(subject.scene, cache=cache_root() / "looks")
                if config.gaussians:
                    stage.put_gaussians(renderer, config.gaussians, panel.layers["Gaussians"].value)
        panel.shown.content = controls.sentence(stage.counts())
        if not config.cameras:
            return

        def paint(step: int) -> None:
            pictures = subject.pictures if step == subject.first else {}
            if not pictures:
                try:
                    frame = renderer.render([subject.moment(step)], config.cameras, config.image_size)
                except SimScaleError as error:
                    panel.say(str(error), wrong=True)
                    return
                pictures = dict(zip(frame.cameras, frame.images[0], strict=True))
            if self.stage is stage:
                self._show_pictures(stage, pictures)

        self._painter = Painter(paint)
        self._painter.ask(self.step)

    def _show_pictures(self, stage: Stage, pictures: Any) -> None:
        stage.cameras.put(pictures)
        self.panel.picture(self.server.gui, side_by_side(pictures))

    def _reset_panel(self, index: int) -> None:
        subject, panel = self.subject, self.panel
        panel.subject.value = panel.titles[index]
        panel.time.step, panel.time.max = subject.period, round((len(subject) - 1) * subject.period, 3)
        panel.about.content = f"**{subject.title}**\n\n{subject.notes}"
        panel.fates.content = controls.sentence("Nothing was searched yet.")
        panel.plans.content = controls.sentence("Nobody was asked yet.")
        panel.candidate.visible = panel.fate.visible = False
        for box in panel.stages.values():
            box.visible = False
        for layer, box in panel.layers.items():
            self._switch(layer, box.value)

    def _look_from(self, name: str, clients: Iterable[Any]) -> None:
        """Look from one of :data:`simscale_gym.browser.panel.VIEWS` in ``clients``."""
        position, look_at = self._viewpoint(name)
        self._open_behind()
        for client in clients:
            client.camera.position, client.camera.look_at = position, look_at

    def _open_behind(self) -> None:
        """Have pages that are opened from now on look at the present state."""
        initial = self.server.initial_camera
        initial.position, initial.look_at = self._viewpoint("Behind")
        initial.up = (0.0, 0.0, 1.0)

    def _viewpoint(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        return viewpoint(self.subject.scene, self.subject.states[self.step].ego[:3], name)

    def _switch(self, layer: str, visible: bool) -> None:
        if layer == "perturbations":
            if self.questions is not None:
                self.questions.show(visible)
        elif self.stage is not None:
            self.stage.show(layer, visible)

    def _wire(self) -> None:
        """Have the controls do what they say."""
        panel = self.panel
        panel.subject.on_update(self._told(lambda _: self.choose(panel.titles.index(panel.subject.value))))
        panel.time.on_update(self._told(lambda _: self._slid()))
        panel.play.on_click(lambda _: self._play(not self._player.playing))
        panel.view.on_click(lambda event: self._view(event))
        panel.search.on_click(self._told(lambda _: self.search()))
        panel.ask.on_click(self._told(lambda _: self.ask()))
        panel.candidate.on_update(lambda _: self.questions.pick(int(panel.candidate.value)))
        for layer, box in panel.layers.items():
            box.on_update(lambda _, layer=layer, box=box: self._switch(layer, box.value))
        for stage, box in panel.stages.items():
            box.on_update(lambda _, stage=stage, box=box: self.questions.show_stage(stage, box.value))

    def _told(self, do: Any) -> Any:
        """A callback of the browser's: errors of users stand in the window already."""

        def callback(event: Any) -> None:
            if getattr(event, "client_id", None) is None and getattr(event, "client", None) is None:
                return  # we moved the control ourselves
            try:
                do(event)
            except SimScaleError as error:
                self.panel.say(str(error), wrong=True)

        return callback

    def _slid(self) -> None:
        step = round(self.panel.time.value / self.subject.period)
        if step != self.step:
            self.go(step)

    def _view(self, event: Any) -> None:
        clients = self.server.get_clients().values() if event.client is None else [event.client]
        self._look_from(self.panel.view.value, clients)

    def _play(self, playing: bool) -> None:
        if playing:
            self._player.play(len(self.subject) - 1)
        else:
            self._player.pause()
        self.panel.play.label, self.panel.play.icon = (
            ("Pause", "player-pause") if playing else ("Play", "player-play")
        )

    def _pace(self) -> float:
        return float(self.panel.speed.value[:-1]) / self.subject.period
