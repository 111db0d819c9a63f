"""Nothing is lost and nothing comes twice, whenever and however a run ends."""

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simscale_gym.datagen import DataSet, DataSpec, SceneReport, scene_samples, write_data_set, writing
from simscale_gym.datagen.layout import MANIFEST, RECIPE
from simscale_gym.errors import ArgumentError, DataError, SceneError

KILLS = 5  # python benchmarks/collect.py --kills 200 does it more often


def content(folder):
    """Every file of a data set, but what killed runs left in hidden folders."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def write(folder, spec, **settings):
    return list(write_data_set(folder, spec, workers=1, **settings))


def test_a_second_run_changes_nothing(written, data_spec):
    before = {path: path.stat().st_mtime_ns for path in (written / "shards").glob("*")}
    was = content(written)
    reports = write(written, data_spec)
    assert [report.seconds for report in reports] == [0.0, 0.0] and content(written) == was
    assert sum(report.head.telemetry.clips for report in reports) == 4
    assert {path: path.stat().st_mtime_ns for path in (written / "shards").glob("*")} == before


def test_a_run_that_was_broken_off_goes_on_where_it_was(log_spec, log_written, tmp_path):
    run = write_data_set(tmp_path / "a", log_spec, workers=1)
    first = next(run)
    run.close()
    assert not (tmp_path / "a" / MANIFEST).exists()
    reports = write(tmp_path / "a", log_spec)
    assert [report.seconds > 0 for report in reports] == [False, True]
    assert all(reports[1].spent[part] > 0 for part in ("search", "draw", "pack", "write"))
    assert reports[0].samples == first.samples
    assert content(tmp_path / "a") == content(log_written)


@pytest.mark.parametrize("lost", ["rows", "shards"])
def test_half_a_scene_is_made_again(log_spec, log_written, tmp_path, lost):
    write(tmp_path / "a", log_spec)
    (path, *_) = sorted((tmp_path / "a" / lost).glob("*"))
    path.unlink()
    write(tmp_path / "a", log_spec)
    assert content(tmp_path / "a") == content(log_written)


def started(folder, *settings):
    """The command in a process of its own."""
    code = "import sys; from simscale_gym.cli import main; print(flush=True); main()"
    told = [
        "--kind",
        "log",
        "--clips",
        "6",
        "--stride",
        "5",
        "--image-size",
        "9",
        "16",
        "--cameras",
        "cam_f0",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", code, "collect", *told, "--out", str(folder), *settings],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def undisturbed(town_cache, tmp_path_factory):
    """A data set that the command wrote in one go, and how long that took [s]."""
    pytest.importorskip("pyarrow")
    parent = tmp_path_factory.mktemp("undisturbed")
    for name in ("first", "log"):  # the first one dresses scenes
        began = time.monotonic()
        assert started(parent / name, "--workers", "1").wait() == 0
    return parent / "log", time.monotonic() - began


def test_workers_write_the_same(undisturbed, tmp_path):
    assert started(tmp_path / "two", "--workers", "2").wait() == 0
    assert len(content(tmp_path / "two")) > 8 and content(tmp_path / "two") == content(undisturbed[0])


def test_killed_at_any_moment_it_ends_in_the_same_data_set(undisturbed, tmp_path):
    whole, took = undisturbed
    rng = np.random.default_rng()
    for _ in range(KILLS):
        with started(tmp_path / "killed", "--workers", "1") as run:
            run.stdout.readline()
            time.sleep(rng.uniform(0.2, 1.0) * took)
            run.kill()
    assert started(tmp_path / "killed").wait() == 0
    assert content(tmp_path / "killed") == content(whole)
    keys = DataSet(tmp_path / "killed").rows.column("key").to_pylist()
    assert len(keys) == len(set(keys)) == 6


def test_workers_end_with_the_run_that_started_them(undisturbed, tmp_path):
    with started(tmp_path / "two", "--workers", "2") as run:
        task = Path(f"/proc/{run.pid}/task/{run.pid}/children")
        while (
            len(children := task.read_text().split()) < 3 and run.poll() is None
        ):  # two, and who tracks resources
            time.sleep(0.02)
        run.kill()
    ends = time.monotonic() + 30
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < ends:
        time.sleep(0.05)
    assert children and not any(Path(f"/proc/{child}").exists() for child in children)


def test_two_collectors_do_not_meet(log_spec, log_written):
    with writing.held(log_written), pytest.raises(DataError, match="another collector at work"):
        write(log_written, log_spec)
    assert write(log_written, log_spec)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"seed": 3}, "seed is 0, asked for was 3"), ({"image_size": (10, 16)}, r"image_size is \[9, 16\]")],
)
def test_another_recipe_is_refused(log_spec, log_written, change, named):
    was = content(log_written)
    with pytest.raises(ArgumentError, match=named):
        write(log_written, replace(log_spec, **change))
    assert content(log_written) == was


def test_a_recipe_that_gave_nothing_yet_gives_way(log_spec, log_written, tmp_path):
    with pytest.raises(ArgumentError, match="'cam_x' is not on this rig"):
        write(tmp_path / "a", replace(log_spec, cameras=("cam_x",)))
    assert set(content(tmp_path / "a")) == {RECIPE}
    write(tmp_path / "a", log_spec)
    assert content(tmp_path / "a") == content(log_written)


def test_another_version_is_refused(log_spec, log_written, monkeypatch):
    monkeypatch.setattr(writing, "__version__", "99.0")
    with pytest.raises(ArgumentError, match=r"version is .*, asked for was 99\.0"):
        write(log_written, log_spec)


def test_a_folder_of_other_things_is_left_alone(log_spec, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match=r"found other files \(thesis\.tex\)"):
        write(tmp_path, log_spec)
    assert content(tmp_path) == {"thesis.tex": b"x"}


def test_a_file_is_no_folder(log_spec, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        write(tmp_path / "file", log_spec)


def test_a_full_disk_leaves_what_is_whole(log_spec, log_written, tmp_path):
    """The system lets files grow to 16 KB only: the first shard ends in mid-sample."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, before[1]))
        with pytest.raises(DataError, match="cannot be written"):
            write(tmp_path / "a", log_spec)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert set(content(tmp_path / "a")) == {RECIPE}
    write(tmp_path / "a", log_spec)
    assert content(tmp_path / "a") == content(log_written)


