# %% [markdown]
# # Reinforcement learning in many environments at once
#
# Thirty-two environments stepped by one call. A policy of a few dozen numbers is improved by evolution strategies,
# which need nothing but returns: eight candidates drive four environments each, and the policy moves towards those
# that were paid more.

# %%
import time

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np

import simscale_gym  # noqa: F401 (registers SimScale-v0)
from simscale_gym.envs import STATE_LAYOUT
from simscale_gym.sources import find_scene, list_scenes, load_scene

scene = load_scene(find_scene(list_scenes("town"), "town-train-000000/log-00/scene-002"))
CANDIDATES, EACH = 8, 4
envs = gym.make_vec(
    "SimScale-v0", num_envs=CANDIDATES * EACH, scenes=[scene], observation="state", experts=(), horizon=4.0
)
{name: space.shape for name, space in envs.single_observation_space.items()}

# %% [markdown]
# ## What the policy sees
#
# Its lane and the road ahead, its speed, whoever drives ahead; the layout names each number of the state.

# %%
observation, info = envs.reset(seed=0)
for part in STATE_LAYOUT.parts:
    print(f"{part.name:10} {part.meaning.split(':')[0]}")

# %%
envs.step(envs.action_space.sample())  # compiles kernels, once
began, steps = time.perf_counter(), 40
for _ in range(steps):
    envs.step(envs.action_space.sample())
print(f"{steps * envs.num_envs / (time.perf_counter() - began):,.0f} steps a second")

# %% [markdown]
# ## Learn
#
# Actions are acceleration and steering rate, -1 to 1: a linear function of what is seen.

# %%
rng = np.random.default_rng(0)


def seen(observation):
    """Inputs ``[N, F]`` of the policy."""
    both = np.concatenate(
        [observation["ego"], observation["state"], np.ones((len(observation["ego"]), 1))], axis=1
    )
    return np.arctan(both)


def returns(weights):
    """Mean returns ``[C]`` of policies ``[C, F, 2]``, from the same perturbed starts."""
    observation, _ = envs.reset(seed=7)
    paid, alive = np.zeros(envs.num_envs), np.ones(envs.num_envs, bool)
    each = np.repeat(weights, EACH, axis=0)
    for _ in range(40):
        actions = np.tanh(np.einsum("nf,nfa->na", seen(observation), each)).astype(np.float32)
        observation, reward, terminated, truncated, _ = envs.step(actions)
        paid += alive * reward
        alive &= ~(terminated | truncated)
    return paid.reshape(CANDIDATES, EACH).mean(1)


mean, spread, curve = np.zeros((seen(observation).shape[1], 2)), 0.05, []
for _generation in range(20):
    noise = rng.standard_normal((CANDIDATES // 2, *mean.shape))
    noise = np.concatenate([noise, -noise])
    paid = returns(mean + spread * noise)
    advantage = (paid - paid.mean()) / (paid.std() + 1e-6)
    mean = mean + 0.04 * np.tensordot(advantage, noise, 1) / CANDIDATES
    curve.append((paid.mean(), paid.max()))

# %%
average, best = np.array(curve).T
figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
axis.plot(average, label="mean of the candidates", color="#457b9d")
axis.plot(best, label="best of the candidates", color="#e76f51")
axis.set(xlabel="generation", ylabel="return of 4 s")
_ = axis.legend()

# %% [markdown]
# ## Watch it

# %%
env = gym.make("SimScale-v0", scenes=[scene], observation="state", experts=(), horizon=4.0)
observation, _ = env.reset(seed=7)
over = False
while not over:
    batched = {name: value[None] for name, value in observation.items()}
    action = np.tanh(seen(batched) @ mean)[0].astype(np.float32)
    observation, reward, terminated, truncated, info = env.step(action)
    over = terminated or truncated
env.unwrapped.film()
