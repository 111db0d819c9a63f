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
from simscale_gym.envs import STATE_LAYOUT, run_episode

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--scenes", type=int, default=3)
parser.add_argument("--horizon", type=float, default=8.0, help="longest episode [s]")
parser.add_argument("--action", default="trajectory", help="trajectory, control or anchor: plans fit all")
args = parser.parse_args()

TIMES = 0.5 * np.arange(1, 9)  # of the poses of a plan [s]


class RouteFollower:
    """Follows the route, slower in bends, and stops behind whatever stands on it or for a red light."""

    def reset(self, context):
        """Nothing of the episode is asked for: the state says how far it is from the bumper to whatever is ahead."""

    def act(self, observation):
        """Eight poses along the route ahead."""
        seen, speed = STATE_LAYOUT.in_units(observation["state"]), float(observation["ego"][0])
        path = np.column_stack([seen["path"]["x"], seen["path"]["y"]])
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        room = self.room(seen, along)
        bend = np.abs(seen["path"]["curvature"][along < 20.0]).max()
        wanted = min(
            seen["way"]["limit"] or 10.0, np.sqrt(2.0 / max(bend, 1e-3)), np.sqrt(4.0 * max(room, 0.0))
        )
        change = np.clip(wanted - speed, -3.0 * TIMES, 1.5 * TIMES)
        travelled = np.minimum(np.cumsum(0.5 * np.maximum(speed + change, 0.0)), max(room, 0.1))
        x, y = np.interp(travelled, along, path[:, 0]), np.interp(travelled, along, path[:, 1])
        heading = np.interp(travelled, along[1:], np.arctan2(*np.diff(path, axis=0).T[::-1]))
        return np.column_stack([x, y, heading])

    def room(self, seen, along):
        """How far the car may go along the route [m]: to whom it would meet, to a red light, as far as it is shown."""
        leader = [seen["lead"]["gap"] - 2.0] if seen["lead"]["present"] else []
        light = [seen["lights"]["to_red"] - 1.0] if seen["lights"]["red"] else []
        return float(min([*leader, *light, along[-1]]))


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
