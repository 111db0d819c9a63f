import numpy as np
import pytest
from plain_scorer import PlainScorer
from straight_road import agent, drive, rectangle, situation, together

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics import COLUMNS, Agents, MapLayers, Situation, score, total_score
from simscale_gym.scene import TrackType
from simscale_gym.sim import plan_to_poses, track


def busy_crossing(seed, offset):
    """A random junction: crooked lanes that overlap, an intersection that is not convex, some of everything."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 9))
    star = np.array([15.0, 0.0]) + rng.uniform(4, 14, (9, 1)) * np.column_stack(
        [np.cos(angle), np.sin(angle)]
    )
    x = np.linspace(-20, 60, 41)
    bend = 2.0 * np.sin(x / 15 + rng.uniform(0, 6))
    rings, layers, tokens = [star], ["INTERSECTION"], ["7"]
    for i, low in enumerate((-5.2, -1.7, 1.8)):
        part = slice(22, None) if i == 1 else slice(None)  # the middle one begins ahead of the ego
        edge = np.column_stack([x, bend + low])[part]
        lane = np.concatenate([edge, edge[::-1] + np.array([0.0, 3.6])])
        rings.append(lane)
        layers.append("LANE_CONNECTOR" if i == 1 else "LANE")
        tokens.append(str(i))
    rings += [rectangle(-20, -7, 8, 6), rectangle(22, -4, 60, 7), rectangle(10, -12, 30, -3)]
    layers += ["ROADBLOCK", "ROADBLOCK", "CARPARK_AREA"]
    tokens += ["10", "11", "7"]
    agents = [
        agent(
            *rng.uniform([-15, -8], [40, 8]), rng.uniform(-4, 4), rng.choice([0.0, 0.03, 3.0, 9.0]), token=str(n),
            kind=TrackType(int(rng.integers(7))), size=rng.uniform([0.4, 0.4], [6.0, 2.5]),
        )
        for n in range(9)
    ]  # fmt: skip
    others = together(*agents)
    others.valid[2, rng.integers(0, 30) :] = False
    others.valid[3, : rng.integers(0, 30)] = False
    others.boxes[..., :2] += offset
    centerline = np.column_stack([x, bend])[rng.random(41) < 0.8]
    red = [["1", "2"] if k < 20 else ["2"] for k in range(41)]
    history = drive(x=-11.2)[0, :14]
    history[:, :2] += offset
    return Situation(
        MapLayers(tuple(ring + offset for ring in rings), tuple(layers), tuple(tokens)),
        centerline + offset, ("0", "1"), others, red, history,
    )  # fmt: skip


def driven_plans(seed, count, offset):
    """Plans of all kinds, driven by the tracker, and two that no tracker would drive."""
    rng = np.random.default_rng(seed)
    curvature, speed = rng.normal(0, 0.03, (count, 1)), np.abs(rng.normal(7, 4, (count, 1)))
    way = speed * 0.5 * np.arange(1, 9)
    heading = curvature * way
    plan = np.stack([way * np.cos(heading / 2), way * np.sin(heading / 2), heading], -1)
    states = track(np.r_[0.0, 0.0, rng.normal(0, 0.1), 7.0, np.zeros(7)], plan_to_poses(np.zeros(3), plan))
    odd = np.concatenate([drive(speed=0.004), drive(x=20.0, speed=-4.0, heading=0.4)])
    states = np.concatenate([states, odd])
    states[..., :2] += offset
    return states


@pytest.mark.parametrize(
    ("seed", "offset"), [(0, (0, 0)), (1, (0, 0)), (2, (664_000, 3_996_000)), (3, (0, 0)), (4, (5, 5))]
)
def test_every_subscore_equals_its_plain_twin(seed, offset):
    offset = np.array(offset, float)
    now, states = busy_crossing(seed, offset), driven_plans(seed, 10, offset)
    found = score(now, states)
    for p, plan in enumerate(states):
        plain = PlainScorer(now, plan)
        bits = plain.multiple + 2 * plain.off + 4 * plain.oncoming + 8 * plain.crossing
        np.testing.assert_array_equal(found.areas[p], bits)
        assert (found.nc[p], found.collision_step[p]) == plain.nc()
        assert (found.ttc[p], found.ttc_step[p]) == plain.ttc()
        assert (found.dac[p], found.ddc[p], found.tlc[p]) == (plain.dac(), plain.ddc(), plain.tlc())
        assert found.lk[p] == plain.lk()
        assert found.comfort[p].tolist() == plain.comfort()
        assert found.progress[p] == pytest.approx(plain.progress(), abs=1e-7)


def test_the_twins_disagree_about_something():
    """The random junctions exercise what they are for."""
    seen = [score(busy_crossing(s, np.zeros(2)), driven_plans(s, 10, np.zeros(2))) for s in (0, 1, 3, 4)]
    for code in ("nc", "dac", "ddc", "tlc", "ttc", "lk", "hc"):
        assert len(np.unique(np.concatenate([getattr(x, code) for x in seen]))) >= 2, code
    assert {1, 2, 4, 8} <= {int(b) & bit for x in seen for b in x.areas.ravel() for bit in (1, 2, 4, 8)}


def test_blocks_make_no_difference():
    now, states = busy_crossing(5, np.zeros(2)), driven_plans(5, 300, np.zeros(2))
    whole = score(now, states).columns()
    again = score(now, states[::-1]).columns()
    for name, values in whole.items():
        np.testing.assert_array_equal(values, again[name][::-1])


def two_plans():
    """A slow one, and a fast one that runs into a barrier at the end of the way."""
    barrier = agent(40.0, 0.0, kind=TrackType.BARRIER, size=(0.5, 0.5))
    return situation(barrier), np.concatenate([drive(speed=5.0), drive(speed=9.5)])


def test_total_is_the_product_times_the_weighted_mean():
    now, states = two_plans()
    result = score(now, states)
    np.testing.assert_allclose(result.nc, [1.0, 0.5])
    np.testing.assert_allclose(result.ep, [1.0, 1.0])  # 20 m of 20 m; 38 m at half is 19 m
    np.testing.assert_allclose(result.ttc, [1.0, 0.0])
    np.testing.assert_allclose(result.total, [1.0, 0.5 * (5 + 2 + 2) / 14])
    with pytest.raises(ArgumentError, match=r"\(3,\) values for 2 proposals"):
        result.with_extended_comfort(np.ones(3))
    compared = result.with_extended_comfort([0.0, 1.0])
    np.testing.assert_allclose(compared.total, [14 / 16, 0.5 * 11 / 16])


def test_columns_have_navsims_names():
    now, states = two_plans()
    assert list(score(now, states).columns()) == [
        "no_at_fault_collisions", "drivable_area_compliance", "driving_direction_compliance",
        "traffic_light_compliance", "ego_progress", "time_to_collision_within_bound", "lane_keeping",
        "history_comfort", "score",
    ]  # fmt: skip
    with_ec = score(now, states).with_extended_comfort(1.0).columns()
    assert set(with_ec) == {*COLUMNS.values(), "score"}


def test_against_a_reference_is_scoring_in_pairs():
    now, states = busy_crossing(1, np.zeros(2)), driven_plans(1, 12, np.zeros(2))
    for reference in (0, 5):
        found = score(now, states).against(score(now, states[[reference]]))
        for p in range(len(states)):
            pair = score(now, states[[reference, p]])
            assert found.ep[p] == pytest.approx(pair.ep[1])
            assert found.total[p] == pytest.approx(pair.total[1])
    with pytest.raises(ArgumentError, match="expected 1"):
        score(now, states).against(score(now, states))


def test_human_filter_forgives_zeros_only():
    now, states = two_plans()
    off_lane = score(now, drive(y=2.0, speed=5.0))  # a human between the lanes
    assert off_lane.lk == 0.0
    filtered = score(now, drive(y=2.0, speed=4.0)).human_filtered(off_lane)
    assert filtered.lk == 1.0
    half = score(now, states[1:])
    assert half.nc == 0.5
    assert half.human_filtered(half).nc == 0.5
    assert half.human_filtered(half).ttc == 1.0
    assert half.human_filtered(half).total > half.total


def test_a_human_alone_always_progresses():
    now, _ = two_plans()
    assert score(now, drive(speed=1.0), history=False).ep == 1.0
    assert score(now, drive(y=-3.0, speed=9.0), history=False).ep == 1.0


def test_take_keeps_the_rows():
    now, states = two_plans()
    whole = score(now, states)
    assert whole.take([1]).total == whole.total[1]
    assert len(whole.take(slice(0, 1))) == 1


def test_total_without_extended_comfort_leaves_its_weight_out():
    one = np.ones(1)
    assert total_score(one, one, one, one, one) == 1.0
    assert total_score(one, one, one, one, one, 0 * one) == 14 / 16


def test_steps_set_the_horizon():
    now = Situation(situation().map, [[-50.0, 0.0], [150.0, 0.0]], ("right",), Agents.none(81))
    assert score(now, drive(steps=81)).progress == pytest.approx(64.0)
