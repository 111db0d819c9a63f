import dataclasses

import numpy as np
import pytest
from straight_road import agent, drive, rectangle, road_map, situation, together

from simscale_gym.geometry import box
from simscale_gym.metrics import MapLayers, score
from simscale_gym.metrics.contacts import bearing_to
from simscale_gym.scene import TrackType

BUMPER = 4.049  # from the rear axle


def nc(agents, states, **changes):
    result = score(situation(agents, **changes), states)
    return result.nc[0], result.collision_step[0]


def test_an_empty_road_has_no_contacts():
    result = score(situation(), drive())
    assert result.nc == result.ttc == 1.0
    assert result.collision_step == result.ttc_step == 41


def test_standing_vehicle_ahead_is_hit_at_the_step_of_first_touch():
    # Bumpers touch after 16 m - 2.3 m - 4.049 m = 9.651 m, within the 13th step of 0.8 m.
    assert nc(agent(16.0, 0.0), drive()) == (0.0, 13)


def test_bumper_to_bumper_is_a_contact():
    touching = agent(BUMPER + 1.0, 0.0, size=(2.0, 2.0), speed=1.0)
    apart = agent(BUMPER + 1.001, 0.0, size=(2.0, 2.0), speed=1.0)
    assert nc(touching, drive(speed=1.0)) == (0.0, 0)
    assert nc(apart, drive(speed=1.0)) == (1.0, 41)


def test_objects_cost_a_half():
    for kind in (TrackType.TRAFFIC_CONE, TrackType.BARRIER, TrackType.CZONE_SIGN, TrackType.GENERIC_OBJECT):
        assert nc(agent(16.0, 0.0, kind=kind, size=(0.4, 0.4)), drive())[0] == 0.5
    both = together(agent(16.0, 0.0, kind=TrackType.BARRIER), agent(30.0, 0.0, token="b"))
    assert nc(both, drive()) == (0.0, 13)


def test_a_standing_ego_is_never_at_fault():
    assert nc(agent(-10.0, 0.0, speed=9.0), drive(speed=0.0)) == (1.0, 41)
    assert nc(agent(12.0, 0.0, np.pi, 5.0), drive(speed=0.05)) == (1.0, 41)
    assert nc(agent(12.0, 0.0, np.pi, 5.0), drive(speed=0.06))[0] == 0.0


def test_hit_from_behind_is_not_at_fault():
    assert nc(agent(-10.0, 0.0, speed=12.0), drive(speed=3.0)) == (1.0, 41)
    between_lanes = drive(y=1.5, speed=3.0)
    assert score(situation(), between_lanes).areas[0, 0] & 1
    assert nc(agent(-10.0, 1.5, speed=12.0), between_lanes) == (1.0, 41)


def test_who_was_not_at_fault_once_is_ignored_ever_after():
    # Standing when touched, then the ego drives through it.
    states = drive(speed=0.0)
    states[0, 20:] = drive(speed=8.0)[0, :21]
    assert nc(agent(3.0, 0.0, speed=1.0), states) == (1.0, 41)


def test_lateral_contact_is_at_fault_only_between_lanes_or_off_road():
    # A car drifts into the ego's left flank, beside its centre.
    states = drive(speed=8.0)
    beside = agent(0.0, 3.4, 0.0, 8.0)
    beside.boxes[0, :, 1] -= 0.06 * np.arange(41)
    assert nc(beside, states)[0] == 1.0
    straddling = drive(y=0.7, speed=8.0)
    assert score(situation(beside), straddling).areas[0, 20] & 1
    assert nc(beside, straddling)[0] == 0.0
    off_road = drive(y=-0.7, speed=8.0)
    beside.boxes[0, :, 1] -= 0.7
    assert score(situation(beside), off_road).areas[0, 20] & 2
    assert nc(beside, off_road)[0] == 0.0


def test_who_was_seen_standing_first_counts_as_standing():
    # Both touch the ego's flank in motion; only the first speed differs.
    flank = agent(0.0, 3.4, 0.0, 8.0)
    flank.boxes[0, :, 1] -= 0.06 * np.arange(41)
    assert nc(flank, drive())[0] == 1.0
    parked_first = agent(0.0, 3.4, 0.0, 8.0)
    parked_first.boxes[:] = flank.boxes
    velocities = flank.velocities.copy()
    velocities[0, 0] = 0.0
    object.__setattr__(parked_first, "velocities", velocities)
    assert nc(parked_first, drive())[0] == 0.0
    parked_first.valid[0, 0] = False  # first seen one step later, in motion
    assert nc(parked_first, drive())[0] == 1.0


def test_absent_agents_are_not_there():
    ghost = agent(16.0, 0.0)
    ghost.valid[0, 5:] = False
    assert nc(ghost, drive()) == (1.0, 41)


def test_an_agent_inside_the_ego_from_the_start():
    assert nc(agent(1.461, 0.0, speed=8.0), drive()) == (1.0, 41)  # as if from the side
    assert nc(agent(1.461, 0.0, speed=8.0, size=(6.0, 1.9)), drive()) == (
        0.0,
        0,
    )  # it reaches past the bumper
    assert nc(agent(1.461, 0.0, speed=0.0), drive(speed=0.0)) == (1.0, 41)


def ttc(agents, states, **changes):
    result = score(situation(agents, **changes), states)
    return result.ttc[0], result.ttc_step[0]


def test_time_to_collision_looks_nine_steps_ahead():
    # At 8 m/s the box reaches 7.2 m further; the gap of 9.651 m closes to that after 4 steps of 0.8 m (3.2 m).
    assert ttc(agent(16.0, 0.0), drive()) == (0.0, 4)


