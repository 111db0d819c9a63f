"""``info`` has one structure, so that whoever records it (Minari's collector, say) can stack it."""

import numpy as np
import pytest

from simscale_gym.envs import SimScaleEnv


def structure(value):
    """Keys and types all the way down; of arrays, kind and shape as well."""
    if isinstance(value, dict):
        return {key: structure(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [structure(entry) for entry in value]
    return (value.dtype.str, value.shape) if isinstance(value, np.ndarray) else type(value)


CASES = {
    "state": {"observation": "state"},
    "perturbed": {"observation": "state", "perturb": True},
    "recovery": {"observation": "state", "experts": ("recovery", "log")},
    "unified": {"observation": "state", "experts": ("unified",)},
    "nobody": {"observation": "state", "experts": (), "traffic": "log"},
    "anchor": {"observation": "state", "action": "anchor", "anchors": 16},
    "trajectory": {"observation": "state", "action": "trajectory", "traffic": "navsim"},
    "pictures": {"image_size": (16, 16), "camera_effects": {"drop_rate": 0.5}},
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_keys_and_types_at_every_step_and_reset(town_scene, one_renderer_per_scene, case):
    env = SimScaleEnv([town_scene], **({"perturb": False, "horizon": 30.0} | CASES[case]))
    env.action_space.seed(0)
    _, info = env.reset(seed=0)
    known = structure(info)
    for seed in range(3):
        for _ in range(6):
            action = (
                info["expert_action"] if seed == 0 and "expert_action" in info else env.action_space.sample()
            )
            *_, info = env.step(action)
            assert structure(info) == known
        _, info = env.reset(seed=seed, options={"perturb": seed == 1})
        assert structure(info) == known


def test_plans_without_a_way_score_under_the_same_names(town_scene, one_renderer_per_scene):
    """Far from every lane the experts brake: their figures keep their names."""
    for expert in ("planner", "recovery", "unified"):
        env = SimScaleEnv([town_scene], observation="state", experts=(expert,), perturb=False)
        _, info = env.reset(seed=0)
        known = structure(info["expert"])
        lost = env.sim_state.ego.copy()
        lost[:2] += 500.0
        state = type(env.sim_state)(env.sim_state.frame, lost, env.sim_state.traffic)
        [made] = env._resources.experts
        plan = made.plan(town_scene, state, env.traffic)
        assert not plan.valid and structure(dict(plan.scores)) == known[expert]["scores"]
