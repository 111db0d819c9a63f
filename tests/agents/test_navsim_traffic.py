"""NAVSIM's reactive traffic: its own numbers, and each of its oddities by hand."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import shapely
from crossroads import crossroads_map, lane, moving
from crossroads import scene_of as scene_around

import simscale_gym  # noqa: F401  (registers SimScale-v0)
from simscale_gym.agents.navsim import traffic as navsim_traffic
from simscale_gym.agents.navsim.rails import berth, rail_map
from simscale_gym.agents.navsim.strip import ring_gap, strip_ring
from simscale_gym.agents.navsim.ties import first_of_nearest
from simscale_gym.agents.navsim.traffic import NavsimTraffic, NavsimTrafficConfig
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.parity import compare
from simscale_gym.parity.navsim_traffic import drive_case
from simscale_gym.scene import Intersection, RoadMap, TrackType
from simscale_gym.sim import Controller
from simscale_gym.sim.snapshot import from_arrays, state_hash, to_arrays
from simscale_gym.sim.step import advance, start

CASES = json.loads(gzip.decompress((Path(__file__).parents[1] / "data/navsim_traffic.json.gz").read_bytes()))[
    "idm_traffic"
]
LENGTH, BACK = 4.6, 5.176 / 2  # of a car; from the ego's rear axle to the end of its box as seen [m]


def scene_of(road_map, tracks, frames, ego=(70.0, -12.0, 0.0, 0.0)):
    """A scene whose ego stands beside the road, in reach of everybody, unless told otherwise."""
    return scene_around(road_map, tracks, frames, ego)


def road(*, limit=10.0, length=200.0, spacing=5.0, width=3.5):
    """One lane along x from 0 on."""
    line = np.column_stack([np.arange(0.0, length + 1e-6, spacing), np.zeros(int(length / spacing) + 1)])
    item = lane("a", line, limit=limit)
    side = width / 2
    ring = np.array([[0, -side], [length, -side], [length, side], [0, side]])
    return RoadMap("road", {"a": replace(item, polygon=ring)})


def two_roads(limits, *, apart=20.0):
    """Two lanes along x, the second one ``apart`` to the left."""
    first, second = (road(limit=limit).lanes["a"] for limit in limits)
    shift = np.array([0.0, apart])
    second = replace(
        second,
        id="b",
        centerline=second.centerline + np.array([0.0, apart, 0.0]),
        polygon=second.polygon + shift,
    )
    return RoadMap("roads", {"a": first, "b": second})


def run(scene, steps, model=None):
    """The traffic of 0, 1, ... ``steps`` frames after the log's first."""
    model = model or NavsimTraffic()
    states = [model.start(scene, 0, scene.ego.states[0])]
    for frame in range(steps):
        states.append(model.step(scene, frame, scene.ego.states[frame], states[-1]))
    return states


def speed_after(speed, gap, lead_speed=0.0, target=10.0):
    """One step of the published model, by hand."""
    wished = 1.0 + 1.5 * speed + speed * (speed - lead_speed) / (2 * np.sqrt(2.0))
    change = 1.0 - (speed / target) ** 4 - (wished / max(gap, 1.0)) ** 2
    return max(speed + 0.1 * np.clip(change, -2.0, 1.0), 0.0)


def speeds(state):
    return np.linalg.norm(state.velocities, axis=1)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_road_user_is_where_navsim_has_it(case):
    ours = drive_case(case)
    assert len(ours) == len(case["per_step"]) == 41
    for mine, theirs in zip(ours, case["per_step"], strict=True):
        assert mine.keys() == theirs.keys()
        for token, state in theirs.items():
            np.testing.assert_allclose(mine[token], state, rtol=0, atol=1e-6)


