import dataclasses

import numpy as np
import pytest
from straight_road import agent, drive, rectangle, road_map, situation, together

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics import Agents, EgoArea, MapLayers, score


def test_layers_need_names_that_nuplan_knows():
    with pytest.raises(ArgumentError, match=r"layer 'lane'.*expected one of LANE"):
        MapLayers((rectangle(0, 0, 1, 1),), ("lane",), ("a",))


def test_layers_need_rings():
    with pytest.raises(ArgumentError, match=r"'a' has shape \(2, 2\)"):
        MapLayers((np.zeros((2, 2)),), ("LANE",), ("a",))
    with pytest.raises(ArgumentError, match="finite"):
        MapLayers((rectangle(0, 0, 1, np.nan),), ("LANE",), ("a",))
    with pytest.raises(ArgumentError, match="2 layers"):
        MapLayers((rectangle(0, 0, 1, 1),), ("LANE", "LANE"), ("a",))


def test_tokens_are_unique_within_a_layer():
    ring = rectangle(0, 0, 1, 1)
    MapLayers((ring, ring), ("LANE", "ROADBLOCK"), ("1", "1"))
    with pytest.raises(ArgumentError, match="'1' stands 2 times in layer LANE"):
        MapLayers((ring, ring), ("LANE", "LANE"), ("1", "1"))


def test_closed_rings_are_the_same_as_open_ones():
    ring = rectangle(-50, -1.75, 150, 5.25)
    layers = MapLayers((np.concatenate([ring, ring[:1]]),), ("ROADBLOCK",), ("a",))
    assert score(situation(map=layers), drive()).dac == 1.0


def test_agents_need_unique_names():
    with pytest.raises(ArgumentError, match="'a' stands 2 times"):
        together(agent(0, 0), agent(10, 0))
    with pytest.raises(ArgumentError, match="traffic light"):
        agent(0, 0, token="red_light_7")


def test_agents_need_fitting_arrays():
    good = agent(0, 0)
    with pytest.raises(ArgumentError, match=r"agents[.]velocities.*\(1, 41, 2\)"):
        dataclasses.replace(good, velocities=np.zeros((1, 40, 2)))
    with pytest.raises(ArgumentError, match=r"agents.boxes"):
        dataclasses.replace(good, boxes=good.boxes * np.nan)
    with pytest.raises(ArgumentError, match="no length or width"):
        agent(0, 0, size=(0.0, 1.0))
    with pytest.raises(ArgumentError, match=r"agents\.ignored"):
        dataclasses.replace(good, ignored=np.zeros(2, bool))
    with pytest.raises(ArgumentError, match="'a' has type 7, expected 0 to 6"):
        dataclasses.replace(good, types=np.array([7], np.uint8))


def test_there_must_be_a_present():
    with pytest.raises(ArgumentError, match="0 steps"):
        situation(Agents.none(0))


def test_without_a_map_everywhere_is_off_the_road_and_against_the_route():
    """As NAVSIM scores an empty map: no corner is on the road, no centre in a lane of the route."""
    nowhere = situation(map=MapLayers((), (), ()), route_lane_ids=())
    result = score(nowhere, drive())
    assert (result.nc, result.dac, result.ddc, result.tlc) == (1.0, 0.0, 0.0, 1.0)
    assert (result.ep, result.lk, result.total) == (1.0, 1.0, 0.0)
    assert np.all(result.areas == EgoArea.NON_DRIVABLE | EgoArea.ONCOMING)


def test_centerline_must_be_a_line():
    for line in (np.zeros((0, 2)), np.zeros((1, 2)), np.zeros((3, 2)), np.full((3, 2), np.nan), np.zeros(3)):
        with pytest.raises(ArgumentError, match="centerline"):
            situation(centerline=line)


def test_lights_must_fit():
    with pytest.raises(ArgumentError, match="red_lights: 40 steps, expected 41"):
        situation(red_lights=[[]] * 40)
    with pytest.raises(ArgumentError, match="'elsewhere' has no polygon"):
        score(situation(red_lights=[["elsewhere"]] * 41, route_lane_ids=("elsewhere",)), drive())
    assert score(situation(red_lights=[["elsewhere"]] * 41), drive()).tlc == 1.0


@pytest.mark.parametrize("shape", [(41, 11), (1, 40, 11), (1, 42, 11), (1, 41, 3)])
def test_states_must_fit(shape):
    with pytest.raises(ArgumentError, match=r"expected \[P, 41, 11\]"):
        score(situation(), np.zeros(shape))


def test_states_must_be_finite():
    states = np.repeat(drive(), 4, 0)
    states[2, 7, 0] = np.nan
    with pytest.raises(ArgumentError, match="1 proposals are not finite, the first is 2"):
        score(situation(), states)


def test_no_proposals_have_no_scores():
    result = score(situation(history=drive()[0, :14]), np.zeros((0, 41, 11)))
    assert len(result) == 0
    assert result.total.shape == (0,)


def test_map_look_up_is_built_once():
    layers = road_map()
    first, second = situation(map=layers), situation(agent(9, 0), map=layers)
    score(first, drive())
    built = layers.__dict__["index"]
    score(second, drive())
    assert layers.index is built


def test_nobody():
    assert len(Agents.none(7)) == 0
    assert score(situation(Agents.none(7)), drive(steps=7)).nc == 1.0


def test_with_other_agents_the_map_is_not_looked_up_again():
    first = situation()
    score(first, drive())
    second = first.with_agents(agent(16.0, 0.0), [["right"]] * 41)
    assert second.line is first.line
    assert second.flags is first.flags
    assert score(second, drive()).nc == score(situation(agent(16.0, 0.0)), drive()).nc == 0.0
    assert score(second, drive()).tlc == 0.0
