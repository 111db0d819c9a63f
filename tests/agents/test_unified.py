"""The unified expert on hand-made scenes."""

from dataclasses import replace

import numpy as np
import pytest
from crossing_states import KEEPS_ON, START, state_of, world_of
from crossroads import RED, SIDE, along, lane_path, moving
from straight_humans import straight_humans

from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.agents.reactive.idm import IDMTraffic
from simscale_gym.agents.unified.config import UnifiedConfig
from simscale_gym.agents.unified.unified_expert import (
    SOURCES,
    UnifiedExpert,
    contenders,
    discomfort,
    relieved,
    steady_history,
)
from simscale_gym.errors import ArgumentError
from simscale_gym.metrics.comfort import comfort_flags
from simscale_gym.scene import StateIndex
from simscale_gym.scoring.label_filter import is_valid_label
from simscale_gym.scoring.segment import drive_segment
from simscale_gym.sim import track

FRONT = 4.049  # [m] from the rear axle to the bumper
PARKED = moving(15.0, SIDE, np.pi, 0.0, 60)


@pytest.fixture(scope="module")
def expert():
    return UnifiedExpert(straight_humans())


@pytest.fixture(scope="module")
def open_road(expert):
    return expert.outcome(*world_of())


def lateral(scene, state, plan):
    """Distance of the driven ego from the lane's middle, ``[41]``."""
    driven = track(state.ego, plan.poses_world(state.ego), vehicle=scene.vehicle)
    return driven[:, 1] - SIDE, driven


def test_an_open_road_is_driven_calmly_and_like_a_human(expert):
    scene, state = state_of()
    plan = expert.plan(scene, state, KEEPS_ON)
    assert plan.valid and plan.scores["label"] == 1.0 and plan.scores["score"] > 0.95
    assert plan.poses.shape == (40, 3) and plan.trajectory.shape == (8, 3)
    _, driven = lateral(scene, state, plan)
    assert np.abs(np.diff(driven[:, StateIndex.AX])).max() / 0.1 < 2.0
    assert plan.scores["distance"] < 0.5 and plan.poses[-1, 0] > 28.0


def test_stops_for_a_red_light(expert):
    plan = expert.plan(*world_of(light=RED))
    assert plan.valid and plan.scores["tlc"] == 1.0 and plan.scores["label"] == 1.0
    assert plan.poses[-1, 0] + FRONT < 28.0


def test_stops_behind_a_parked_car(expert):
    plan = expert.plan(*world_of([PARKED]))
    assert plan.valid and plan.scores["label"] == 1.0
    assert plan.poses[-1, 0] + FRONT < 25.0 - 2.3


def test_returns_smoothly_from_beside_its_lane(expert):
    ego = (START[0], SIDE - 1.5, START[2], START[3])
    scene, state = state_of(ego=ego)
    plan = expert.plan(scene, state, KEEPS_ON)
    offset, driven = lateral(scene, state, plan)
    _, by_planner = lateral(scene, state, PlannerExpert().plan(scene, state, KEEPS_ON))
    assert plan.valid and plan.scores["label"] == 1.0
    assert abs(offset[-1]) < 0.3 and offset.max() < 0.5  # the tracker swings over a little
    assert discomfort(driven[None])[0] < discomfort(by_planner[None])[0]


def test_without_a_lane_it_brakes_and_says_so(expert):
    plan = expert.plan(*world_of(ego=(400.0, 400.0, 0.0, 5.0)))
    assert not plan.valid and not any(plan.scores.values())
    assert np.isfinite(plan.poses).all() and np.hypot(*np.diff(plan.poses[-3:, :2], axis=0).T).max() < 1e-6


def test_cannot_vouch_for_a_crash(expert):
    plan = expert.plan(*world_of([moving(32.0, SIDE, np.pi, 0.0, 60, size=(4.6, 3.4, 1.5))]))
    assert not plan.valid and plan.scores["label"] == 0.0 and plan.scores["nc"] == 0.0


def test_safe_but_no_label_is_valid(expert):
    """Standing beside its lane it cannot keep to the lane, and still nothing is wrong with its plan."""
    parked = moving(START[0] - 7.5, SIDE, np.pi, 0.0, 60)
    plan = expert.plan(*world_of([parked], ego=(START[0], SIDE - 1.2, START[2], 0.0)))
    assert plan.valid and plan.scores["label"] == 0.0 and plan.scores["lk"] == 0.0