def test_the_parity_command_finds_one_wrong_number_and_one_missing_car():
    case = json.loads(json.dumps(CASES[0]))
    assert compare({"idm_traffic": [case]}).agrees
    case["per_step"][7]["f"][3] += 1e-5
    del case["per_step"][9]["park"]
    rows = compare({"idm_traffic": [case]}).rows.values()
    assert [(row.name, row.total - row.agree) for row in rows] == [
        ("tokens present", 1),
        ("x, y, heading, vx, vy", 1),
    ]


def test_the_cases_hold_a_tie_that_the_order_of_the_boxes_does_not_settle(monkeypatch):
    asked = []
    monkeypatch.setattr(
        navsim_traffic, "first_of_nearest", lambda *args: asked.append(args) or first_of_nearest(*args)
    )
    for case in CASES:
        drive_case(case)
    assert asked


def test_a_car_follows_the_model_freely_and_brakes_for_the_last_vertex_but_one():
    states = run(scene_of(road(), [moving(100, 0, 0, 8.0, 300)], 300, ego=(150.0, -12.0, 0.0, 0.0)), 290)
    x, v = 100.0, 8.0
    for state in states[1:60]:
        x, v = x + 0.1 * v, speed_after(v, 195.0 - x - LENGTH / 2)
        np.testing.assert_allclose([state.poses[0, 0], speeds(state)[0]], [x, v], atol=1e-9)
    assert states[-1].poses[0, 0] <= 195.0  # not 200
    assert speeds(states[-1])[0] < 0.05


def test_a_car_beyond_the_last_vertex_but_one_is_moved_back_to_it():
    states = run(scene_of(road(), [moving(199, 0, 0, 2.0, 5)], 5, ego=(150.0, -12.0, 0.0, 0.0)), 3)
    np.testing.assert_allclose(states[0].poses[0], [199, 0, 0])
    np.testing.assert_allclose([s.poses[0, 0] for s in states[1:]], 195.0)


def test_the_next_lane_and_the_lights_do_not_matter():
    crossroads = crossroads_map()
    tracks = [moving(30, 1.75, np.pi, 8.0, 200)]
    states = run(scene_of(crossroads, tracks, 200), 190)
    assert states[-1].poses[0, 0] > 12.0  # not in the junction, though there is no light
    assert speeds(states[-1])[0] < 0.2


def test_first_a_box_is_seen_then_the_footprint_and_both_reach_ahead():
    """The first car is updated first: the second sees its new footprint, whose rear is its rear."""
    tracks = [moving(60, 0, 0, 5.0, 10), moving(40, 0, 0, 6.0, 10)]
    states = run(scene_of(road(), tracks, 10), 2)
    lead, gap = speed_after(5.0, 195.0 - 60.0 - LENGTH / 2), (60.5 - LENGTH / 2) - (40.0 + LENGTH / 2)
    follower = speed_after(6.0, gap, lead)
    np.testing.assert_allclose(speeds(states[1]), [lead, follower], atol=1e-9)
    lead_x, lead = 60.5 + 0.1 * lead, speed_after(lead, 195.0 - 60.5 - LENGTH / 2)
    gap = (lead_x - LENGTH / 2) - (40.6 + LENGTH / 2 + 1.5 * follower)
    np.testing.assert_allclose(speeds(states[2]), [lead, speed_after(follower, gap, lead)], atol=1e-9)


def test_who_comes_later_in_the_tracks_is_seen_where_it_was():
    tracks = [moving(40, 0, 0, 6.0, 10), moving(60, 0, 0, 5.0, 10)]
    states = run(scene_of(road(), tracks, 10), 1)
    gap = (60.0 - LENGTH / 2) - (40.0 + LENGTH / 2)
    np.testing.assert_allclose(speeds(states[1])[0], speed_after(6.0, gap, 5.0), atol=1e-9)


def test_the_ego_is_a_box_about_its_rear_axle_where_it_was_a_step_ago():
    scene = scene_of(road(), [moving(40, 0, 0, 6.0, 10)], 10, ego=(60.0, 0.0, 0.0, 7.0))
    states = run(scene, 2)
    first = speed_after(6.0, (60.0 - BACK) - (40.0 + LENGTH / 2), 7.0)
    second = speed_after(first, (60.7 - BACK) - (40.6 + LENGTH / 2 + 1.5 * first), 7.0)
    np.testing.assert_allclose([speeds(s)[0] for s in states[1:]], [first, second], atol=1e-9)


