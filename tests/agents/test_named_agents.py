"""Agents by name."""

import functools

import numpy as np
import pytest

from simscale_gym.agents import AGENTS, ConstantVelocityAgent, NamedAgent, named_agents
from simscale_gym.errors import ArgumentError, PolicyError


class Own:
    def __init__(self, file=None):
        self.file = file

    def reset(self, context):
        pass

    def act(self, observation):
        return np.zeros((8, 3))


HERE = f"{__file__}:Own"


def test_every_name_makes_an_agent(make_env, bank):
    env = make_env(experts=()).unwrapped
    observation, _ = env.reset(seed=0)
    for name in AGENTS:
        plan = NamedAgent(name).make(env, bank).act(observation)
        assert plan.shape[1] == 3 and NamedAgent(name).digest() == "" and not NamedAgent(name).is_code
    assert [NamedAgent(name).expert for name in ("log", "expert:planner", "constant_velocity")] == [
        "log",
        "planner",
        "",
    ]
    assert (
        named_agents.expert_driver("log") == "log"
        and named_agents.expert_driver("planner") == "expert:planner"
    )


def test_code_is_named_by_file_or_module(tmp_path):
    file = tmp_path / "weights"
    file.write_text("1")
    agent = NamedAgent(HERE, file).make(None, None)
    assert agent.file == file and NamedAgent(HERE).make(None, None).file is None and NamedAgent(HERE).is_code
    module = "simscale_gym.agents.constant_velocity_agent:ConstantVelocityAgent"
    assert isinstance(NamedAgent(module).make(None, None), ConstantVelocityAgent)


def test_a_digest_is_of_code_and_file(tmp_path):
    code, file = tmp_path / "mine.py", tmp_path / "weights"
    code.write_text("class Mine:\n    def reset(self, c): ...\n    def act(self, o): ...\n")
    seen = set()
    for weights in ("1", "2"):
        file.write_text(weights)
        seen.add(NamedAgent(f"{code}:Mine", file).digest())
    seen.add(NamedAgent(f"{code}:Mine").digest())
    code.write_text(code.read_text() + "# other\n")
    seen.add(NamedAgent(f"{code}:Mine").digest())
    assert len(seen) == 4 and all(len(digest) == 64 for digest in seen)
    assert NamedAgent("builtins:print").digest() == NamedAgent("math:sqrt").digest()  # no file to be read


def test_an_agent_itself_is_known_by_its_pickle():
    same = [NamedAgent("given", agent=ConstantVelocityAgent()).digest() for _ in range(2)]
    assert same[0] == same[1] != NamedAgent("given", agent=functools.partial(print)).digest()
    with pytest.raises(ArgumentError, match="cannot be sent to other processes"):
        NamedAgent("given", agent=lambda: None).digest()


def test_code_that_fails_when_it_is_imported(tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('at import')\n")
    for _ in range(2):
        with pytest.raises(PolicyError, match=r"broken\.py, as it was imported: RuntimeError: at import"):
            NamedAgent(f"{tmp_path / 'broken.py'}:make").make(None, None)


def test_code_that_fails_as_it_makes_an_agent(tmp_path):
    (tmp_path / "mine.py").write_text("def make(): raise OSError('no weights')\n")
    with pytest.raises(PolicyError, match=r"mine\.py:make, as it was made: OSError: no weights"):
        NamedAgent(f"{tmp_path / 'mine.py'}:make").make(None, None)
