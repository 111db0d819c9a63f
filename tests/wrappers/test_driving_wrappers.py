"""Wrappers of actions, infos and episodes."""

import imageio.v2 as imageio
import numpy as np
import pytest
from straight_street import CAMERAS, StraightStreet

from simscale_gym.errors import ArgumentError
from simscale_gym.wrappers import (
    EpdmsMonitor,
    EveryScene,
    FixedInfo,
    PrivilegeSwitch,
    RecordFilms,
    SmoothActions,
)


def test_the_teacher_sees_the_state_and_the_student_the_cameras():
    env = PrivilegeSwitch(StraightStreet())
    observation, info = env.reset()
    assert set(observation) == {"ego", "command", "state"} and set(info["unseen"]) == set(CAMERAS)
    assert env.observation_space.contains(observation)
    env.show("sensors")
    observation, *_, info = env.step(np.zeros(2))
    assert set(observation) == {"ego", "command", *CAMERAS} and (info["unseen"]["state"] == 1).all()
    assert env.observation_space.contains(observation)


def test_sides_that_are_not_there_are_answered():
    with pytest.raises(ArgumentError, match="'camera', expected one of privileged, sensors"):
        PrivilegeSwitch(StraightStreet(), shown="camera")
    with pytest.raises(ArgumentError, match="expected map and something else"):
        PrivilegeSwitch(StraightStreet(), privileged=("map",))


def test_actions_are_mixed_with_those_before():
    env = SmoothActions(StraightStreet(), weight=0.25)
    env.reset()
    for _ in range(2):
        *_, info = env.step(np.array([1.0, -5.0]))
    np.testing.assert_allclose(env.unwrapped.driven, [[0.25, -0.25], [0.4375, -0.4375]])
    np.testing.assert_allclose(info["driven_action"], [0.4375, -0.4375])
    _, info = env.reset()
    assert not info["driven_action"].any()


def test_plans_are_not_mixed():
    with pytest.raises(ArgumentError, match='action "trajectory", expected'):
        SmoothActions(StraightStreet(action="trajectory"))
    with pytest.raises(ArgumentError, match="weight 0"):
        SmoothActions(StraightStreet(), weight=0)


def drive(env, steps, **settings):
    env.reset(**settings)
    for _ in range(steps):
        *_, info = env.step(np.zeros(2))
    return info


def test_the_monitor_keeps_how_episodes_ended():
    env = EpdmsMonitor(StraightStreet(length=4), window=2)
    assert env.summary() == {}
    assert "episode_epdms" not in drive(env, 3)
    for _ in range(3):
        info = drive(env, 4, options={"scene": "b"})
    assert info["episode_epdms"] == {
        "score": pytest.approx(0.4),
        "ego_progress": 1.0,
        "return": 2.0,
        "seconds": pytest.approx(0.4),
        "scene": "b",
        "ending": "goal",
    }
    assert len(env.episodes) == 2
    summary = env.summary()
    assert summary["ending/goal"] == 1.0 and summary["score"] == pytest.approx(0.4) and "scene" not in summary


def test_infos_have_one_structure():
    env = FixedInfo(StraightStreet())
    _, first = env.reset()
    *_, second = env.step(np.zeros(2))
    shapes = [{name: np.shape(value) for name, value in info.items()} for info in (first, second)]
    assert shapes[0] == shapes[1] and second["scene"] == "any"
    assert second["epdms.score"] == pytest.approx(0.1) and first["reset.rejections.collision"] == 2
    assert not {"controllers", "inferred"} & set(first)


def test_every_scene_comes_once():
    env = EveryScene(StraightStreet())
    seen = [env.reset()[1]["scene"] for _ in range(4)]
    assert seen == ["a", "b", "c", "a"] and env.passes == 1
    assert env.reset(options={"scene": "c"})[1]["scene"] == "c"
    assert env.reset()[1]["scene"] == "b"


def test_every_scene_comes_once_in_any_order():
    env = EveryScene(StraightStreet(), shuffle=1)
    passes = [[env.reset()[1]["scene"] for _ in range(3)] for _ in range(20)]
    assert all(sorted(order) == ["a", "b", "c"] for order in passes)
    assert len({tuple(order) for order in passes}) > 2
    again = EveryScene(StraightStreet(), shuffle=1)
    assert [again.reset()[1]["scene"] for _ in range(3)] == passes[0]


def test_episodes_become_films(tmp_path):
    env = RecordFilms(StraightStreet(length=4), tmp_path / "films", every=2)
    for _ in range(3):
        drive(env, 4)
    drive(env, 1)  # is not filmed
    drive(env, 2)  # is broken off
    env.close()
    films = sorted((tmp_path / "films").iterdir())
    assert [film.name for film in films] == [f"episode-{k:06d}.mp4" for k in (0, 2, 4)]
    lengths = []
    for film in films:
        with imageio.get_reader(film) as reader:
            lengths.append(sum(1 for _ in reader))
            assert reader.get_meta_data()["fps"] == 10
    assert lengths == [5, 5, 3]


def test_films_need_pictures(tmp_path):
    with pytest.raises(ArgumentError, match='render_mode None, expected "rgb_array"'):
        RecordFilms(StraightStreet(render_mode=None), tmp_path)
    with pytest.raises(ArgumentError, match="every 0"):
        RecordFilms(StraightStreet(), tmp_path, every=0)