def test_the_ego_that_crosses_counts_with_its_speed_along_the_lane():
    scene = scene_of(road(), [moving(40, 0, 0, 6.0, 10)], 10, ego=(60.0, 0.0, np.pi / 2, 7.0))
    gap = (60.0 - 2.297 / 2) - (40.0 + LENGTH / 2)
    np.testing.assert_allclose(speeds(run(scene, 1)[1])[0], speed_after(6.0, gap, 0.0), atol=1e-9)


def test_cars_are_put_on_the_centerline_up_to_three_meters_away():
    wide = road(width=9.0)
    tracks = [moving(40, 2.9, 0.3, 6.0, 10), moving(80, 3.1, 0.3, 6.0, 10)]
    states = run(scene_of(wide, tracks, 10), 5)
    np.testing.assert_allclose(states[0].poses[:, 1], [2.9, 3.1])
    np.testing.assert_allclose(states[1].poses[0], [40.6, 0.0, 0.0], atol=1e-9)
    np.testing.assert_array_equal(states[5].poses[1], [80, 3.1, 0.3])  # stands, with its velocity
    np.testing.assert_allclose(speeds(states[5])[1], 6.0)
    assert states[5].valid.all()


def test_who_would_touch_the_ego_or_an_earlier_car_vanishes():
    tracks = [moving(40, 0, 0, 6.0, 10), moving(44, 0, 0, 6.0, 10), moving(100, 0, 0, 6.0, 10)]
    scene = scene_of(road(), tracks, 10, ego=(97.0, 0.0, 0.0, 0.0))  # its front is at 101.049
    states = run(scene, 3)
    np.testing.assert_array_equal([s.valid for s in states], [[True] * 3] + [[True, False, False]] * 3)


def test_off_the_road_those_who_stand_stay_and_those_who_move_vanish():
    tracks = [moving(40, 6, 0, 0.05, 10), moving(60, 6, 0, 0.2, 10)]
    states = run(scene_of(road(), tracks, 10), 2)
    np.testing.assert_array_equal(states[2].valid, [True, False])
    np.testing.assert_array_equal(states[2].poses[0], [40, 6, 0])
    told = NavsimTraffic().controllers(scene_of(road(), tracks, 10), states[2])
    assert told.tolist() == [Controller.STANDING, Controller.ABSENT]


def test_parked_cars_are_gone_while_somebody_touches_them():
    narrow = road(width=1.5)
    tracks = [moving(40, 0, 0, 8.0, 40), moving(50, 1.2, 0, 0.0, 40), moving(51, 1.4, 0, 0.0, 40)]
    states = run(scene_of(narrow, tracks, 40), 30)
    there = np.array([s.valid for s in states[1:]])
    assert not there[:, 2].any() or not there[:, 1].all()
    x = np.array([s.poses[0, 0] for s in states[1:]])
    np.testing.assert_array_equal(there[:, 1], np.abs(x - 50) > LENGTH)
    np.testing.assert_array_equal(there[:, 2], ~there[:, 1] & (np.abs(x - 51) > LENGTH))


def test_a_speed_limit_is_inherited_by_later_cars_without_one():
    tracks = [
        moving(20, 20, 0, 3.0, 10), moving(40, 0, 0, 3.0, 10), moving(60, 20, 0, 3.0, 10), moving(80, 0, 0, 3.0, 10)
    ]  # fmt: skip
    limited = run(scene_of(two_roads((6.0, None)), tracks, 10), 1)[1]
    np.testing.assert_allclose(limited.memory["motion"][:, 2], [10.0, 6.0, 6.0, 6.0])
    np.testing.assert_allclose(speeds(limited)[3], speed_after(3.0, 195 - 80 - LENGTH / 2, target=6.0))
    other = NavsimTraffic(NavsimTrafficConfig(target_speed=7.0))
    free = run(scene_of(two_roads((None, 0.0)), tracks, 10), 1, other)[1]
    np.testing.assert_allclose(free.memory["motion"][:, 2], 7.0)


