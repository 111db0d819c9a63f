# %% [markdown]
# # A first drive
#
# A recorded car is thrown off its log, the traffic reacts to it, cameras see it, and an expert says how to drive
# on.

# %%
import gymnasium as gym
import matplotlib.pyplot as plt

import simscale_gym  # noqa: F401 (registers SimScale-v0)

SCENE = "town-train-000000/log-00/scene-002"
env = gym.make("SimScale-v0", image_size=(108, 192), horizon=5.0)
observation, info = env.reset(seed=3, options={"scene": SCENE})
env.unwrapped.scene

# %% [markdown]
# The scene from above, with the way that was recorded. And this is what the cameras see at the start, which lies
# off it:

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 2.4), layout="constrained")
for axis, camera in zip(axes, ("cam_l0", "cam_f0", "cam_r0"), strict=True):
    axis.imshow(observation[camera])
    axis.set(title=camera, xticks=[], yticks=[])
_ = figure.suptitle("off the log" if info["reset"]["perturbed"] else "on the log")

# %% [markdown]
# The expert's plan from here: where it would be every half second, and what it thinks of it.

# %%
env.unwrapped.plans["planner"]

# %% [markdown]
# ## Drive as the expert would

# %%
speeds, over = [], False
while not over:
    observation, reward, terminated, truncated, info = env.step(info["expert_action"])
    speeds.append(3.6 * info["ego_state"][3])
    over = terminated or truncated

env.unwrapped.film()

# %% [markdown]
# ## How good was it?
#
# EPDMS and its subscores, of what was driven:

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 2.8), layout="constrained")
left.barh(list(info["epdms"]), list(info["epdms"].values()), color="#2a9d8f")
left.set(xlim=(0, 1), title="EPDMS of the drive")
left.invert_yaxis()
right.plot([0.1 * k for k in range(len(speeds))], speeds, color="#e76f51")
_ = right.set(xlabel="time [s]", ylabel="speed [km/h]", ylim=(0, None), title="speed")
