"""A planner at the wheel sees what it was trained on, bit for bit."""

from collections import deque
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from simscale_gym.datagen import DataSpec, training_item  # noqa: E402
from simscale_gym.datagen.drives import log_drives  # noqa: E402
from simscale_gym.datagen.opened_spec import OpenSpec, SceneTask  # noqa: E402
from simscale_gym.datagen.scene_samples import SceneSamples  # noqa: E402
from simscale_gym.envs import run_episode  # noqa: E402
from simscale_gym.errors import ArgumentError  # noqa: E402
from simscale_gym.planners import FAMILIES, InputSpec, PlannerAgent, make_planner  # noqa: E402
from simscale_gym.planners.inputs import observed_inputs  # noqa: E402
from simscale_gym.planners.lessons import lesson  # noqa: E402
from simscale_gym.sources import list_scenes  # noqa: E402


@pytest.fixture
def env(make_env, one_renderer_per_scene):
    return make_env(observation="camera", action="trajectory", experts=(), horizon=2.0)


def test_samples_and_observations_are_the_same_inputs(env, small_planner, town_scene):
    """Of one state, perturbed and driven on, by the way of a data set and by that of an environment."""
    env.reset(seed=3)
    observation, *_ = env.step(np.zeros((8, 3), np.float32))
    world = env.unwrapped
    past = deque((world.history[row] for row in range(len(world.history))), 20)
    pattern = next(iter(log_drives(town_scene, [60], 40)))
    drive = replace(pattern, past=list(past), frame=past[-1].frame)
    spec = DataSpec(kind="log", image_size=(32, 64), picture_format="png")
    opened = OpenSpec(spec, list_scenes([town_scene]), None, None)
    sample = next(SceneSamples(SceneTask(0, opened.refs[0], None), opened).drawn([drive]))
    taught = lesson(training_item(sample), (0, 1, 2))
    pictures, status = observed_inputs(observation, small_planner.inputs)
    np.testing.assert_array_equal(pictures, taught["pictures"])
    np.testing.assert_array_equal(status, taught["status"])
    assert pictures.dtype == taught["pictures"].dtype and status.dtype == taught["status"].dtype


@pytest.mark.parametrize("family", FAMILIES)
def test_a_plan_depends_on_its_own_observation_alone(family):
    """Alone, among others, and whatever chance has drawn before."""
    torch.manual_seed(0)
    planner = make_planner(family, "tiny", InputSpec(image_size=(32, 64)))
    vocabulary = torch.randn(512, 40, 3).cumsum(1) / 10.0
    planner.meet(torch.randn(64, 8, 3).cumsum(1), vocabulary)
    rng, agent = np.random.default_rng(0), PlannerAgent(planner)
    seen = [
        {
            **{name: rng.integers(0, 256, (32, 64, 3), np.uint8) for name in planner.inputs.cameras},
            "ego": rng.normal(size=6).astype(np.float32),
            "command": np.eye(4, dtype=np.float32)[1],
        }
        for _ in range(3)
    ]
    plans = agent.act_all(seen)
    assert plans.shape == (3, 8, 3)
    for observation, plan in zip(seen, plans, strict=True):
        torch.rand(5)
        np.testing.assert_allclose(agent.act(observation), plan, atol=1e-5)
    assert family == "scoring" or abs(plans[0] - plans[1]).max() > 1e-5


def test_it_drives(env, small_planner):
    episode = run_episode(env, PlannerAgent(small_planner), seed=1)
    assert episode.steps >= 1 and 0.0 <= episode.epdms["score"] <= 1.0


@pytest.mark.parametrize(
    ("changes", "found"),
    [({"image_size": (16, 32)}, "cam_f0 at 16 x 32"), ({"cameras": ("cam_f0",)}, "no cam_l0")],
    ids=["size", "camera"],
)
def test_other_pictures_are_refused(make_env, one_renderer_per_scene, small_planner, changes, found):
    other = make_env(observation="camera", experts=(), **changes)
    with pytest.raises(ArgumentError, match=f"shows {found}, expected cam_f0, cam_l0, cam_r0 at 32 x 64"):
        run_episode(other, PlannerAgent(small_planner), seed=1)
