"""Keys, sticks and buttons of pygame's events to controls and wishes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pygame
from pygame._sdl2 import controller

from simscale_gym.driving_seat.controls import Controls

_LEFT, _RIGHT = {pygame.K_LEFT, pygame.K_a}, {pygame.K_RIGHT, pygame.K_d}
_THROTTLE, _BRAKE, _FULL_BRAKE = {pygame.K_UP, pygame.K_w}, {pygame.K_DOWN, pygame.K_s}, {pygame.K_SPACE}
_EASY = 0.7  # of the brake: what the key for it gives
_MOST = 32767  # of an axis

WISHES = {
    pygame.K_p: "pause", pygame.K_PERIOD: "step", pygame.K_g: "give back", pygame.K_r: "restart",
    pygame.K_RETURN: "next start", pygame.K_KP_ENTER: "next start", pygame.K_n: "next scene", pygame.K_ESCAPE: "quit",
}  # fmt: skip
"""What is asked for once, by key."""
BUTTONS = {
    pygame.CONTROLLER_BUTTON_START: "pause", pygame.CONTROLLER_BUTTON_RIGHTSHOULDER: "step",
    pygame.CONTROLLER_BUTTON_Y: "give back", pygame.CONTROLLER_BUTTON_BACK: "restart",
    pygame.CONTROLLER_BUTTON_A: "next start", pygame.CONTROLLER_BUTTON_X: "next scene",
}  # fmt: skip
"""The same, by button of a gamepad."""
_REWIND_KEY, _REWIND_BUTTON = pygame.K_BACKSPACE, pygame.CONTROLLER_BUTTON_B


@dataclass
class Hands:
    """What a person holds, from event to event.

    A key that was let go before anybody looked counts as held once, so that short taps steer.
    """

    _held: set[int] = field(default_factory=set)
    _tapped: set[int] = field(default_factory=set)
    _axes: dict[int, float] = field(default_factory=dict)
    _pads: dict[int, controller.Controller] = field(default_factory=dict)

    def take(self, events: Iterable[pygame.event.Event]) -> list[str]:
        """Note ``events``; what they wish for, in order."""
        wishes = []
        for event in events:
            if event.type == pygame.QUIT:
                wishes.append("quit")
            elif event.type == pygame.KEYDOWN:
                self._held.add(event.key)
                self._tapped.add(event.key)
                wishes += [WISHES[event.key]] if event.key in WISHES else []
            elif event.type == pygame.KEYUP:
                self._held.discard(event.key)
            elif event.type == pygame.WINDOWFOCUSLOST:
                self._held.clear()
            else:
                wishes += self._take_pad(event)
        return wishes

    def look(self) -> tuple[Controls, bool]:
        """What the person does now, and whether they hold rewinding."""
        keys = self._held | self._tapped
        self._tapped = set()
        down: Callable[[set[int]], float] = lambda some: float(bool(keys & some))  # noqa: E731
        stick, push, pull = (self._axes.get(axis, 0.0) for axis in _AXES)
        controls = Controls(
            steer=max(-1.0, min(1.0, down(_LEFT) - down(_RIGHT) - stick * abs(stick))),
            throttle=max(down(_THROTTLE), push),
            brake=max(_EASY * down(_BRAKE), down(_FULL_BRAKE), pull),
        )
        return controls, bool(keys & {_REWIND_KEY, -1 - _REWIND_BUTTON})

    def _take_pad(self, event: pygame.event.Event) -> list[str]:
        """Pads are opened as they are plugged in; their buttons are held under numbers below those of keys."""
        if event.type == pygame.CONTROLLERDEVICEADDED:
            pad = controller.Controller(event.device_index)
            self._pads[pad.id] = pad
        elif event.type == pygame.CONTROLLERDEVICEREMOVED:
            self._pads.pop(event.instance_id, None)
            self._axes.clear()
        elif event.type == pygame.CONTROLLERAXISMOTION:
            self._axes[event.axis] = max(-1.0, event.value / _MOST)
        elif event.type == pygame.CONTROLLERBUTTONDOWN:
            self._held.add(-1 - event.button)
            return [BUTTONS[event.button]] if event.button in BUTTONS else []
        elif event.type == pygame.CONTROLLERBUTTONUP:
            self._held.discard(-1 - event.button)
        return []


_AXES = (
    pygame.CONTROLLER_AXIS_LEFTX,
    pygame.CONTROLLER_AXIS_TRIGGERRIGHT,
    pygame.CONTROLLER_AXIS_TRIGGERLEFT,
)
