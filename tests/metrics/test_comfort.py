import numpy as np
import pytest
from scipy.signal import savgol_filter
from straight_road import drive, situation

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics import COMFORT_TERMS, extended_comfort, interpolate_history, score
from simscale_gym.scene import StateIndex


def flags(states, history=None):
    history = drive(x=-12.0)[0, :14] if history is None else history
    return dict(zip(COMFORT_TERMS, score(situation(history=history), states).comfort[0], strict=True))


def broken(states, history=None):
    return {name for name, fine in flags(states, history).items() if not fine}


def test_steady_driving_is_comfortable():
    assert not broken(drive())


@pytest.mark.parametrize(
    ("acceleration", "fine"), [(2.39, True), (2.41, False), (-4.04, True), (-4.06, False)]
)
def test_longitudinal_acceleration_has_two_limits(acceleration, fine):
    states, history = drive(acceleration=acceleration), drive(acceleration=acceleration)[0, :14]
    assert ("longitudinal_acceleration" not in broken(states, history)) == fine


@pytest.mark.parametrize("window", [7, 9])
def test_accelerations_are_smoothed_over_eight_samples(window):
    spike = np.zeros(55)
    spike[34] = 1.0
    eight, other = (savgol_filter(spike, w, 2).max() for w in (8, window))
    states = drive()
    states[0, :, StateIndex.AX] = 2.4 / np.sqrt(eight * other) * spike[14:]
    assert ("longitudinal_acceleration" in broken(states)) == (eight > other)


def test_limits_are_exclusive():
    states = drive(acceleration=2.40)
    assert "longitudinal_acceleration" in broken(states, states[0, :14])


def test_yaw_shows_up_in_longitudinal_acceleration_not_in_lateral():
    states = drive()
    states[0, :, StateIndex.YAW_RATE] = 1.3  # 1.461 * 1.69 = 2.47
    history = states[0, :14]
    assert broken(states, history) == {"longitudinal_acceleration"}
    states[0, :, StateIndex.YAW_RATE], states[0, :, StateIndex.YAW_ACC] = 0.0, -2.8
    assert broken(states, states[0, :14]) == {"longitudinal_acceleration"}


def test_lateral_acceleration_is_the_state_s_own():
    states = drive()
    states[0, :, StateIndex.AY] = 4.9
    assert "lateral_acceleration" in broken(states, states[0, :14])


def test_jerks():
    states = drive()
    states[0, :, StateIndex.AX] = np.clip(4.2 * 0.1 * (np.arange(41) - 15), 0, 2.2)
    assert not broken(states)
    states[0, :, StateIndex.AX] = np.clip(8.0 * 0.1 * (np.arange(41) - 20), -3.8, 2.2)
    states[0, :8, StateIndex.AX] = np.linspace(0.0, -3.8, 16)[1::2]
    assert broken(states) == {"longitudinal_jerk"}
    states[0, :, StateIndex.AX] = 0.0
    states[0, :, StateIndex.AY] = np.where(np.arange(41) < 20, 0.0, 20.0)
    assert broken(states) == {"lateral_acceleration", "jerk"}


@pytest.mark.parametrize(("rate", "fine"), [(0.94, True), (0.96, False), (-0.96, False)])
def test_yaw_rate_is_taken_from_headings(rate, fine):
    states = drive()
    states[0, :, StateIndex.HEADING] = rate * 0.1 * np.arange(41)
    history = drive()[0, :14]
    history[:, StateIndex.HEADING] = rate * 0.1 * np.arange(-14, 0)
    assert ("yaw_rate" not in broken(states, history)) == fine


def test_headings_may_jump_by_full_turns():
    states = drive()
    states[0, :, StateIndex.HEADING] = np.pi - 0.05 + 0.01 * np.arange(41)
    states[0, :, StateIndex.HEADING] = np.mod(states[0, :, StateIndex.HEADING] + np.pi, 2 * np.pi) - np.pi
    history = drive()[0, :14]
    history[:, StateIndex.HEADING] = np.pi - 0.05 + 0.01 * np.arange(-14, 0)
    assert not broken(states, history)


def test_yaw_acceleration_fits_cubics():
    # They differ from parabolas only at the ends, so the heading bends there.
    bend = np.clip(0.1 * np.arange(55) - 5.0, 0.0, None) ** 3
    cubic, parabola = (np.abs(savgol_filter(bend, 5, order, deriv=2, delta=0.1)).max() for order in (3, 2))
    assert cubic > 1.1 * parabola
    for share, fine in ((0.99, True), (1.01, False)):
        states = drive()
        states[0, :, StateIndex.HEADING] = share * 1.93 / cubic * bend[14:]
        assert ("yaw_acceleration" not in broken(states)) == fine


