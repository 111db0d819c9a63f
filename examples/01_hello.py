"""Make the environment, reset it, drive at random until the episode ends.

python examples/01_hello.py
"""

import gymnasium as gym

import simscale_gym  # noqa: F401  (registers the id)

env = gym.make("SimScale-v0", image_size=(72, 128))
env.action_space.seed(0)

observation, info = env.reset(seed=0)
print("scene:", info["scene"], "| perturbed:", info["reset"]["perturbed"])
for name, value in observation.items():
    print(f"  {name:8s} {value.dtype} {value.shape}")

total, over = 0.0, False
while not over:
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    total, over = total + reward, terminated or truncated

print("the expert would have done:", info["expert_action"])
print("last reward terms:", {name: round(value, 3) for name, value in info["rewards"].items() if value})
print("EPDMS of the drive:", {name: round(value, 2) for name, value in info["epdms"].items()})
print(f"return {total:.2f}; off the road: {info['out_of_road']}, at-fault collision: {info['at_fault']}")
env.close()
