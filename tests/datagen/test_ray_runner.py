"""A Ray of two workers writes what one process does, also where one of them is killed."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from simscale_gym.datagen import runners, write_data_set, writing
from simscale_gym.datagen.layout import MANIFEST
from simscale_gym.datagen.runners import Runner
from simscale_gym.errors import ArgumentError, DataError, MissingExtraError, SimScaleError


def files(folder):
    """Every file of a data set, but what is being built."""
    paths = (path for path in folder.rglob("*") if path.is_file() and "-build-" not in str(path))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def two_workers(town_cache):
    """A Ray of this machine with two cores, which workers of the tests are begun by."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


def builders():
    """Processes that hold a folder open in which something is built, by that folder."""
    found = {}
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            place = os.readlink(handle)
        except OSError:
            continue
        if "-build-" in place:
            found[place] = int(handle.parts[2])
    return found


def test_ray_writes_the_same(two_workers, log_spec, log_written, tmp_path):
    reports = list(write_data_set(tmp_path / "ray", log_spec, runner="ray"))
    assert [report.index for report in reports] == [0, 1] and all(report.seconds > 0 for report in reports)
    assert files(tmp_path / "ray") == files(log_written)


def test_a_worker_that_is_killed_is_replaced(two_workers, log_spec, log_written, tmp_path):
    folder, killed = tmp_path / "ray", []

    def kill():
        ends = time.monotonic() + 60
        while not killed and time.monotonic() < ends:
            inside = [process for place, process in builders().items() if str(folder / "shards") in place]
            for process in inside[:1]:
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            time.sleep(0.002)

    killer = threading.Thread(target=kill)
    killer.start()
    reports = list(write_data_set(folder, log_spec, runner="ray"))
    killer.join()
    assert killed and killed[0] != os.getpid() and not Path(f"/proc/{killed[0]}").exists()
    assert len(reports) == 2 and (folder / MANIFEST).exists()
    assert files(folder) == files(log_written)


def test_errors_come_whole_out_of_the_cluster(two_workers, log_spec, tmp_path):
    with pytest.raises(ArgumentError, match="'cam_x' is not on this rig"):
        list(write_data_set(tmp_path / "ray", replace(log_spec, cameras=("cam_x",)), runner="ray"))


def test_what_kills_every_worker_is_given_up(two_workers):
    def die(shared, task):
        os._exit(1)

    with pytest.raises(SimScaleError, match="died 4 times over one scene"):
        list(Runner("ray").map(die, None, [1]))


def test_a_folder_that_is_not_shared_is_named(tmp_path):
    job = writing._Job(tmp_path / "there", None, writing.__version__, 1, "skip")
    with pytest.raises(DataError, match=r"no data set at this path on .*file system that all machines share"):
        writing._write(job, None)


def test_another_version_on_a_worker_is_named(log_written):
    with pytest.raises(DataError, match=r"expected 99\.0, as where the run was begun"):
        writing._write(writing._Job(log_written, None, "99.0", 1, "skip"), None)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"name": "slurm"}, "runner: 'slurm', expected one of local, ray"),
        ({"name": "ray", "workers": 2}, "workers: Ray works on one scene a core"),
        ({"address": "head:6379"}, "ray_address: 'head:6379' without the runner ray"),
    ],
)
def test_runners_that_cannot_be_are_named(wrong, named):
    with pytest.raises(ArgumentError, match=named):
        Runner(**wrong)


def test_a_ray_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match="distributed"):
        list(Runner("ray").map(runners._work, None, [1]))