def test_history_counts_and_can_be_left_out():
    history = drive(acceleration=-5.0)[0, :14]
    now = situation(history=history)
    assert score(now, drive()).hc == 0.0
    assert score(now, drive(), history=False).hc == 1.0
    assert score(situation(), drive(acceleration=-5.0)).hc == 1.0


def test_history_is_interpolated_without_its_last_two_samples():
    states = np.zeros((4, 11))
    states[:, 0], states[:, 3] = [0.0, 4.0, 8.5, 13.5], [8.0, 8.5, 9.5, 10.0]
    states[:, StateIndex.HEADING] = [3.0, 3.1, -3.1, -3.0]
    states[:, StateIndex.STEERING], states[:, StateIndex.YAW_RATE] = 0.1, 0.2
    history = interpolate_history(np.array([-1.5, -1.0, -0.5, 0.0]), states)
    assert history.shape == (14, 11)
    np.testing.assert_allclose(history[:6, 0], [0.0, 0.8, 1.6, 2.4, 3.2, 4.0])
    np.testing.assert_allclose(history[-1, 0], 8.5 + 5.0 * 3 / 5)
    np.testing.assert_allclose(history[7, 2], 3.1 + (2 * np.pi - 6.2) * 2 / 5 - 2 * np.pi * 0, atol=1e-12)
    np.testing.assert_allclose(np.abs(history[:, 2]) <= np.pi, True)
    np.testing.assert_array_equal(history[:, StateIndex.STEERING], 0.1)
    np.testing.assert_array_equal(history[:, StateIndex.STEERING_RATE :], 0.0)


def test_wrong_history_is_named():
    with pytest.raises(ArgumentError, match="interpolate_history"):
        interpolate_history(np.zeros(4), np.zeros((4, 11)))
    with pytest.raises(ArgumentError, match="history"):
        situation(history=np.zeros((14, 3)))
    with pytest.raises(ArgumentError, match="history"):
        situation(history=np.full((14, 11), np.nan))


def pair(change, column):
    previous, current = drive(acceleration=0.5), drive(acceleration=0.5)
    current[0, :, column] += change
    return extended_comfort(previous, current)


@pytest.mark.parametrize(
    ("change", "column", "fine"),
    [(0.699, StateIndex.AX, 1.0), (0.701, StateIndex.AX, 0.0), (0.7, StateIndex.AX, 1.0)],
)
def test_extended_comfort_compares_accelerations(change, column, fine):
    ec, rms = pair(change, column)
    assert ec == fine
    np.testing.assert_allclose(rms[0], [change, 0, 0, 0], atol=1e-7)


def test_extended_comfort_compares_the_same_times():
    states = np.zeros((1, 46, 11))
    states[0, :, StateIndex.AX] = np.sin(np.arange(46) / 3)
    states[0, :, StateIndex.HEADING] = np.cos(np.arange(46) / 5)
    ec, rms = extended_comfort(states[:, :41], states[:, 5:])
    assert ec == 1.0
    np.testing.assert_array_equal(rms, 0.0)
    assert extended_comfort(states[:, :41], states[:, :41])[0] == 0.0


def test_extended_comfort_fits_parabolas():
    rng = np.random.default_rng(3)
    previous, current = np.zeros((2, 1, 41, 11))
    previous[0, :, 2], current[0, :, 2] = np.cumsum(rng.normal(0, 0.003, (2, 41)), 1)
    for order, name in ((1, "yaw_rate"), (2, "yaw_acceleration")):
        a, b = (
            savgol_filter(x, 5, 2, deriv=order, delta=0.1) for x in (previous[0, 5:, 2], current[0, :-5, 2])
        )
        found = extended_comfort(previous, current)[1][0, 2 if name == "yaw_rate" else 3]
        np.testing.assert_allclose(found, np.sqrt(np.mean((a - b) ** 2)), atol=1e-7)


def test_wrong_pairs_are_named():
    states = drive()
    for interval in (0.0, 0.55, 1.0, -0.5, np.nan):
        with pytest.raises(ArgumentError, match="interval"):
            extended_comfort(states, states, interval)
    with pytest.raises(ArgumentError, match="expected the same"):
        extended_comfort(states, states[:, :40])
    with pytest.raises(ArgumentError, match="finite"):
        extended_comfort(states, states * np.nan)
    with pytest.raises(ArgumentError, match="overlap"):
        extended_comfort(states[:, :8], states[:, :8])
