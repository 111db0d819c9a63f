"""How the car answers to keys and sticks: driven by the bicycle, without a scene."""

import numpy as np
import pytest

from simscale_gym.driving_seat import Controls, driven_action
from simscale_gym.envs.actions import MAX_ACCELERATION, MAX_STEERING_RATE
from simscale_gym.metrics import COMFORT_TERMS
from simscale_gym.metrics.comfort import comfort_flags
from simscale_gym.scene import DT, STATE_SIZE, StateIndex, Vehicle
from simscale_gym.sim import move_ego

WHEEL_BASE = Vehicle().wheel_base
LEFT, THROTTLE, BRAKE = Controls(steer=1.0), Controls(throttle=1.0), Controls(brake=0.7)


def drive(seconds, controls, speed=8.0, **state):
    """``[T, 11]`` states of a car that is driven with ``controls``, the first one included."""
    ego = np.zeros(STATE_SIZE)
    ego[StateIndex.VX] = speed
    for name, value in state.items():
        ego[StateIndex[name]] = value
    return on([ego], seconds, controls)


def on(states, seconds, controls):
    """The same, behind ``states``."""
    states = list(states)
    for _ in range(round(seconds / DT)):
        action = driven_action(controls, states[-1], WHEEL_BASE)
        assert action.dtype == np.float32 and (np.abs(action) <= 1.0).all()
        command = action * [MAX_ACCELERATION, MAX_STEERING_RATE]
        states.append(np.empty(STATE_SIZE))
        move_ego(states[-2], states[-1], *command, WHEEL_BASE, False)
    return np.array(states)


def column(states, name):
    return states[:, StateIndex[name]]


def test_the_wheel_follows_the_key_and_centres_itself():
    turning = drive(1.0, LEFT)
    angle = column(turning, "STEERING")
    assert angle[-1] > 0.1 and (np.diff(angle) > -1e-9).all() and angle[1] < 0.25 * angle[-1]
    back = column(on(turning, 1.0, Controls()), "STEERING")[len(turning) :]
    assert abs(back[-1]) < 0.01 and back.min() > -0.01 and back[2] > 0.3 * angle[-1]


def test_a_tap_is_a_small_correction():
    """0.1 s on the key at 50 km/h: half a metre or so to the side in the second behind it."""
    states = on(drive(DT, LEFT, speed=14.0), 1.0, Controls())
    assert 0.02 < column(states, "Y")[-1] < 1.0 and abs(column(states, "HEADING")[-1]) < 0.06


@pytest.mark.parametrize("speed", [3.0, 8.0, 14.0, 24.0])
def test_full_lock_never_throws_the_car(speed):
    states = drive(3.0, LEFT, speed=speed)
    sideways = column(states, "VX") * column(states, "YAW_RATE")
    assert sideways.max() < 3.1 and np.abs(column(states, "YAW_ACC")).max() < 1.93
    assert sideways.max() > (2.7 if speed > 6.0 else 1.0)


def test_left_and_right_are_alike():
    left, right = drive(1.5, LEFT), drive(1.5, Controls(steer=-1.0))
    np.testing.assert_allclose(column(left, "Y"), -column(right, "Y"))


def test_a_policys_angle_is_unwound_at_once():
    states = drive(0.6, Controls(), speed=15.0, STEERING=0.4)
    assert abs(column(states, "STEERING")[-1]) < 0.05


def test_throttle_and_brake_are_comfortable():
    """Within NAVSIM's limits: 2.40 and -4.05 m/s^2, 4.13 m/s^3."""
    for controls, bounds in ((THROTTLE, (1.2, 2.4)), (BRAKE, (-3.0, -2.5))):
        pulled = column(drive(1.5, controls, speed=10.0), "AX")
        assert np.abs(np.diff(pulled)).max() / DT < 4.13
        assert bounds[0] <= pulled[np.abs(pulled).argmax()] <= bounds[1]


@pytest.mark.parametrize("speed", [5.0, 8.0, 14.0])
@pytest.mark.parametrize(
    "moves",
    [
        [(2.0, THROTTLE)],
        [(1.5, BRAKE)],
        [(0.3, LEFT)],
        [(0.3, LEFT), (0.3, Controls()), (0.3, Controls(steer=-1.0))],
        [(1.0, THROTTLE), (0.2, Controls(steer=1.0, throttle=1.0)), (1.0, THROTTLE)],
    ],
    ids=["throttle", "brake", "tap", "slalom", "turn under throttle"],
)
def test_keys_drive_as_comfortably_as_epdms_asks(speed, moves):
    states = drive(1.5, Controls(throttle=0.2), speed=speed)
    begun = len(states)
    for seconds, controls in [*moves, (1.0, Controls())]:
        states = on(states, seconds, controls)
    flags = comfort_flags(states[None, begun - 1 :], states[: begun - 1], Vehicle())[0]
    assert dict(zip(COMFORT_TERMS, flags.tolist(), strict=True)) == dict.fromkeys(COMFORT_TERMS, True)


def test_full_brake_bites():
    pulled = column(drive(0.5, Controls(throttle=1.0, brake=1.0), speed=10.0), "AX")
    assert pulled[-1] < -3.3


def test_the_car_stops_and_stays():
    states = drive(6.0, BRAKE, speed=8.0)
    speed = column(states, "VX")
    assert speed.min() == 0.0 and speed[-1] == 0.0
    still = on(states[-1:], 2.0, Controls())
    assert column(still, "VX").max() == 0.0 and np.ptp(column(still, "X")) == 0.0
    assert column(on(still[-1:], 1.0, THROTTLE), "VX")[-1] > 1.0


def test_without_a_foot_it_rolls_out_gently():
    speed = column(drive(2.0, Controls(), speed=8.0), "VX")
    assert 7.2 < speed[-1] < 7.7


def test_sticks_that_do_not_rest_at_zero_touch_nothing():
    for value in (0.04, -0.04):
        resting = Controls(steer=value, throttle=abs(value), brake=abs(value))
        assert not resting.touched
        ego = drive(0.0, resting)[-1]
        np.testing.assert_array_equal(
            driven_action(resting, ego, WHEEL_BASE), driven_action(Controls(), ego, WHEEL_BASE)
        )
    assert all(controls.touched for controls in (LEFT, THROTTLE, BRAKE))
