"""Every example runs, on a town of one scene."""

import re
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simscale_gym import futures_bank
from simscale_gym.datagen import opened_spec
from simscale_gym.envs import resources
from simscale_gym.evaluation import queries, write_suite

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def run(town_cache, town_scene, one_renderer_per_scene, monkeypatch):
    """Runs an example as a script with arguments; the town has one scene, whose street is dressed already."""
    towns_scenes = resources.list_scenes

    def one_of_the_town(scenes, split, **settings):
        if scenes != "town":
            return towns_scenes(scenes, split, **settings)
        return [ref for ref in towns_scenes(scenes, "train") if ref.id == town_scene.id]

    for module in (resources, opened_spec, queries):
        monkeypatch.setattr(module, "list_scenes", one_of_the_town)
    monkeypatch.setattr(futures_bank, "VOCABULARY_SIZE", 256)

    def run_script(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")

    return run_script


def test_there_is_no_example_without_a_test():
    tested = Path(__file__).read_text()
    assert [path.name for path in EXAMPLES.glob("*.py") if f'"{path.name}"' not in tested] == []


def test_examples_are_short():
    whole_algorithm = "11_ppo_vector.py"  # after CleanRL, in one file
    for path in EXAMPLES.glob("*.py"):
        most = 220 if path.name == whole_algorithm else 150
        assert len(path.read_text().splitlines()) < most, path.name


def test_hello(run, capsys):
    run("01_hello.py")
    out = capsys.readouterr().out
    assert "scene: town-train-000000/log-00/scene-002" in out and "cam_f0   uint8 (72, 128, 3)" in out
    assert "the expert would have done: [" in out


def test_follow_expert(run, capsys):
    run("02_follow_expert.py", "--episodes", 2, "--horizon", 1.0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(line.endswith("horizon") for line in lines[1:])


def test_collect_dagger(run, tmp_path, capsys):
    """Two rounds of a rollout each; again, nothing is driven anew."""
    pytest.importorskip("torch")
    pytest.importorskip("pyarrow")
    quick = ("--out", tmp_path, "--rounds", 2, "--clips", 1, "--steps", 5, "--episodes", 1, "--workers", 1)
    run("03_collect_dagger.py", *quick)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["DAgger", "0,"]] * 2
    assert [line.split()[:2] for line in lines[2:]] == [
        ["cloning", "0,"], ["DAgger", "0,"], ["cloning", "mean:"], ["DAgger", "mean:"]
    ]  # fmt: skip
    assert "EPDMS 0." in lines[2] and "labels: " in lines[3]
    parts = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    run("03_collect_dagger.py", *quick)
    assert (
        len(parts) == 3 and {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == parts
    )
    assert capsys.readouterr().out.splitlines() == lines


def test_own_scene(run, town_cache, capsys):
    """A .db of a nuPlan data set (the town's own), with a picture of the street."""
    database = next(town_cache.glob("town-*/**/splits/town/*.db"))
    run("04_own_scene.py", database, "--steps", 2)
    out = capsys.readouterr().out
    assert "scene-00" in out and ": 19.9 s, " in out and "after " in out


def test_own_scene_with_a_picture(run, tmp_path):
    run("04_own_scene.py", "town", "--steps", 1, "--picture", tmp_path / "p.png")
    assert np.asarray(Image.open(tmp_path / "p.png")).std() > 10


def test_own_scene_that_is_missing(run, tmp_path):
    with pytest.raises(SystemExit, match=r"cannot drive there: .*nowhere: found nothing"):
        run("04_own_scene.py", tmp_path / "nowhere")


def test_ppo(run, tmp_path, capsys):
    """An update, and another after it was broken off."""
    pytest.importorskip("stable_baselines3")
    arguments = ("--envs", 2, "--rollout", 16, "--horizon", 1.0, "--out", tmp_path)
    run("05_sb3_ppo.py", "--steps", 32, *arguments)
    run("05_sb3_ppo.py", "--steps", 64, *arguments)
    lines = (tmp_path / "curve.csv").read_text().splitlines()
    assert lines[0].startswith("steps,cpu_s") and [line.split(",")[0] for line in lines[1:]] == ["32", "64"]
    assert (tmp_path / "policy.zip").stat().st_size > 10_000 and "episodes: return" in capsys.readouterr().out


def test_sac(run, tmp_path):
    pytest.importorskip("stable_baselines3")
    quick = ("--steps", 32, "--envs", 2, "--warm-up", 16, "--horizon", 1.0)
    run("09_sb3_sac.py", *quick, "--out", tmp_path / "policy.zip")
    assert (tmp_path / "policy.zip").stat().st_size > 10_000


def test_ppo_on_a_camera(run, tmp_path):
    pytest.importorskip("stable_baselines3")
    quick = ("--steps", 8, "--envs", 1, "--rollout", 8, "--size", 36, 64)
    run("10_sb3_ppo_camera.py", *quick, "--out", tmp_path / "policy.zip")
    assert (tmp_path / "policy.zip").stat().st_size > 10_000


def test_ppo_on_the_vector_environment(run, tmp_path):
    """Two updates, the second after it was broken off; its policy gives actions."""
    torch = pytest.importorskip("torch")
    quick = ("--envs", 2, "--rollout", 10, "--minibatch", 8, "--horizon", 1.0, "--towns", 1, "--variety", 1)
    run("11_ppo_vector.py", "--steps", 40, *quick, "--out", tmp_path)
    run("11_ppo_vector.py", "--steps", 80, *quick, "--out", tmp_path)
    lines = (tmp_path / "curve.csv").read_text().splitlines()
    assert lines[0].startswith("steps,cpu_s") and [line.split(",")[0] for line in lines[1:]] == ["40", "80"]
    policy = torch.export.load(tmp_path / "policy.pt2").module()
    assert policy(torch.zeros(1, 307)).shape == (1, 2)


def test_fork_groups(run, capsys):
    """The best of a group first; advantages of a group are around zero."""
    run("12_fork_groups.py", "--groups", 1, "--size", 4, "--seconds", 0.3)
    lines = capsys.readouterr().out.splitlines()
    advantages = [float(line.split()[1]) for line in lines[1:]]
    assert len(advantages) == 4 and advantages == sorted(advantages, reverse=True)
    assert abs(sum(advantages)) < 0.1 and "the expert there: " in lines[1]


def test_render_quality(run, tmp_path, capsys):
    """High on the road, low in the house at the end of the other drive."""
    out = tmp_path / "out" / "quality.png"
    run("06_render_quality.py", "--step", 2.0, "--image-size", 36, 64, "--out", out)
    off, on = (line.split(": lowest score ") for line in capsys.readouterr().out.splitlines()[:2])
    assert float(off[1][:4]) < 0.25 < 0.9 < float(on[1][:4])
    assert off[1].split("trusted up to ")[1] < on[1].split("trusted up to ")[1] == "20.0 m"
    assert np.asarray(Image.open(out)).shape[1] == 1280


def test_own_planner(run, capsys):
    """Three drivers of one scene, of whom the own one gets through."""
    run("07_own_planner.py", "--scenes", 1, "--horizon", 6.0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    rows = {
        name: line for name in ("own", "constant velocity", "log") for line in lines if f"  {name} " in line
    }
    score = {name: float(line.split()[-2]) for name, line in rows.items()}
    assert set(score) == {"own", "constant velocity", "log"} and score["own"] > 0.5


def test_stream(run, tmp_path, capsys):
    """No worker: on macOS and Windows they would not see the patched town."""
    pytest.importorskip("torchdata")
    size = ("--image-size", 18, 32)
    run("08_stream.py", "--steps", 2, "--batch", 4, "--workers", 0, *size, "--checkpoint", tmp_path / "s.pt")
    out = capsys.readouterr().out
    assert out.count("2 of 4 simulated") == 2 and "goes on with the same samples: True" in out
    assert (tmp_path / "s.pt").stat().st_size > 10_000


def test_cotrain(run, tmp_path, small_suite, capsys, monkeypatch):
    """Two planners of two steps; again, nothing is collected or trained anew."""
    for package in ("torch", "lightning", "safetensors", "tensorboard", "pyarrow"):
        pytest.importorskip(package)
    from simscale_gym.planners import FAMILIES, ScorerConfig
    from simscale_gym.training import selection

    monkeypatch.setattr(selection, "_check_roads", lambda train, val: None)  # this town has one scene
    tiny = FAMILIES["scoring"].presets["tiny"]  # and some two hundred futures
    monkeypatch.setitem(FAMILIES["scoring"].presets, "tiny", replace(tiny, scorer=ScorerConfig(1, 64, 16)))
    write_suite(small_suite, tmp_path / "small.json")
    quick = ("--scenes", 1, "--steps", 2, "--image-size", 16, 32, "--workers", 1)
    told = ("cotrain.py", "--out", tmp_path / "out", "--suite", tmp_path / "small.json", *quick)
    run(*told)
    lines = capsys.readouterr().out.splitlines()
    (alone,) = (
        re.fullmatch(r"real: (\d+) recorded and 0 simulated samples", line)
        for line in lines
        if line.startswith("real: ")
    )
    assert 0 < int(alone[1]) < 15  # of a scene's clips, the challenging ones
    assert any(line.startswith(f"real + sim: {alone[1]} recorded and ") for line in lines)
    assert lines[-1].startswith("simulation adds ") and "points of EPDMS (95 % interval" in lines[-1]
    there = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("planner.safetensors")}
    run(*told)
    again = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("planner.safetensors")}
    assert len(there) == 2 and again == there
    assert capsys.readouterr().out.splitlines()[-1] == lines[-1]
