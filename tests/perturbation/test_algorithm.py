from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from placed_tracks import ahead_of, with_tracks

from simscale_gym.agents.expert import ExpertPlan
from simscale_gym.agents.experts import make_expert
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.errors import SceneError
from simscale_gym.perturbation import AlgorithmConfig, clip_frames, search_clip
from simscale_gym.scene import TrackType
from simscale_gym.scoring.fitness import off_road, touched
from simscale_gym.scoring.label_filter import is_valid_label

FRAME = 76
SEQUENTIAL = ("reactive", "expert", "label")


class NeverSure:
    """An expert that vouches for no plan."""

    name = "never"

    def plan(self, scene, state, traffic):
        return ExpertPlan(np.zeros((40, 3)), False)


class Sleeper:
    """An expert that tells the ego to stand on the spot at once."""

    name = "sleeper"

    def plan(self, scene, state, traffic):
        return ExpertPlan(np.zeros((40, 3)), True)


@pytest.fixture(scope="module")
def experts(bank):
    return [make_expert("planner"), make_expert("recovery", bank)]


@pytest.fixture(scope="module")
def idm():
    return make_traffic("idm")


@pytest.fixture(scope="module")
def outcome(town_scene, vocabulary, experts, idm):
    return search_clip(town_scene, FRAME, vocabulary, experts, idm)


def by_round(outcome, expert):
    return [sample for sample in outcome.samples if sample.expert == expert]


def fingerprint(outcome):
    return [
        (s.expert, s.round_index, s.vocabulary_index, s.label.states[-1].ego.tobytes())
        for s in outcome.samples
    ]


def test_samples_keep_every_promise(town_scene, outcome):
    samples = outcome.samples
    assert len(by_round(outcome, "planner")) >= 2
    for sample in samples:
        perturbation, label = sample.perturbation, sample.label
        assert [s.frame for s in perturbation.states] == list(range(FRAME, FRAME + 41))
        assert [s.frame for s in label.states] == list(range(FRAME + 40, FRAME + 81))
        assert label.states[0] is perturbation.states[-1]
        np.testing.assert_array_equal(perturbation.states[0].ego, town_scene.ego.states[FRAME])
        egos = np.stack([s.ego for s in perturbation.states])
        assert not off_road(town_scene, egos).any()
        assert not any(touched(town_scene, s).any() for s in perturbation.states)
        assert perturbation.total >= 0.8 and is_valid_label(label.scores)[0]
        assert (np.abs(sample.offset) <= [20.0, 2.0, np.radians(20.0)]).all()


def test_rounds_are_nested_and_nothing_comes_twice(outcome):
    for expert in ("planner", "recovery"):
        samples = by_round(outcome, expert)
        assert [sample.round_index for sample in samples] == list(range(len(samples)))
        assert len({sample.vocabulary_index for sample in samples}) == len(samples) <= 5


def test_what_leaves_a_stage_enters_the_next(outcome):
    telemetry, cells = outcome.telemetry, outcome.telemetry.cells[0]
    for expert in ("planner", "recovery"):
        accepted = 0
        for k in range(5):
            flows = [telemetry.flow(stage, expert=expert, round_index=k) for stage in SEQUENTIAL]
            for flow in flows:
                assert flow.entered == flow.passed + flow.rejected.total()
            for before, after in pairwise(flows):
                assert before.passed == after.entered
            assert flows[-1].passed == telemetry.accepted(expert, k) <= 1
            accepted += flows[-1].passed
        assert accepted == len(by_round(outcome, expert))
        assert telemetry.flow("reactive", expert=expert).entered <= cells
        gave_none = sum(n for (who, *_), n in telemetry.ends.items() if who == expert)
        assert bool(accepted) != bool(gave_none)


def test_same_clip_same_samples_whatever_came_before(town_scene, vocabulary, experts, idm, outcome):
    search_clip(town_scene, FRAME + 20, vocabulary, experts, idm)
    again = search_clip(town_scene, FRAME, vocabulary, experts, idm)
    assert fingerprint(again) == fingerprint(outcome) and again.telemetry == outcome.telemetry
    alone = search_clip(town_scene, FRAME, vocabulary, experts[1:], idm)
    assert fingerprint(alone) == [item for item in fingerprint(outcome) if item[0] == "recovery"]


