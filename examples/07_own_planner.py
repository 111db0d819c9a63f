"""Drive with a planner of your own, and compare its EPDMS with the constant-velocity agent's and the log's.

python examples/07_own_planner.py --scenes 3

A planner keeps the protocol of ``simscale_gym.agents.Agent``: it is told its vehicle and cameras when an episode
begins, sees what is observed, and returns a plan: eight poses, half a second apart, in the ego frame.
"""

import argparse

import gymnasium as gym
import numpy as np

import simscale_gym  # noqa: F401  (registers the id)
from simscale_gym.agents import ConstantVelocityAgent, ExpertAgent, make_expert
from simscale_gym.envs import run_episode

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--scenes", type=int, default=3)
parser.add_argument("--horizon", type=float, default=8.0, help="longest episode [s]")
parser.add_argument("--action", default="trajectory", help="trajectory, control or anchor: plans fit all")
args = parser.parse_args()

TRACKS, ROUTE = slice(0, 288), slice(288, 328)  # of the state observation: 24 tracks of 12 values, 20 points
TIMES = 0.5 * np.arange(1, 9)  # of the poses of a plan [s]


class RouteFollower:
    """Follows the route, slower in bends, and stops behind whatever stands on it or for a red light."""

    def reset(self, context):
        """Remember how long the car is in front of its rear axle, and how wide."""
        self.front, self.width = context.vehicle.front_length, context.vehicle.width

    def act(self, observation):
        """Eight poses along the route ahead."""
        state, speed = observation["state"], float(observation["ego"][0])
        path = np.concatenate([np.zeros((1, 2)), state[ROUTE].reshape(20, 2)])
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        room = self.room(state, path, along)
        turn = np.abs(np.arctan2(path[2:8, 1], path[2:8, 0])).max()
        wanted = min(state[-3] or 10.0, 12.0 / (1.0 + 4.0 * turn), np.sqrt(2.0 * 2.0 * max(room, 0.0)))
        change = np.clip(wanted - speed, -3.0 * TIMES, 1.5 * TIMES)
        travelled = np.minimum(np.cumsum(0.5 * np.maximum(speed + change, 0.0)), max(room, 0.1))
        x, y = np.interp(travelled, along, path[:, 0]), np.interp(travelled, along, path[:, 1])
        heading = np.interp(travelled, along[1:], np.arctan2(*np.diff(path, axis=0).T[::-1]))
        return np.column_stack([x, y, heading])

    def room(self, state, path, along):
        """How far the rear axle may go along the route [m]."""
        there, x, y, *_, length, width, _, _, _ = state[TRACKS].reshape(24, 12).T
        away = np.hypot(x[:, None] - path[:, 0], y[:, None] - path[:, 1])
        blocking = (there > 0) & (away.min(1) < (width + self.width) / 2 + 0.3) & (x > 0)
        gaps = along[away.argmin(1)] - length / 2 - 2.0
        light = [state[-1] - 1.0] if state[-2] else []
        return min([*gaps[blocking], *light, along[-1]]) - self.front


env = gym.make("SimScale-v0", observation="state", experts=(), action=args.action, horizon=args.horizon)
scenes = env.unwrapped.scene_ids
agents = {
    "own": RouteFollower(),
    "constant velocity": ConstantVelocityAgent(),
    "log": ExpertAgent(make_expert("log"), env.unwrapped),
}
print(f"{'scene':32}  {'agent':18}  {'steps':>5}  {'return':>7}  {'EPDMS':>5}  end")
for number, scene in enumerate(scenes[:: max(1, len(scenes) // args.scenes)][: args.scenes]):
    for name, agent in agents.items():
        options = {"scene": scene, "perturb": False}
        drive = run_episode(env, agent, seed=number, options=options)
        how = f"{drive.steps:5d}  {drive.total_reward:7.2f}  {drive.epdms['score']:5.2f}"
        print(f"{scene:32}  {name:18}  {how}  {drive.ending}")
env.close()
