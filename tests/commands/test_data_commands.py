"""``collect --out``, ``verify`` and ``data`` as a user types them."""

import numpy as np
import pytest
from PIL import Image

from simscale_gym.datagen import DataSet, opened_spec
from simscale_gym.sources import list_scenes

LOG = ("--kind", "log", "--clips", 2, "--stride", 9, "--image-size", 18, 32, "--workers", 1)


@pytest.fixture(scope="module", autouse=True)
def parquet():
    pytest.importorskip("pyarrow")


@pytest.fixture
def command(town_cache, one_renderer_per_scene, monkeypatch, console):
    """Runs the command on two scenes of the town in which the ego drives; its exit code and what it printed."""

    def run(*arguments):
        monkeypatch.setattr(
            opened_spec, "list_scenes", lambda scenes, split, **_: list_scenes(scenes, split)[2:4]
        )
        monkeypatch.setenv("COLUMNS", "160")
        return console(*arguments)

    return run


@pytest.fixture
def log_set(command, tmp_path):
    code, out, err = command("collect", "--out", tmp_path / "log", *LOG)
    assert code == 0 and "2 samples in" in out and "yield" not in out
    assert "collecting: 100%" in err and "2 samples, 1.00 a clip" in err
    return tmp_path / "log"


def test_perturbed_samples_are_written_and_their_yield_printed(command, tmp_path, vocabulary):
    np.save(tmp_path / "vocabulary.npy", vocabulary.poses)
    told = (
        "--clips",
        2,
        "--stride",
        9,
        "--rounds",
        1,
        "--experts",
        "planner",
        "--workers",
        1,
        "--image-size",
        9,
        16,
    )
    folder = tmp_path / "set"
    code, out, _ = command("collect", "--out", folder, "--vocabulary", tmp_path / "vocabulary.npy", *told)
    assert code == 0 and "yield of 2 clips" in out and f"{len(DataSet(folder))} samples in" in out
    assert str(tmp_path / "vocabulary.npy") in (folder / "recipe.json").read_text()


def test_verify_says_what_is_broken_and_mends_it(command, log_set):
    code, out, _ = command("verify", log_set)
    assert code == 0 and "every file is as it was written" in out
    (shard,) = (log_set / "shards").glob("*")
    shard.unlink()
    code, out, _ = command("verify", log_set)
    assert code == 1 and f"shards/{shard.name}: missing" in out and "--repair" in out
    code, out, _ = command("verify", log_set, "--repair", "--workers", 1)
    assert code == 0 and "every file is as it was written" in out


def test_a_sheet_shows_pictures_and_views(command, log_set, tmp_path):
    code, _, _ = command("data", "show", log_set, "--out", tmp_path / "sheet.png", "--samples", 5)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert code == 0 and sheet.shape[0] == 2 * 220 + 8 and sheet.shape[1] > 3 * 220 * 32 / 18
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 500
    code, _, err = command("data", "show", log_set, "--samples", 0)
    assert code == 1 and "samples: 0, expected 1 or more" in err


def test_info_says_counts_and_origin(command, log_set):
    code, out, _ = command("data", "info", log_set)
    assert code == 0 and "2 samples of 1 scenes" in out and "log, label of log, round 1: 2" in out


def test_an_export_says_what_came_of_it_and_what_it_lacks(command, log_set, tmp_path):
    code, out, err = command("export", log_set, "--out", tmp_path / "navsim", "--workers", 1)
    assert code == 0 and "2 exported to" in out and "exporting: 2sample" in err
    assert "There are no pictures of CAM_L1" in out and "1 of 4 frames" in out
    assert len(list((tmp_path / "navsim" / "navsim_logs" / "navtrain_log").glob("*.pkl"))) == 2
    code, _, err = command("export", log_set, "--out", tmp_path / "navsim", "--ahead", 9)
    assert code == 1 and "another export lies there" in err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--format", "navhard"), "--format navhard needs --log DIR"),
        (("--log", "x"), "--log goes with --format navhard alone"),
        (("--ahead", "4"), "ahead: 4, expected 8 to 10"),
    ],
)
def test_exports_that_cannot_be_are_named(command, log_set, tmp_path, arguments, named):
    code, _, err = command("export", log_set, "--out", tmp_path / "x", *arguments)
    assert code == 1 and named in err and not (tmp_path / "x").exists()


@pytest.mark.parametrize("arguments", [("verify",), ("data", "show"), ("data", "info")])
def test_what_is_no_data_set_is_named(command, tmp_path, arguments):
    code, _, err = command(*arguments, tmp_path)
    assert code == 1 and "recipe.json: found no such file" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "either --out DIR, to write a data set, or --dry-run"),
        (("--out", "x", "--dry-run"), "either --out DIR"),
        (("--dry-run", "--kind", "log"), "--kind log searches nothing"),
        (("--out", "x", "--kind", "film"), "kind: 'film'"),
        (("--out", "x", "--kind", "rollout"), "--kind rollout needs a --policy"),
    ],
)
def test_settings_that_cannot_be_are_named(command, arguments, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = command("collect", *arguments)
    assert code == 1 and named in err and not list(tmp_path.iterdir())
