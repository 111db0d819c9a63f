import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placed_tracks import ahead_of, with_tracks

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.recovery.recovery_expert import (
    RecoveryConfig,
    RecoveryExpert,
    bent_to,
)
from simscale_gym.geometry import se2
from simscale_gym.scene import TrackType
from simscale_gym.scoring.fitness import off_road
from simscale_gym.sim import SimState, track


def at(scene, frame, ego=None):
    ego = scene.ego.states[frame] if ego is None else ego
    return SimState(frame, ego, LogReplay().start(scene, frame, scene.ego.states[frame]))


@pytest.fixture(scope="module")
def own_expert(town_scene):
    """Its bank holds every future of the scene itself."""
    return RecoveryExpert(HumanFutures.from_scenes([town_scene], stride=0.1))


@pytest.mark.parametrize("frame", [20, 63, 110, 158])
def test_on_the_log_it_finds_what_the_human_did(town_scene, own_expert, frame):
    plan = own_expert.plan(with_tracks(town_scene), at(with_tracks(town_scene), frame), LogReplay())
    future = se2.poses_to_local(town_scene.ego.poses[frame], town_scene.ego.poses[frame + 1 : frame + 41])
    assert plan.valid and plan.scores["rank"] == 0.0
    assert plan.scores["distance"] == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(plan.poses, future, atol=1e-6)


def test_beside_the_log_it_leads_back(town_scene, bank):
    scene = with_tracks(town_scene)
    ego = scene.ego.states[80].copy()
    ego[:2] += 0.8 * np.array([-np.sin(ego[2]), np.cos(ego[2])])
    plan = RecoveryExpert(bank).plan(scene, at(scene, 80, ego), LogReplay())
    end = plan.poses_world(ego)[-1]
    gap = se2.poses_to_local(scene.ego.poses[120], end[None])[0]
    assert plan.valid and abs(gap[1]) < 0.3 and abs(gap[0]) < 4.0 and abs(gap[2]) < 0.2


def test_a_valid_plan_keeps_the_road(town_scene, bank):
    expert, seen = RecoveryExpert(bank), 0
    for frame in range(20, 160, 10):
        state = at(town_scene, frame)
        plan = expert.plan(town_scene, state, LogReplay())
        if plan.valid:
            driven = track(state.ego, plan.poses_world(state.ego), vehicle=town_scene.vehicle)
            assert not off_road(town_scene, driven).any()
            seen += 1
    assert seen > 5


def test_a_parked_car_ahead_is_not_run_into(town_scene, bank):
    """The nearest future leads into it; a farther one, or the brakes, must do."""
    pose = ahead_of(town_scene, 80, 16.0)
    state = at(with_tracks(town_scene), 80)
    free = RecoveryExpert(bank).plan(with_tracks(town_scene), state, LogReplay())
    scene = with_tracks(town_scene, (pose, 0.0, TrackType.VEHICLE))
    plan = RecoveryExpert(bank).plan(scene, at(scene, 80), LogReplay())
    assert free.valid and free.poses[-1, 0] > 16.0
    assert not plan.valid or plan.scores["rank"] > free.scores["rank"]
    assert np.hypot(*plan.poses[-1, :2]) < 16.0 - scene.vehicle.front_length


def boxed_in(scene, frame):
    pose = scene.ego.poses[frame]
    ahead, left = (
        np.array([np.cos(pose[2]), np.sin(pose[2]), 0]),
        np.array([-np.sin(pose[2]), np.cos(pose[2]), 0]),
    )
    cars = [pose + 9.0 * ahead + side * left for side in np.arange(-10.0, 10.1, 2.0)]
    return with_tracks(scene, *((car, 0.0, TrackType.VEHICLE) for car in cars))


