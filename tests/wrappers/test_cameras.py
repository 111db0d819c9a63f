import gymnasium as gym
import numpy as np
import pytest
from straight_street import CAMERAS, StraightStreet

from simscale_gym.errors import ArgumentError
from simscale_gym.wrappers import GrayCameras, NavsimFeatures, Panorama, ResizedCameras


def drawn(street, pictures):
    """The street with other pictures."""
    street._observation = lambda plain=street._observation: {**plain(), **pictures}
    return street


def test_grey_is_as_bright_as_the_colours():
    env = GrayCameras(StraightStreet())
    observation, _ = env.reset()
    observation, *_ = env.step(np.zeros(2))
    assert env.observation_space.contains(observation)
    assert observation["cam_f0"].shape == (54, 96, 1)
    assert (observation["cam_f0"] == round(0.299 * 10 + 0.587 * 101 + 0.114 * 50)).all()
    assert observation["state"].shape == (5,)


@pytest.mark.parametrize("wrap", [lambda env: env, GrayCameras])
def test_smaller_pictures_are_averages(wrap):
    stripes = np.zeros((54, 96, 3), np.uint8)
    stripes[:, ::2] = 200
    env = ResizedCameras(wrap(drawn(StraightStreet(), {"cam_l0": stripes})), (27, 48))
    observation, _ = env.reset()
    assert env.observation_space.contains(observation)
    inner = observation["cam_l0"][5:-5, 5:-5]
    assert abs(inner.mean() - 100.0) < 3.0 and inner.std() < 15.0


def test_a_panorama_shows_cameras_from_left_to_right():
    env = Panorama(StraightStreet())
    observation, _ = env.reset()
    assert env.observation_space.contains(observation)
    assert not set(CAMERAS) & set(observation)
    picture = observation["panorama"]
    assert picture.shape == (54, 288, 3)
    assert [picture[20, x, 1] for x in (10, 106, 202)] == [100, 101, 102]


def test_a_panorama_leaves_out_what_two_cameras_see():
    env = Panorama(StraightStreet(), trim=(0.1, 0.25), size=(20, 60))
    inner = Panorama(StraightStreet(), trim=(0.1, 0.25))
    assert inner.observation_space["panorama"].shape == (54 - 10, 48 + 96 + 48, 3)
    assert env.observation_space["panorama"].shape == (20, 60, 3)
    assert env.observation_space.contains(env.reset()[0])


def test_navsims_features_are_cut_as_navsim_cuts():
    env = NavsimFeatures(StraightStreet(size=(1080, 1920)))
    observation, _ = env.reset()
    observation, *_ = env.step(np.zeros(2))
    assert env.observation_space.contains(observation)
    assert observation["camera_feature"].shape == (256, 1024, 3)
    picture = observation["camera_feature"][100, :, 1].astype(int)
    borders = np.flatnonzero(np.diff(picture)) + 1  # of 4096 columns, the side cameras have 1088 each
    assert borders.tolist() == pytest.approx([272, 752], abs=1)
    np.testing.assert_allclose(observation["status_feature"], [0, 1, 0, 0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    "wrap", [GrayCameras, lambda env: ResizedCameras(env, (8, 8)), Panorama, NavsimFeatures]
)
def test_an_environment_without_cameras_is_answered(wrap):
    blind = gym.wrappers.FilterObservation(StraightStreet(), ["ego", "command", "state"])
    with pytest.raises(ArgumentError, match="observes command, ego, state, expected"):
        wrap(blind)


def test_sizes_and_shares_are_checked():
    with pytest.raises(ArgumentError, match=r"size \(0, 8\)"):
        ResizedCameras(StraightStreet(), (0, 8))
    with pytest.raises(ArgumentError, match=r"trim \(0.0, 0.5\)"):
        Panorama(StraightStreet(), trim=(0.0, 0.5))


def test_stacked_pictures_are_refused():
    from simscale_gym.wrappers import ObservedHistory

    with pytest.raises(ArgumentError, match="stacked already"):
        GrayCameras(ObservedHistory(StraightStreet()))
