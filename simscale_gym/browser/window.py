"""The window: a program of subjects in a browser, over time, with all that can be asked about a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simscale_gym.agents.experts import EXPERTS, make_expert, needs_bank
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.browser import panel as controls
from simscale_gym.browser.camera_views import Painter, side_by_side
from simscale_gym.browser.fates import COLORS, FateLines, fate_rows
from simscale_gym.browser.panel import Panel
from simscale_gym.browser.plans import JudgedPlan, judged_plans
from simscale_gym.browser.stage import Stage
from simscale_gym.browser.subject import Program, Subject
from simscale_gym.browser.viewpoint import moved_along, viewpoint
from simscale_gym.errors import SimScaleError
from simscale_gym.files.cache import cache_root
from simscale_gym.futures_bank import bank_of, vocabulary_for
from simscale_gym.perturbation import Fates, clip_fates
from simscale_gym.rendering import make_renderer
from simscale_gym.scene import DT


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
        self.step, self.playing, self._over = 0, False, False
        self._bank: Any = None
        server.gui.configure_theme(
            dark_mode=True, control_width="large", show_logo=False, show_share_button=False
        )
        server.gui.main_panel.dock_right()
        server.gui.set_panel_label("simscale_gym")
        server.scene.set_up_direction("+z")
        self.panel = Panel(server.gui, program.kind, program.titles, program.first, EXPERTS, config.experts)
        self.subject: Subject | None = None
        self.stage: Stage | None = None
        self.fates: Fates | None = None
        self._lines: FateLines | None = None
        self._painter: Painter | None = None
        self._wire()

    def choose(self, index: int) -> None:
        """Show the subject ``index``.

        Raises:
            SimScaleError: It cannot be read; the window says so, too.
        """
        with self._work:
            self.playing = False
            with self.panel.busy(f"reading {self.program.titles[index]}"):
                subject = self.program.open(index)
            if self._painter is not None:
                self._painter.stop()
            self.fates = self._lines = None
            self.subject, self.step = subject, subject.first
            with self.server.atomic():
                self.server.scene.reset()
                self.server.scene.set_up_direction("+z")
                self.server.scene.configure_default_lights(cast_shadow=False)
                self.stage = Stage(self.server.scene, subject, self.config.cameras)
            self._reset_panel()
            self._look_from(*viewpoint(subject.scene, subject.states[self.step].ego[:3], "Behind"))
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
            subject, frame = self.subject, self.subject.states[self.step].frame
            with self.panel.busy(f"searching perturbations at {frame * DT:.1f} s"):
                expert, traffic = PlannerExpert(), make_traffic("idm")
                self.fates = clip_fates(subject.scene, frame, self._vocabulary, expert, traffic)
            self._show_fates()
            return self.fates

    def ask(self) -> list[JudgedPlan]:
        """Have the chosen experts plan at the present moment, and show plans and subscores."""
        with self._work:
            names = [name for name, box in self.panel.experts.items() if box.value]
            with self.panel.busy(f"planning at {self.subject.time(self.step):.1f} s"):
                bank = self._human_futures() if any(map(needs_bank, names)) else None
                experts = [make_expert(name, bank if needs_bank(name) else None) for name in names]
                plans = judged_plans(self.subject, self.step, experts)
            self.stage.put_plans(plans)
            self.panel.plans.content = _plan_table(plans, self.subject.time(self.step))
            return plans

    def close(self) -> None:
        """Stop all threads; the server is for who made it to stop."""
        self._over = True
        if self._painter is not None:
            self._painter.stop()

    @cached_property
    def _vocabulary(self) -> Any:
        return vocabulary_for([self.subject.ref])

    def _human_futures(self) -> Any:
        if self._bank is None:
            self._bank = bank_of([self.subject.ref])
        return self._bank

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

    def _show_fates(self) -> None:
        panel, fates = self.panel, self.fates
        if self._lines is not None:
            self._lines.remove()
        with self.server.atomic():
            self._lines = FateLines(self.server.scene, self.subject.scene, fates)
            for stage, box in panel.stages.items():
                box.visible = bool((fates.stages == stage).any())
                self._lines.show_stage(stage, box.value)
            self._lines.show(panel.layers["perturbations"].value)
        rows = fate_rows(fates)
        panel.fates.content = controls.table(
            ("stage", "", "most often for"), [row[1:] for row in rows], [COLORS.get(row[0]) for row in rows]
        )
        panel.candidate.max = len(fates.stages)
        panel.candidate.visible = panel.fate.visible = True

    def _reset_panel(self) -> None:
        subject, panel = self.subject, self.panel
        panel.subject.value = panel.titles[self.program.titles.index(subject.title)]
        panel.time.step, panel.time.max = subject.period, round((len(subject) - 1) * subject.period, 3)
        panel.about.content = f"**{subject.title}**\n\n{subject.notes}"
        panel.fates.content = controls.sentence("Nothing was searched yet.")
        panel.plans.content = controls.sentence("Nobody was asked yet.")
        panel.candidate.visible = panel.fate.visible = False
        for box in panel.stages.values():
            box.visible = False
        for layer, box in panel.layers.items():
            self._switch(layer, box.value)

    def _look_from(self, position: np.ndarray, look_at: np.ndarray) -> None:
        initial = self.server.initial_camera
        initial.position, initial.look_at, initial.up = position, look_at, (0.0, 0.0, 1.0)
        for client in self.server.get_clients().values():
            client.camera.position, client.camera.look_at = position, look_at

    def _switch(self, layer: str, visible: bool) -> None:
        if layer == "perturbations":
            if self._lines is not None:
                self._lines.show(visible)
        elif self.stage is not None:
            self.stage.show(layer, visible)

    def _wire(self) -> None:
        """Have the controls do what they say."""
        panel = self.panel
        panel.subject.on_update(self._told(lambda _: self.choose(panel.titles.index(panel.subject.value))))
        panel.time.on_update(self._told(lambda _: self._slid()))
        panel.play.on_click(lambda _: self._play(not self.playing))
        panel.view.on_click(lambda event: self._view(event))
        panel.search.on_click(self._told(lambda _: self.search()))
        panel.ask.on_click(self._told(lambda _: self.ask()))
        panel.candidate.on_update(lambda _: self._pick(int(panel.candidate.value)))
        for layer, box in panel.layers.items():
            box.on_update(lambda _, layer=layer, box=box: self._switch(layer, box.value))
        for stage, box in panel.stages.items():
            box.on_update(
                lambda _, stage=stage, box=box: self._lines and self._lines.show_stage(stage, box.value)
            )

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

    def _pick(self, number: int) -> None:
        if self._lines is not None and number:
            order = np.argsort(
                [list(COLORS).index(stage) for stage in self.fates.stages.tolist()], kind="stable"
            )
            self.panel.fate.content = controls.sentence(self._lines.pick(int(order[number - 1])))

    def _view(self, event: Any) -> None:
        position, look_at = viewpoint(
            self.subject.scene, self.subject.states[self.step].ego[:3], self.panel.view.value
        )
        clients: Sequence[Any] = (
            [event.client] if event.client is not None else list(self.server.get_clients().values())
        )
        for client in clients:
            client.camera.position, client.camera.look_at = position, look_at

    def _play(self, playing: bool) -> None:
        self.playing = playing
        self.panel.play.label, self.panel.play.icon = (
            ("Pause", "player-pause") if playing else ("Play", "player-play")
        )
        if playing:
            threading.Thread(target=self._run, name="play", daemon=True).start()

    def _run(self) -> None:
        """Go on at the pace of the clock, from the beginning where the end is reached."""
        if self.step == len(self.subject) - 1:
            self.go(0)
        subject, began, first = self.subject, time.monotonic(), self.step
        speed = self.panel.speed.value
        while self.playing and not self._over and self.subject is subject and self.step < len(subject) - 1:
            if speed != self.panel.speed.value:
                speed, began, first = self.panel.speed.value, time.monotonic(), self.step
            pace = float(speed[:-1]) / subject.period
            due = first + int((time.monotonic() - began) * pace)
            if due > self.step:
                self.go(due)
            time.sleep(max(0.005, began + (self.step + 1 - first) / pace - time.monotonic()))
        if self.subject is subject and self.playing:
            self._play(False)


def _plan_table(plans: Sequence[JudgedPlan], at: float) -> str:
    if not plans:
        return controls.sentence("No expert is ticked.")
    codes = list(plans[0].subscores())
    rows = [
        [
            plan.expert + ("" if plan.plan.valid else " (not valid)"),
            *(f"{value:.2f}" for value in plan.subscores().values()),
        ]
        for plan in plans
    ]
    colors = [controls.plan_color(plan.expert) for plan in plans]
    note = f"Plans at {at:.1f} s, driven for 4 s among the others; 1 is best."
    return controls.table(("expert", *codes), rows, colors) + controls.sentence(note)
