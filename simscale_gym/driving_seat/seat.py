"""The window around a session: shows it ten times a second, hands on what the person does."""

from __future__ import annotations

import time
from collections import deque

import pygame
from pygame._sdl2 import controller

from simscale_gym.driving_seat.hands import Hands
from simscale_gym.driving_seat.picture import notice_picture, seat_picture
from simscale_gym.driving_seat.session import Session
from simscale_gym.scene import DT
from simscale_gym.viewer.window import Window

_BACK = 2  # steps that are taken back while a step would take
_MEASURED = 20  # steps over which the pace is measured


class Seat:
    """A window with a driver in front of it.

    Args:
        title: Title of the window.

    Raises:
        DisplayError: There is no screen.
    """

    def __init__(self, title: str) -> None:
        self._window, self._hands = Window(round(1 / DT), title), Hands()
        self.say("Loading", "scenes, human futures and the street's look; the first time takes longest")
        controller.init()

    def say(self, title: str, more: str = "") -> None:
        """Show words, while something takes long."""
        self._window.show(notice_picture(title, more))

    def drive(self, session: Session) -> None:
        """Let the person drive until they quit."""
        times: deque[float] = deque(maxlen=_MEASURED)
        while True:
            self._window.show(seat_picture(session, pace(times)))
            wishes = self._hands.take(pygame.event.get())
            if "quit" in wishes:
                return
            controls, back = self._hands.look()
            for wish in wishes:
                self._grant(wish, session)
            if back:
                session.rewind(_BACK)
            elif "step" in wishes:
                session.single_step(controls)
            else:
                session.tick(controls)
            if wishes or back or session.mode != "drives":
                times.clear()
            times.append(time.perf_counter())

    def close(self) -> None:
        """Close the window."""
        controller.quit()
        self._window.close()

    def _grant(self, wish: str, session: Session) -> None:
        if wish == "next scene":
            self.say("Next scene", session.next_scene_id)
        elif wish == "next start":
            self.say("Next start", session.env.scene.id)
        does = {
            "pause": session.pause,
            "give back": session.give_back,
            "restart": session.restart,
            "next start": session.next_start,
            "next scene": session.next_scene,
        }
        if wish in does:
            does[wish]()
        if wish.startswith("next"):
            pygame.event.clear(pygame.KEYDOWN)  # pressed while one waited, not meant for the new drive


def pace(times: deque[float]) -> float:
    """Simulated seconds in a second, when steps were shown at ``times`` [s]; 1 until two have been."""
    if len(times) < 2:
        return 1.0
    return (len(times) - 1) * DT / (times[-1] - times[0])