def test_one_source_is_named(expert, open_road):
    plan = expert.plan(*world_of())
    named = [name for name in SOURCES if plan.scores[f"from_{name}"] == 1.0]
    assert named == [SOURCES[open_road.candidates.sources[open_road.chosen]]]
    assert sum(plan.scores[f"from_{name}"] for name in SOURCES) == 1.0
    assert set(open_road.candidates.sources) == set(range(SOURCES.index("blend")))


def test_candidates_begin_at_the_ego(open_road):
    start = np.array(START[:3])
    np.testing.assert_array_equal(
        open_road.candidates.poses[:, 0], np.tile(start, (len(open_road.driven), 1))
    )


def tied(scores, *rows):
    """The scores with the given rows as good as can be and all others worthless."""
    best = np.isin(np.arange(len(scores)), rows).astype(float)
    return replace(scores, **{code: best for code in ("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc")})


def test_equals_are_left_to_human_likeness(open_road):
    scores = tied(open_road.scores, 3, 17)
    np.testing.assert_array_equal(contenders(scores, is_valid_label(scores), 0.05), [3, 17])


def test_the_score_decides_between_others(open_road):
    scores = tied(open_road.scores, 3, 17)
    ep = scores.ep.copy()
    ep[17] = 0.7  # of a weight of 5 in 14: 0.107 less in total
    scores = replace(scores, ep=ep)
    np.testing.assert_array_equal(contenders(scores, is_valid_label(scores), 0.10), [3])
    np.testing.assert_array_equal(contenders(scores, is_valid_label(scores), 0.11), [3, 17])


def test_labels_come_before_higher_totals(open_road):
    scores = tied(open_road.scores, 3, 17)
    ep, hc = scores.ep.copy(), scores.hc.copy()
    ep[3], hc[17] = 0.55, 0.0  # 0.839 and 0.857 in total
    scores = replace(scores, ep=ep, hc=hc)
    assert scores.total[17] > scores.total[3]
    np.testing.assert_array_equal(contenders(scores, is_valid_label(scores), 0.05), [3])


def test_what_nobody_can_help_is_left_out(open_road):
    scores = tied(open_road.scores, 3, 17)
    hopeless = replace(scores, tlc=np.zeros(len(scores)))
    assert hopeless.total.max() == 0.0
    np.testing.assert_array_equal(relieved(hopeless).total, scores.total)
    np.testing.assert_array_equal(contenders(hopeless, is_valid_label(hopeless), 0.05), [3, 17])


def test_over_the_stop_line_none_goes_further_than_the_planner(open_road):
    scores = tied(open_road.scores, 3, 17)
    rows = np.arange(len(scores))
    hopeless = replace(scores, tlc=np.zeros(len(scores)), progress=np.where(rows == 17, 20.0, 4.0))
    np.testing.assert_array_equal(contenders(hopeless, is_valid_label(hopeless), 0.05, 5.0), [3])
    kept = replace(hopeless, tlc=scores.tlc)
    np.testing.assert_array_equal(contenders(kept, is_valid_label(kept), 0.05, 5.0), [3, 17])


def test_the_least_bad_is_alone(open_road):
    scores = tied(open_road.scores)
    late = np.arange(len(scores)) == 5
    scores = replace(scores, nc=np.where(late, 0.5, 0.0), tlc=np.where(late, 0.0, 1.0))
    np.testing.assert_array_equal(contenders(scores, is_valid_label(scores), 0.05), [5])


def test_the_nearest_to_humans_of_the_contenders_is_taken():
    """Take the tie-breaker away and the first of them is."""
    world = world_of(light=RED)
    outcome = UnifiedExpert(straight_humans(), UnifiedConfig(comfort_weight=0.0)).outcome(*world)
    assert len(outcome.contenders) > 3 and outcome.winner == np.argmin(outcome.distance)
    assert outcome.distance[0] > outcome.distance[outcome.winner] + 0.05
    blind = UnifiedExpert(straight_humans(), UnifiedConfig(human_weight=0.0, comfort_weight=0.0))
    assert blind.outcome(*world).winner == 0


def test_weights_change_the_choice():
    """Of plans that score alike, the human prior takes the one that humans drive."""
    world = world_of(light=RED)
    human = UnifiedExpert(straight_humans(), UnifiedConfig(comfort_weight=0.0)).plan(*world)
    calm = UnifiedExpert(straight_humans(), UnifiedConfig(human_weight=0.0)).plan(*world)
    assert human.scores["label"] == calm.scores["label"] == 1.0
    assert human.scores["distance"] < calm.scores["distance"] - 0.05
    assert calm.scores["discomfort"] < human.scores["discomfort"] - 0.05


