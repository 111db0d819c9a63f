"""What is written appears whole or not at all, and what a killed process left is removed."""

import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from simscale_gym.errors import DataError
from simscale_gym.files import atomic_write as module
from simscale_gym.files.atomic_write import atomic_write, discard, remove_dead_builds
from simscale_gym.files.cache import CACHE_VARIABLE, only_one


def test_a_file_replaces_the_one_before(tmp_path):
    for text in ("one", "two"):
        with atomic_write(tmp_path / "deep" / "file.txt") as part:
            part.write_text(text)
            assert (tmp_path / "deep" / "file.txt").exists() == (text == "two")
        assert (tmp_path / "deep" / "file.txt").read_text() == text
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file.txt"]


def test_others_may_read_what_appears(tmp_path):
    with atomic_write(tmp_path / "file") as part:
        part.write_text("")
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [OSError(28, "No space left"), sqlite3.OperationalError("disk is full")])
def test_a_full_disk_leaves_what_was_there_and_names_the_place(tmp_path, error):
    (tmp_path / "file").write_text("before")
    said = r"file: .*(No space left|disk is full).*name another"
    with pytest.raises(DataError, match=said), atomic_write(tmp_path / "file") as part:
        part.write_text("half")
        raise error
    assert (tmp_path / "file").read_text() == "before" and len(list(tmp_path.iterdir())) == 1


def test_other_errors_pass_and_leave_nothing(tmp_path):
    with pytest.raises(KeyError), atomic_write(tmp_path / "folder") as part:
        part.mkdir()
        (part / "a").write_text("half")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_takes_the_place_of_an_empty_one_only(tmp_path):
    (tmp_path / "set").mkdir()
    with atomic_write(tmp_path / "set") as part:
        part.mkdir()
        (part / "a").write_text("one")
    with pytest.raises(DataError, match="set: "), atomic_write(tmp_path / "set") as part:
        part.mkdir()
        (part / "a").write_text("two")
    assert (tmp_path / "set" / "a").read_text() == "one" and len(list(tmp_path.iterdir())) == 1


def test_of_several_that_write_at_once_one_wins_and_its_folder_is_whole(tmp_path):
    barrier, lost = threading.Barrier(4), []

    def build(number):
        try:
            with atomic_write(tmp_path / "set") as part:
                part.mkdir()
                for k in range(20):
                    (part / str(k)).write_text(str(number))
                barrier.wait()
        except DataError:
            lost.append(number)

    threads = [threading.Thread(target=build, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = {path.read_text() for path in (tmp_path / "set").iterdir()}
    assert len(lost) == 3 and len(texts) == 1 and len(list((tmp_path / "set").iterdir())) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_what_a_killed_process_left_goes_with_the_next_write_and_a_live_one_keeps_its_own(
    tmp_path, monkeypatch
):
    code = (
        "import sys, time\n"
        "from simscale_gym.files.atomic_write import atomic_write\n"
        "with atomic_write(sys.argv[1]) as part:\n"
        "    part.write_text('half')\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    monkeypatch.setattr(module, "_YOUNG", 0.0)
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / name)], stdout=subprocess.PIPE, text=True
        )
        for name in ("dead", "alive")
    ]
    assert [run.stdout.readline() for run in runs] == ["ready\n"] * 2
    runs[0].kill()
    runs[0].wait()
    remove_dead_builds(tmp_path)
    (left,) = tmp_path.iterdir()
    assert [path.name for path in left.iterdir()] == ["alive"]
    runs[1].kill()
    runs[1].wait()
    with atomic_write(tmp_path / "file") as part:
        part.write_text("")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    for run in runs:
        run.stdout.close()


def test_a_build_that_has_just_begun_is_left_alone(tmp_path):
    new = tmp_path / f"{module.BUILD_PREFIX}new"
    new.mkdir()
    remove_dead_builds(tmp_path)
    assert new.exists()
    os.utime(new, (0, 0))
    remove_dead_builds(tmp_path)
    assert not new.exists()


def test_what_another_machine_builds_on_a_shared_disk_is_left_alone(tmp_path, monkeypatch):
    """Its lock may not reach here."""
    monkeypatch.setattr(module, "_YOUNG", 0.0)
    theirs, ours = (
        tmp_path / f"{module.BUILD_PREFIX}{name}-x1" for name in (f"not-{module._MACHINE}", module._MACHINE)
    )
    theirs.mkdir()
    ours.mkdir()
    remove_dead_builds(tmp_path)
    assert theirs.exists() and not ours.exists()
    os.utime(theirs, (0, 0))
    remove_dead_builds(tmp_path)
    assert not theirs.exists()


def test_what_is_discarded_is_gone_with_all_in_it(tmp_path):
    (tmp_path / "set" / "deep").mkdir(parents=True)
    discard(tmp_path / "set")
    discard(tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_is_no_folder_names_the_variable(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(DataError, match=CACHE_VARIABLE), atomic_write(tmp_path / "file" / "a"):
        pass
    with pytest.raises(DataError, match=CACHE_VARIABLE), only_one(tmp_path / "file" / "a.lock"):
        pass