def test_a_scene_is_dressed_once_and_few_samples_are_in_memory(log_spec, tmp_path, monkeypatch):
    drawn, draw = [], scene_samples.SceneSamples._drawn
    monkeypatch.setattr(scene_samples, "_TOGETHER", 2)
    monkeypatch.setattr(
        scene_samples.SceneSamples,
        "_drawn",
        lambda self, drives: drawn.append((id(self), len(drives))) or draw(self, drives),
    )
    write(tmp_path / "a", log_spec)
    assert [count for _, count in drawn] == [2, 2, 1, 1] or sum(count for _, count in drawn) == 6
    assert max(count for _, count in drawn) == 2 and len({scene for scene, _ in drawn}) == 2


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"kind": "dream"}, "kind: 'dream', expected one of perturbed, log, rollout"),
        ({"picture_format": "gif"}, "picture_format: 'gif'"),
        ({"cameras": ()}, "cameras: "),
        ({"cameras": ("cam_f0", "cam_f0")}, "none twice"),
        ({"history": 5}, "history: 5, expected 0 to 4"),
        ({"quality": 0}, "quality: 0, expected 1 to 95"),
        ({"clips": 0}, "clips: 0, expected 1 or more"),
        ({"image_size": (0, 4)}, "image_size"),
    ],
)
def test_specs_that_cannot_be_are_named(wrong, named):
    with pytest.raises(ArgumentError, match=named):
        DataSpec(**wrong)


def test_workers_that_cannot_be_are_named(log_spec, tmp_path):
    with pytest.raises(ArgumentError, match="workers: 0"):
        next(write_data_set(tmp_path, log_spec, workers=0))


def test_scenes_too_short_for_a_clip_are_named(log_spec, tmp_path, monkeypatch):
    monkeypatch.setattr(DataSpec, "frames", lambda spec, scene: range(0))
    with pytest.raises(SceneError, match=r"lasts the 5\.6 s of a clip"):
        write(tmp_path / "a", log_spec)


def test_a_report_says_what_a_scene_gave(written, data_spec):
    reports = write(written, data_spec)
    assert all(isinstance(report, SceneReport) and report.spent == {} for report in reports)
    assert sum(report.samples for report in reports) == len(DataSet(written))
    counted = sum(report.head.telemetry.accepted("planner") for report in reports)
    assert counted == len(DataSet(written))