def test_seeds_choose_among_candidates(town_scene, vocabulary, experts, idm):
    once = AlgorithmConfig(rounds=1)
    firsts = {
        search_clip(town_scene, FRAME, vocabulary, experts[:1], idm, once, seed=seed)
        .samples[0]
        .vocabulary_index
        for seed in range(6)
    }
    assert len(firsts) > 2


def test_fewer_rounds_are_the_first_of_more(town_scene, vocabulary, experts, idm, outcome):
    two = search_clip(town_scene, FRAME, vocabulary, experts, idm, AlgorithmConfig(rounds=2))
    expected = [item for item in fingerprint(outcome) if item[1] < 2]
    assert fingerprint(two) == expected and len(two.samples) < len(outcome.samples)


def test_an_expert_that_is_never_sure_ends_every_clip(town_scene, vocabulary, idm):
    outcome = search_clip(town_scene, FRAME, vocabulary, [NeverSure()], idm)
    flow = outcome.telemetry.flow("expert", expert="never")
    assert not outcome.samples and flow.entered > 3
    assert flow.rejected == Counter({"no valid plan": flow.entered})
    assert outcome.telemetry.ends == Counter({("never", "expert", "no valid plan"): 1})
    assert outcome.telemetry.flow("reactive", expert="never").entered == outcome.telemetry.cells[0]


def test_a_limit_of_tries_gives_up_earlier(town_scene, vocabulary, idm):
    outcome = search_clip(town_scene, FRAME, vocabulary, [NeverSure()], idm, AlgorithmConfig(tries=2))
    assert outcome.telemetry.flow("reactive", expert="never").entered == 2


def test_labels_that_stop_short_fail(town_scene, vocabulary):
    """Standing on the brakes from driving speed: the way is short and the braking hard."""
    outcome = search_clip(town_scene, FRAME, vocabulary, [Sleeper()], LogReplay())
    rejected = outcome.telemetry.flow("label", expert="sleeper").rejected
    assert not outcome.samples and rejected["hc"] + rejected["ep"] > 0


def test_reacting_others_reject_what_the_log_let_pass(town_scene, vocabulary):
    """A car that was recorded passing, but stands in the way once the traffic model has it."""
    pose = ahead_of(town_scene, FRAME, 18.0)
    scene = with_tracks(town_scene, (pose, 0.0, TrackType.VEHICLE))
    scene.tracks.valid[:, FRAME + 1 :] = False

    class StandsThere(LogReplay):
        def step(self, scene, frame, ego, traffic):
            return traffic

    alone = search_clip(scene, FRAME, vocabulary, [PlannerExpert()], LogReplay())
    walled = search_clip(scene, FRAME, vocabulary, [PlannerExpert()], StandsThere())
    assert walled.telemetry.cells == alone.telemetry.cells
    before, after = (o.telemetry.flow("reactive", expert="planner") for o in (alone, walled))
    assert not before.rejected["collision"] and after.rejected["collision"] > 0


@pytest.mark.parametrize("place", ["inside", "beside the road"])
def test_an_unfit_log_is_one_rejection(town_scene, vocabulary, idm, place):
    scene = with_tracks(town_scene, (ahead_of(town_scene, FRAME, 1.4), 0.0, TrackType.VEHICLE))
    reason = "log touches another"
    if place != "inside":
        scene, reason = with_tracks(town_scene), "log is off the road"
        scene.ego.states.flags.writeable = True
        kept = scene.ego.states[FRAME].copy()
        scene.ego.states[FRAME, :2] += 300.0
    outcome = search_clip(scene, FRAME, vocabulary, [PlannerExpert()], idm)
    if place != "inside":
        scene.ego.states[FRAME] = kept
    assert outcome.telemetry.flow("clip").rejected == Counter({reason: 1})
    assert outcome.telemetry.ends == Counter({("planner", "clip", reason): 1})
    assert outcome.telemetry.flow("bounds").entered == 0 and not outcome.samples


def test_clips_lie_a_stride_apart_with_history_before_and_labels_after(town_scene):
    frames = clip_frames(town_scene, 2.0)
    assert frames[0] == 15 and set(np.diff(frames)) == {20}
    assert frames[-1] + 80 < town_scene.num_frames <= frames[-1] + 80 + 20
    assert len(clip_frames(town_scene, 0.5)) > 3 * len(frames)


def test_a_clip_beyond_the_log_is_an_error(town_scene, vocabulary, idm):
    with pytest.raises(SceneError, match=f"needs frame {town_scene.num_frames}"):
        search_clip(town_scene, town_scene.num_frames - 80, vocabulary, [PlannerExpert()], idm)