@pytest.mark.parametrize("light", [RED, None])
def test_what_it_foresees_happens(expert, light):
    """Among reacting traffic, the label that it promises is the one that the driven segment gets."""
    lights = {} if light is None else {"light": light}
    lead = along(np.array([[30.0, SIDE], [-80.0, SIDE]]), 4.0, 60, start=2.0)
    scene, state, traffic = world_of([lead], traffic=IDMTraffic(), **lights)
    plan = expert.plan(scene, state, traffic)
    reference = reference_drive(scene, state, PlannerExpert())
    segment = drive_segment(scene, traffic, [state], plan.poses_world(state.ego), reference)
    assert bool(plan.scores["label"]) == bool(is_valid_label(segment.scores)[0])
    for code in ("nc", "dac", "ddc", "tlc", "ttc", "lk"):
        assert plan.scores[code] == getattr(segment.scores, code)[0]
    assert plan.scores["ep"] == pytest.approx(segment.scores.ep[0], abs=0.02)


def test_it_sees_a_turning_car_where_a_straight_forecast_does_not(expert):
    """A car from the south turns left across the way: going on straight, it would have passed."""
    from crossing_states import with_blocks
    from crossroads import crossroads_map

    road = with_blocks(crossroads_map())
    turning = along(lane_path(road, "in_3", "3>2", "out_2"), 7.0, 60, start=62.0)
    scene, state, traffic = world_of([turning], traffic=IDMTraffic(), ego=(26.0, SIDE, np.pi, 7.0))
    known = expert.outcome(scene, state, traffic)
    blind = expert.outcome(scene, state, KEEPS_ON)
    assert (known.scores.collision_step != blind.scores.collision_step).any()
    plan = expert.plan(scene, state, traffic)
    segment = drive_segment(scene, traffic, [state], plan.poses_world(state.ego))
    assert segment.scores.nc[0] == 1.0


def test_same_state_same_plan(expert):
    scene, state = state_of([moving(20.0, SIDE, np.pi, 3.0, 60)])
    first, again = (
        expert.plan(scene, state, KEEPS_ON),
        UnifiedExpert(straight_humans()).plan(scene, state, KEEPS_ON),
    )
    np.testing.assert_array_equal(first.poses, again.poses)
    assert first.scores == again.scores


def test_all_candidates_at_once_as_one_by_one(expert, open_road):
    scene, state = state_of()
    for row in (0, 7, open_road.chosen, len(open_road.driven) - 1):
        alone = track(state.ego, open_road.candidates.poses[row], vehicle=scene.vehicle)
        np.testing.assert_array_equal(alone, open_road.driven[row])
    for place, row in enumerate(open_road.contenders):
        alone = discomfort(open_road.driven[row : row + 1])[0]
        assert alone == pytest.approx(open_road.discomfort[place], abs=1e-12)


def test_a_steady_past_is_comfortable():
    ego = np.zeros(11)
    ego[[StateIndex.VX, StateIndex.AX, StateIndex.YAW_RATE, StateIndex.HEADING]] = 8.0, 1.0, 0.2, 3.1
    past = steady_history(ego)
    assert past.shape == (14, 11)
    assert past[-1, 2] == pytest.approx(3.1 - 0.2 * 0.2) and past[0, 2] == pytest.approx(3.1 - 1.5 * 0.2)
    onward = np.repeat(ego[None], 41, 0)
    onward[:, 2] += 0.2 * np.arange(41) * 0.1
    assert comfort_flags(onward[None], past, state_of()[0].vehicle).all()


@pytest.mark.parametrize("bad", [{"humans": 0}, {"tie": -0.1}, {"returns": ()}, {"brakings": (0.0,)}])
def test_refuses_senseless_settings(bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        UnifiedConfig(**bad)


def test_a_second_look_where_nothing_is_good_enough(expert, open_road):
    """Slow and far beside its lane, only a quick return to the lane's near side keeps to it for long enough."""
    outcome = expert.outcome(*world_of(ego=(80.0, SIDE - 1.5, np.pi, 3.0)))
    first = len(open_road.driven)
    assert len(outcome.driven) > first and not outcome.labels[:first].any()
    assert outcome.labels[outcome.chosen] and outcome.chosen >= first
    assert (outcome.candidates.sources == SOURCES.index("blend")).any()


def test_no_second_look_under_a_red_light(expert, open_road):
    """On a closed connector no plan is a label, however long one looks."""
    outcome = expert.outcome(*world_of(ego=(10.0, SIDE, np.pi, 6.0), light=RED))
    assert not outcome.scores.tlc.any() and len(outcome.driven) == len(open_road.driven)
