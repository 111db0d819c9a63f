"""One short stay in the town for all tests of the shell: the first log of the first town, its futures, its look."""

import sys
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

import simscale_gym  # noqa: F401  (registers SimScale-v0)
from simscale_gym import cli, futures_bank
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.files.cache import CACHE_VARIABLE
from simscale_gym.futures_bank import town_futures_path
from simscale_gym.geometry import polyline
from simscale_gym.perturbation import cluster_futures
from simscale_gym.scene import LightStatus, StateIndex
from simscale_gym.sim import SimState
from simscale_gym.sources import list_scenes, load_scene

FIRST_LOG = slice(0, 5)  # of the town's train split: one drive of 100 s


@pytest.fixture(scope="session")
def town_cache(tmp_path_factory):
    """A cache folder that all test processes of this run share, with the town's first log and its futures.

    The bank of the real town is cut from four logs, which would take the better part of a minute to simulate;
    here it is cut from one, and lies where the environment looks for it.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "simscale-gym-cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        if not town_futures_path().exists():
            log = [load_scene(ref) for ref in list_scenes("town")[FIRST_LOG]]
            HumanFutures.from_scenes(log, stride=0.2, others=True).save(town_futures_path())
        yield folder


@pytest.fixture(scope="session")
def town_log(town_cache):
    """The five scenes of the first log: a wait of 9 s at a red light, then a drive through bends and junctions."""
    return [load_scene(ref) for ref in list_scenes("town")[FIRST_LOG]]


@pytest.fixture(scope="session")
def red_light(town_log):
    """A scene and a frame of it at which the log's car stands at a red light, and does for 4 s more."""
    for scene in town_log:
        rows, lights = scene.lights_on_route
        arcs = polyline.project(scene.route_path, scene.ego.poses[:, :2], scene.route_lengths)[0]
        for frame in range(20, scene.num_frames - 40):
            window = slice(frame, frame + 41)
            close = rows[(lights > arcs[frame]) & (lights < arcs[frame] + 10.0)]
            red = (scene.lights.status[close, window] == LightStatus.RED).all(1).any()
            if red and (scene.ego.states[window, StateIndex.VX] < 0.1).all():
                return scene, frame
    raise AssertionError("the log's car never waits at a red light")


@pytest.fixture(scope="session")
def town_scene(town_log):
    """A scene in which the ego drives all the time."""
    return town_log[2]


@pytest.fixture(scope="session")
def odd_places(town_log):
    """Scenes with states on the log and off it, askew, fast, slow and far away."""
    rng, out = np.random.default_rng(0), []
    for _ in range(60):
        scene = town_log[int(rng.integers(len(town_log)))]
        frame = int(rng.integers(scene.num_frames))
        ego = scene.ego.states[frame].copy()
        ego[:2] += rng.normal(0.0, rng.choice([0.0, 2.0, 12.0]), 2)
        ego[StateIndex.HEADING] += rng.normal(0.0, rng.choice([0.0, 0.3, 2.0]))
        ego[StateIndex.VX] = rng.uniform(-1.0, 20.0)
        out.append((scene, SimState(frame, ego, LogReplay().start(scene, frame, ego))))
    return out


@pytest.fixture(scope="session")
def bank(town_cache):
    """Some 3000 human futures."""
    return HumanFutures.load(town_futures_path())


@pytest.fixture(scope="session")
def vocabulary(bank):
    """The bank's clusters, fewer than the environment uses."""
    return cluster_futures(bank, 256, rng=np.random.default_rng(0))


@pytest.fixture(scope="session")
def small_recipe():
    """One moment, three starts off the log and one drive in closed loop."""
    from simscale_gym.evaluation import RECIPES

    fewer = {"groups": 1, "starts": 3, "least_starts": 2, "drives": 1}
    return replace(RECIPES["town-test"], name="small", most_constant=1.0, seconds=3.0, **fewer)


@pytest.fixture(scope="session")
def small_suite(town_scene, small_recipe):
    """The suite of the recipe."""
    from simscale_gym.evaluation import make_suite

    return make_suite(small_recipe, [town_scene])


@pytest.fixture(scope="session")
def one_renderer_per_scene():
    """Dressing a street takes seconds: environments of one test process share the finished ones."""
    from simscale_gym.rendering import dressed as render

    kept, make = {}, render.SceneRenderer

    def shared(scene, **settings):
        if settings.get("backend", "cpu") != "cpu":
            return make(scene, **settings)
        if scene.id not in kept:
            kept[scene.id] = make(scene, **settings)
        return kept[scene.id]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "SceneRenderer", shared)
        yield


@pytest.fixture
def make_env(town_cache, town_scene, monkeypatch):
    """``make_env(**kwargs)``: the registered environment on the moving scene, without pictures unless asked."""
    monkeypatch.setattr(futures_bank, "VOCABULARY_SIZE", 256)  # is clustered anew for every environment
    made = []

    def make(**changes):
        settings = {"scenes": [town_scene], "observation": "state", "image_size": (32, 64)}
        made.append(gym.make("SimScale-v0", **(settings | changes)))
        return made[-1]

    yield make
    for env in made:
        env.close()


@pytest.fixture
def console(monkeypatch, capsys):
    """Runs ``simscale-gym ..`` in this process; its exit code and what it printed on both streams."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["simscale-gym", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run
