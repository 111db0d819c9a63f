"""Events of keyboards and gamepads to controls and wishes."""

import pygame
import pytest
from pygame.event import Event

from simscale_gym.driving_seat.controls import Controls
from simscale_gym.driving_seat.hands import BUTTONS, WISHES, Hands


def down(key):
    return Event(pygame.KEYDOWN, key=key)


def up(key):
    return Event(pygame.KEYUP, key=key)


@pytest.mark.parametrize(
    ("keys", "controls"),
    [
        ((pygame.K_LEFT,), Controls(steer=1.0)),
        ((pygame.K_d,), Controls(steer=-1.0)),
        ((pygame.K_LEFT, pygame.K_RIGHT), Controls()),
        ((pygame.K_w, pygame.K_a), Controls(steer=1.0, throttle=1.0)),
        ((pygame.K_DOWN,), Controls(brake=0.7)),
        ((pygame.K_SPACE, pygame.K_UP), Controls(throttle=1.0, brake=1.0)),
    ],
)
def test_keys_are_held_until_they_are_let_go(keys, controls):
    hands = Hands()
    assert hands.take(map(down, keys)) == []
    assert hands.look() == hands.look() == (controls, False)
    hands.take(map(up, keys))
    assert hands.look() == (Controls(), False)


def test_a_short_tap_counts_once():
    hands = Hands()
    hands.take([down(pygame.K_a), up(pygame.K_a)])
    assert hands.look()[0].steer == 1.0 and hands.look()[0].steer == 0.0


def test_keys_of_a_window_that_is_left_are_let_go():
    hands = Hands()
    hands.take([down(pygame.K_UP), Event(pygame.WINDOWFOCUSLOST)])
    hands.look()
    assert hands.look() == (Controls(), False)


def test_wishes_come_in_order():
    hands = Hands()
    asked = [*map(down, WISHES), Event(pygame.QUIT)]
    assert hands.take(asked) == [*WISHES.values(), "quit"]
    pressed = [Event(pygame.CONTROLLERBUTTONDOWN, button=button, instance_id=0) for button in BUTTONS]
    assert hands.take(pressed) == list(BUTTONS.values())
    assert not hands.look()[0].touched


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (down(pygame.K_BACKSPACE), up(pygame.K_BACKSPACE)),
        (
            Event(pygame.CONTROLLERBUTTONDOWN, button=pygame.CONTROLLER_BUTTON_B, instance_id=0),
            Event(pygame.CONTROLLERBUTTONUP, button=pygame.CONTROLLER_BUTTON_B, instance_id=0),
        ),
    ],
)
def test_rewinding_is_held(begin, end):
    hands = Hands()
    assert hands.take([begin]) == [] and hands.look()[1]
    hands.take([end])
    assert hands.look() == (Controls(), False)


def test_a_gamepad_drives():
    hands = Hands()

    def move(axis, share):
        hands.take([Event(pygame.CONTROLLERAXISMOTION, axis=axis, value=round(share * 32767), instance_id=0)])
        return hands.look()[0]

    assert move(pygame.CONTROLLER_AXIS_LEFTX, -1.0).steer == 1.0
    assert move(pygame.CONTROLLER_AXIS_LEFTX, 0.5).steer == pytest.approx(
        -0.25, abs=1e-3
    )  # fine around the middle
    assert not move(pygame.CONTROLLER_AXIS_LEFTX, 0.1).touched
    assert move(pygame.CONTROLLER_AXIS_TRIGGERRIGHT, 0.6).throttle == pytest.approx(0.6, abs=1e-3)
    assert move(pygame.CONTROLLER_AXIS_TRIGGERLEFT, 1.0).brake == 1.0
    hands.take([Event(pygame.CONTROLLERDEVICEREMOVED, instance_id=0)])
    assert hands.look() == (Controls(), False)