def test_pedestrians_cyclists_and_objects_follow_the_log_unseen():
    people = [
        moving(50, 0, np.pi / 2, 0.2, 20, TrackType.PEDESTRIAN, (0.6, 0.6, 1.8)),
        moving(46, 0, 0, 0.0, 20, TrackType.BARRIER, (1.0, 1.0, 1.0)),
        moving(48, 0, 0, 3.0, 20, TrackType.BICYCLE, (1.8, 0.6, 1.8), shown=(3, 9)),
    ]
    scene = scene_of(road(), [moving(40, 0, 0, 6.0, 20), *people], 20)
    alone = run(scene_of(road(), [moving(40, 0, 0, 6.0, 20)], 20), 15)
    for frame, state in enumerate(run(scene, 15)):
        np.testing.assert_array_equal(state.poses[0], alone[frame].poses[0])
        np.testing.assert_array_equal(state.poses[1:], scene.tracks.poses[1:, frame])
        np.testing.assert_array_equal(state.valid[1:], scene.tracks.valid[1:, frame])


def test_beyond_the_log_the_cars_drive_on_and_the_others_are_gone():
    tracks = [moving(40, 0, 0, 6.0, 4), moving(46, 9, 0, 0.0, 4, TrackType.BARRIER)]
    scene, model = scene_of(road(), tracks, 4), NavsimTraffic()
    state = model.start(scene, 2, scene.ego.states[2])
    for frame in range(2, 12):
        state = model.step(scene, frame, scene.ego.states[-1], state)
    np.testing.assert_array_equal(state.valid, [True, False])
    assert state.poses[0, 0] > 46.0


def test_cars_that_appear_later_never_come():
    tracks = [moving(40, 0, 0, 6.0, 20), moving(80, 0, 0, 6.0, 20, shown=(3, 20))]
    assert not any(s.valid[1] for s in run(scene_of(road(), tracks, 20), 15))


def test_who_is_far_from_the_ego_vanishes_for_good():
    tracks = [moving(100, 0, 0, 6.0, 20), moving(99, 20, 0, 6.0, 20)]
    scene = scene_of(two_roads((10.0, 10.0)), tracks, 20, ego=(-0.5, 0.0, 0.0, 0.0))
    valid = np.array([s.valid for s in run(scene, 6)])
    np.testing.assert_array_equal(valid[:3], [[True, True], [False, False], [False, False]])
    near = replace(scene, ego=replace(scene.ego, states=scene.ego.states + np.eye(1, 11) * 50.0))
    assert run(near, 6)[-1].valid.all()


def test_headings_are_compared_as_numbers():
    """Of two lanes around it, a car that heads for -3.1 rad is put on the one at 0 rad: 3.1 is less than 6.2."""
    there = road(width=8.0).lanes["a"]
    back = replace(there, id="b", centerline=there.centerline[::-1] + np.array([0.0, 1.0, np.pi]))
    rails = rail_map(RoadMap("both", {"a": there, "b": back}))
    assert berth(rails, np.array([50.0, 0.5, -3.1])).lane == 0
    assert berth(rails, np.array([50.0, 0.5, 3.1])).lane == 1


def test_connectors_count_inside_intersections_alone_and_after_lanes():
    crossroads = crossroads_map()
    square = 12.0 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    pose = np.array([0.0, 1.75, np.pi])  # on the connector from east to west
    bare = berth(rail_map(crossroads), pose)
    assert (bare.lane, bare.on_road) == (-1, False)
    inside = berth(rail_map(replace(crossroads, intersections={"x": Intersection("x", square)})), pose)
    assert crossroads.lane_ids[inside.lane] == "0>2"
    np.testing.assert_allclose(inside.pose[:2], pose[:2], atol=1e-9)


