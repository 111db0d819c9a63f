"""Who compiles ahead, and who leaves it."""

import multiprocessing
from types import SimpleNamespace

import pytest

from simscale_gym.envs import warm_up
from simscale_gym.envs.warm_up import compile_ahead


@pytest.fixture
def fresh(monkeypatch):
    """A fresh installation on two cores, whose second processes are noted and not started."""
    started = []
    monkeypatch.setattr(warm_up, "kernel_files", list)
    monkeypatch.setattr(warm_up, "Crew", lambda: SimpleNamespace(threads=2))
    monkeypatch.setattr(
        warm_up.subprocess, "Popen", lambda command, **streams: started.append(command) or command
    )
    compile_ahead.cache_clear()
    yield started
    compile_ahead.cache_clear()


def test_the_first_environment_that_draws_off_the_log_compiles_ahead(fresh, make_env):
    make_env(observation="state", perturb=True)
    make_env(observation="camera", perturb=False)
    assert fresh == []
    make_env(observation="camera", perturb=True)
    make_env(observation="camera", perturb=True)
    assert [command[1:] for command in fresh] == [["-m", "simscale_gym.envs.warm_up"]]


def test_nothing_is_compiled_twice(fresh, monkeypatch):
    monkeypatch.setattr(warm_up, "kernel_files", lambda: ["contacts.touches.nbi"])
    assert compile_ahead() is None and fresh == []


def test_one_core_is_left_alone(fresh, monkeypatch):
    monkeypatch.setattr(warm_up, "Crew", lambda: SimpleNamespace(threads=1))
    assert compile_ahead() is None and fresh == []


def test_workers_leave_it_to_the_process_that_began_them(fresh, monkeypatch):
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: "somebody")
    assert compile_ahead() is None and fresh == []


def test_the_second_process_asks_for_no_futures(town_cache, one_renderer_per_scene, monkeypatch):
    from simscale_gym.envs.resources import Resources

    monkeypatch.setattr(Resources, "vocabulary", property(lambda self: pytest.fail("asked for a vocabulary")))
    monkeypatch.setattr(Resources, "bank", property(lambda self: pytest.fail("asked for a bank")))
    warm_up.main()
