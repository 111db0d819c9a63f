"""A person at the wheel as a user types it: on no screen, with keys that a test presses."""

from collections import deque

import pygame
import pytest
from pygame.event import Event

from simscale_gym.commands import drive
from simscale_gym.datagen import DataSet, opened_spec, verify
from simscale_gym.datagen.tape import Tape
from simscale_gym.sources import list_scenes
from simscale_gym.viewer.window import Window

SMALL = ("--cameras", "cam_f0", "--image-size", 18, 32, "--no-perturb", "--seed", 0)


@pytest.fixture
def run(town_cache, one_renderer_per_scene, monkeypatch, console):
    """``run(keys, *arguments)``: drives in a scene in which the ego drives, each of ``keys`` down before a picture."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    for module in (opened_spec, drive):
        monkeypatch.setattr(module, "list_scenes", lambda scenes, split, **_: list_scenes(scenes, split)[2:4])
    show = Window.show

    def run(keys, *arguments):
        left = deque([None, *keys, pygame.K_ESCAPE])  # the first picture says that things are loaded

        def shown(self, picture):
            show(self, picture)
            key = left.popleft() if left else None
            if key is not None:
                pygame.event.post(Event(pygame.KEYDOWN, key=key))

        monkeypatch.setattr(Window, "show", shown)
        return console("drive", *SMALL, *arguments)

    return run


def test_takeovers_become_a_data_set(run, tmp_path):
    pytest.importorskip("pyarrow")
    asked = ("--policy", "expert:planner", "--out", tmp_path / "seen", "--period", 0.2)
    code, out, err = run([None] * 3 + [pygame.K_UP] + [None] * 5, *asked)
    assert code == 0 and f"6 samples in {tmp_path / 'seen' / 'drive-000'}; " in out, err
    code, _, _ = run([pygame.K_w, None], *asked)
    assert code == 0
    data_set = DataSet(tmp_path / "seen")
    rows = data_set.rows.to_pylist()
    assert [part.name for part in data_set.parts] == ["drive-000", "drive-001"]
    assert {row["expert"] for row in rows} == {"person", "planner"}
    assert data_set[0].pictures["cam_f0"].shape == (18, 32, 3) and list(verify(tmp_path / "seen")) == []
    (driven,) = Tape.read(tmp_path / "seen" / "drive-000" / "policy.bin").drives
    assert driven.takeovers() == [(3, 9)]


def test_a_tape_gives_other_samples(run, console, tmp_path):
    pytest.importorskip("pyarrow")
    run([pygame.K_UP, None, None], "--out", tmp_path / "seen")
    tape = tmp_path / "seen" / "drive-000" / "policy.bin"
    told = (
        "--kind",
        "rollout",
        "--policy",
        "person",
        "--policy-file",
        tape,
        "--action",
        "control",
        "--workers",
        1,
    )
    code, _, err = console(
        "collect", *told, "--period", 0.1, "--cameras", "--out", tmp_path / "b", "--experts", "log"
    )
    assert code == 0, err
    assert {row["expert"] for row in DataSet(tmp_path / "b").rows.to_pylist()} == {"person", "log"}


def test_a_drive_that_nobody_took_over_leaves_nothing(run, tmp_path):
    pytest.importorskip("pyarrow")
    code, out, _ = run([None, None], "--policy", "constant_velocity", "--out", tmp_path / "seen")
    assert code == 0 and out == "" and list((tmp_path / "seen").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--policy", "constant_speed"), "policy: 'constant_speed' is unknown, expected constant_velocity"),
        (("--policy", "log", "--policy-file", "nowhere.pt"), "takes none"),
        (("--scenes", "/nowhere/at/all"), "/nowhere/at/all: found nothing"),
        (("--scene", "no-such-scene"), "no scene 'no-such-scene'"),
        (("--out", "TAKEN"), "found other files (notes.txt), expected a folder of data sets, or none"),
        (("--out", "TAKEN/notes.txt"), "notes.txt"),
    ],
)
def test_mistakes_are_answered_in_one_line(console, town_cache, tmp_path, monkeypatch, arguments, message):
    pytest.importorskip("pyarrow")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    given = [argument.replace("TAKEN", str(tmp_path / "taken")) for argument in arguments]
    code, _, err = console("drive", *SMALL, *given)
    assert code == 1 and err.startswith("simscale-gym: ") and message in err and "Traceback" not in err
    assert not pygame.display.get_init()


def test_a_planner_that_is_not_there_is_named(console, town_cache, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    code, _, err = console("drive", *SMALL, "--policy", "nowhere.safetensors")
    assert code == 1 and "nowhere.safetensors: found" in err


def test_without_a_screen_it_says_what_to_do(console, town_cache, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    code, _, err = console("drive")
    assert code == 1 and "no window can be opened here" in err and "xvfb-run" in err
