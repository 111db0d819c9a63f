"""Rollouts and episodes as a user types them."""

import pytest

from simscale_gym import futures_bank
from simscale_gym.datagen import DataSet, opened_spec
from simscale_gym.sources import list_scenes


@pytest.fixture
def run(town_cache, monkeypatch, console):
    """Runs a command on two scenes of the town; its exit code and what it printed."""

    def run(*arguments):
        monkeypatch.setattr(futures_bank, "VOCABULARY_SIZE", 128)
        monkeypatch.setattr(
            opened_spec, "list_scenes", lambda scenes, split, **_: list_scenes(scenes, split)[2:4]
        )
        return console(*arguments)

    return run


ROLLOUT = (
    "collect",
    "--kind",
    "rollout",
    "--cameras",
    "--experts",
    "planner",
    "--workers",
    1,
    "--horizon",
    1,
)


def test_rollouts(run, tmp_path):
    pytest.importorskip("pyarrow")
    asked = (*ROLLOUT, "--out", tmp_path / "a", "--clips", 2, "--rounds", 1, "--stride", 9, "--beta", 0.4)
    code, out, err = run(*asked, "--policy", "constant_velocity", "--action", "control", "--period", 0.2)
    assert code == 0 and "2 rollouts ended: " in out and "samples" in err
    rollout = DataSet(tmp_path / "a").recipe["spec"]["rollout"]
    assert (rollout["beta"], rollout["action"], rollout["period"]) == (0.4, "control", 0.2)
    code, out, _ = run("data", "info", tmp_path / "a")
    assert code == 0 and "rollout, label of planner, round 1: " in out
    code, _, _ = run("data", "show", tmp_path / "a", "--out", tmp_path / "sheet.png", "--samples", 2)
    assert code == 0 and (tmp_path / "sheet.png").stat().st_size > 10_000


def test_what_is_wrong_with_rollouts_is_named(run, tmp_path):
    for wrong, said in (
        ((), "--kind rollout needs a --policy"),
        (("--policy", "constant_speed"), "'constant_speed' is unknown"),
        (("--policy", "nowhere:make"), "module 'nowhere' cannot be imported"),
        (("--policy", "log", "--dry-run"), "either --out DIR"),
    ):
        code, _, err = run(*ROLLOUT, "--out", tmp_path / "a", *wrong)
        assert code == 1 and said in err and "Traceback" not in err
    code, _, err = run("collect", "--out", tmp_path / "a", "--policy", "log")
    assert code == 1 and "settings of a policy beside --kind perturbed" in err


def test_episodes(run, tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    asked = ("episodes", "simscale/typed-v0", "--episodes", 2, "--horizon", 0.3, "--experts", "log")
    code, out, _ = run(*asked, "--policy", "expert:planner")
    assert code == 0 and "6 new steps; minari.load_dataset('simscale/typed-v0') opens all 2 episodes." in out
    data_set = minari.load_dataset("simscale/typed-v0")
    assert data_set.total_steps == 6 and data_set.storage.metadata["algorithm_name"] == "expert:planner"
    assert "expert.log.valid" in data_set[0].infos
    code, _, err = run(*asked, "--policy", "log")
    assert code == 1 and "typed-v0 exists and holds other episodes" in err
