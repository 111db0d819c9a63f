import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from placed_tracks import ahead_of, with_tracks

from simscale_gym.agents.constant_velocity import ConstantVelocity
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.reactive.idm import IDMTraffic
from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.geometry import se2
from simscale_gym.perturbation import Bounds, PerturbConfig, sample_perturbation, sampling
from simscale_gym.scene import TrackType
from simscale_gym.scoring.fitness import off_road, touched
from simscale_gym.scoring.running_segment import RunningSegment
from simscale_gym.scoring.segment import ego_history, score_segment
from simscale_gym.sim import SimState, track

H = 40


def on_log(scene, frame, traffic):
    ego = scene.ego.states[frame]
    return SimState(frame, ego, traffic.start(scene, frame, ego))


def sample(scene, frame, vocabulary, config=None, traffic=None, seed=0):
    traffic = traffic or LogReplay()
    state = on_log(scene, frame, traffic)
    config = config or PerturbConfig()
    return sample_perturbation(scene, state, vocabulary, traffic, config, np.random.default_rng(seed))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frame=st.integers(15, 140),
    longitudinal=st.floats(0.5, 20.0),
    lateral=st.floats(0.2, 2.0),
    heading=st.floats(0.02, 0.35),
    minimum=st.floats(0.0, 2.0),
    seed=st.integers(0, 1000),
)
def test_what_is_accepted_keeps_the_bounds(
    town_scene, vocabulary, frame, longitudinal, lateral, heading, minimum, seed
):
    config = PerturbConfig(Bounds(longitudinal, lateral, heading, minimum), attempts=4)
    found = sample(town_scene, frame, vocabulary, config, seed=seed)
    assert found.attempts <= 4 and found.rejections["out_of_bounds"] <= len(vocabulary)
    if not found.found:
        assert found.states == ()
        return
    end = found.states[-1]
    x, y, turn = np.abs(se2.poses_to_local(town_scene.ego.poses[frame + H], end.ego[None, :3]))[0]
    assert x <= longitudinal and y <= lateral and turn <= heading and np.hypot(x, y) + 5.0 * turn >= minimum
    assert [s.frame for s in found.states] == list(range(frame, frame + H + 1))
    egos = np.stack([s.ego for s in found.states])
    assert not off_road(town_scene, egos).any()
    assert not any(touched(town_scene, s).any() for s in found.states)


def test_no_accepted_end_is_a_dead_start(town_log, vocabulary):
    """Algorithm 1's gate: the perturbation scores at least that, and an episode that begins behind it can score."""
    dropped = 0
    for scene in town_log:
        for frame in (15, 60, 110):
            found = sample(scene, frame, vocabulary, traffic=IDMTraffic())
            dropped += found.rejections["tlc"]
            if found.found:
                history = ego_history(scene, found.states[:1])
                assert score_segment(scene, found.states, history).total[0] >= PerturbConfig().gate
                scores = RunningSegment.begin(scene, found.states).subscores()
                assert all(scores[code] for code in ("nc", "dac", "ddc", "tlc"))
    assert dropped > 0


