"""What the demo counts."""

import numpy as np
import pytest

from simscale_gym.commands import demo


class Clock:
    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 0.05
        return self.now


@pytest.fixture
def driven(make_env, one_renderer_per_scene, tmp_path, monkeypatch):
    env = make_env(observation="camera", cameras=("cam_f0",), horizon=1.5, render_mode="rgb_array")
    monkeypatch.setattr(demo, "time", Clock())
    _, info = env.reset(seed=1)
    return env, info, demo._drive(env, info, tmp_path / "d.mp4")


def test_an_episode_is_added_up(driven):
    env, _, (episode, pictures) = driven
    assert len(episode.driven) == len(episode.planned) == 15 and len(pictures) == 16
    assert 0.0 < episode.epdms["score"] <= 1.0
    assert episode.end == "horizon" and 0 <= episode.valid <= 15
    assert episode.seconds == pytest.approx(15 * 0.05)
    progress = episode.terms["progress"] / 0.1
    way = np.diff(np.stack([*episode.driven, env.unwrapped.sim_state.ego[:2]]), axis=0)
    assert progress == pytest.approx(np.hypot(*way.T).sum(), rel=0.05)
    miss = np.hypot(*(np.array(episode.planned[:-10]) - np.array(episode.driven[10:])).T)
    assert miss.max() < 2.0, "plans are noted where the ego will be in a second"


@pytest.mark.parametrize(
    ("info", "end"),
    [
        ({"at_fault": True, "left_road": True}, "at-fault collision"),
        ({"at_fault": False, "left_road": True}, "off the road"),
        ({"at_fault": False, "left_road": False, "arrive_dest": True}, "goal"),
        ({"at_fault": False, "left_road": False, "arrive_dest": False, "truncation": "log_end"}, "log_end"),
    ],
)
def test_ends_by_name(info, end):
    assert demo._end(info) == end