def test_a_token_within_anothers_is_not_seen_by_it():
    tracks = [moving(40, 0, 0, 6.0, 10), moving(60, 0, 0, 2.0, 10)]
    scene = scene_of(road(), tracks, 10)
    seen = run(scene, 1)[1]
    hidden = run(replace(scene, tracks=replace(scene.tracks, ids=("12", "1"))), 1)[1]
    assert speeds(seen)[0] < 6.0 < speeds(hidden)[0]
    still = run(replace(scene, tracks=replace(scene.tracks, ids=("12", "stop_line"))), 1)[1]
    np.testing.assert_allclose(speeds(still)[0], speed_after(6.0, 20.0 - LENGTH, 0.0))


def test_strips_and_their_gaps_are_those_of_geos():
    rng = np.random.default_rng(0)
    everywhere = np.array([-np.inf, -np.inf, np.inf, np.inf])
    shapes = []
    while len(shapes) < 60:
        turns = rng.normal(0, 0.05, rng.integers(2, 20)) + rng.choice([0.0, 0.1, -0.4])
        heading = np.cumsum(turns) + rng.uniform(-3, 3)
        steps = rng.uniform(0.3, 3, (len(turns), 1)) * np.column_stack([np.cos(heading), np.sin(heading)])
        line, half = np.cumsum(steps, 0) + rng.uniform(-5, 5, 2), rng.uniform(0.5, 1.3)
        if shapely.LineString(line).is_simple:
            ring = np.empty((1000, 2))
            strip = shapely.buffer(shapely.LineString(line), half, quad_segs=16, cap_style="flat")
            shapes.append((ring[: strip_ring(line, len(line), half, ring)], strip))
    apart = 0
    for k, (ring, strip) in enumerate(shapes):
        for other, polygon in shapes[k + 1 :]:
            gap = np.sqrt(ring_gap(ring, len(ring), other, len(other), everywhere, np.inf))
            np.testing.assert_allclose(gap, strip.distance(polygon), rtol=0, atol=1e-9)
            apart += gap > 0
    assert 100 < apart < 1700


def test_same_start_same_hashes_and_a_snapshot_goes_on_alike():
    scene = scene_of(road(), [moving(10 + 9 * k, 0, 0, 5.0 - 0.3 * k, 40) for k in range(8)], 40)
    model = make_traffic("navsim")
    first, second = start(scene, model), start(scene, model)
    for frame in range(30):
        first, second = (advance(scene, model, s, scene.ego.states[frame + 1]) for s in (first, second))
        assert state_hash(first) == state_hash(second)
        if frame == 12:
            second = from_arrays(to_arrays(second))


def test_a_step_leaves_the_state_before_it_as_it_was():
    scene = scene_of(road(), [moving(40, 0, 0, 6.0, 10), moving(60, 6, 0, 0.0, 10)], 10)
    model = NavsimTraffic()
    before = start(scene, model)
    kept = to_arrays(before)
    advance(scene, model, before, scene.ego.states[1])
    for name, value in to_arrays(before).items():
        np.testing.assert_array_equal(value, kept[name])


def test_nobody_on_a_map_without_lanes():
    scene = scene_of(RoadMap("nothing", {}), [moving(40, 0, 0, 6.0, 10), moving(60, 6, 0, 0.0, 10)], 10)
    np.testing.assert_array_equal(run(scene, 2)[2].valid, [False, True])


def test_an_episode_in_the_environment(town_cache):
    env = gym.make("SimScale-v0", traffic="navsim", observation="state", horizon=2.0)
    hashes = []
    for _ in range(2):
        env.reset(seed=3)
        infos = []
        for _ in range(20):
            *_, terminated, truncated, info = env.step(np.zeros(env.action_space.shape, np.float32))
            infos.append(info["state_hash"])
            if terminated or truncated:
                break
        hashes.append(infos)
    env.close()
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == len(hashes[0]) > 3
