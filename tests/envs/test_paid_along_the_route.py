"""What is paid, commanded and scored is one way: who drives it without a fault earns by it."""

import pickle

import gymnasium as gym
from forked_roads import forked

from simscale_gym.envs.observations import COMMANDS
from simscale_gym.sources.scenario_description.reader import read_scenario_description


def drive(scene, time):
    """The planner's drive: its EPDMS, its return, its last offset from the path and last command."""
    env = gym.make(
        "SimScale-v0", scenes=[scene], observation="state", experts=("planner",), perturb=False, horizon=8.0
    )
    _, info = env.reset(seed=0, options={"time": time})
    total, done = 0.0, False
    while not done:
        observation, reward, terminated, truncated, info = env.step(info["expert_action"])
        total, done = total + reward, terminated or truncated
    env.close()
    return info["epdms"]["score"], total, COMMANDS[int(observation["command"].argmax())]


def test_a_faultless_drive_is_paid(tmp_path):
    faultless = 0
    for seed in (0, 7, 8, 13, 29):
        path = tmp_path / f"sd_{seed}.pkl"
        path.write_bytes(pickle.dumps(forked(seed)))
        score, total, command = drive(read_scenario_description(path), 1.5)
        assert command != "unknown" and (score < 1.0 or total > 0.0)
        faultless += score == 1.0
    assert faultless >= 3


def test_in_the_town(town_log):
    for scene in town_log[1:3]:
        score, total, command = drive(scene, 4.0)
        assert command != "unknown" and (score < 1.0 or total > -0.1)
