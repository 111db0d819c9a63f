"""The commands as a user types them."""

import subprocess
import sys

import imageio.v2 as imageio
import numpy as np
import pytest
from PIL import Image

from simscale_gym.commands import town as town_export
from simscale_gym.commands.settings import COMMANDS
from simscale_gym.sources import list_scenes, load_scene

FIRST = "town-train-000000/log-00/scene-002"


def test_help_names_the_commands(console):
    code, out, _ = console("--help")
    assert code == 0 and all(name in out for name in COMMANDS)


@pytest.mark.parametrize("name", ["demo", "town"])
def test_help_of_a_command_says_units_and_defaults(console, name):
    code, out, _ = console(name, "--help")
    assert code == 0 and "--out" in out and "default" in out and ("[s]" in out or "[pixel]" in out)


def test_demo_films_and_tabulates(console, town_cache, one_renderer_per_scene, tmp_path):
    code, out, _ = console(
        "demo", "--out", tmp_path / "film", "--scene", FIRST, "--image-size", 36, 64, "--horizon", "1.0"
    )
    assert code == 0
    with imageio.get_reader(tmp_path / "film" / "demo.mp4") as reader:
        assert sum(1 for _ in reader) == 11  # the start and ten steps
    assert np.asarray(Image.open(tmp_path / "film" / "demo.png")).std() > 10
    assert {p.name for p in (tmp_path / "film").iterdir()} == {"demo.mp4", "demo.png"}
    for line in (
        "steps",
        "ended by: horizon",
        "perturbed: True",
        "reward: progress",
        "expert: valid plans",
        "steps/s",
    ):
        assert line in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("demo", "--scenes", "/nowhere/at/all"), "/nowhere/at/all: found nothing"),
        (("demo", "--split", "trian"), "split: 'trian', expected one of train"),
        (("demo", "--scene", "no-such-scene"), "no scene 'no-such-scene'"),
        (("demo", "--image-size", "0", "64"), "image_size: (0, 64), expected"),
        (("demo", "--horizon", "-1"), "horizon: -1.0 s, expected"),
        (("town", "--out", "OUT", "--logs", "0"), "logs: 0, expected at least 1"),
        (("town", "--out", "OUT", "--seed", "-4"), "seed: -4"),
        (("train", "--out", "OUT", "--real", "x", "--steps", "0"), "steps: 0, expected 1 or more"),
    ],
)
def test_mistakes_are_answered_in_one_line(console, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = console(*(str(tmp_path / "out") if a == "OUT" else a for a in arguments))
    assert code == 1
    assert err.startswith("simscale-gym: ") and message in err and len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_command_is_answered(console):
    code, out, err = console("dmeo")
    assert code == 2 and "dmeo" in out + err


def test_mistakes_end_the_process_with_1(tmp_path):
    script = "import sys; from simscale_gym.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "demo", "--scenes", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.startswith(
        f"simscale-gym: {tmp_path}: found a folder in which no source finds scenes (it is empty)"
    )
    assert "Traceback" not in done.stderr


def test_a_town_is_written_that_can_be_driven(console, tmp_path):
    code, out, _ = console("town", "--out", tmp_path / "town", "--seed", 3, "--logs", 1)
    assert code == 0 and f"open it with scenes='{tmp_path / 'town'}'" in out
    refs = list_scenes(tmp_path / "town")
    assert len(refs) == 5
    scene = load_scene(refs[0])
    assert scene.num_frames == 200 and len(scene.tracks) > 10 and scene.shapes is not None
    assert list(tmp_path.iterdir()) == [tmp_path / "town"]
    code, _, err = console("town", "--out", tmp_path / "town", "--seed", 4)
    assert code == 1 and "is not empty" in err


class Written:
    """A data set that nobody wrote."""

    logs = ()


def test_pictures_are_asked_for_by_size(console, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(town_export, "write_town_dataset", lambda *_, **told: asked.append(told) or Written)
    console("town", "--out", tmp_path, "--images", "--image-size", 90, 160)
    console("town", "--out", tmp_path)
    assert [told["image_size"] for told in asked] == [(90, 160), None]
    assert asked[0]["render"] is not None and asked[1]["render"] is None


def test_pictures_of_a_log_come_from_all_cameras(town_scene, one_renderer_per_scene):
    pictures = town_export.LogPictures((24, 40))
    first, later = pictures(town_scene, 0), pictures(town_scene, 100)
    assert set(first) == set(town_scene.rig.cameras) and len(first) == 8
    assert all(image.shape == (24, 40, 3) and image.dtype == np.uint8 for image in first.values())
    assert (first["cam_f0"] != later["cam_f0"]).any() and (first["cam_f0"] != first["cam_b0"]).any()