def test_boxed_in_it_brakes_and_says_so(town_scene, bank):
    """Nine metres before a wall at more than 5 m/s, nothing that a human did helps."""
    scene = boxed_in(town_scene, 80)
    assert scene.ego.states[80, 3] > 5.0
    plan = RecoveryExpert(bank).plan(scene, at(scene, 80), LogReplay())
    assert not plan.valid and plan.scores["rank"] > 0.0
    speeds = np.hypot(*np.diff(plan.poses[:, :2], axis=0).T) / 0.1
    assert speeds[-1] < 1e-6 and (np.diff(speeds) < 1e-6).all()


finite = st.floats(-8.0, 8.0)


@settings(max_examples=50, deadline=None)
@given(
    target=st.tuples(finite, finite, finite),
    along=st.floats(0, 5),
    across=st.floats(0, 3),
    seed=st.integers(0, 99),
)
def test_bending_moves_ends_toward_the_target_and_no_farther(target, along, across, seed):
    rng = np.random.default_rng(seed)
    poses = np.cumsum(rng.normal(0.3, 0.1, (3, 40, 3)) * np.array([1.0, 0.3, 0.02]), axis=1)
    out, goal = bent_to(poses, np.array(target), np.array([along, across])), np.array(target[:2])
    before, moved = goal - poses[:, -1, :2], out[:, -1, :2] - poses[:, -1, :2]
    assert (np.abs(moved) <= np.array([along, across]) + 1e-9).all()
    np.testing.assert_allclose(moved, np.clip(before, [-along, -across], [along, across]), atol=1e-9)
    assert (np.abs(goal - out[:, -1, :2]) <= np.abs(before) + 1e-9).all()
    assert np.abs(out[:, 0, :2] - poses[:, 0, :2]).max() < 0.02


def test_bending_to_where_it_ends_changes_nothing(bank):
    poses = bank.poses[:5]
    for future in poses:
        np.testing.assert_allclose(
            bent_to(future[None], future[-1], np.array([4.0, 1.5]))[0], future, atol=1e-9
        )


def test_headings_follow_the_bent_path():
    straight = np.stack([0.8 * np.arange(1, 41), np.zeros(40), np.zeros(40)], axis=1)[None]
    out = bent_to(straight, np.array([32.0, 1.5, 0.0]), np.array([4.0, 1.5]))[0]
    assert out[-1, 1] == pytest.approx(1.5)
    steps = np.diff(out[:, :2], axis=0, prepend=0.0)
    np.testing.assert_allclose(out[:, 2], np.arctan2(steps[:, 1], steps[:, 0]), atol=1e-9)
    assert out[19, 2] > 0.05 and abs(out[-1, 2]) < 0.01


def test_standing_futures_do_not_spin():
    out = bent_to(np.zeros((1, 40, 3)), np.array([0.01, -0.3, 0.0]), np.array([4.0, 1.5]))
    np.testing.assert_array_equal(out[..., 2], 0.0)


def test_the_nearest_is_taken_when_all_are_safe(town_scene, bank):
    scene = with_tracks(town_scene)
    state = at(scene, 100)
    expert = RecoveryExpert(bank, RecoveryConfig(closing=(0.0, 0.0), candidates=len(bank)))
    plan = expert.plan(scene, state, LogReplay())
    target = se2.poses_to_local(state.ego[:3], scene.ego.poses[140][None])[0]
    difference = np.concatenate([bank.velocities, bank.poses[:, -1]], 1) - np.array(
        [*state.ego[3:5], *target]
    )
    difference[:, 4] = (difference[:, 4] + np.pi) % (2 * np.pi) - np.pi
    distance = (np.abs(difference) * np.array([1.0, 1.0, 1.0, 2.0, 5.0])).sum(1)
    assert plan.scores["distance"] == pytest.approx(np.sort(distance)[int(plan.scores["rank"])])
    assert plan.scores["rank"] < 5


def test_a_bank_of_one_is_enough(town_scene, bank):
    small = HumanFutures(bank.poses[:1], bank.velocities[:1])
    assert RecoveryExpert(small).plan(town_scene, at(town_scene, 50), LogReplay()).poses.shape == (40, 3)
