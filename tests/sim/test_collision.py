import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import box
from simscale_gym.scene import Area, EgoLog, Lane, RoadMap, Scene, Tracks, TrackType, TrafficLights, Vehicle
from simscale_gym.sim.collision import (
    ContactType,
    boxes_touch,
    contacts,
    ego_boxes,
    ego_contacts,
    off_road,
    straddles_lanes,
)
from simscale_gym.sim.state import SimState, TrafficState

CAR = [4.6, 1.9]


def ego(speed=10.0, x=0.0, y=0.0, heading=0.0):
    state = np.zeros(11)
    state[:4] = x, y, heading, speed
    return state


def contact(ego_state, x, y, heading=0.0, *, speed=5.0, kind=TrackType.VEHICLE, straddling=False, valid=True):
    touching, at_fault, kinds = contacts(
        ego_state,
        np.array([[x, y, heading, *CAR]]),
        np.array([speed]),
        np.array([kind], np.uint8),
        np.array([valid]),
        multiple_lanes_or_off_road=straddling,
    )
    assert touching[0] == (kinds[0] != ContactType.NONE)
    return ContactType(kinds[0]), bool(at_fault[0])


def test_box_of_the_ego_lies_ahead_of_its_rear_axle():
    np.testing.assert_allclose(
        ego_boxes(ego(heading=np.pi / 2)), [0.0, 1.461, np.pi / 2, 5.176, 2.297], atol=1e-9
    )


@pytest.mark.parametrize(
    ("ego_state", "x", "y", "options", "expected"),
    [
        (ego(), 20.0, 0.0, {}, (ContactType.NONE, False)),
        (ego(0.05), 5.0, 0.0, {}, (ContactType.STOPPED_EGO, False)),
        (ego(), 5.0, 0.0, {"speed": 0.05}, (ContactType.STOPPED_TRACK, True)),
        (ego(), 5.0, 0.0, {"kind": TrackType.BARRIER}, (ContactType.STOPPED_TRACK, True)),
        (ego(), -3.0, 0.0, {}, (ContactType.REAR, False)),
        (ego(), 5.0, 0.0, {}, (ContactType.FRONT, True)),
        (ego(), 1.0, 2.0, {}, (ContactType.LATERAL, False)),
        (ego(), 1.0, 2.0, {"straddling": True}, (ContactType.LATERAL, True)),
        (ego(), 5.0, 0.0, {"valid": False}, (ContactType.NONE, False)),
    ],
)
def test_contact_types_and_fault(ego_state, x, y, options, expected):
    assert contact(ego_state, x, y, **options) == expected


def test_contact_rules_turn_with_the_ego():
    turned = ego(heading=np.pi / 2)
    assert contact(turned, 0.0, 5.0, np.pi / 2) == (ContactType.FRONT, True)
    assert contact(turned, 0.0, -3.0, np.pi / 2) == (ContactType.REAR, False)


finite = st.floats(-6, 6)


@given(finite, finite, st.floats(-4, 4), finite, finite, st.floats(-4, 4))
def test_touch_equals_the_vectorised_twin(ax, ay, ah, bx, by, bh):
    a, b = np.array([ax, ay, ah, 5.0, 2.0]), np.array([bx, by, bh, 4.0, 1.0])
    margin = np.array([0.0, 0.0, 0.0, 1e-6, 1e-6])
    grown, shrunk = a + margin, a - margin
    if box.overlap(grown, b) == box.overlap(shrunk, b):  # not a grazing contact within rounding
        assert boxes_touch(a, b) == box.overlap(a, b)


def straight_lane(lane_id, y, **links):
    centerline = np.array([[0.0, y, 0.0], [100.0, y, 0.0]])
    ring = np.array([[0, y - 1.75], [100, y - 1.75], [100, y + 1.75], [0, y + 1.75]], float)
    return Lane(lane_id, False, "block", centerline, ring, ring[3:1:-1], ring[:2], **links)


def two_lanes():
    lanes = {"left": straight_lane("left", 3.5), "right": straight_lane("right", 0.0)}
    return RoadMap(
        "two lanes", lanes, carparks={"p": Area("p", np.array([[40, -6], [60, -6], [60, -1.7], [40, -1.7]]))}
    )


def test_off_road_needs_every_corner_on_some_polygon():
    states = np.stack(
        [ego(x=20.0), ego(x=20.0, y=-0.7), ego(x=47.0, y=-0.7), ego(x=20.0, y=1.75), ego(x=-0.5)]
    )
    assert off_road(states, two_lanes()).tolist() == [False, True, False, False, True]
    assert off_road(states.reshape(5, 1, 11), two_lanes()).shape == (5, 1)


def test_straddling_means_several_lanes_and_none_that_holds_all():
    states = np.stack([ego(x=20.0), ego(x=20.0, y=1.75), ego(x=20.0, y=3.5)])
    assert straddles_lanes(states, two_lanes()).tolist() == [False, True, False]


def test_wrong_shapes_are_named():
    with pytest.raises(ArgumentError, match=r"boxes \(1, 4\)"):
        contacts(
            ego(), np.zeros((1, 4)), np.zeros(1), np.zeros(1, np.uint8), np.ones(1, bool),
            multiple_lanes_or_off_road=False, vehicle=Vehicle(),
        )  # fmt: skip


def scene_with(poses, velocities, types):
    n = len(poses)
    lanes = two_lanes()
    tracks = Tracks(
        tuple(map(str, range(n))), np.array(types, np.uint8), np.array(poses, float)[:, None],
        np.array(velocities, float)[:, None], np.zeros((n, 1)), np.tile([4.6, 1.9, 1.5], (n, 1)), np.ones((n, 1), bool),
    )  # fmt: skip
    zeros = np.zeros(1)
    log = EgoLog(np.zeros((1, 11)), zeros, zeros, zeros)
    lights = TrafficLights((), np.zeros((0, 1), np.uint8))
    scene = Scene("s", "l", "t", np.zeros(3), np.zeros(1, np.int64), lanes, log, tracks, lights, ())
    return scene, TrafficState(tracks.poses[:, 0], tracks.velocities[:, 0], tracks.valid[:, 0])


@pytest.mark.parametrize(("y", "expected"), [(0.0, False), (0.9, True)])
def test_a_side_contact_is_the_egos_fault_when_it_straddles_lanes(y, expected):
    scene, traffic = scene_with(
        [[21.0, y + 2.0, 0.0], [60.0, y, 0.0]], [[5.0, 0.0]] * 2, [TrackType.VEHICLE] * 2
    )
    touching, at_fault = ego_contacts(scene, SimState(0, ego(x=20.0, y=y), traffic))
    assert touching.tolist() == [True, False]
    assert at_fault.tolist() == [expected, False]
