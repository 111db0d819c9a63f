"""Nothing is lost and nothing comes twice, whenever and however a run ends."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simscale_gym.datagen import DataSet, DataSpec, SceneReport, scene_samples, write_data_set, writing
from simscale_gym.datagen.layout import MANIFEST, RECIPE
from simscale_gym.errors import ArgumentError, DataError, SceneError, StorageError
from simscale_gym.files.atomic_write import atomic_write

KILLS = 30  # python benchmarks/collect.py --kills 200 does it more often


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


@pytest.mark.parametrize("place", ["", "rows", "shards", "card"])
def test_what_a_killed_run_was_building_goes(log_spec, log_written, tmp_path, place):
    write(tmp_path / "a", log_spec)
    with atomic_write(tmp_path / "a" / place / "left") as built:
        built.write_text("half")
        shutil.copytree(built.parent, left := tmp_path / "left")
        name = built.parent.name
    left.rename(tmp_path / "a" / place / name)
    (tmp_path / "a" / place / "left").unlink()
    (tmp_path / "a" / "manifest.json").unlink()
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


FORKING = """
import os, signal, sys, time
from simscale_gym.datagen import DataSpec, write_data_set

spec = DataSpec(kind="log", clips=6, stride=5.0, image_size=(9, 16), cameras=("cam_f0",))
list(write_data_set(sys.argv[1], spec, workers=1))  # starts and compiles once for all
print(flush=True)
for line in sys.stdin:
    folder, seconds = line.split("\\t")
    began, child = time.monotonic(), os.fork()
    if not child:
        list(write_data_set(folder, spec, workers=1))
        os._exit(0)
    ended = 0
    while not ended and time.monotonic() - began < float(seconds):
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.001)
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    print("killed" if not ended else "ended" if status == 0 else "failed", time.monotonic() - began, flush=True)
"""


@pytest.fixture
def forked(undisturbed, tmp_path):
    """Writes the data set into a folder in a process that is killed after so many seconds; how it ended, and when."""
    command = [sys.executable, "-c", FORKING, str(tmp_path / "warm")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with subprocess.Popen(command, **pipes) as server:

        def run(folder, seconds):
            print(folder, seconds, sep="\t", file=server.stdin, flush=True)
            how, took = server.stdout.readline().split()
            return how, float(took)

        server.stdout.readline()
        yield run
        server.stdin.close()


def test_killed_at_any_moment_it_ends_in_the_same_data_set(undisturbed, forked, tmp_path):
    whole, rng = content(undisturbed[0]), np.random.default_rng()
    how, took = forked(tmp_path / "whole", 600)
    assert how == "ended" and content(tmp_path / "whole") == whole
    kills, finished = 0, 0
    while kills < KILLS:
        how, _ = forked(tmp_path / "killed", rng.uniform(0.0, took))
        kills += how == "killed"
        if how == "ended":
            assert content(tmp_path / "killed") == whole
            (tmp_path / "killed").rename(tmp_path / f"finished-{finished}")
            finished += 1
        assert how != "failed"
    assert forked(tmp_path / "killed", 600)[0] == "ended"
    assert content(tmp_path / "killed") == whole
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


@pytest.mark.parametrize("room", [0, 1, 2, 4, 6, -1])
def test_wherever_the_disk_is_full_what_is_whole_stays(log_spec, log_written, tmp_path, monkeypatch, room):
    """There is room for the first files only: recipe, shard, rows, shard, rows, card, manifest."""
    folder, whole, replace_file = tmp_path / "a", content(log_written), os.replace
    left = [room % len(whole)]

    def full(source, target):
        if folder in Path(target).parents and not Path(target).parent.name.startswith("."):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        return replace_file(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(StorageError, match="No space left"):
            write(folder, log_spec)
    kept = content(folder)
    assert len(kept) == room % len(whole) and kept.items() <= whole.items()
    write(folder, log_spec)
    assert content(folder) == whole


@pytest.mark.parametrize("place", ["", "rows", "shards"])
def test_a_folder_that_can_only_be_read_is_named(log_spec, log_written, tmp_path, monkeypatch, place):
    """As on a file system that is mounted so; who is root may write into any folder."""
    folder = shutil.copytree(log_written, tmp_path / "a")
    for path in (folder / "rows").iterdir():
        path.unlink()
    was, make = content(folder), tempfile.mkdtemp

    def read_only(*arguments, dir, **settings):
        if Path(dir).is_relative_to(folder / place):
            raise OSError(errno.EROFS, "Read-only file system", dir)
        return make(*arguments, dir=dir, **settings)

    monkeypatch.setattr(tempfile, "mkdtemp", read_only)
    with pytest.raises(StorageError, match=r"cannot be written \(Read-only file system\)"):
        write(folder, log_spec)
    kept = {name: data for name, data in was.items() if name.startswith(("shards", RECIPE))}
    assert kept.items() <= content(folder).items()


def test_a_scene_is_dressed_once_and_few_samples_are_in_memory(log_spec, tmp_path, monkeypatch):
    drawn, draw = [], scene_samples.SceneSamples._pictures_of
    monkeypatch.setattr(scene_samples, "_TOGETHER", 2)
    monkeypatch.setattr(
        scene_samples.SceneSamples,
        "_pictures_of",
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