def test_same_seed_same_way(town_scene, vocabulary):
    one, two = (sample(town_scene, 60, vocabulary, traffic=IDMTraffic(), seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.plan, two.plan)
    np.testing.assert_array_equal(one.states[-1].ego, two.states[-1].ego)
    assert one.rejections == two.rejections


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
def test_how_many_are_tracked_at_once_makes_no_difference(town_scene, vocabulary, at_once, monkeypatch):
    scene, config = (
        with_tracks(town_scene),
        PerturbConfig(road_margin=0.8),
    )  # so that it takes more than the first
    usual = sample(scene, 60, vocabulary, config, IDMTraffic())
    monkeypatch.setattr(sampling, "_AT_ONCE", at_once)
    found = sample(scene, 60, vocabulary, config, IDMTraffic())
    assert usual.found and sum(usual.rejections.values()) > 1
    assert (found.rejections, found.attempts) == (usual.rejections, usual.attempts)
    np.testing.assert_array_equal(found.states[-1].ego, usual.states[-1].ego)


def test_seeds_choose_among_ways(town_scene, vocabulary):
    ends = {sample(town_scene, 60, vocabulary, seed=seed).states[-1].ego[:2].tobytes() for seed in range(8)}
    assert len(ends) > 3


def test_the_ego_starts_on_the_log_and_drives_its_plan(town_scene, vocabulary):
    found = sample(town_scene, 60, vocabulary)
    np.testing.assert_array_equal(found.states[0].ego, town_scene.ego.states[60])
    np.testing.assert_allclose(found.plan[0], town_scene.ego.poses[60])
    alone = track(found.states[0].ego, found.plan, vehicle=town_scene.vehicle)
    np.testing.assert_allclose(np.stack([s.ego for s in found.states]), alone, atol=1e-9)


def test_a_wall_of_cars_leaves_no_way(town_scene, vocabulary):
    """Every candidate is either out of bounds or runs into something; the counts add up."""
    pose = ahead_of(town_scene, 60, 9.0)
    across = np.array([-np.sin(pose[2]), np.cos(pose[2]), 0.0])
    wall = [(pose + side * across, 0.0, TrackType.VEHICLE) for side in np.arange(-12.0, 12.1, 2.0)]
    found = sample(with_tracks(town_scene, *wall), 60, vocabulary, PerturbConfig(attempts=500))
    assert not found.found
    assert found.rejections["collision"] + found.rejections["imminent_collision"] > 0
    assert sum(found.rejections.values()) == len(vocabulary)
    free = sample(with_tracks(town_scene), 60, vocabulary)
    assert free.found


def test_what_is_about_to_crash_is_dropped(town_scene, vocabulary):
    """A car that comes to meet the ego where it ends: fine so far, lost a second later."""
    free = sample(with_tracks(town_scene), 60, vocabulary)
    end = free.states[-1].ego
    speed, ahead = 8.0, np.array([np.cos(end[2]), np.sin(end[2])])
    meeting = np.array(
        [*(end[:2] + ahead * (9.0 + end[3] + speed * 10.0)), end[2] + np.pi]
    )  # 10 s from frame 0
    scene = with_tracks(town_scene, (meeting, speed, TrackType.VEHICLE))
    found = sample(scene, 60, vocabulary, PerturbConfig(attempts=500), ConstantVelocity())
    assert found.rejections["imminent_collision"] > 0
    without = sample(scene, 60, vocabulary, PerturbConfig(attempts=500, clearance=0.0), ConstantVelocity())
    assert without.rejections["imminent_collision"] == 0


def test_the_road_must_lead_back(town_scene, vocabulary):
    """Asking for more room to the edge of the road drops more."""

    def dropped(margin):
        config = PerturbConfig(Bounds(minimum=0.0), attempts=500, road_margin=margin)
        return sum(sample(town_scene, f, vocabulary, config).rejections["no_way_back"] for f in (40, 80, 120))

    assert dropped(0.0) <= dropped(0.2) < dropped(6.0)


def test_who_comes_from_behind_brakes_and_closes_no_way_back(town_scene, vocabulary):
    """A faster car 25 m behind would run into any stop if it did not react."""
    config = PerturbConfig(Bounds(minimum=0.0), attempts=40)
    log = town_scene.ego.poses[60 + H]
    behind = log - 25.0 * np.array([np.cos(log[2]), np.sin(log[2]), 0.0])
    begin = behind - 4.0 * 11.0 * np.array([np.cos(log[2]), np.sin(log[2]), 0.0])
    scene = with_tracks(
        town_scene,
        (begin - 6.0 * 11.0 * np.array([np.cos(log[2]), np.sin(log[2]), 0.0]), 11.0, TrackType.VEHICLE),
    )

    class Braking(ConstantVelocity):
        reacts = True

    class Blind(ConstantVelocity):
        reacts = False

    counts = [
        sample(scene, 60, vocabulary, config, kind()).rejections["no_way_back"] for kind in (Braking, Blind)
    ]
    assert counts[0] < counts[1]


def test_the_log_must_reach_the_end(town_scene, vocabulary):
    with pytest.raises(
        SceneError, match=f"needs frame {town_scene.num_frames}, it has {town_scene.num_frames}"
    ):
        sample(town_scene, town_scene.num_frames - H, vocabulary)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"on_failure": "raise"}, "on_failure: 'raise', expected 'log' or 'error'"),
        ({"bounds": PerturbConfig()}, "bounds: PerturbConfig.*, expected a Bounds"),
        ({"clearance": float("nan")}, "clearance: nan, expected 0 or more"),
        ({"return_braking": 0.0}, "return_braking: 0.0, expected more than 0"),
        ({"gate": 1.5}, "gate: 1.5, expected an EPDMS, 0 to 1"),
        ({"attempts": 0}, "attempts: 0, expected 1 or more"),
        ({"starts": 0}, "starts: 0, expected 1 or more"),
        ({"variety": 0}, "variety: 0, expected 1 or more"),
    ],
)
def test_settings_that_cannot_be_are_named(wrong, message):
    with pytest.raises(ArgumentError, match=message):
        PerturbConfig(**wrong)


def test_bounds_that_cannot_be_are_named():
    for name, value in (("lateral", -1.0), ("heading", float("nan"))):
        with pytest.raises(ArgumentError, match=rf"Bounds\.{name}: {value}, expected 0 or more"):
            Bounds(**{name: value})
