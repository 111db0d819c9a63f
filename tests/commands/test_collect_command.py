"""``simscale-gym collect`` as a user types it."""

from dataclasses import fields

import numpy as np
import pytest

from simscale_gym import futures_bank
from simscale_gym.commands import collect as collect_command
from simscale_gym.commands.data_settings import Collect
from simscale_gym.datagen import DataSpec, RolloutSpec, make_recipe
from simscale_gym.perturbation import AlgorithmConfig
from simscale_gym.sources import list_scenes


@pytest.fixture
def collect(town_cache, town_log, monkeypatch, console):
    """Runs the command on two scenes of the town; what it printed and its exit code."""

    def run(*arguments):
        monkeypatch.setattr(futures_bank, "VOCABULARY_SIZE", 128)
        monkeypatch.setattr(
            collect_command, "list_scenes", lambda scenes, split, **_: list_scenes(scenes, split)[2:4]
        )
        monkeypatch.setenv("COLUMNS", "160")
        return console("collect", "--workers", "1", *arguments)

    return run


def test_help_says_units_and_defaults(collect):
    code, out, _ = collect("--help")
    assert code == 0 and "[s]" in out and "--dry-run" in out and "default: 100" in out


def test_a_dry_run_prints_what_there_would_be(collect):
    code, out, err = collect("--dry-run", "--clips", 2, "--rounds", 2, "--stride", 6, "--experts", "planner")
    assert code == 0 and "yield of 2 clips" in out and "63.0 %" in out
    for stage in ("clip", "bounds", "gate", "grid", "reactive", "expert", "label"):
        assert f" {stage} " in out
    assert "candidates past the gate" in out and "2/2" in err and " render " not in out


def test_pictures_are_judged_where_that_is_asked_for(collect, one_renderer_per_scene):
    judged = ("--min-render-quality", 0.25)
    code, out, _ = collect(
        "--dry-run", "--clips", 1, "--rounds", 1, "--stride", 9, "--experts", "planner", *judged
    )
    assert code == 0 and " render " in out


def test_a_wrong_vocabulary_is_named(collect, tmp_path):
    path = tmp_path / "short.npy"
    np.save(path, np.zeros((7, 8, 3)))
    code, _, err = collect("--dry-run", "--vocabulary", path)
    assert code == 1 and f"{path}: found shape (7, 8, 3)" in err and "Traceback" not in err


def test_a_vocabulary_that_fits_nowhere_is_explained(collect, tmp_path):
    """All trajectories drive backwards: nothing ends near the log."""
    path = tmp_path / "backwards.npy"
    poses = np.zeros((16, 40, 3))
    poses[..., 0] = -np.linspace(5.0, 14.0, 16)[:, None] * np.arange(1, 41) / 10.0
    np.save(path, poses)
    code, out, _ = collect("--dry-run", "--clips", 2, "--vocabulary", path, "--experts", "planner")
    assert code == 0 and "0% of 2 clips gave a sample; 2 gave none" in out
    assert "100% at the bounds" in out and "--vocabulary" in out


def test_unknown_names_are_named(collect):
    for arguments, named in (
        (("--experts", "planer"), "Did you mean 'planner'?"),
        (("--traffic", "idn"), 'Did you mean "idm"?'),
        (("--split", "training"), "split: 'training'"),
        (("--rounds", "0"), "rounds 0"),
        (("--min-render-quality", "2"), "min_render_quality: 2.0, expected 0 (draw nothing) to 1"),
        (("--assets", "nowhere"), "expected a scene asset or a folder of them"),
    ):
        code, _, err = collect("--dry-run", *arguments)
        assert code == 1 and named in err, err


def test_what_is_left_out_is_as_in_the_library(vocabulary):
    told = Collect()
    recipe = make_recipe(list_scenes("town"), ("planner",), vocabulary=vocabulary)
    for name in ("traffic", "seed", "min_render_quality", "assets"):
        assert getattr(told, name) == getattr(recipe, name), name
    for item in fields(DataSpec):
        assert item.name in ("clips", "rollout") or getattr(told, item.name) == item.default, item.name
    for item in fields(RolloutSpec):
        assert item.name == "policy" or getattr(told.rollout, item.name) == item.default, item.name
    for name in ("rounds", "stride"):
        assert getattr(told, name) == getattr(AlgorithmConfig(), name), name
