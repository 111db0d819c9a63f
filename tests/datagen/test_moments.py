"""The moments of a sample are those of the drive that was simulated, before and behind its present."""

import pickle

import numpy as np
import pytest

from simscale_gym.agents import make_expert
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.datagen import DataSet
from simscale_gym.datagen.drives import log_drives, perturbed_drives
from simscale_gym.datagen.opened_spec import OpenSpec
from simscale_gym.geometry import se2
from simscale_gym.perturbation import search_clip
from simscale_gym.scene import LightStatus
from simscale_gym.sim import moment_of
from simscale_gym.sources import find_scene, load_scene


@pytest.fixture(scope="module")
def last(written):
    return DataSet(written)[-1]


@pytest.fixture(scope="module")
def simulated(last, data_spec):
    """The scene of the last sample, and the search's own sample."""
    opened = OpenSpec.of(data_spec)
    scene, recipe = load_scene(find_scene(opened.refs, last.row["scene"])), opened.recipe
    experts, traffic = [make_expert("planner")], make_traffic(recipe.traffic)
    outcome = search_clip(scene, last.row["frame"], recipe.vocabulary, experts, traffic, recipe.config)
    return scene, outcome, last.row["round"]


def world(moments):
    """Poses ``[N, M, 3]`` of the tracks in the scene frame."""
    return se2.poses_to_world(moments.present, moments.poses)


def test_egos_and_others_are_those_of_the_drive(last, simulated):
    scene, outcome, k = simulated
    sample, moments = outcome.samples[k], last.moments
    assert moments.steps.tolist() == list(range(-4, 11))
    drive = [*sample.perturbation.states[::5][4:], *sample.label.states[5::5]]  # -2.0 .. 4.0 s
    for m, state in enumerate(drive):
        np.testing.assert_array_equal(moments.ego[m], state.ego)
        rows = [scene.tracks.ids.index(name) for name in moments.ids[moments.valid[:, m]]]
        assert sorted(rows) == np.flatnonzero(state.traffic.valid).tolist() and rows
        there = world(moments)[moments.valid[:, m], m]
        np.testing.assert_allclose(there[:, :2], state.traffic.poses[rows, :2], atol=1e-3)
        turned = moments.velocities[moments.valid[:, m], m]
        back = se2.points_to_world(np.array([0, 0, moments.present[2]]), turned)
        np.testing.assert_allclose(back, state.traffic.velocities[rows], atol=1e-5)
    rows = [scene.tracks.ids.index(name) for name in moments.ids]
    np.testing.assert_allclose(moments.sizes, scene.tracks.sizes[rows], rtol=1e-6)
    np.testing.assert_array_equal(moments.types, scene.tracks.types[rows])


def test_the_present_is_the_one_of_the_arrays(last):
    moments, arrays = last.moments, last.arrays
    now = moments.row(0)
    there = moments.valid[:, now]
    order = [moments.ids[there].tolist().index(name) for name in arrays.box_ids]
    boxes = np.column_stack([moments.poses[there, now, :2], moments.heights[there, now]])
    np.testing.assert_allclose(boxes[order], arrays.boxes[:, :3], atol=1e-5)
    np.testing.assert_allclose(moments.velocities[there, now][order], arrays.box_velocities, atol=1e-6)
    ahead = moments.ego[now + 1 : now + 9, :3]
    np.testing.assert_allclose(se2.poses_to_world(moments.present, arrays.target), ahead, atol=1e-5)


def test_lights_are_the_scenes(last, simulated):
    scene, moments = simulated[0], last.moments
    for m, step in enumerate(moments.steps.tolist()):
        known = {k: v for k, v in scene.lights.at(last.row["present"] + 5 * step).items()}
        stored = dict(zip(moments.light_lanes.tolist(), moments.lights[:, m].tolist(), strict=True))
        assert all(stored[lane] == status for lane, status in known.items() if lane in stored)
        assert all(v == LightStatus.UNKNOWN for lane, v in known.items() if lane not in stored)
    assert len(moments.light_lanes)


def test_behind_its_label_the_drive_goes_on(last, simulated):
    """The fifth second is planned anew, from where the fourth ended, in one motion."""
    scene, outcome, _ = simulated
    experts, traffic = {"planner": make_expert("planner")}, make_traffic("idm")
    long, short = (perturbed_drives(scene, outcome, experts, traffic, n)[-1] for n in (50, 40))
    assert len(long.future) == 50 and len(short.future) == 40
    assert short.steps(10) == range(-4, 9) and long.steps(8) == range(-4, 9)
    steps = np.diff([state.ego[:2] for state in long.future], axis=0)
    assert (np.abs(np.diff(np.hypot(*steps.T)))[-15:] < 0.05).all()
    assert [state.frame for state in long.future] == list(range(outcome.frame + 41, outcome.frame + 91))


def test_a_drive_ends_where_the_log_does(town_log):
    scene = town_log[2]
    (early,) = log_drives(scene, [15], 50)
    assert early.steps(10) == range(-3, 11)  # 2 s before it the log had not begun
    (late,) = log_drives(scene, [scene.num_frames - 41], 50)
    assert late.steps(10) == range(-4, 9) and late.state(8).frame == scene.num_frames - 1
    np.testing.assert_array_equal(late.state(-4).ego, scene.ego.states[scene.num_frames - 61])


def test_brake_lamps_are_those_of_the_step_before(town_log):
    (drive,) = log_drives(town_log[2], [40], 40)
    for step in (-4, -1, 0, 1, 8):
        at = 40 + 5 * step
        states = {s.frame: s for s in (*drive.past, *drive.future)}
        expected = moment_of(town_log[2], states[at], states.get(at - 1))
        shown = drive.moment(town_log[2], step)
        np.testing.assert_array_equal(shown.braking, expected.braking)
        np.testing.assert_array_equal(shown.poses, town_log[2].tracks.poses[:, at])


def test_moments_that_are_not_there_are_missing(last):
    assert last.moments.row(-4) == 0 and last.moments.row(10) == 14
    for step in (-5, 11):
        with pytest.raises(KeyError):
            last.moments.row(step)


def test_a_sample_goes_to_other_processes_with_its_moments(last):
    again = pickle.loads(pickle.dumps(last))
    np.testing.assert_array_equal(again.moments.ego, last.moments.ego)


def test_moments_are_small(last):
    stored = sum(array.nbytes for array in last.moments.named().values())
    assert stored < 600 * (len(last.moments.ids) + len(last.moments.light_lanes) + 5)
