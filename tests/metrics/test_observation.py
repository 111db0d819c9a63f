import numpy as np
import pytest
from straight_road import STEPS, agent, drive, situation, together

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics import forecast, score, touching_ego, without_touching
from simscale_gym.scene import TrackType

EGO = drive()[0, 0]


def test_touching_includes_bumper_to_bumper():
    assert touching_ego(agent(4.049 + 1.0, 0.0, size=(2.0, 2.0)), EGO)
    assert not touching_ego(agent(4.049 + 1.0001, 0.0, size=(2.0, 2.0)), EGO)
    absent = agent(4.0, 0.0)
    absent.valid[0, 0] = False
    assert not touching_ego(absent, EGO)


def test_replay_drops_who_touches_the_ego_at_the_start():
    both = together(agent(4.0, 0.0), agent(20.0, 0.0, token="b"))
    replay = without_touching(situation(both), EGO)
    assert replay.agents.tokens == ("b",)
    assert score(situation(both), drive()).collision_step == 0
    assert score(replay, drive()).collision_step == 18


def test_forecast_goes_on_along_the_heading():
    braking = agent(20.0, 0.0, heading=0.1, speed=5.0)
    braking.boxes[0, 5:, :2] = braking.boxes[0, 5, :2]
    seen = forecast(situation(braking), EGO).agents
    times = 0.2 * (np.arange(STEPS) // 2)  # every second step only
    np.testing.assert_allclose(seen.boxes[0, :, 0], 20.0 + 5.0 * times * np.cos(0.1))
    np.testing.assert_allclose(seen.boxes[0, :, 1], 5.0 * times * np.sin(0.1))


def test_forecast_of_one_who_rolls_back():
    rolling = agent(20.0, 0.0, heading=0.0, speed=-2.0)
    seen = forecast(situation(rolling), EGO).agents
    np.testing.assert_allclose(seen.boxes[0, -1, 0], 20.0 - 8.0)
    np.testing.assert_allclose(seen.boxes[0, :, 2], 0.0)


def test_objects_and_lights_stay_in_the_forecast():
    cone = agent(20.0, 0.0, speed=3.0, kind=TrackType.TRAFFIC_CONE)
    now = situation(cone, red_lights=[["right"]] * 5 + [[]] * 36)
    seen = forecast(now, EGO)
    np.testing.assert_array_equal(seen.agents.boxes[0, :, 0], 20.0)
    assert list(seen.red_lights) == [["right"]] * 41


def test_forecast_ignores_who_touches_now():
    both = together(agent(4.0, 0.0), agent(20.0, 0.0, token="b"))
    seen = forecast(situation(both), EGO)
    np.testing.assert_array_equal(seen.agents.ignored, [True, False])
    assert score(seen, drive()).collision_step == 18


def test_forecast_leaves_out_the_absent_and_the_far():
    absent, far, near = agent(9.0, 0.0), agent(101.6, 0.0, token="far"), agent(101.4, 0.0, token="near")
    absent.valid[0, 0] = False
    seen = forecast(situation(together(absent, far, near)), EGO)
    assert seen.agents.tokens == ("near",)


@pytest.mark.parametrize(
    ("kind", "count"),
    [(TrackType.VEHICLE, 50), (TrackType.PEDESTRIAN, 25), (TrackType.BICYCLE, 10), (TrackType.BARRIER, 50)],
)
def test_forecast_takes_the_nearest_of_each_kind(kind, count):
    row = [agent(90.0 - i, 4.0, token=str(i), kind=kind, size=(0.5, 0.5)) for i in range(60)]
    seen = forecast(situation(together(*row)), EGO)
    assert set(seen.agents.tokens) == {str(i) for i in range(60 - count, 60)}


def test_wrong_ego_is_named():
    with pytest.raises(ArgumentError, match="ego"):
        forecast(situation(agent(9, 0)), np.zeros(3))
    with pytest.raises(ArgumentError, match="ego"):
        without_touching(situation(agent(9, 0)), np.full(11, np.nan))
