"""The doctor's findings."""

import pytest

from simscale_gym.commands import benchmark, doctor
from simscale_gym.extras import EXTRAS
from simscale_gym.files.cache import CACHE_VARIABLE
from simscale_gym.files.cache_content import KINDS


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_names_extras_cache_and_what_to_do(console, empty_cache, monkeypatch):
    monkeypatch.setattr(benchmark, "is_prepared", lambda: False)
    code, out, _ = console("doctor")
    assert code == 0
    assert all(f"  {name}" in out for name in (*EXTRAS, *KINDS))
    assert str(empty_cache) in out and list(empty_cache.iterdir()) == []
    assert "    simscale-gym prepare" in out.splitlines()


def test_a_missing_extra_has_a_line_that_installs_it(console, empty_cache, monkeypatch):
    monkeypatch.setattr(
        doctor, "requirements", lambda extra="": {"no-such-package": "1"} if extra == "rl" else {"numpy": ""}
    )
    _, out, _ = console("doctor", "--no-benchmark")
    lines = out.splitlines()
    row = next(k for k, line in enumerate(lines) if line.startswith("  rl "))
    assert lines[row].endswith("missing no-such-package") and "[rl]" in lines[row + 1]


def test_what_stops_the_simulator_is_exit_code_1(console, empty_cache, monkeypatch):
    monkeypatch.setattr(doctor, "requirements", lambda extra="": {} if extra else {"numpy": "999"})
    code, out, _ = console("doctor")
    assert code == 1 and "numpy" in out and "needed 999" in out and "install" in out.splitlines()[-1]


def test_a_cache_that_cannot_be_written_is_exit_code_1(console, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    code, out, _ = console("doctor")
    assert code == 1 and f"export {CACHE_VARIABLE}=" in out


def test_parts_of_the_cache_are_cleared(console, empty_cache):
    (empty_cache / "looks").mkdir(parents=True)
    (empty_cache / "looks" / "street.npz").write_bytes(bytes(2_000_000))
    (empty_cache / "futures").mkdir()
    code, out, _ = console("doctor", "--clear", "looks")
    assert code == 0 and "deleted looks: 1 files, 2.0 MB" in out
    assert [path.name for path in empty_cache.iterdir()] == ["futures"]
    code, _, err = console("doctor", "--clear", "everything")
    assert code == 1 and "'everything', expected some of towns" in err


@pytest.mark.parametrize(
    ("found", "least", "gone"),
    [("2.13.0+cpu", "2.2", False), ("1.5.3", "1.5.3", False), ("1.9", "1.10", True), ("3.0", "", False)],
)
def test_versions_are_compared_as_numbers(monkeypatch, found, least, gone):
    monkeypatch.setattr(doctor, "installed", lambda name: found)
    assert bool(doctor.missing({"torch": least})) == gone


def test_a_containers_limit_is_read(monkeypatch, tmp_path):
    limit = tmp_path / "cpu.max"
    monkeypatch.setattr(doctor, "_CGROUP", limit)
    assert doctor._quota() is None
    limit.write_text("150000 100000\n")
    assert doctor._quota() == 1.5
    limit.write_text("max 100000\n")
    assert doctor._quota() is None


def test_speed_is_measured_in_a_town(town_cache, one_renderer_per_scene):
    rates = benchmark.rates(seconds=0.2)
    assert list(rates) == list(benchmark.RATES) and min(rates.values()) > 0.0
    assert rates["state"] > rates["three cameras and the planner"]