def test_time_to_collision_uses_where_the_others_will_be():
    fleeing = agent(12.0, 0.0, speed=8.0)
    assert ttc(fleeing, drive(speed=8.0)) == (1.0, 41)
    assert ttc(agent(12.0, 0.0), drive(speed=8.0))[0] == 0.0


def test_time_to_collision_starts_up_to_step_31():
    # The last start is step 31, which looks at step 40: x = 24.8 + 4.049 + 7.2 = 36.049 m is as far as it sees.
    assert ttc(agent(37.049, 0.0, size=(2.0, 2.0)), drive()) == (0.0, 31)
    assert ttc(agent(37.06, 0.0, size=(2.0, 2.0)), drive()) == (1.0, 41)


def test_a_crawling_ego_foresees_nothing():
    inside = agent(6.0, 0.0)
    assert ttc(inside, drive(speed=0.004)) == (1.0, 41)
    assert ttc(inside, drive(speed=0.006)) == (0.0, 0)


def beside_the_door():
    """A walker within reach of the ego's right flank only, more than 30 degrees off its heading."""
    return agent(1.0, -1.2, kind=TrackType.PEDESTRIAN, size=(0.6, 0.6), speed=8.0)


def test_from_the_side_time_to_collision_counts_in_intersections_only():
    layers = road_map()
    wide = rectangle(-50, -5, 150, 5)
    plain = MapLayers((*layers.rings, wide), (*layers.layers, "CARPARK_AREA"), (*layers.tokens, "x"))
    crossing = MapLayers((*layers.rings, wide), (*layers.layers, "INTERSECTION"), (*layers.tokens, "x"))
    assert ttc(beside_the_door(), drive(), map=plain) == (1.0, 41)
    assert ttc(beside_the_door(), drive(), map=crossing) == (0.0, 0)


def test_from_the_side_time_to_collision_counts_between_lanes():
    walker = agent(1.0, 2.6, kind=TrackType.PEDESTRIAN, size=(0.6, 0.6), speed=8.0)
    assert ttc(walker, drive(y=1.7)) == (0.0, 0)


def test_behind_never_counts_for_time_to_collision():
    layers = road_map()
    crossing = MapLayers(
        (*layers.rings, rectangle(-50, -5, 150, 5)), (*layers.layers, "INTERSECTION"), (*layers.tokens, "x")
    )
    assert ttc(agent(-3.3, 0.0, speed=8.0), drive(), map=crossing) == (1.0, 41)


def test_ignored_agents_are_ignored():
    inside = agent(6.0, 0.0)
    ignored = dataclasses.replace(inside, ignored=np.array([True]))
    result = score(situation(ignored), drive())
    assert result.nc == result.ttc == 1.0


def lights(closed_steps, lane="right", route=("right", "left"), states=None):
    layers = road_map()
    connector = rectangle(10, -1.75, 20, 1.75)
    layers = MapLayers(
        (*layers.rings, connector), (*layers.layers, "LANE_CONNECTOR"), (*layers.tokens, "over the line")
    )
    red = [["over the line"] if k in closed_steps else [] for k in range(41)]
    route = (*route, "over the line") if lane == "right" else route
    return score(
        situation(map=layers, route_lane_ids=route, red_lights=red), drive() if states is None else states
    ).tlc[0]


def test_red_lights_are_lanes_not_to_touch():
    assert lights(range(41)) == 0.0
    assert lights(range(8)) == 1.0  # the bumper is at 10 m after 5.951 m, at step 8 only
    assert lights(range(9)) == 0.0
    assert lights(()) == 1.0
    assert lights([0], states=drive(x=12.0)) == 0.0  # also from the start
    assert lights([40], states=drive(x=12.0, speed=0.0)) == 0.0  # also standing


def test_red_lights_off_the_route_do_not_count():
    assert lights(range(41), lane="other") == 1.0


def test_stopping_at_the_line_exactly_touches_it():
    assert lights(range(41), states=drive(x=10.0 - BUMPER, speed=0.0)) == 0.0
    assert lights(range(41), states=drive(x=9.999 - BUMPER, speed=0.0)) == 1.0


@pytest.mark.parametrize("steps", [5, 9, 10, 60])
def test_any_number_of_steps(steps):
    result = score(situation(agent(3.0 + 0.8 * steps, 0.0, steps=steps)), drive(steps=steps))
    assert result.nc == 0.0
    assert result.ttc == (1.0 if steps <= 9 else 0.0)


@pytest.mark.parametrize(
    ("heading", "distance", "x", "y", "unknown"),
    [(1.83, 25.4, 460001.5, 4599978.6, False), (-0.7, 15.8, -45.5, -45.1, False),
     (2.22, 11.5, 460039.5, 4600037.2, True), (1.24, 6.0, 460000.3, 4599993.7, False),
     (-1.05, 25.3, -18.4, -35.1, False), (-0.5, 22.3, 460028.5, 4600044.1, True),
     (-2.9, 11.9, 36.1, -33.6, True), (-0.76, 14.7, 459956.0, 4599977.7, True),
     (2.98, 27.5, 29.9, -16.7, True), (-0.65, 17.0, -39.4, -46.3, False)],
)  # fmt: skip
def test_what_is_straight_ahead_has_no_bearing_where_nuplan_has_none(heading, distance, x, y, unknown):
    """``unknown``: nuPlan's get_agent_relative_angle is not a number. Without its roundings six of these are wrong."""
    cos, sin = np.cos(heading), np.sin(heading)
    center = np.array([x + distance * cos, y + distance * sin])
    corners = box.corners(np.array([*center, heading, 4.6, 1.9]))
    assert np.isnan(bearing_to(cos, sin, x, y, corners)) == unknown
