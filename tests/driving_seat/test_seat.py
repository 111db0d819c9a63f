"""The window, on no screen, with events that a test posts."""

from collections import deque

import numpy as np
import pygame
import pytest
from pygame.event import Event

from simscale_gym.driving_seat.picture import SIZE, notice_picture, seat_picture
from simscale_gym.driving_seat.seat import Seat, pace
from simscale_gym.errors import DisplayError
from simscale_gym.viewer.window import Window


@pytest.fixture
def no_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture
def play(no_screen, monkeypatch):
    """``play(session, events)``: drives, posting a list of events before each picture, then quits; the pictures."""

    def run(session, events):
        seat, pictures, left = Seat("test"), [], deque([*events, [Event(pygame.QUIT)]])
        show = Window.show

        def shown(self, picture):
            pictures.append(picture)
            show(self, picture)
            for event in left.popleft() if left else []:
                pygame.event.post(event)

        with monkeypatch.context() as patch:
            patch.setattr(Window, "show", shown)
            seat.drive(session)
        seat.close()
        assert not pygame.display.get_init()
        return pictures

    return run


def down(key):
    return Event(pygame.KEYDOWN, key=key)


def up(key):
    return Event(pygame.KEYUP, key=key)


def test_a_person_drives_pauses_goes_back_and_quits(make_session, play):
    seat = make_session()
    steps = []
    tick = seat.tick
    seat.tick = lambda controls: (tick(controls), steps.append((seat.mode, seat.env.sim_state.frame)))
    begun = seat.env.sim_state.frame
    pictures = play(
        seat,
        [
            [],
            [down(pygame.K_UP)],
            [],
            [up(pygame.K_UP), down(pygame.K_p)],
            [],
            [down(pygame.K_PERIOD)],
            [down(pygame.K_p)],
            [],
            [down(pygame.K_BACKSPACE)],
            [up(pygame.K_BACKSPACE)],
        ],
    )
    modes, frames = zip(*steps, strict=True)
    assert modes == ("waits", "drives", "drives", "paused", "paused", "drives", "drives", "waits")
    assert [frame - begun for frame in frames] == [0, 1, 2, 2, 2, 4, 5, 3]
    assert all(picture.shape == (SIZE[1], SIZE[0], 3) for picture in pictures)
    assert (pictures[0] == pictures[1]).all()
    assert (pictures[0] != pictures[3]).any() and (pictures[0] == pictures[3]).mean() > 0.2


def test_next_start_says_what_is_being_made(make_session, play):
    seat = make_session()
    first = seat.info["state_hash"]
    pictures = play(seat, [[down(pygame.K_RETURN)], [down(pygame.K_RETURN), down(pygame.K_UP)]])
    assert seat.info["state_hash"] != first
    assert (
        seat.mode == "waits" and len(pictures) == 3
    )  # keys that were pressed meanwhile were not meant for it
    np.testing.assert_array_equal(pictures[1], notice_picture("Next start", seat.env.scene.id))


def test_a_policy_gives_way_to_a_touch(make_session, play, straight):
    seat = make_session(policy=straight, name="straight")
    play(seat, [[], [down(pygame.K_a), up(pygame.K_a)], [], [down(pygame.K_g)], []])
    assert seat._by_person == [False, True, True, False, False]


def differing(one, two):
    """Share of the pixels of each of the four corners of the window that differ: top, left, panel, keys."""
    apart = (one != two).any(2)
    return apart[:240].mean(), apart[240:690, :888].mean(), apart[240:690, 888:].mean(), apart[690:].mean()


def test_the_picture_shows_who_drives_and_how(make_session, straight, tmp_path):
    alone, both = make_session(), make_session(policy=straight, name="straight")
    assert differing(seat_picture(alone, 1.0), seat_picture(both, 1.0))[3] > 0.01  # the key that gives back
    policy = seat_picture(both, 1.0)
    both.by_person = True
    assert differing(policy, seat_picture(both, 1.0))[2] > 0.05
    assert differing(seat_picture(both, 0.5), seat_picture(both, 1.0))[2] > 0.001  # slow motion is said
    both.pause()
    assert differing(policy, seat_picture(both, 1.0))[1] > 0.02
    taped = make_session(tape=tmp_path / "tape.json")
    assert differing(seat_picture(taped, 1.0), seat_picture(alone, 1.0))[2] > 0.001


def test_the_picture_shows_the_cameras(make_session, one_renderer_per_scene):
    sight = {"observation": ("camera", "state"), "cameras": ("cam_f0", "cam_r0"), "image_size": (36, 64)}
    seat = make_session(sight=sight)
    picture = seat_picture(seat, 1.0)
    width = round(64 * 240 / 36)
    left = (SIZE[0] - 2 * width) // 2
    front = picture[:240, left : left + width].reshape(30, 8, -1, 3).mean(1)
    drawn = np.repeat(seat.observation["cam_f0"], 1, 0)
    assert abs(front[:5].mean() - drawn[:6].mean()) < 12 and abs(front[-5:].mean() - drawn[-6:].mean()) < 12
    assert picture[:240, : left - 1].std(axis=(0, 1)).max() == 0.0


def test_names_of_any_length_have_room(make_session, straight):
    seat = make_session(
        policy=straight, name="a/very/long/path/to/some/folder/of/policies/file.py:callable" * 2
    )
    assert seat_picture(seat, 0.01).shape == (720, 1280, 3)


def test_pace():
    assert pace(deque()) == pace(deque([3.0])) == 1.0
    assert pace(deque([0.0, 0.1, 0.2])) == pytest.approx(1.0)
    assert pace(deque([0.0, 0.4, 0.8])) == pytest.approx(0.25)


def test_no_screen_is_told(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    with pytest.raises(
        DisplayError, match=r"no window can be opened here \(.*\)\. Run it on a machine with a screen"
    ):
        Seat("test")
